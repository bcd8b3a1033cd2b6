"""Pairs -> one scale and shift per frame that bring a window of frames to one level, and their slow trend.

Scales multiply along a path of frames, so their logarithms add: both unknowns are found by banded least squares on
differences, made robust by Huber's weights. Only differences are known; whatever is constant over the window drops out
when the trend is taken away, so neighbouring windows agree without being told.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vdof.stabilise.pairs import AffinePair

_HUBER = 1.345
_REWEIGHTINGS = 8
_STIFFNESS = 1e-4
"""Weight of "no change" between neighbours: decides only where no pair does."""
_CAUTION = 2.0
"""A slope is disbelieved as far as its square is not this many times the variance that chance gives it."""


def synchronise(pairs: Sequence[AffinePair], start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (log_scale, shift), each (stop - start,), so that `exp(log_scale) d + shift` is level over the frames.

    Both are known only up to a constant. Pairs that reach outside [start, stop) are left out.
    """
    inside = [pair for pair in pairs if pair.first >= start and pair.second < stop]
    n = stop - start
    if not inside:
        return np.zeros(n), np.zeros(n)
    first = np.array([pair.first for pair in inside]) - start
    second = np.array([pair.second for pair in inside]) - start
    scale = np.array([pair.scale for pair in inside])
    centre = np.array([pair.centre for pair in inside])
    carried = scale * centre + np.array([pair.shift for pair in inside])
    log_scale = _solve_differences(n, first, second, np.log(scale), np.array([p.scale_weight for p in inside]))
    # what is known best is where the centre goes: a scale that the other pairs contradict must not spoil the shift
    step = np.exp(log_scale[second]) * carried - np.exp(log_scale[first]) * centre
    level = _solve_differences(n, first, second, step, np.array([p.shift_weight for p in inside]))
    return log_scale, level


def find_trend(values: np.ndarray, frames: float) -> np.ndarray:
    """Return the slow part of values (n,): a local straight line under a Gaussian window.

    frames: the window's standard deviation. A straight line comes back unchanged, at the ends too. Of a slope no steeper
    than the scatter about the line could have made by chance little is believed (James and Stein 1961, positive part):
    it would tilt whole shots.
    """
    n = values.size
    offset = np.arange(n)[None, :] - np.arange(n)[:, None]
    weight = np.exp(-0.5 * (offset / frames) ** 2) * (np.abs(offset) <= trend_reach(frames))
    total = weight.sum(axis=1)
    mean_offset = (weight * offset).sum(axis=1) / total
    centred = offset - mean_offset[:, None]
    mean = weight @ values / total
    spread = np.maximum((weight * centred**2).sum(axis=1), 1e-9)
    slope = (weight * centred) @ values / spread
    scatter = (weight * (values - mean[:, None] - slope[:, None] * centred) ** 2).sum(axis=1) / total
    by_chance = scatter * ((weight * centred) ** 2).sum(axis=1) / spread**2
    belief = np.clip(1 - _CAUTION * by_chance / np.maximum(slope**2, 1e-24), 0, 1)
    return mean - belief * slope * mean_offset


def trend_reach(frames: float) -> int:
    """Return how many frames on each side the trend looks at."""
    return int(np.ceil(2.5 * frames))


def _solve_differences(
    n: int, first: np.ndarray, second: np.ndarray, difference: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Return u (n,) with mean 0 that best satisfies `u[first] - u[second] = difference` under Huber's loss."""
    tether = np.diff(np.eye(n), axis=0)
    base = _STIFFNESS * tether.T @ tether + 1e-9 * np.eye(n)
    robust = np.ones(difference.size)
    solution = np.zeros(n)
    for _ in range(_REWEIGHTINGS):
        w = weight * robust
        matrix = base.copy()
        np.add.at(matrix, (first, first), w)
        np.add.at(matrix, (second, second), w)
        np.add.at(matrix, (first, second), -w)
        np.add.at(matrix, (second, first), -w)
        right = np.bincount(first, w * difference, n) - np.bincount(second, w * difference, n)
        solution = np.linalg.solve(matrix, right)
        residual = np.abs(solution[first] - solution[second] - difference)
        limit = _HUBER * (1.4826 * float(np.median(residual)) + 1e-9)
        robust = 1 / np.maximum(1, residual / limit)
    return solution - solution.mean()
