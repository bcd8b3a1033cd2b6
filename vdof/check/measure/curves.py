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
_FARTHEST = 6.0
"""Misfits count no more than so many times the usual one in a track's variance."""
_LEAST_VARIANCE = 0.5
"""Of the usual one: no track is believed to be better than that."""
_FEWEST = 4
"""Tracks of a group that a frame needs."""

Array = NDArray[np.float64]


def fit_common(values: Array, weights: Array, seconds: Array, *, has_strays: bool = False) -> Array:
    """(t,) the common curve of tracks `values` (n,t), nan where a track is not seen; nan where too few tracks are.

    `weights` (n,t) >= 0; `seconds` (t,). The curve's mean is 0. `has_strays`: some tracks tell of themselves instead (a face
    that talks, an arm that waves), so each counts by the inverse of its variance.
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
            robust = w * find_trust(np.where(seen, rest - common, np.nan), has_strays=has_strays)
    return np.where(has_enough, common, np.nan)


def find_trust(misfit: Array, *, has_strays: bool) -> Array:
    """(n,t) >= 0: less for values far off the common curve; `has_strays`: for all values of a track that strays from it too."""
    size = np.abs(misfit)
    scale = 1.48 * float(np.nanmedian(size)) + 1e-9
    size = np.nan_to_num(size)
    trust = 1 / (1 + np.square(size / (2 * scale)))
    if not has_strays:
        return trust
    power = np.square(np.minimum(size, _FARTHEST * scale)).sum(axis=1)
    own = power / np.maximum(np.isfinite(misfit).sum(axis=1), 1)
    return trust * (scale**2 / (own + _LEAST_VARIANCE * scale**2))[:, None]


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


def fit_groups(
    values: Array, weights: Array, seconds: Array, groups: NDArray[np.int64], *, has_strays: bool = False
) -> Array:
    """(GROUPS,t) the common curve of each group of tracks; `groups` (n,) names each track's."""
    parts = [groups == k for k in range(GROUPS)]
    return np.stack([fit_common(values[part], weights[part], seconds, has_strays=has_strays) for part in parts])


def common_power(curves: Array) -> Array:
    """(t,) mean product of two different curves (k,t): what they share, with the noise of each averaged out."""
    known = np.isfinite(curves)
    count = known.sum(axis=0)
    filled = np.where(known, curves, 0.0)
    products = filled.sum(axis=0) ** 2 - (filled**2).sum(axis=0)
    return np.where(count >= 2, products / np.maximum(count * (count - 1), 1), 0.0)
