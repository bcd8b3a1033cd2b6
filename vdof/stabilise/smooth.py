"""The flow-guided filter: every pixel is averaged with what the same point of the scene had before and after.

A recursion forward in time and one backward, each carrying a running sum of disparity along the flow and the number of
frames that went into it. Added up (the frame itself counted once), a point seen for long has the weights `kappa^|k|` on
its neighbours in time: symmetric, so nothing lags, and properly normalised at the ends of a shot and at occlusions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vdof.flow import is_consistent_array, to_target, warp_array


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
    """(h,w) float32 >= 1: sum of the weights."""


def link_frames(
    here: np.ndarray, there: np.ndarray, flow: np.ndarray, flow_back: np.ndarray, colour_sigma: float
) -> Link:
    """Return the link from `here` to `there`.

    here, there: (h,w,3) float32 display-encoded 0..1; flow: (h,w,2) px here to there; flow_back: there to here.
    """
    target = to_target(flow)
    colour = ((warp_array(there, target) - here) ** 2).sum(axis=-1)
    trust = np.exp(colour * np.float32(-1 / (6 * colour_sigma**2)))
    trust *= is_consistent_array(flow, flow_back)
    return Link(target, trust)


def carry(
    disparity: np.ndarray, neighbour: Running | None, link: Link | None, kappa: float, tolerance: float
) -> Running:
    """Return the running sum at a frame from that of its neighbour.

    disparity: (h,w) float32 of this frame; tolerance: how far carried and own value may differ (one sigma), in units of
    disparity; kappa: 0..1, share of the neighbour's weight that is kept.
    """
    if neighbour is None or link is None:
        return Running(disparity, np.ones_like(disparity))
    carried = warp_array(np.dstack([neighbour.total, neighbour.count]), link.target)
    total, count = carried[..., 0], carried[..., 1]
    difference = total / count - disparity
    keep = np.exp(difference * difference * np.float32(-0.5 / tolerance**2))
    keep *= link.trust
    keep *= np.float32(kappa)
    return Running(disparity + keep * total, 1 + keep * count)


def join(disparity: np.ndarray, past: Running, future: Running) -> np.ndarray:
    """Return the two-sided mean (h,w); the frame's own disparity is in both sums and counts once."""
    return (past.total + future.total - disparity) / (past.count + future.count - 1)
