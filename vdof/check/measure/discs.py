"""The discs that a sharp picture is blurred with to see which makes it most like a blurred one.

A pixel grid has no room for a small disc: drawn by area, one of .5 px is a point. So each kernel is the one whose frequency
response is nearest to the disc's over all that the grid can show; what a renderer or a lens made is blurred like that.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

COUNT = 7
_OCTAVES = 5.0
"""Between the tried ones, evenly, lie so many doublings of the squared radius beside `_UNIT`."""
_UNIT = 0.25
"""px^2: below about its root a disc changes with its squared radius, above by octaves."""
STEPS = 16
"""Places between two tried discs at which their likeness is looked up."""
_GRID = 24
"""Rates from none to the grid's limit, along each axis, at which a kernel is fitted."""
_CHORDS = 200

Map = NDArray[np.float32]
Array = NDArray[np.float64]


def to_square(octave: Array) -> Array:
    """px^2 of the radius that lies `octave` along the tried discs; 0 for the point."""
    return np.asarray(_UNIT * (np.exp2(octave) - 1))


def make_disc(radius: float) -> Map | None:
    """The kernel that blurs most like a disc of `radius` px and sums to 1; None for a point."""
    if radius == 0:
        return None
    reach = int(np.ceil(radius + 1))
    place = np.arange(reach + 1)
    rate = np.arange(_GRID) / _GRID / 2
    away = np.hypot(rate[:, None], rate)
    across = (np.arange(_CHORDS) + 0.5) / _CHORDS * 2 - 1
    chord = np.sqrt(1 - across**2)
    wanted = np.cos(2 * np.pi * radius * away[..., None] * across) @ chord / chord.sum()
    wave = np.cos(2 * np.pi * rate[:, None] * place) * np.where(place > 0, 2, 1)
    shown = np.einsum("ax,by->abxy", wave, wave).reshape(_GRID**2, -1)
    # natural pictures hold less of what is finer: the amplitude of a rate falls off as one over it
    weight = 1 / np.maximum(away.ravel(), 0.5 / _GRID)
    quarter, *_ = np.linalg.lstsq(shown * weight[:, None], wanted.ravel() * weight, rcond=None)
    side = np.abs(np.arange(-reach, reach + 1))
    kernel = quarter.reshape(reach + 1, reach + 1)[np.ix_(side, side)]
    return np.asarray(kernel / kernel.sum(), np.float32)


@cache
def list_discs() -> tuple[Map | None, ...]:
    """The tried discs, from the point to the largest."""
    return tuple(make_disc(float(np.sqrt(square))) for square in to_square(np.linspace(0, _OCTAVES, COUNT)))


def blur(picture: Map, kernel: Map | None) -> Map:
    """(h,w) the picture behind one of `list_discs`."""
    return picture if kernel is None else np.asarray(cv2.filter2D(picture, -1, kernel), np.float32)


def make_finer(count: int, steps: int) -> Array:
    """(m,count) what takes values at 0..count-1 to those of the polynomial through them, `steps` times as dense."""
    coarse, fine = np.linspace(-1, 1, count), np.linspace(-1, 1, (count - 1) * steps + 1)
    order = count - 1
    values = np.polynomial.legendre.legvander(fine, order) @ np.linalg.inv(
        np.polynomial.legendre.legvander(coarse, order)
    )
    return np.asarray(values)


OCTAVE = _OCTAVES / (COUNT - 1) / STEPS
"""Octaves from one place of `FINER` to the next."""
FINER = make_finer(COUNT, STEPS)
