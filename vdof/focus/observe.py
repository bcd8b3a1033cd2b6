"""Focus as seen in each frame: a point followed by flow, the subject, or several of them, and smoothing over the shot.

Focus is observed as disparity in the analysis' own units; `vdof.calibrate` turns it into metres, `vdof.focus.pulls` moves it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import tee

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vdof.flow.config import FlowConfig
from vdof.flow.open import open_flow
from vdof.focus.choice import choose_over_time
from vdof.focus.faces import FaceSight
from vdof.focus.subject import Candidate, Mask, PackedMask, Search, search_subject
from vdof.focus.upright import Stance, measure_stance

_PATCH = 0.02
"""Half side of the patch whose median disparity a followed point takes, as a share of the frame's width."""
_MEDIAN_FRAMES = 13
"""Outliers of fewer frames than half of this do not move the focus: a quarter of a second."""
_WAVER = 4.0
"""Focus does not follow what goes back within this many times its smoothing on either side: 1.6 seconds."""


Track = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PointTarget:
    """A point of the picture that is followed from one frame of a shot on."""

    point: tuple[float, float]
    """(x,y) 0..1"""
    start: int
    """Frame of the shot, from 0."""


@dataclass(frozen=True, slots=True)
class PointSight:
    """A followed point in one frame."""

    disparity: float
    row: float
    """0..1 of the frame's height."""
    is_on_subject: bool


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
    stance: Stance = Stance()
    """How the subject stands."""
    figure: PackedMask | None = None
    """Where the subject is; None: not looked for, or not found."""
    points: tuple[PointSight | None, ...] = ()
    """The points that were to be followed; None before their first frame."""
    faces: tuple[FaceSight, ...] = ()
    """All faces that are followed, where focus is to be on eyes."""


def observe_subject(disparities: Iterable[Tensor]) -> Iterator[Observation]:
    """Find the subject in each frame of one shot, a few seconds late; `disparities` are (1,1,h,w)."""
    waiting: deque[tuple[Search, float, float]] = deque()

    def search() -> Iterator[list[Candidate]]:
        for disparity in disparities:
            values = disparity[0, 0].cpu().numpy()
            low, high = np.percentile(values, (2, 98))
            waiting.append((search_subject(values), float(low), float(high)))
            yield waiting[-1][0].candidates

    for number in choose_over_time(search()):
        searched, low, high = waiting.popleft()
        subject = searched.measure(number)
        yield Observation(
            focus=subject.disparity,
            background=subject.background,
            low=low,
            high=high,
            subject_height=subject.height,
            row=subject.row,
            stance=measure_stance(searched.disparity, subject),
            figure=PackedMask.pack(subject.mask) if subject.share else None,
        )


class PointFollower:
    """Carries a point of the picture along the flow."""

    def __init__(self, point: tuple[float, float]) -> None:
        self.x, self.y = point

    def move(self, flow: Tensor) -> None:
        """One frame on; `flow` is (1,2,H,W) px."""
        height, width = flow.shape[-2:]
        step = flow[0, :, min(height - 1, int(self.y * height)), min(width - 1, int(self.x * width))]
        self.x = min(1.0, max(0.0, self.x + float(step[0]) / width))
        self.y = min(1.0, max(0.0, self.y + float(step[1]) / height))

    def look(self, values: NDArray[np.float32], mask: Mask | None) -> PointSight:
        """What is at the point; `values` is (h,w) disparity, `mask` (h0,w0) the subject."""
        is_on = mask is not None and bool(
            mask[
                min(mask.shape[0] - 1, int(self.y * mask.shape[0])), min(mask.shape[1] - 1, int(self.x * mask.shape[1]))
            ]
        )
        return PointSight(_sample(values, self.x, self.y), self.y, is_on)


def observe_targets(
    disparities: Iterable[Tensor], frames: Iterable[Tensor], targets: Sequence[PointTarget], config: FlowConfig
) -> Iterator[Observation]:
    """The subject, and beside it every point to follow through one shot.

    Args:
        disparities: (1,1,h,w) per frame.
        frames: (1,3,H,W) display-encoded per frame.
        targets: the points, with the frames they start from.
    """
    flow = open_flow(config)
    followers: list[PointFollower | None] = [None] * len(targets)
    previous: Tensor | None = None
    maps, observed = tee(disparities)
    for place, (disparity, seen, rgb) in enumerate(zip(maps, observe_subject(observed), frames, strict=True)):
        moving = [follower for follower in followers if follower is not None]
        if previous is not None and moving:
            step = flow(previous, rgb)
            for follower in moving:
                follower.move(step)
        previous = rgb
        for number, target in enumerate(targets):
            if target.start == place:
                followers[number] = PointFollower(target.point)
        values = disparity[0, 0].cpu().numpy()
        mask = seen.figure.unpack() if seen.figure is not None else None
        yield replace(seen, points=tuple(None if item is None else item.look(values, mask) for item in followers))


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
    return _fit_lines(_take_medians(values, _MEDIAN_FRAMES // 2), seconds, smoothing_s)


def steady_track(values: Track, seconds: Track, smoothing_s: float) -> Track:
    """`smooth_track` of what goes one way: what comes and goes back within a few seconds is left out.

    A network's idea of one figure swells and shrinks over seconds. A running median takes that out, and lets a step and
    whatever comes nearer or goes away steadily pass as it is.
    """
    if smoothing_s == 0 or len(values) < 3:
        return smooth_track(values, seconds, smoothing_s)
    reach = round(_WAVER * smoothing_s / float(np.median(np.diff(seconds))))
    return _fit_lines(_take_medians(values, min(reach, len(values) - 1)), seconds, smoothing_s)


def _take_medians(values: Track, reach: int) -> Track:
    """The running median (n,) of `reach` frames on each side, the ends mirrored about their points."""
    if len(values) <= reach:
        return values
    padded = np.pad(values, reach, mode="reflect", reflect_type="odd")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1))


def _fit_lines(values: Track, seconds: Track, sigma: float) -> Track:
    """The value of the local straight line at every frame."""
    if sigma == 0 or len(values) < 3:
        return values
    first = np.searchsorted(seconds, seconds - 3 * sigma)
    last = np.searchsorted(seconds, seconds + 3 * sigma, side="right")
    return np.array(
        [_fit_line(values[a:b], seconds[a:b] - t, sigma) for a, b, t in zip(first, last, seconds, strict=True)]
    )


def _fit_line(values: Track, offsets: Track, sigma: float) -> float:
    """Value at offset 0 of the weighted least-squares line."""
    weight = np.exp(-0.5 * (offsets / sigma) ** 2)
    weight /= weight.sum()
    mean_t, mean_v = weight @ offsets, weight @ values
    spread = weight @ (offsets - mean_t) ** 2
    slope = weight @ ((offsets - mean_t) * (values - mean_v)) / spread if spread > 1e-12 else 0.0
    return float(mean_v - slope * mean_t)
