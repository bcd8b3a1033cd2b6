"""Discs of out-of-focus lights: found, measured, and trusted only where they must be discs.

A light that is small and out of focus draws the aperture. Found are bright, isolated, evenly filled blobs of elliptical
outline; where the sharp source is known, the light in it must be small, and where the coc is known, the blob must be as
large as the coc: signs and lamps that are long themselves are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.diagnostics.view import Map, View

_LARGEST = 64
"""Units: disc diameter."""
_SMALLEST = 7
"""Units; below it, pixels decide the shape."""
_CONTRAST = 0.06
"""Light by which a disc is brighter than what surrounds it."""
_OVERLAP = 0.86
"""Share of disc and fitted ellipse together that is both; polygons of 5 blades have .88, squares .83."""
_SOURCE = 0.5
"""A light of more than this share of its disc's diameter, in the source, is no point."""
_MOST = 60
"""Discs per frame, the brightest first."""

NO_SOURCE = "without the sharp source or the coc a lamp that is long or fogged looks like an oval or dirty disc"
"""Why discs are not judged in a picture alone: signs and wet streets gave as many false alarms as finds."""


@dataclass(frozen=True, slots=True)
class Disc:
    """One disc; pixels of the view."""

    x: float
    y: float
    area: int
    shape: tuple[float, float]
    """ln(long/short axis) times cosine and sine of twice the long axis' angle: 0,0 for a circle."""
    mask: NDArray[np.bool_]
    """Of its window."""
    corner: tuple[int, int]
    """Row and column of the window's first pixel."""
    level: float
    """Light inside over what surrounds it."""
    around: float
    """Light that surrounds it."""

    @property
    def diameter(self) -> float:
        """Of a circle of the same area."""
        return 2 * float(np.sqrt(self.area / np.pi))


def find_discs(view: View) -> list[Disc]:
    """The discs of a frame, brightest first."""
    light = view.light.max(axis=2)
    side = int(1.5 * _LARGEST * view.unit) | 1
    scale = 4
    small = cv2.resize(
        light, (max(1, view.shape[1] // scale), max(1, view.shape[0] // scale)), interpolation=cv2.INTER_AREA
    )
    around: Map = np.asarray(
        cv2.resize(
            cv2.blur(cv2.erode(small, np.ones((side // scale // 2 | 1,) * 2, np.uint8)), (side // scale | 1,) * 2),
            view.shape[::-1],
            interpolation=cv2.INTER_LINEAR,
        ),
        np.float32,
    )
    peak = cv2.dilate(cv2.blur(light, (3, 3)), np.ones((int(_LARGEST * view.unit / 2) | 1,) * 2, np.uint8))
    is_bright = (light - around > 0.35 * (peak - around)) & (light - around > _CONTRAST)
    is_bright = fill_holes(is_bright)
    count, marks, stats, centres = cv2.connectedComponentsWithStats(is_bright.astype(np.uint8), connectivity=4)
    labels = np.asarray(marks, np.int32)
    places = [i for i in range(1, count) if _has_size(stats[i], view)]
    found = [_measure(view, light, around, labels, stats[i], centres[i], i) for i in places[: 4 * _MOST]]
    return sorted((disc for disc in found if disc is not None), key=lambda disc: -disc.level)[:_MOST]


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with its enclosed holes filled: a disc with a bright rim is one disc."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return np.asarray(cv2.drawContours(np.zeros(mask.shape, np.uint8), outlines, -1, 1, cv2.FILLED)) > 0


def _has_size(stat: NDArray[np.int32], view: View) -> bool:
    """Neither too small nor too large, inside the frame, and filling its box as an ellipse may."""
    left, top, wide, high, area = (int(value) for value in stat)
    inside = left > 1 and top > 1 and left + wide < view.shape[1] - 1 and top + high < view.shape[0] - 1
    low, most = _SMALLEST * view.unit, _LARGEST * view.unit
    return inside and min(wide, high) >= low and max(wide, high) <= most and area > 0.5 * wide * high


def _measure(
    view: View,
    light: Map,
    around: Map,
    labels: NDArray[np.int32],
    stat: NDArray[np.int32],
    centre: np.ndarray,
    label: int,
) -> Disc | None:
    left, top, wide, high, area = (int(value) for value in stat)
    window = slice(top, top + high), slice(left, left + wide)
    mask = labels[window] == label
    rows, columns = np.nonzero(mask)
    dx, dy = columns + left - centre[0], rows + top - centre[1]
    spread = np.array([[np.mean(dx * dx), np.mean(dx * dy)], [np.mean(dx * dy), np.mean(dy * dy)]]) + np.eye(2) / 12
    values, vectors = np.linalg.eigh(spread)
    if _match(dx, dy, spread, area) < _OVERLAP or not _is_point(view, mask, window, values):
        return None
    angle = 2 * np.arctan2(vectors[1, 1], vectors[0, 1])
    stretch = 0.5 * float(np.log(values[1] / values[0]))
    inside, outside = light[window][mask], float(around[window][mask].mean())
    if np.median(inside) - outside < 0.3 * (np.percentile(inside, 95) - outside):
        return None
    return Disc(
        float(centre[0]),
        float(centre[1]),
        area,
        (stretch * float(np.cos(angle)), stretch * float(np.sin(angle))),
        mask,
        (top, left),
        float(inside.mean()) - outside,
        outside,
    )


def measure_extent(mask: NDArray[np.bool_]) -> float:
    """px across the ellipse of a mask's (h,w) moments, the long way: several spots are as long as they lie apart."""
    places = np.stack(np.nonzero(mask)).astype(np.float64)
    if not places.size:
        return 0.0
    spread = np.cov(places, bias=True) + np.eye(2) / 12
    return 4 * float(np.sqrt(np.linalg.eigvalsh(spread)[1]))


def _match(dx: np.ndarray, dy: np.ndarray, spread: np.ndarray, area: int) -> float:
    """Share of blob and the ellipse of its moments together that is both."""
    inverse = np.linalg.inv(spread)
    within = (inverse[0, 0] * dx * dx + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy * dy <= 4).sum()
    ellipse = 4 * np.pi * float(np.sqrt(np.linalg.det(spread)))
    return float(within / max(1.0, area + ellipse - within))


def _is_point(view: View, mask: NDArray[np.bool_], window: tuple[slice, slice], values: np.ndarray) -> bool:
    """Whether the light behind the disc is small, as far as source and coc tell."""
    diameter = 4 * float(np.sqrt(values[1]))
    if view.coc is not None:
        coc = abs(float(np.median(view.coc[window][mask])))
        if not 0.7 * diameter <= coc <= 1.6 * diameter:
            return False
    if view.sharp is not None:
        source = view.sharp[window].max(axis=2)
        is_lit = mask & (source > 0.5 * (source.max() + np.median(source)))
        if source.max() - np.median(source) < 0.1 or measure_extent(is_lit) > _SOURCE * diameter:
            return False
    return True
