"""What all blur of the picture does together while focus is pulled, against the sharp reference.

A pull sharpens one part of the picture and blurs another, each on a way of its own that is smooth in time: a line and a bend
around every moment. What departs from it is a hand's tremor, which takes every part to and fro on its own way, by as much as it
goes there in the same time; or a gain, which is the same everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vdof.check.measure.curves import GROUPS, find_trust
from vdof.check.measure.evidence import Evidence
from vdof.check.measure.pixel_blur import LEVELS

_SMOOTH_S = 0.22
"""Standard deviation of the window in which a point's way is a line and a bend: some of a pulse goes with it."""
REACH_S = 3 * _SMOOTH_S
"""What is farther away than this does not count."""
_LOST = 1.5
"""Pulse of 2 to 3 Hz over what is left of it: 1.1 where blur is told exactly, 2 in the bench's films."""
_REACH = 1.3
"""Stops from the blur that a level tells best, beyond which it says nothing, ..."""
_FALL = 0.6
"""... and from which on it counts little."""
_HELD = 0.02
"""Holds the tremor near none where nothing moves; stops a second, squared."""
_ROUNDS = 5
_FEWEST = 4
"""Points and levels of a group that a frame needs."""

Array = NDArray[np.float64]


def measure_gain(evidence: Evidence, wanted: float, least_weight: float, renewed: Array) -> Array:
    """(GROUPS,t) log2 of the blur's gain, without what is smooth in time; nan where too little is seen.

    `wanted` px is the blur that a level tells best, `least_weight` what a point must weigh, `renewed` (n,t) its trust.
    """
    sizes, weights = (list_levels(evidence, kind) for kind in ("size", "weight"))
    misfit = np.abs(sizes - np.repeat(np.arange(LEVELS), len(evidence.ids))[:, None] - np.log2(wanted))
    is_told = (misfit < _REACH) & (weights > least_weight)
    weight = np.where(is_told, weights * np.exp(-0.5 * np.square(misfit / _FALL)) * np.tile(renewed, (LEVELS, 1)), 0.0)
    size = np.where(is_told, sizes, 0.0)
    way, speed = smooth_rows(size, weight, evidence.seconds)
    rest = np.where(is_told, size - way, np.nan)
    members = np.tile(evidence.groups, LEVELS)
    parts = [members == k for k in range(GROUPS)]
    return _LOST * np.stack([fit_gain(rest[part], weight[part], speed[part]) for part in parts])


def list_levels(evidence: Evidence, kind: str) -> Array:
    """(LEVELS*n,t) a column of every level, one after the other."""
    return np.nan_to_num(np.concatenate([evidence.columns[f"{kind}{level}"] for level in range(LEVELS)]))


def smooth_rows(values: Array, weights: Array, seconds: Array) -> tuple[Array, Array]:
    """(m,t) each row's way, by a weighted line and bend around every moment, and its speed a second."""
    away = (seconds[:, None] - seconds[None]) / _SMOOTH_S
    window = np.exp(-0.5 * np.square(away))
    moments = [weights @ (window * away**power) for power in range(5)]
    sums = np.stack([(weights * values) @ (window * away**power) for power in range(3)], axis=-1)
    matrix = np.stack([np.stack(moments[row : row + 3], axis=-1) for row in range(3)], axis=-2)
    found = np.asarray(np.linalg.solve(matrix + 1e-6 * np.eye(3), sums[..., None])[..., 0], np.float64)
    return found[..., 0], found[..., 1] / _SMOOTH_S


def fit_gain(rest: Array, weights: Array, speed: Array) -> Array:
    """(t,) what rows `rest` (m,t) have in common beside a time each at `speed` (m,t), robustly; nan where few are seen."""
    is_seen = np.isfinite(rest)
    values, trust = np.where(is_seen, rest, 0.0), weights
    gain = np.zeros(rest.shape[1])
    for _ in range(_ROUNDS):
        whole, lean, square = (trust.sum(axis=0), (trust * speed).sum(axis=0), (trust * speed**2).sum(axis=0))
        common, along = (trust * values).sum(axis=0), (trust * speed * values).sum(axis=0)
        square = square + _HELD * whole
        spread = np.maximum(whole * square - lean**2, 1e-12)
        gain, delay = (square * common - lean * along) / spread, (whole * along - lean * common) / spread
        trust = weights * find_trust(np.where(is_seen, rest - gain - delay * speed, np.nan), has_strays=False)
    return np.where(is_seen.sum(axis=0) >= _FEWEST, gain, np.nan)
