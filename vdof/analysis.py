"""Pass 1 on disk: stabilised disparity per frame (FFV1, 16 bit) and one JSON, found again by content.

An analysis is a folder `<key>/` with `disparity.mkv` and `analysis.json`. It is written under a temporary name and renamed
when whole, so a folder under its key is complete; one that does not read back as such is made anew.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vdof.errors import InputError, OutputError
from vdof.files import hash_file
from vdof.video.grey import GreyWriter, read_grey

log = logging.getLogger(__name__)

FORMAT = 2
PARTS = ("analysis.py", "depth", "flow.py", "shots.py", "stabilise", "video/grey.py")
"""The code that decides what an analysis holds; its hash is part of the key."""


@dataclass
class CacheConfig:
    """Where pass 1 is kept for the next run of the same clip."""

    enabled: bool = True
    """false: pass 1 is kept in the run folder only while it runs."""
    dir: str | None = None
    """Folder; null: $XDG_CACHE_HOME/vdof or ~/.cache/vdof."""


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
    package = Path(__file__).parent
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


def find_cache(config: CacheConfig, output: Path) -> Path:
    """The folder that holds analyses; without a cache, one beside `output` that lasts as long as the run."""
    if not config.enabled:
        return output.with_name(f".{output.stem}.analysis")
    if config.dir is not None:
        return Path(config.dir)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vdof"


def load(folder: Path) -> Analysis | None:
    """The analysis in `folder`; None where there is none, or none that reads back whole."""
    try:
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
    return Analysis(folder, stored["kind"], stored["estimator"], records)


class AnalysisWriter:
    """Collects pass 1; `finish` puts it in place. Leaving the block without `finish` leaves nothing."""

    def __init__(self, folder: Path, kind: str, estimator: dict[str, Any]) -> None:
        self._folder, self._kind, self._estimator = folder, kind, estimator
        self._records: list[FrameRecord] = []
        self._video: GreyWriter | None = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
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
            "kind": self._kind,
            "estimator": self._estimator,
            "disparity_sha256": digest,
            "frames": frames,
        }
        (self._temporary / "analysis.json").write_text(json.dumps(stored), encoding="utf-8")
        shutil.rmtree(self._folder, ignore_errors=True)
        self._temporary.replace(self._folder)
        return Analysis(self._folder, self._kind, self._estimator, tuple(self._records))

    def __enter__(self) -> "AnalysisWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._video is not None:
            self._video.__exit__(RuntimeError, None, None)
        shutil.rmtree(self._temporary, ignore_errors=True)
