"""Blur that hangs on the frame: a vignette of blur, a drawn mask, a tilted lens.

A point that moves across such blur changes with it, all points together where the camera shakes, and nothing pulses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vdof.check.measure.evidence import Evidence

_ORDER = 3
"""Of the polynomial of a frame's place that the blur is."""
_STIFFNESS = 1e-6
"""Of the usual power of a term: keeps apart what the points cannot tell apart."""

Array = NDArray[np.float64]


def find_hanging(evidence: Evidence, size: Array, trust: Array) -> Array:
    """(n,t) log2 of the blur that there usually is where each point is; nan where it is not followed.

    `size` (n,t) is the blur of the points, nan where unknown, `trust` (n,t) >= 0 what each value counts.
    """
    x, y = (2 * evidence.columns[name] - 1 for name in ("x", "y"))
    terms = [x**i * y**j for i in range(_ORDER + 1) for j in range(_ORDER + 1 - i)]
    basis = np.nan_to_num(np.stack(terms, axis=-1))
    known = np.isfinite(size) & (trust > 0)
    weighted = basis[known] * trust[known][:, None]
    curve = weighted.T @ basis[known]
    curve += _STIFFNESS * (np.trace(curve) + 1e-12) / len(curve) * np.eye(len(curve))
    return np.where(np.isfinite(x), basis @ np.linalg.solve(curve, weighted.T @ size[known]), np.nan)
