"""How much the picture was blurred, from pixels: the Gaussian that turns the sharp reference into it, tile by tile."""

from __future__ import annotations

import cv2
import numpy as np

from vdof.check.diagnostics.view import Map, View

_SIGMAS = (0.0, 0.5, 0.8, 1.2, 1.8, 2.7, 4.0, 6.0, 9.0, 13.0)
"""px at 640: candidates, each about 1.5 times the last."""
_DIAMETER = 4.0
"""A disc of diameter c has a standard deviation of c/4 along each axis."""
_TILE = 16
"""Units."""
_TEXTURE = 6e-4
"""Mean squared difference, display-encoded, that the widest blur must make for a tile to tell anything."""


def find_blur(view: View) -> Map | None:
    """Blur diameters (h,w) px, constant over tiles; NaN where there is too little texture. None without a reference."""
    if view.sharp_luma is None:
        return None
    tile = max(4, round(_TILE * view.unit))
    rows, columns = (max(1, side // tile) for side in view.shape)
    errors = np.stack([_compare(view, sigma * view.unit, (columns, rows)) for sigma in _SIGMAS])
    spread = errors.max(axis=0) - errors.min(axis=0)
    sizes = _refine(errors) * view.unit * _DIAMETER
    sizes[spread < _TEXTURE] = np.nan
    return np.asarray(cv2.resize(sizes, view.shape[::-1], interpolation=cv2.INTER_NEAREST))


def _compare(view: View, sigma: float, size: tuple[int, int]) -> Map:
    """Mean squared difference per tile to the reference blurred by `sigma` px."""
    assert view.sharp_luma is not None
    blurred = view.sharp_luma if sigma == 0 else cv2.GaussianBlur(view.sharp_luma, (0, 0), sigma)
    return np.asarray(cv2.resize((blurred - view.luma) ** 2, size, interpolation=cv2.INTER_AREA))


def _refine(errors: Map) -> Map:
    """The best sigma (h,w) px at 640 of errors (n,h,w): a parabola through the best candidate and its neighbours."""
    best = np.clip(errors.argmin(axis=0), 1, len(errors) - 2)[None]
    low, middle, high = (np.take_along_axis(errors, best + step, axis=0)[0] for step in (-1, 0, 1))
    bend = low - 2 * middle + high
    step = np.where(bend > 1e-12, 0.5 * (low - high) / np.maximum(bend, 1e-12), 0)
    places = best[0] + np.clip(step, -1, 1)
    return np.interp(places, np.arange(len(_SIGMAS)), _SIGMAS).astype(np.float32)
