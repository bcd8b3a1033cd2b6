"""The flow-guided filter: every pixel is averaged with what the same point of the scene had before and after.

A recursion forward in time and one backward, each carrying a running sum of disparity along the flow and the number of
frames that went into it. Added up (the frame itself counted once), a point seen for long has the weights `kappa^|k|` on
its neighbours in time: symmetric, so nothing lags, and properly normalised at the ends of a shot and at occlusions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vdof.flow.images import import_cv2
from vdof.flow.warp import measure_gap, to_target, warp_array
from vdof.stabilise.growth import measure_growth
from vdof.threads import run_rows

_REACH = 2
"""px: how far a network's edge wavers. Carried values that are found this near are believed."""
_EDGE = 2.0
"""tolerances: a step at which a pixel's own disparity counts half."""
_EASE = 0.6
"""Where flow is trusted and no edge is near, a point is the same point whatever the network makes of it: there a carried
value may lie 1 / (1 - this) times as far outside."""
LEAST_WEIGHT = np.float32(1e-3)
"""Of a pixel's own disparity."""
_ROWS = 64
"""rows a thread computes at a time."""
_TRUST_BLUR = 5
"""px of the grid on which trust is found."""


@dataclass(frozen=True, slots=True)
class Link:
    """How a frame's pixels find themselves in a neighbouring frame."""

    flow: np.ndarray
    """(h,w,2) float32 px to the neighbour, on the grid of the disparity."""
    trust: np.ndarray
    """(h',w') float32, 0..1, over the same field: consistent there and back, and of the same colour."""
    growth: np.ndarray
    """(h",w") float32 > 0, over the same field: how many times nearer the point is in the neighbour."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame as links are found from, no larger than its disparity."""

    colour: np.ndarray
    """(h',w',3) float32 display-encoded 0..1."""
    disparity: np.ndarray
    """(h',w') float32."""
    calm: np.ndarray
    """(h',w') float32, 0..1: small on edges of disparity."""
    spread: float
    """Range of disparity."""


@dataclass(frozen=True, slots=True)
class Step:
    """How disparity as a whole changes from a frame to its neighbour: `gain * disparity + offset`."""

    gain: float
    """> 0."""
    offset: float
    """In units of disparity."""
    far: float
    """Disparity of what is infinitely far."""


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


def link_frames(
    here: Seen, there: Seen, flow: np.ndarray, coarse: np.ndarray, coarse_back: np.ndarray, colour_sigma: float
) -> Link:
    """Return the link from `here` to `there`.

    flow: (h,w,2) px here to there on the disparity's grid; coarse: the same at the pictures' size (h',w',2), in its px;
    coarse_back: there to here.

    Trust is found at the pictures' size and has no hard borders: where something moves too fast for the flow, a patchwork
    of averaged and not averaged places would be seen. At edges of disparity, where a mistake costs more, it stays sharp.
    """
    from vdof.stabilise.smooth_numba import trust_rows

    trust = np.empty_like(here.disparity)
    pictures = here.colour, warp_array(there.colour, to_target(coarse)), measure_gap(coarse, coarse_back)
    run_rows(trust_rows, 0, len(trust), *pictures, np.float32(1 / (6 * colour_sigma**2)), trust, step=_ROWS)
    growth = measure_growth(here.disparity, coarse, trust * here.calm, here.spread)
    return Link(flow, trust + here.calm * (_blur(trust, _TRUST_BLUR) - trust), growth)


def measure(disparity: np.ndarray, scale: float, shift: float, tolerance: float) -> Measured:
    """Return `scale * disparity + shift` (h,w) with its neighbourhood; a step of several tolerances is an edge."""
    from vdof.stabilise.smooth_numba import measure_rows

    level, lowest, highest, weight = (np.empty_like(disparity) for _ in range(4))
    per_edge = np.float32(1 / (_EDGE * tolerance))
    settings = (np.float32(scale), np.float32(shift), _REACH, per_edge, LEAST_WEIGHT)
    run_rows(measure_rows, 0, len(disparity), disparity, *settings, level, lowest, highest, weight, step=_ROWS)
    return Measured(level, lowest, highest, weight, tolerance)


def carry(own: Measured, neighbour: np.ndarray | None, link: Link | None, step: Step, kappa: float) -> np.ndarray:
    """Return the running sum (h,w,2) float32 at a frame from that of its neighbour: weighted disparities, weights.

    step: from the neighbour to this frame; kappa: 0..1, share of the neighbour's weight that is kept.
    """
    if neighbour is None or link is None:
        return np.dstack([own.weight * own.disparity, own.weight])
    from vdof.stabilise.smooth_numba import carry_rows

    result = np.empty_like(neighbour)
    maps = (own.disparity, own.lowest, own.highest, own.weight), neighbour, (link.flow, link.trust, link.growth)
    numbers = (step.gain, step.offset, step.far, kappa, 1 / own.tolerance, _EASE)
    run_rows(carry_rows, 0, len(result), *maps, tuple(map(np.float32, numbers)), result, step=_ROWS)
    return result


def join(own: Measured, past: np.ndarray, future: np.ndarray) -> np.ndarray:
    """Return the two-sided mean (h,w); the frame's own disparity is in both sums (h,w,2) and counts once."""
    total = past[..., 0] + future[..., 0] - own.weight * own.disparity
    return total / (past[..., 1] + future[..., 1] - own.weight)


def _blur(image: np.ndarray, reach: int) -> np.ndarray:
    """Return the mean of image (h,w) over the square of `reach` px on each side, edges repeated."""
    cv2 = import_cv2()
    return cv2.blur(image, (2 * reach + 1, 2 * reach + 1), borderType=cv2.BORDER_REPLICATE)
