"""Cuts -> shots: a stream of analysis frames is split where the picture jumps.

A frame is proposed as a cut if it differs from the one before it by much more than its neighbours do. The median of the
neighbours, where PySceneDetect's adaptive detector takes the mean, lets shots of one or two frames stand out as well. A
proposal counts only if no frame shortly before it resembles a frame shortly after it: that is what a flash, a strobe or
a single wrong frame looks like. A blank stretch (black or white) belongs to the shot before it; the first frame after
it begins a new shot. Dissolves have no cut to find: name them in `cuts`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.errors import ConfigError

log = logging.getLogger(__name__)

_DETECTORS = ("adaptive", "content", "none")
_THUMBNAIL_SIZE = (18, 32)
"""px, height and width of the copies that are compared: small enough not to see motion or noise."""
_NEIGHBOURS = 3
"""frames on each side that the adaptive detector compares with."""
_RESEMBLES = 0.5
"""Two frames resemble each other if they differ by less than this share of the jump in question."""
_SAME_PICTURE = 0.3
"""Mean difference of two frames, each divided by its mean, below which they show the same shot."""
_BLACK, _WHITE = 0.06, 0.97
"""display-encoded 0..1: a frame all below or all above is blank."""


@dataclass
class ShotsConfig:
    """How cuts are found."""

    detector: str = "adaptive"
    """`adaptive`: a change that stands out of its neighbours', so pans and fast motion are not cuts. `content`: any
    change above `min_change`. `none`: only the cuts named in `cuts`."""
    ratio: float = 3.0
    """adaptive: how many times the median change of the neighbouring frames a cut must have."""
    min_change: float = 12.0
    """Smallest mean change of a thumbnail's RGB codes (0..255) that can be a cut."""
    flash_frames: int = 3
    """Longest flash, frames. Also the extra look-ahead before a cut is decided."""
    fades: bool = True
    """A stretch of black or white frames ends a shot; the first frame after it begins the next."""
    fade_frames: int = 3
    """A shorter blank stretch ends a shot only if the picture after it differs from the one before it, frames."""
    cuts: list[int] = field(default_factory=list)
    """First frames of new shots that are known already (dissolves, an edit list); added to those found."""

    def __post_init__(self) -> None:
        if self.detector not in _DETECTORS:
            raise ConfigError(f"shots.detector must be one of {', '.join(_DETECTORS)}, got {self.detector!r}")
        if self.ratio < 1 or self.min_change <= 0:
            raise ConfigError(f"shots.ratio must be >= 1 and min_change > 0, got {self.ratio}, {self.min_change}")
        if self.flash_frames < 0 or self.fade_frames < 1:
            raise ConfigError(
                f"shots.flash_frames must be >= 0 and fade_frames >= 1, got {self.flash_frames}, {self.fade_frames}"
            )
        if any(cut < 1 for cut in self.cuts):
            raise ConfigError(f"shots.cuts must be frame positions >= 1, got {list(self.cuts)}")


@dataclass(frozen=True, slots=True)
class AnalysisFrame:
    """One frame of pass 1."""

    index: int
    """Position in the analysed sequence, from 0."""
    pts: int | None
    """Presentation stamp in the stream's time base; None if the source has none."""
    rgb: Tensor
    """(1,3,h,w) display-encoded 0..1, at analysis size (long side <= 640)."""
    disparity: Tensor | None = None
    """(1,1,hd,wd) relative, larger is nearer; None before the depth stage."""
    fov_deg: float | None = None
    """Horizontal field of view, where the depth stage measures it."""


def split_shots(
    frames: Iterable[AnalysisFrame], config: ShotsConfig | None = None
) -> Iterator[tuple[int, AnalysisFrame]]:
    """Yield (number of the shot, frame) in order. Holds at most `count_look_ahead(config) + 1` frames."""
    config = config or ShotsConfig()
    detector = ShotDetector(config)
    waiting: deque[AnalysisFrame] = deque()
    shot = position = 0
    for frame in frames:
        waiting.append(frame)
        for is_cut in detector.push(frame.rgb):
            shot += is_cut and position > 0
            position += 1
            yield shot, waiting.popleft()
    for is_cut in detector.finish():
        shot += is_cut and position > 0
        position += 1
        yield shot, waiting.popleft()


