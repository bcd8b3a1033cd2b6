"""One curve for many tracks: what they have in common over time, whatever each of them is.

A track is one point's log blur over time, with gaps before it is first and after it is last seen. The common curve is the
g(t) of `x_i(t) = level_i + slope_i t + g(t) + noise`, fitted robustly; groups of tracks that share no pixels give curves
whose noise is independent, so products of different groups measure what is common and nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GROUPS = 4
"""Independent groups of tracks."""
_ROUNDS = 12
_SHORTEST_FOR_SLOPE_S = 1.5
"""A shorter track has no slope of its own: it could not be told from the common curve."""
_FEWEST = 4
"""Tracks of a group that a frame needs."""

Array = NDArray[np.float64]


def fit_common(values: Array, weights: Array, seconds: Array) -> Array:
    """(t,) the common curve of tracks `values` (n,t), nan where a track is not seen; nan where too few tracks are.

    `weights` (n,t) >= 0; `seconds` (t,). The curve's mean is 0.
    """
    seen = np.isfinite(values) & (weights > 0)
    x, w = np.where(seen, values, 0.0), np.where(seen, weights, 0.0)
    has_enough = seen.sum(axis=0) >= _FEWEST
    if has_enough.sum() < 2:
        return np.full(len(seconds), np.nan)
    common = start_common(x, seen, has_enough)
    robust = w
    for number in range(_ROUNDS):
        own = fit_lines(x - common, robust, seconds)
        rest = np.where(seen, x - own, 0.0)
        fresh = (robust * rest).sum(axis=0) / np.maximum(robust.sum(axis=0), 1e-12)
        common = np.where(has_enough, fresh, 0.0)
        common -= common[has_enough].mean()
        if number < _ROUNDS - 4:
            misfit = np.abs(rest - common)
            scale = 1.48 * np.median(misfit[seen]) + 1e-9
            robust = w / (1 + np.square(misfit / (2 * scale)))
    return np.where(has_enough, common, np.nan)


def start_common(x: Array, seen: NDArray[np.bool_], has_enough: NDArray[np.bool_]) -> Array:
    """(t,) a first guess: the medians of all tracks' steps, summed."""
    both = seen[:, 1:] & seen[:, :-1]
    steps = np.where(both, np.diff(x, axis=1), np.nan)
    is_known = both.sum(axis=0) >= _FEWEST
    median = np.zeros(steps.shape[1])
    if is_known.any():
        median[is_known] = np.nanmedian(steps[:, is_known], axis=0)
    common = np.concatenate([[0.0], np.cumsum(median)])
    return np.where(has_enough, common - common[has_enough].mean(), 0.0)


def fit_lines(x: Array, w: Array, seconds: Array) -> Array:
    """(n,t) the weighted straight line of each track; a level only, where a track is short."""
    total = np.maximum(w.sum(axis=1), 1e-12)
    middle = (w @ seconds) / total
    level = (w * x).sum(axis=1) / total
    offsets = seconds[None] - middle[:, None]
    spread = (w * offsets**2).sum(axis=1)
    slope = (w * x * offsets).sum(axis=1) / np.maximum(spread, 1e-12)
    is_seen = w > 0
    first = np.where(is_seen, seconds, np.inf).min(axis=1)
    last = np.where(is_seen, seconds, -np.inf).max(axis=1)
    slope = np.where(last - first >= _SHORTEST_FOR_SLOPE_S, slope, 0.0)
    return level[:, None] + slope[:, None] * offsets


def fit_groups(values: Array, weights: Array, seconds: Array, groups: NDArray[np.int64]) -> Array:
    """(GROUPS,t) the common curve of each group of tracks; `groups` (n,) names each track's."""
    return np.stack([fit_common(values[groups == k], weights[groups == k], seconds) for k in range(GROUPS)])


def common_power(curves: Array) -> Array:
    """(t,) mean product of two different curves (k,t): what they share, with the noise of each averaged out."""
    known = np.isfinite(curves)
    count = known.sum(axis=0)
    filled = np.where(known, curves, 0.0)
    products = filled.sum(axis=0) ** 2 - (filled**2).sum(axis=0)
    return np.where(count >= 2, products / np.maximum(count * (count - 1), 1), 0.0)
