"""How blurred the picture is around a point, from its pixels: against the sharp picture, or alone.

Both ways work on a pyramid and answer per level, as a blur can only be told on a level where it is about a pixel large; which
level counts for a point is decided later, over its whole track (`vdof.check.measure.pixel_gauge`).

Against the sharp picture: the radius of the disc that makes the sharp picture's gradients most like the blurred one's
(normalised correlation, so exposure and contrast do not matter, and noise of the codec lowers all radii alike).

Alone: the root of gradient energy over Laplacian energy, the mean wavelength of what is left of the texture. Behind a blur
of sigma the spectrum of an edge or of natural texture falls off as exp(-(2 pi f sigma)^2), so that wavelength is proportional
to sigma once sigma is about a pixel; exposure and contrast cancel. What the texture itself is, each track's own mean takes out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.measure import discs
from vdof.check.measure.tracks import Sight

SHARP_TEXTURE = 1.25
"""px of the finest level: the root of gradient over Laplacian energy below which texture tells nothing of a lens: there
it changes with every shift by half a pixel."""
LEVELS = 4
LONG_SIDE = 480
"""px of the finest level."""
NOTHING_BLURRED = 1.2
"""px of the finest level: the radius below which a change hardly shows; there the codec blurs as much as a lens."""
_CELL = 4
"""px of a level whose energies are added up before anything else."""
_WINDOWS = (8, 6, 4, 3)
"""Cells across the window that a point looks at, at each level."""
_NOISE = 0.8 / 255
"""Display-encoded gradient that the codec makes of nothing, at the finest level; a level up it is a half."""

Map = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Blur:
    """One level's answer for n points."""

    size: Array
    """(n,) log2 of the blur in pixels of the finest level."""
    weight: Array
    """(n,) >= 0: how much it tells."""


def compare(image: Map, sharp: Map, sight: Sight) -> list[Blur]:
    """Blur of `image` against `sharp`, luma (h,w) display-encoded 0..1, at every level."""
    blurred, clear = light_pyramid(image), light_pyramid(sharp)
    return [compare_level(level, blurred[level], clear[level], sight) for level in range(LEVELS)]


def compare_level(level: int, image: Map, sharp: Map, sight: Sight) -> Blur:
    across, down = gradient(np.sqrt(np.maximum(image, 0)))
    own = gather(across * across + down * down, level, sight)
    energies, products = [], []
    for disc in discs.list_discs():
        gx, gy = gradient(np.sqrt(np.maximum(discs.blur(sharp, disc), np.float32(0))))
        energies.append(gather(gx * gx + gy * gy, level, sight))
        products.append(gather(gx * across + gy * down, level, sight))
    energy = np.exp(discs.FINER @ np.log(np.maximum(np.stack(energies), 1e-12)))
    alike = (discs.FINER @ np.stack(products)) / np.sqrt(np.maximum(energy * own, 1e-16))
    noise = (_NOISE / 2**level) ** 2
    return find_peak(alike, own / (own + 4 * noise), level)


def find_peak(alike: Array, trust: Array, level: int) -> Blur:
    """The best disc of each point, between the tried ones; `alike` (k,n) correlations along them."""
    count, points = alike.shape
    best = np.clip(np.argmax(alike, axis=0), 1, count - 2)
    columns = np.arange(points)
    before, top, after = (alike[best + step, columns] for step in (-1, 0, 1))
    bend = np.maximum(2 * top - before - after, 1e-6)
    place = best + np.clip((after - before) / (2 * bend), -1.5, 1.5)
    bend = bend / discs.OCTAVE**2
    square = discs.to_square(np.maximum(place, 0) * discs.OCTAVE)
    size = 0.5 * np.log2(square * 4.0**level + NOTHING_BLURRED**2)
    is_open = (place > 0) & (place < count - 1)
    weight = trust * bend / (bend + 0.02) * np.clip(top, 0, 1) ** 4 * np.where(is_open, 1.0, 0.05)
    return Blur(size, weight)


def measure_alone(image: Map, sight: Sight) -> list[Blur]:
    """Mean wavelength of the texture of `image`, luma (h,w) display-encoded 0..1, at every level."""
    found = []
    for level, picture in enumerate(pyramid(image)):
        across, down = gradient(picture)
        bend = cv2.Laplacian(picture, cv2.CV_32F, ksize=1, borderType=cv2.BORDER_REFLECT)
        slope = gather(across * across + down * down, level, sight)
        curvature = gather(bend * bend, level, sight)
        noise = (_NOISE / 2**level) ** 2
        square = (slope + noise) / (curvature + 4 * noise) * 4.0**level
        size = 0.5 * np.log2(square + SHARP_TEXTURE**2)
        found.append(Blur(size, curvature / (curvature + 8 * noise)))
    return found


def pyramid(picture: Map) -> list[Map]:
    """The picture and its halvings."""
    levels = [picture]
    for _ in range(LEVELS - 1):
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.float32))
    return levels


def light_pyramid(picture: Map) -> list[Map]:
    """The same of its light: display codes squared, near enough."""
    return pyramid(np.square(picture))


def gradient(picture: Map) -> tuple[Map, Map]:
    """Central differences (h,w) across and down."""
    kernel = np.array([[-0.5, 0, 0.5]], np.float32)
    across = cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT)
    down = cv2.filter2D(picture, -1, kernel.T, borderType=cv2.BORDER_REFLECT)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def gather(energy: Map, level: int, sight: Sight) -> Array:
    """(n,) mean of `energy` (h,w) in a smooth window around each point."""
    size = (max(2, round(energy.shape[1] / _CELL)), max(2, round(energy.shape[0] / _CELL)))
    cells = np.asarray(cv2.resize(energy, size, interpolation=cv2.INTER_AREA))
    smooth = cv2.GaussianBlur(cells, (0, 0), _WINDOWS[level] / 3.5, borderType=cv2.BORDER_REFLECT)
    x = np.ascontiguousarray(sight.places[:, 0] * size[0] - 0.5)[:, None]
    y = np.ascontiguousarray(sight.places[:, 1] * size[1] - 0.5)[:, None]
    found = cv2.remap(smooth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float64)[:, 0]
