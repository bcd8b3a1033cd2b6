"""How kernels are compiled: without the GIL, cached on disk, with the float liberties that keep nan and inf meaningful."""

from __future__ import annotations

import numba
import numpy as np

f4 = np.float32
compiled = numba.njit(nogil=True, cache=True, fastmath={"nsz", "arcp", "contract", "reassoc"})
