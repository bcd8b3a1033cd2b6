"""What comes near grows in the picture: how disparity must change for that reason alone.

Two places of one depth on what moves as one stay `Z` over `Z'` times as far apart in the next picture, whatever way it or
the camera moves. So flow tells how disparity changes, without the network's answer, which may have changed for no reason.
"""

from __future__ import annotations

import numpy as np

from vdof.flow.images import resize_array

_SPACING = 4
"""px between the places where growth is measured."""
_ALIKE = 0.05
"""Of disparity's range: places farther apart are not of one depth."""
_PRIOR = 100.0
"""px^2: weight of no growth; a single pair of places has its distance squared."""
_LIMITS = (0.7, 1.4)


def measure_growth(disparity: np.ndarray, flow: np.ndarray, trust: np.ndarray, spread: float) -> np.ndarray:
    """Return (h/4,w/4) float32: how many times nearer what each place shows is in the frame that flow leads to.

    disparity: (h,w) float32; flow: (h,w,2) px; trust: (h,w) 0..1 in the flow; spread: range of disparity. 1 where flow
    cannot tell.
    """
    from vdof.stabilise.growth_numba import pool_rows, stretch_rows

    h, w = disparity.shape
    size = max(1, h // _SPACING), max(1, w // _SPACING)
    level = resize_array(disparity, size) / np.float32(_ALIKE * spread + 1e-9)
    places = np.ascontiguousarray(resize_array(flow, size)), np.ascontiguousarray(resize_array(trust, size))
    sums, growth = np.empty((*size, 2), np.float32), np.empty(size, np.float32)
    stretch_rows(0, size[0], level, *places, np.float32(w / size[1]), sums)
    pool_rows(0, size[0], level, sums, np.float32(_PRIOR), growth)
    return np.clip(growth, *_LIMITS)
