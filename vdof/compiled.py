"""How CPU kernels are compiled: without the GIL, cached on disk, with float liberties that keep nan and inf meaningful."""

from __future__ import annotations

import numba
import numpy as np

f4 = np.float32
u8 = np.uint64
LIBERTIES = {"nsz", "arcp", "contract", "reassoc"}
compiled = numba.njit(nogil=True, cache=True, fastmath=LIBERTIES)

inlined = numba.njit(nogil=True, forceinline=True, fastmath=LIBERTIES)
"""For what is called millions of times: a call hands every array over in pieces, which costs more than the work."""


@compiled
def ramp(value, limits):
    """0 below the first of two limits, 1 above the second, linear in between."""
    return min(max((value - f4(limits[0])) / f4(limits[1] - limits[0]), f4(0)), f4(1))
