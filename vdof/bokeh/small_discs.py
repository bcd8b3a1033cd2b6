"""Spans of discs a few pixels wide, chosen so that they blur a picture as the true disc does.

The light that falls on each pixel is not enough there: sampled, it turns a steady change of radius into steps, as rows enter
the disc one by one. The spans of a radius are those whose frequency response is nearest to the disc's up to the limit of the
pixel grid, weighted by the spectrum of pictures, whose amplitude falls as 1/f (Field, "Relations between the statistics of
natural images and the response properties of cortical cells", 1987): Levenberg-Marquardt over every row's light and width.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
REACH = 4
"""Radius, px, up to which spans are fitted."""
GRID = 16
"""Frequencies per cycle and pixel."""
STEPS = 32
"""Radii per pixel."""
TURNS, DAMPING = 3, 1e-3
"""Steps of the fit at each radius, which sets out from the next larger one, and their damping relative to the curvature."""
LEAST_HALF = 0.5
"""Half width, px, below which a span is one pixel."""

_across = np.arange(GRID // 2 + 1) / GRID
_along = np.fft.fftfreq(GRID)
_square = _across**2 + _along[:, None] ** 2
_weight = np.sinc(_across) * np.sinc(_along)[:, None] / np.sqrt(np.where(_square > 0, _square, GRID**-3))
_row = np.arange(-REACH, REACH + 1)
_column = np.arange(-REACH - 2, REACH + 3)
_turn_across = np.exp(-2j * math.pi * _column[:, None] * _across)
_turn_along = np.exp(-2j * math.pi * _along[:, None] * _row)


@lru_cache(maxsize=64)
def fit_spans(left: bytes, right: bytes, scale: float) -> Array:
    """Spans (2 REACH + 1, STEPS REACH + 1, 3) of light 1 of a shape at `scale` times every radius up to REACH.

    left, right: bytes of the shape's float64 edges on even rows of the unit circle. Centre and half width, px, and light.
    """
    first, last = np.frombuffer(left), np.frombuffer(right)
    spans = np.zeros((len(_row), STEPS * REACH + 1, 3))
    light, _, half = _bin_rows(first, last, REACH * scale)
    for n in range(STEPS * REACH, 0, -1):
        radius = n / STEPS * scale
        is_lit = np.abs(_row) < max(radius, 0.51) + 0.5
        light = np.where(is_lit, np.maximum(light, 1e-3), 0)
        centre = _bin_rows(first, last, radius)[1]
        light, half = _fit_rows(
            _respond(first, last, radius), centre, light / light.sum(), half, np.flatnonzero(is_lit)
        )
        spans[:, n] = np.stack([centre, half, light], 1)
    spans[:, 0, 1], spans[REACH, 0, 2] = LEAST_HALF, 1
    return spans


def _bin_rows(left: Array, right: Array, radius: float) -> tuple[Array, Array, Array]:
    """Light, centre and half width of the shape at `radius` px on every row of pixels."""
    row = (np.arange(len(left)) + 0.5) / len(left) * 2 - 1
    index = np.floor(row * radius + 0.5).astype(int) + REACH
    width, middle = right - left, (left + right) / 2
    light = np.bincount(index, width, len(_row))
    centre = np.bincount(index, width * middle, len(_row)) / np.maximum(light, 1e-12) * radius
    half = np.bincount(index, width**2, len(_row)) / np.maximum(light, 1e-12) / 2 * radius
    return (
        light / light.sum(),
        np.where(light > 0, centre, (light * centre).sum() / light.sum()),
        np.maximum(half, LEAST_HALF),
    )


def _respond(left: Array, right: Array, radius: float) -> Array:
    """Frequency response (GRID, GRID/2 + 1) of the shape at `radius` px, 1 at frequency 0."""
    row = (np.arange(len(left)) + 0.5) / len(left) * 2 - 1
    middle, width = (left + right)[:, None] / 2, (right - left)[:, None]
    across = np.exp(-2j * math.pi * radius * middle * _across) * np.sinc(radius * width * _across) * width
    response: Array = np.exp(-2j * math.pi * radius * row * _along[:, None]) @ across / width.sum()
    return response


def _fit_rows(target: Array, centre: Array, light: Array, half: Array, lit: NDArray[np.int64]) -> tuple[Array, Array]:
    """Light and half width of the rows `lit` whose response together is nearest to `target`."""
    for _ in range(TURNS):
        response, wider = _respond_rows(centre, half)
        rows = _turn_along[:, None] * response.T
        slopes = np.concatenate([rows[..., lit], (_turn_along[:, None] * wider.T * light)[..., lit]], 2)
        slopes = (slopes * _weight[..., None]).reshape(-1, 2 * lit.size)
        off = ((target - rows @ light) * _weight).ravel()
        curve = (slopes.conj().T @ slopes).real
        step = np.linalg.solve(curve + DAMPING * np.diag(curve.diagonal() + 1e-3), (slopes.conj().T @ off).real)
        light, half = light.copy(), half.copy()
        light[lit] = np.maximum(light[lit] + step[: lit.size], 0)
        half[lit] = np.maximum(half[lit] + step[lit.size :].clip(-0.2, 0.2), LEAST_HALF)
        light /= light.sum()
    return light, half


def _respond_rows(centre: Array, half: Array) -> tuple[Array, Array]:
    """Response across (rows, GRID/2 + 1) of spans of light 1, and its change with the half width."""
    small = 1e-4
    narrow, wide = _cover(centre, half), _cover(centre, half + small)
    return narrow @ _turn_across, (wide - narrow) / small @ _turn_across


def _cover(centre: Array, half: Array) -> Array:
    """Share of its light that each span gives to every column of pixels."""
    first = np.maximum(_column - 0.5, (centre - half)[:, None])
    last = np.minimum(_column + 0.5, (centre + half)[:, None])
    share: Array = np.maximum(last - first, 0) / (2 * half[:, None])
    return share