def count_look_ahead(config: ShotsConfig) -> int:
    """Return how many frames after a frame must be seen before it is known whether it begins a shot."""
    if config.detector == "none":
        return 0
    return max(config.flash_frames, _NEIGHBOURS if config.detector == "adaptive" else 0)


class ShotDetector:
    """Decides frame by frame, a few frames late, whether a frame begins a shot.

    `push` and `finish` return the decisions that became final, oldest first: exactly one per pushed frame.
    """

    def __init__(self, config: ShotsConfig | None = None) -> None:
        self.config = config or ShotsConfig()
        self._look_ahead = count_look_ahead(self.config)
        self._seen = 0
        self._decided = 0
        self._thumbnails: dict[int, np.ndarray] = {}
        self._changes: dict[int, float] = {}
        self._blank_run = 0
        self._last_content: np.ndarray | None = None

    def push(self, rgb: Tensor) -> list[bool]:
        """Take the next frame (1,3,h,w) display-encoded 0..1; return the decisions now final."""
        thumbnail = _shrink(rgb)
        before = self._thumbnails.get(self._seen - 1)
        if before is not None:
            self._changes[self._seen] = 255 * _difference(before, thumbnail)
        self._thumbnails[self._seen] = thumbnail
        self._seen += 1
        return self._decide(self._seen - self._look_ahead)

    def finish(self) -> list[bool]:
        """Return the decisions still open at the end of the sequence."""
        return self._decide(self._seen)

    def _decide(self, stop: int) -> list[bool]:
        decisions = []
        while self._decided < stop:
            index = self._decided
            decisions.append(self._begins_shot(index))
            if decisions[-1]:
                log.debug("frame %d begins a shot", index)
            self._thumbnails.pop(index - self._look_ahead - 1, None)
            self._changes.pop(index - self._look_ahead - 1, None)
            self._decided += 1
        return decisions

    def _begins_shot(self, index: int) -> bool:
        if index in self.config.cuts:
            return True
        if self.config.detector == "none":
            return False
        thumbnail = self._thumbnails[index]
        if self.config.fades and _is_blank(thumbnail):
            self._blank_run += 1
            return False
        blank_run, before = self._blank_run, self._last_content
        self._blank_run, self._last_content = 0, thumbnail
        if blank_run and before is not None:
            return blank_run >= self.config.fade_frames or not _shows_the_same(before, thumbnail)
        return self._stands_out(index) and not self._is_flash_edge(index)

    def _stands_out(self, index: int) -> bool:
        change = self._changes.get(index, 0.0)
        if change < self.config.min_change or self.config.detector == "content":
            return change >= self.config.min_change
        neighbours = range(index - _NEIGHBOURS, index + _NEIGHBOURS + 1)
        others = [self._changes[i] for i in neighbours if i != index and i in self._changes]
        return not others or change >= self.config.ratio * float(np.median(others))

    def _is_flash_edge(self, index: int) -> bool:
        """A frame just before looks like a frame just after: what lies between was an interruption, not a cut."""
        reach = self.config.flash_frames
        before, after = [], []
        for position, thumbnail in self._thumbnails.items():
            if self.config.fades and _is_blank(thumbnail):
                continue
            if index - reach - 1 <= position < index:
                before.append(thumbnail)
            elif index <= position <= index + reach:
                after.append(thumbnail)
        if not before:
            return True
        nearest = min(_difference(a, b) for a in before for b in after)
        return 255 * nearest < _RESEMBLES * self._changes[index]


def _shrink(rgb: Tensor) -> np.ndarray:
    """Return the frame (1,3,h,w) averaged down to a thumbnail (h,w,3) float32 0..1."""
    image = F.interpolate(rgb.detach().to("cpu", torch.float32), size=_THUMBNAIL_SIZE, mode="area")
    return image[0].clamp(0, 1).permute(1, 2, 0).numpy()


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).mean())


def _shows_the_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Compare apart from brightness: on both sides of a fade the picture is dark."""
    return _difference(a / max(float(a.mean()), 1e-3), b / max(float(b.mean()), 1e-3)) < _SAME_PICTURE


def _is_blank(thumbnail: np.ndarray) -> bool:
    """Nothing to see: all black or all white."""
    return bool(thumbnail.max() < _BLACK or thumbnail.min() > _WHITE)
