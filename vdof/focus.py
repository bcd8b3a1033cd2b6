"""Focus per frame: a fixed distance, a point followed by flow, or the subject, smoothed over the shot.

Focus is observed as disparity in the analysis' own units; `vdof.calibrate` turns it into metres.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vdof.errors import ConfigError
from vdof.flow import DisFlow, FlowConfig
from vdof.subject import Mask, PackedMask, find_subject
from vdof.upright import measure_lean

_PATCH = 0.02
"""Half side of the patch whose median disparity a followed point takes, as a share of the frame's width."""
_MEDIAN_FRAMES = 5
"""Outliers of fewer frames than half of this do not move the focus."""

Track = NDArray[np.float64]


@dataclass
class FocusConfig:
    """What is sharp. Without a distance or a point: the nearest large connected subject near the centre."""

    distance_m: float | None = None
    """Fixed focus distance, metres."""
    point: list[float] | None = None
    """[x,y] 0..1 from the top left in the first frame of every shot, followed by flow."""
    smoothing_s: float = 0.4
    """How slowly focus follows, seconds (standard deviation of the smoothing in time)."""
    upright: bool = True
    """Take out the lean that relative depth gives a standing subject (metric depth is left as it is)."""

    def __post_init__(self) -> None:
        if self.distance_m is not None and self.point is not None:
            raise ConfigError("focus: got both distance_m and point, expected one; set the other to null")
        if self.distance_m is not None and not 0 < self.distance_m < 1e6:
            raise ConfigError(f"focus.distance_m: got {self.distance_m}, expected above 0 metres")
        if self.point is not None and (len(self.point) != 2 or not all(0 <= value <= 1 for value in self.point)):
            raise ConfigError(f"focus.point: got {self.point}, expected [x,y] with both in 0..1 from the top left")
        if not 0 <= self.smoothing_s <= 10:
            raise ConfigError(f"focus.smoothing_s: got {self.smoothing_s}, expected 0..10 seconds")


@dataclass(frozen=True, slots=True)
class Observation:
    """Focus as seen in one frame, in the disparity units of the analysis."""

    focus: float
    background: float
    """10th percentile outside the subject."""
    low: float
    high: float
    """2nd and 98th percentile of the frame."""
    subject_height: float = 0.0
    """Share of the frame's height that the subject spans; 0: not known."""
    row: float = 0.5
    """Row at which `focus` was measured, 0..1 of the frame's height."""
    slope: float = 0.0
    """Lean of the subject, disparity per frame height."""
    feet: float | None = None
    """Row of the subject's feet, 0..1; None: not in the frame."""
    figure: PackedMask | None = None
    """Where the subject is; None: not looked for."""


def observe_subject(disparities: Iterable[Tensor]) -> Iterator[Observation]:
    """Find the subject in each frame of one shot; `disparities` are (1,1,h,w)."""
    previous: Mask | None = None
    for disparity in disparities:
        values = disparity[0, 0].cpu().numpy()
        subject = find_subject(values, previous)
        previous = subject.mask
        low, high = np.percentile(values, (2, 98))
        slope, feet = measure_lean(values, subject)
        yield Observation(
            focus=subject.disparity,
            background=subject.background,
            low=float(low),
            high=float(high),
            subject_height=subject.height,
            row=subject.row,
            slope=slope,
            feet=feet,
            figure=PackedMask.pack(subject.mask) if subject.share else None,
        )


def observe_point(
    disparities: Iterable[Tensor], frames: Iterable[Tensor], point: tuple[float, float], config: FlowConfig
) -> Iterator[Observation]:
    """Follow `point` (x, y in 0..1) through one shot.

    Args:
        disparities: (1,1,h,w) per frame.
        frames: (1,3,H,W) display-encoded per frame.
    """
    flow = DisFlow(config)
    x, y = point
    previous: Tensor | None = None
    for disparity, rgb in zip(disparities, frames, strict=True):
        height, width = rgb.shape[-2:]
        if previous is not None:
            step = flow(previous, rgb)[0, :, min(height - 1, int(y * height)), min(width - 1, int(x * width))]
            x = min(1.0, max(0.0, x + float(step[0]) / width))
            y = min(1.0, max(0.0, y + float(step[1]) / height))
        previous = rgb
        values = disparity[0, 0].cpu().numpy()
        low, background, high = np.percentile(values, (2, 10, 98))
        yield Observation(_sample(values, x, y), float(background), float(low), float(high))


def _sample(values: NDArray[np.float32], x: float, y: float) -> float:
    height, width = values.shape
    reach = max(1, round(_PATCH * width))
    column, row = min(width - 1, int(x * width)), min(height - 1, int(y * height))
    patch = values[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
    return float(np.median(patch))


def smooth_track(values: Track, seconds: Track, smoothing_s: float) -> Track:
    """Non-causal smoothing: a short median against outliers, then a local straight line (no lag, ends kept).

    Args:
        values: (n,) one a frame of one shot.
        seconds: (n,) presentation time.
        smoothing_s: standard deviation of the Gaussian window.
    """
    reach = _MEDIAN_FRAMES // 2
    padded = np.pad(values, reach, mode="reflect", reflect_type="odd") if len(values) > reach else values
    if len(values) > reach:
        values = np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN_FRAMES), axis=1)
    if smoothing_s == 0 or len(values) < 3:
        return values
    first = np.searchsorted(seconds, seconds - 3 * smoothing_s)
    last = np.searchsorted(seconds, seconds + 3 * smoothing_s, side="right")
    return np.array(
        [_fit_line(values[a:b], seconds[a:b] - t, smoothing_s) for a, b, t in zip(first, last, seconds, strict=True)]
    )


def _fit_line(values: Track, offsets: Track, sigma: float) -> float:
    """Value at offset 0 of the weighted least-squares line."""
    weight = np.exp(-0.5 * (offsets / sigma) ** 2)
    weight /= weight.sum()
    mean_t, mean_v = weight @ offsets, weight @ values
    spread = weight @ (offsets - mean_t) ** 2
    slope = weight @ ((offsets - mean_t) * (values - mean_v)) / spread if spread > 1e-12 else 0.0
    return float(mean_v - slope * mean_t)
