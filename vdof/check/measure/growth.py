"""How a part of the picture grows: how far its points get from one another.

The divergence of flow around a point is spoilt where the window holds the edge of something that moves; distances between
points that were followed are longer, so they tell growth finer, and a pair that slides apart is one among hundreds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vdof.check.measure.curves import fit_common
from vdof.check.measure.evidence import Evidence

_NEAREST = 0.06
"""Shares of the width: points nearer to each other tell more of their own errors."""
_FARTHEST = 0.4
"""Pairs farther apart count as much as these."""
_SHORTEST_S = 0.5
"""A pair seen together for less tells no growth apart from its own error; and pairs are chosen anew so often."""
_PARTNERS = 3
"""Of each point, at a time."""
_MOST = 1000
"""Pairs in all: more tell nothing more of a shot of seconds, and half a minute of them must fit in memory."""

Array = NDArray[np.float64]


def measure_growth(evidence: Evidence, is_in: NDArray[np.bool_]) -> Array:
    """(t,) log2 of the size of what the points `is_in` (n,) lie on, nan where unknown; its mean and slope mean nothing."""
    across, down = (evidence.columns[name][is_in] for name in ("x", "y"))
    one, other = choose_pairs(np.isfinite(across), evidence.seconds).T
    distance = np.hypot(across[one] - across[other], (down[one] - down[other]) * evidence.aspect)
    nearest = np.where(np.isfinite(distance), distance, np.inf).min(axis=1, initial=np.inf)
    distance = distance[nearest > _NEAREST]
    weight = np.square(np.minimum(np.nan_to_num(distance), _FARTHEST))
    return fit_common(np.log2(distance), weight, evidence.seconds, has_strays=True)


def choose_pairs(is_seen: NDArray[np.bool_], seconds: Array) -> NDArray[np.int64]:
    """(m,2) which points are paired, of those that `is_seen` (n,t) shows together for long enough: by lot, at all times."""
    rng = np.random.default_rng(0)
    step = max(1, round(_SHORTEST_S / float(np.median(np.diff(seconds)))))
    pairs = [np.empty((0, 2), np.int64)]
    for first in range(0, is_seen.shape[1] - step, step):
        lasting = np.flatnonzero(is_seen[:, first : first + step + 1].all(axis=1))
        pairs += [np.stack([lasting, rng.permutation(lasting)], axis=1) for _ in range(_PARTNERS)]
    found = np.sort(np.concatenate(pairs), axis=1)
    found = np.unique(found[found[:, 0] < found[:, 1]], axis=0)
    return found if len(found) <= _MOST else rng.choice(found, _MOST, replace=False)
