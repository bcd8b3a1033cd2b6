"""The flow-guided filter: every pixel is averaged with what the same point of the scene had before and after.

A recursion forward in time and one backward, each carrying a running sum of disparity along the flow and the number of
frames that went into it. Added up (the frame itself counted once), a point seen for long has the weights `kappa^|k|` on
its neighbours in time: symmetric, so nothing lags, and properly normalised at the ends of a shot and at occlusions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vdof.flow import measure_gap, resize_array, resize_flow, to_target, warp_array

_REACH = 2
"""px: how far a network's edge wavers. Carried values that are found this near are believed."""
_EDGE = 2.0
"""tolerances: a step at which a pixel's own disparity counts half."""
_LEAST_WEIGHT = np.float32(1e-3)


@dataclass(frozen=True, slots=True)
class Link:
    """How a frame's pixels find themselves in a neighbouring frame; on the grid of the disparity."""

    target: np.ndarray
    """(h,w,2) float32: absolute px positions in the neighbour."""
    trust: np.ndarray
    """(h,w) float32, 0..1: consistent there and back, and of the same colour."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a recursion carries from frame to frame."""

    total: np.ndarray
    """(h,w) float32: weighted sum of disparities."""
    count: np.ndarray
    """(h,w) float32 > 0: sum of the weights."""


def link_frames(
    here: np.ndarray, there: np.ndarray, flow: np.ndarray, flow_back: np.ndarray, colour_sigma: float
) -> Link:
    """Return the link from `here` to `there`.

    here, there: (h',w',3) float32 display-encoded 0..1, no larger than the disparity; flow: (h,w,2) px here to there on
    the disparity's grid; flow_back: there to here. Trust is found at the pictures' size and falls off softly: a hard
    border between what is averaged and what is not would be seen.
    """
    size = here.shape[:2]
    coarse, coarse_back = resize_flow(flow, size), resize_flow(flow_back, size)
    target = to_target(coarse)
    colour = ((warp_array(there, target) - here) ** 2).sum(axis=-1)
    trust = np.exp(colour * np.float32(-1 / (6 * colour_sigma**2)) - 0.5 * measure_gap(coarse, coarse_back))
    return Link(to_target(flow), resize_array(trust, flow.shape[:2]))


@dataclass(frozen=True, slots=True)
class Measured:
    """One frame's own disparity as the filter takes it."""

    disparity: np.ndarray
    """(h,w) float32."""
    lowest: np.ndarray
    """(h,w) float32: the least disparity nearby."""
    highest: np.ndarray
    """(h,w) float32: the greatest disparity nearby."""
    weight: np.ndarray
    """(h,w) float32, 0..1: small on edges, where networks blur and waver."""
    tolerance: float
    """How far a carried value may lie outside what is nearby, one sigma."""


@dataclass(frozen=True, slots=True)
class Step:
    """How disparity as a whole changes from a frame to its neighbour: `gain * disparity + offset`."""

    gain: float
    """> 0."""
    offset: float
    """In units of disparity."""


def measure(disparity: np.ndarray, tolerance: float) -> Measured:
    """Return the frame's disparity (h,w) with its neighbourhood; a step of several tolerances is an edge."""
    lowest, highest = find_extremes(disparity, _REACH)
    step = (highest - lowest) * np.float32(1 / (_EDGE * tolerance))
    weight = 1 / (1 + step * step)
    return Measured(disparity, lowest, highest, np.maximum(weight, _LEAST_WEIGHT, out=weight), tolerance)


def find_extremes(image: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and greatest value within `reach` px, square, of image (h,w)."""
    lowest, highest = image, image
    for axis in (0, 1):
        for _ in range(reach):
            lowest = _spread(lowest, axis, np.minimum)
            highest = _spread(highest, axis, np.maximum)
    return lowest, highest


def _spread(image: np.ndarray, axis: int, choose: np.ufunc) -> np.ndarray:
    result = image.copy()
    ahead: tuple[slice, ...] = (slice(None),) * axis + (slice(1, None),)
    behind: tuple[slice, ...] = (slice(None),) * axis + (slice(None, -1),)
    choose(result[behind], image[ahead], out=result[behind])
    choose(result[ahead], image[behind], out=result[ahead])
    return result


def carry(own: Measured, neighbour: Running | None, link: Link | None, step: Step, kappa: float) -> Running:
    """Return the running sum at a frame from that of its neighbour.

    step: from the neighbour to this frame; kappa: 0..1, share of the neighbour's weight that is kept.
    """
    mine = own.weight * own.disparity
    if neighbour is None or link is None:
        return Running(mine, own.weight)
    carried = warp_array(np.dstack([neighbour.total, neighbour.count]), link.target)
    count = carried[..., 1]
    total = np.float32(step.gain) * carried[..., 0] + np.float32(step.offset) * count
    value = total / count
    outside = np.maximum(own.lowest - value, value - own.highest)
    np.maximum(outside, 0, out=outside)
    keep = np.exp(outside * outside * np.float32(-0.5 / own.tolerance**2))
    keep *= link.trust
    keep *= np.float32(kappa)
    return Running(mine + keep * total, own.weight + keep * count)


def join(own: Measured, past: Running, future: Running) -> np.ndarray:
    """Return the two-sided mean (h,w); the frame's own disparity is in both sums and counts once."""
    total = past.total + future.total - own.weight * own.disparity
    return total / (past.count + future.count - own.weight)
