"""Pass 1 on disk: stabilised disparity per frame (FFV1, 16 bit) and one JSON, found again by content.

An analysis is a folder `<key>/` with `disparity.mkv`, `analysis.json` and a `lock` that says who uses it. It is written
under a temporary name and renamed when whole, so a folder under its key is complete; one that does not read back as such
is made anew. Which ones are kept is `vdof/analysis/cache.py`'s concern.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vdof.analysis.lease import Lease
from vdof.errors import InputError, OutputError
from vdof.files import hash_file
from vdof.video.grey import GreyWriter, read_grey

log = logging.getLogger(__name__)

FORMAT = 3
LOCK = "lock"
PART = ".part"
PARTS = ("analysis", "depth", "flow", "shots.py", "stabilise", "video")
"""The code that decides what an analysis holds; its hash is part of the key."""


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """What pass 1 knows of one frame."""

    index: int
    """In the source clip, from 0."""
    pts: int
    """Presentation stamp in the source's time base."""
    shot: int
    """Number of its shot, from 0."""
    low: float
    """Disparity of code 0."""
    span: float
    """Disparity of code 65535 minus `low`: how this frame was quantised, no normalisation."""
    fov_deg: float | None = None
    """Horizontal field of view, where the estimator measures it."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """A complete pass 1."""

    folder: Path
    kind: str
    """disparity_relative or disparity_metric."""
    estimator: dict[str, Any]
    """What the estimator said of itself."""
    records: tuple[FrameRecord, ...]
    """One a frame, in order."""
    lease: Lease = field(repr=False, compare=False)
    """Keeps others from clearing it away."""

    @property
    def fov_deg(self) -> float | None:
        """Median horizontal field of view of the clip's camera; None: not measured."""
        angles = [record.fov_deg for record in self.records if record.fov_deg is not None]
        return median(angles) if angles else None

    @property
    def shots(self) -> list[list[FrameRecord]]:
        """The records of each shot, in order."""
        groups: list[list[FrameRecord]] = []
        for record in self.records:
            if not groups or groups[-1][-1].shot != record.shot:
                groups.append([])
            groups[-1].append(record)
        return groups

    def disparities(self) -> Iterator[tuple[FrameRecord, Tensor]]:
        """Each frame's record and disparity (1,1,h,w), read as they are asked for."""
        for record, codes in zip(self.records, read_grey(self.folder / "disparity.mkv"), strict=True):
            value = codes * np.float32(record.span / 65535) + np.float32(record.low)
            yield record, torch.from_numpy(value)[None, None]


def hash_code() -> str:
    """Hash of the sources that pass 1 runs."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for part in PARTS:
        root = package / part
        root = root if root.exists() else root.with_suffix(".py")
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def make_key(**parts: Any) -> str:
    """Name of the analysis that these inputs, settings and this code lead to."""
    text = json.dumps({**parts, "code": hash_code(), "format": FORMAT}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def load(folder: Path) -> Analysis | None:
    """The analysis in `folder`, marked as used now; None where there is none, or none that reads back whole."""
    try:
        lease = Lease(folder / LOCK)
        stored = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
        records = tuple(FrameRecord(**entry) for entry in stored["frames"])
        digest = hash_file(folder / "disparity.mkv")
        if stored["format"] != FORMAT or digest != stored["disparity_sha256"] or not records:
            raise ValueError("does not match its own record")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("analysis %s is damaged (%s); making it anew", folder, error)
        return None
    with contextlib.suppress(OSError):  # a cache that may only be read works too
        os.utime(folder / LOCK)
    return Analysis(folder, stored["kind"], stored["estimator"], records, lease)


class AnalysisWriter:
    """Collects pass 1; `finish` puts it in place. Leaving the block without `finish` leaves nothing."""

    def __init__(self, folder: Path, kind: str, estimator: dict[str, Any], clip: str = "") -> None:
        self._folder, self._kind, self._estimator, self._clip = folder, kind, estimator, clip
        self._records: list[FrameRecord] = []
        self._video: GreyWriter | None = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = make_part(folder)
            (self._temporary / LOCK).touch()
            self._lease = Lease(self._temporary / LOCK)
        except OSError as error:
            raise OutputError(
                f"cache.dir: cannot write to {folder.parent}: {error.strerror}; choose another cache.dir"
            ) from error

    def write(self, index: int, pts: int, shot: int, disparity: Tensor, fov_deg: float | None = None) -> None:
        """Append one frame; `disparity` is (1,1,h,w)."""
        value = disparity[0, 0].detach().cpu().numpy()
        low, high = float(value.min()), float(value.max())
        span = max(high - low, 1e-12)
        codes = np.round((value - low) * (65535.0 / span)).astype(np.uint16)
        if self._video is None:
            self._video = GreyWriter(self._temporary / "disparity.mkv", *value.shape)
        self._video.write(codes)
        self._records.append(FrameRecord(index, pts, shot, low, span, fov_deg))

    def finish(self) -> Analysis:
        """Close, record, and move into place."""
        if self._video is None:
            raise InputError("no frame to analyse: the clip, or the range given by frames=, is empty")
        self._video.__exit__(None, None, None)
        self._video = None
        digest = hash_file(self._temporary / "disparity.mkv")
        frames = [asdict(record) for record in self._records]
        stored = {
            "format": FORMAT,
            "clip": self._clip,
            "kind": self._kind,
            "estimator": self._estimator,
            "disparity_sha256": digest,
            "frames": frames,
        }
        (self._temporary / "analysis.json").write_text(json.dumps(stored), encoding="utf-8")
        return self._put_in_place()

    def _put_in_place(self) -> Analysis:
        """Take the folder's name; where another process was faster, its analysis is as good."""
        while True:
            try:
                self._temporary.rename(self._folder)
            except OSError as error:
                if not self._folder.exists():
                    raise OutputError(f"cache.dir: cannot write {self._folder}: {error.strerror}") from error
                if (found := load(self._folder)) is not None:
                    return found
                remove_folder(self._folder)
            else:
                return Analysis(self._folder, self._kind, self._estimator, tuple(self._records), self._lease)

    def __enter__(self) -> "AnalysisWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._video is not None:
            self._video.__exit__(RuntimeError, None, None)
        shutil.rmtree(self._temporary, ignore_errors=True)


def make_part(folder: Path) -> Path:
    """A new folder beside `folder`, named as what is not whole."""
    return Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PART, dir=folder.parent))


def remove_folder(folder: Path) -> None:
    """Remove an analysis so that nobody ever sees half of it."""
    part = make_part(folder)
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        folder.replace(part / "removed")
    shutil.rmtree(part, ignore_errors=True)
