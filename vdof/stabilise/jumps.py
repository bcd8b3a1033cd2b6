"""Jumps of level: a network that works in windows steps to another scale and shift from one frame to the next.

No camera and no subject does that: whatever really moves shows in the frames beside it, too. A jump is taken back whole
before the trend is found, which would otherwise spread it over many frames and keep it. A frame or two that leap out and
come back are no jump but noise; `hold_back` keeps them out of the trend.
"""

from __future__ import annotations

import numpy as np

SIDE = 5
"""Frames on each side of a step that tell whether it stays."""
_BESIDE = 3
"""Steps on each side among which a jump stands alone."""
_ISOLATED = 5.0
"""A jump exceeds all but one of the steps beside it by this factor."""
_CERTAIN = 6.0
"""A jump exceeds the scatter of the frames on both sides by this factor."""
_MAD = 1.4826
"""Standard deviation over median absolute deviation."""
_LEAPS = 6.0
"""sigmas of the frames around at which one of them leaps out."""


def find_jumps(paths: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Return (k,n): by how much each of k paths (k,n) jumps on arrival at a frame, 0 where none of them does.

    least: (k,); a smaller change may be a real one. What a path does anyhow, its median step, is no part of the jump.
    """
    jumps = np.zeros(paths.shape)
    for i in range(_BESIDE, paths.shape[1] - _BESIDE + 1):
        found = [_measure_jump(path, i, one) for path, one in zip(paths, least, strict=True)]
        if any(is_jump for _, is_jump in found):
            jumps[:, i] = [rise for rise, _ in found]
    return jumps


def _measure_jump(path: np.ndarray, i: int, least: float) -> tuple[float, bool]:
    """Return how far the path (n,) rises on arrival at frame i, and whether that is a jump."""
    steps = np.diff(path[max(0, i - 1 - _BESIDE) : i + 1 + _BESIDE])
    own = min(i - 1, _BESIDE)
    beside = np.delete(steps, own)
    usual = float(np.median(beside))
    before, after = path[max(0, i - SIDE) : i], path[i : i + SIDE]
    middles = np.median(before), np.median(after)
    rise = float(middles[1] - middles[0]) - usual * (before.size + after.size) / 2
    others = float(np.sort(np.abs(beside - usual))[-2])
    is_alone = abs(steps[own] - usual) > _ISOLATED * others + least and abs(steps[own]) > 3 * abs(usual)
    scatter = float(np.median(np.abs(np.r_[before - middles[0], after - middles[1]])))
    return rise, is_alone and abs(rise) > _CERTAIN * _MAD * scatter + least


def hold_back(path: np.ndarray, least: float) -> np.ndarray:
    """Return the path (n,) with frames that leap out put where the frames around them lie; `least`: no leap."""
    padded = np.pad(path, SIDE, mode="reflect") if path.size > SIDE else np.pad(path, SIDE, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * SIDE + 1)
    middle = np.median(around, axis=1)
    scatter = _MAD * np.median(np.abs(around - middle[:, None]), axis=1)
    return np.where(np.abs(path - middle) > _LEAPS * scatter + least, middle, path)
