"""What the gauges collect of one stretch of a shot: a table of points by frames, and its way into arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vdof.check.measure.curves import GROUPS
from vdof.check.measure.tracks import Sight

Array = NDArray[np.float64]


@dataclass
class Table:
    """Rows of `Evidence` as they come, a frame at a time; `columns` are names of what is measured at each point."""

    columns: tuple[str, ...]
    frames: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    is_key: list[bool] = field(default_factory=list)
    _ids: list[NDArray[np.int64]] = field(default_factory=list)
    _values: list[NDArray[np.float32]] = field(default_factory=list)

    def add(
        self, frame: int, seconds: float, sight: Sight, measured: dict[str, Array], *, is_key: bool = False
    ) -> None:
        """One more frame; `measured` has (n,) of every column for the points of `sight`."""
        self.frames.append(frame)
        self.seconds.append(seconds)
        self.is_key.append(is_key)
        self._ids.append(sight.ids)
        rows: list[np.ndarray] = [sight.places[:, 0], sight.places[:, 1], sight.growth, sight.speed]
        rows += [measured[name] for name in self.columns]
        self._values.append(np.stack(rows, axis=1).astype(np.float32))

    def __len__(self) -> int:
        return len(self.frames)

    def collect(self, shot: int, aspect: float) -> Evidence:
        """The table as arrays; `aspect` is the frame's height over its width."""
        ids = np.unique(np.concatenate(self._ids)) if self._ids else np.empty(0, np.int64)
        width = 4 + len(self.columns)
        cube = np.full((width, len(ids), len(self.frames)), np.nan)
        for place, (seen, values) in enumerate(zip(self._ids, self._values, strict=True)):
            cube[:, np.searchsorted(ids, seen), place] = values.T
        named = dict(zip(("x", "y", "growth", "speed", *self.columns), cube, strict=True))
        is_key = np.array(self.is_key, bool)
        return Evidence(shot, np.array(self.frames), np.array(self.seconds), is_key, ids, named, aspect)


@dataclass(frozen=True)
class Evidence:
    """One stretch of a shot. `columns` are (n,t): points by frames, nan where a point is not followed."""

    shot: int
    frames: NDArray[np.int64]
    """(t,) of the file checked."""
    seconds: Array
    """(t,) presentation times."""
    is_key: NDArray[np.bool_]
    """(t,) frames with which the codec starts anew."""
    ids: NDArray[np.int64]
    columns: dict[str, Array]
    aspect: float
    """Of the frame: its height over its width."""

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last."""
        if len(self.seconds) < 2:
            return 0.0
        return float(self.seconds[-1] - self.seconds[0] + np.median(np.diff(self.seconds)))

    def cut(self, part: slice) -> Evidence:
        """The frames of `part`, with the points that are seen there."""
        columns = {name: values[:, part] for name, values in self.columns.items()}
        seen = np.isfinite(columns["x"]).any(axis=1)
        kept = {name: values[seen] for name, values in columns.items()}
        return replace(
            self,
            frames=self.frames[part],
            seconds=self.seconds[part],
            is_key=self.is_key[part],
            ids=self.ids[seen],
            columns=kept,
        )

    @property
    def groups(self) -> NDArray[np.int64]:
        """(n,) an independent group of each point, neighbours in different ones."""
        x, y = (np.nanmean(self.columns[name], axis=1) for name in ("x", "y"))
        across, down = np.floor(x * 10).astype(np.int64), np.floor(y * 6).astype(np.int64)
        return (across % 2 + 2 * (down % 2)) % GROUPS

    @property
    def total_growth(self) -> Array:
        """(n,t) log2 of how much each point's surroundings have grown since it was first seen."""
        growth = self.columns["growth"]
        total = np.cumsum(np.nan_to_num(growth), axis=1)
        return np.where(np.isfinite(growth), total, np.nan)
