"""Aperture shapes as spans: for every radius and row, where the shape begins, ends, and how bright it is.

A shape lies in the unit circle, x right, y down, as it appears behind the focus distance; in front of it is turned by 180
degrees. A convex shape is one span per row, so every shape costs the same to splat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vdof.lens import Lens

STEPS_PER_PIXEL = 8
"""Radii in the table per pixel; between them the spans are interpolated linearly."""
ROWS_PER_UNIT = 1024
"""Fine rows per unit radius from which the area-exact spans are integrated."""


@dataclass(frozen=True, slots=True)
class SpanTable:
    """Area-exact spans of one aperture for every radius up to `max_radius`."""

    spans: NDArray[np.float32]
    """(rows, radii, 2): centre and half width, px, of row `i - max_row` at radius `j / STEPS_PER_PIXEL`."""
    max_row: int
    """Rows reach from -max_row to max_row about the source."""
    area: float
    """Area of the unit shape; pi for a circle."""


def outline(lens: Lens) -> NDArray[np.float64]:
    """Corners (n,2) of the unit aperture, x right, y down: a fine circle, or blades at (2k+1) 180/n degrees."""
    count = lens.blades or 720
    angle = (2 * np.arange(count) + 1) * math.pi / count
    return np.stack([np.cos(angle) / lens.squeeze, -np.sin(angle)], axis=1)


def fine_spans(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Row positions, left and right edge of a convex polygon on the fine rows of the unit square (nan-free, 0 outside)."""
    rows = (np.arange(2 * ROWS_PER_UNIT) + 0.5) / ROWS_PER_UNIT - 1
    left, right = np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (rows >= min(y0, y1)) & (rows <= max(y0, y1)) & (y0 != y1)
        x = x0 + (rows[crosses] - y0) / (y1 - y0) * (x1 - x0)
        left[crosses] = np.minimum(left[crosses], x)
        right[crosses] = np.maximum(right[crosses], x)
    is_outside = right < left
    left[is_outside] = right[is_outside] = 0.0
    return rows, left, right


@lru_cache(maxsize=16)
def _integrals(corners: bytes) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Fine row borders with the running integrals of width and of first moment along x."""
    _, left, right = fine_spans(np.frombuffer(corners).reshape(-1, 2))
    borders = np.arange(2 * ROWS_PER_UNIT + 1) / ROWS_PER_UNIT - 1
    width = np.concatenate([[0.0], np.cumsum(right - left)]) / ROWS_PER_UNIT
    moment = np.concatenate([[0.0], np.cumsum((right**2 - left**2) / 2)]) / ROWS_PER_UNIT
    return borders, width, moment


def span_table(lens: Lens, max_radius: float) -> SpanTable:
    """Spans of the lens's aperture for radii up to `max_radius` px (rounded up to a multiple of 8, so it is cached)."""
    return _span_table(outline(lens).tobytes(), 8 * math.ceil(max(max_radius, 1) / 8))


@lru_cache(maxsize=8)
def _span_table(corners: bytes, max_radius: int) -> SpanTable:
    borders, width, moment = _integrals(corners)
    radii = np.maximum(np.arange(max_radius * STEPS_PER_PIXEL + 2) / STEPS_PER_PIXEL, 0.5)
    edges = (np.arange(-max_radius - 1, max_radius + 3) - 0.5)[:, None] / radii[None, :]
    row_width = np.diff(np.interp(edges, borders, width), axis=0) * radii**2
    row_moment = np.diff(np.interp(edges, borders, moment), axis=0) * radii**3
    centre = np.divide(row_moment, row_width, out=np.zeros_like(row_width), where=row_width > 1e-9)
    spans = np.stack([centre, row_width / 2], axis=2).astype(np.float32)
    return SpanTable(np.ascontiguousarray(spans), max_radius + 1, float(width[-1]))
