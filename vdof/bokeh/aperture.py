"""Aperture shapes as spans: for every radius and row, where the shape begins and ends.

A shape lies in the unit circle, x right, y down, as it appears behind the focus distance; in front of it, it is turned by
180 degrees. A convex shape is one span per row whatever its corners, so blades and ovals cost what a circle does. A hollow
or lobed shape has several parts, spherical aberration nested ones; every part costs as much as a circle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdof.bokeh.layers import FULL_VARIANCE, LEAST_LIGHT
from vdof.bokeh.small_discs import REACH, STEPS, fit_spans
from vdof.lens import Lens

Array = NDArray[np.float64]
STEPS_PER_PIXEL = 8
"""Radii in the table per pixel, STEPS for small discs; between them the spans are interpolated linearly."""
FINE_OFFSET = (STEPS - STEPS_PER_PIXEL) * REACH
"""Position in the table of the radius r, px: min(STEPS r, STEPS_PER_PIXEL r + FINE_OFFSET)."""
ROWS_PER_UNIT = 1024
"""Fine rows per unit radius from which the area-exact spans are integrated."""
RINGS = 5
"""Nested parts that approximate the brightness profile of spherical aberration."""
FITTED_ROWS = 128
"""Rows of the unit shape from which the spans of small discs are fitted..."""
FULLY_FITTED = 3.0
"""... up to this radius, px; from there they pass over to the area-exact ones, until REACH."""
CLIP_STEPS, CLIP_ANGLES = 17, 32
"""Grid of displacements on which the area left by cat-eye clipping is tabulated."""


class Chords(NamedTuple):
    """One part of a unit shape: its left and right edge on the fine rows, 0 and 0 where it has none."""

    left: Array
    right: Array


@dataclass(frozen=True, slots=True, eq=False)
class SpanTable:
    """Area-exact spans of one aperture for every radius up to `max_row - 1`."""

    spans: NDArray[np.float32]
    """(parts, rows, radii, 3): centre and half width, px, and height of row `i - max_row` at the radius of position j;
    the height is 1 except in small discs and where the rim runs along the row. Together the spans of a radius r have the
    light `area * max(r^2 - FULL_VARIANCE, LEAST_LIGHT)`."""
    gain: NDArray[np.float32]
    """(2, parts): brightness of each part, before and behind the focus."""
    max_row: int
    """Rows reach from -max_row to max_row about the source."""
    area: float
    """Area of the unit shape weighted by brightness; pi for a circle."""
    clip: NDArray[np.float32]
    """(CLIP_STEPS, CLIP_ANGLES + 1): share of the area left when a unit circle displaced by step/(CLIP_STEPS-1) at angle
    i/CLIP_ANGLES of a turn cuts it; all 1 without cat-eye."""


def span_table(lens: Lens, max_radius: float) -> SpanTable:
    """Spans of the lens's aperture for radii up to `max_radius` px (rounded up to a multiple of 8, so it is cached)."""
    shape = replace(lens, focal_length_mm=50.0, f_number=2.0, sensor_width_mm=36.0, tilt_deg=0.0, swing_deg=0.0)
    return _span_table(tuple(vars(shape).items()), 8 * math.ceil(max(max_radius, 1) / 8))


def radius_at(position: Array) -> Array:
    """Radius, px, at a position in the table."""
    return np.maximum(position / STEPS, (position - FINE_OFFSET) / STEPS_PER_PIXEL)


def outline(lens: Lens) -> Array:
    """Corners (n,2) of the unit aperture, x right, y down: blades with corners at (2k+1) 180/n degrees, or a fine circle.

    `blade_curvature` moves the sides from straight (0) to the circle (1); `rotation_deg` turns it counterclockwise.
    """
    angle = 2 * math.pi * np.arange(720) / 720
    if lens.blades:
        sector = math.pi / lens.blades
        corners = (2 * np.arange(lens.blades) + 1) * sector
        angle = np.sort(np.concatenate([angle, corners]))
        straight = math.cos(sector) / np.cos((angle + sector) % (2 * sector) - sector)
        reach = straight + lens.blade_curvature * (1 - straight)
    else:
        reach = np.ones_like(angle)
    angle = angle + math.radians(lens.rotation_deg)
    return np.stack([reach * np.cos(angle) / lens.squeeze, -reach * np.sin(angle)], axis=1)


def chords_of_polygon(corners: Array) -> list[Chords]:
    """The one part of a convex polygon."""
    rows = (np.arange(2 * ROWS_PER_UNIT) + 0.5) / ROWS_PER_UNIT - 1
    left, right = np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        first, last = np.searchsorted(rows, [min(y0, y1), max(y0, y1)])
        x = x0 + (rows[first:last] - y0) / (y1 - y0) * (x1 - x0)
        left[first:last] = np.minimum(left[first:last], x)
        right[first:last] = np.maximum(right[first:last], x)
    is_outside = right < left
    left[is_outside] = right[is_outside] = 0.0
    return [Chords(left, right)]


def chords_of_mask(mask: NDArray[np.bool_], squeeze: float) -> list[Chords]:
    """The parts of a mask (h,w) that is shown fitted into the unit circle; part k holds the k-th run of every row."""
    height, width = mask.shape
    unit = 2 / math.hypot(height, width)
    rows = (np.arange(2 * ROWS_PER_UNIT) + 0.5) / ROWS_PER_UNIT - 1
    line = np.floor(rows / unit + height / 2).astype(int)
    runs = [_runs_of_row(mask[j]) if 0 <= j < height else [] for j in line]
    parts = []
    for k in range(max(len(run) for run in runs)):
        edges = np.array([run[k] if k < len(run) else (width / 2, width / 2) for run in runs])
        x = (edges - width / 2) * unit / squeeze
        parts.append(Chords(x[:, 0], x[:, 1]))
    return parts


def _runs_of_row(row: NDArray[np.bool_]) -> list[tuple[float, float]]:
    steps = np.diff(np.concatenate([[0], row.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(steps == 1).astype(float), np.flatnonzero(steps == -1).astype(float), strict=True))


def shape_parts(lens: Lens) -> list[Chords]:
    """The parts of the lens's aperture without aberration."""
    if lens.aperture_image is None:
        return chords_of_polygon(outline(lens))
    from vdof.aperture_image import read_aperture

    return chords_of_mask(read_aperture(lens.aperture_image), lens.squeeze)


def ring_gains(amount: float) -> tuple[Array, Array]:
    """Scales and brightness of nested copies that add up to `1 + amount (2 rho^2 - 1)`, the profile of primary
    spherical aberration to first order (Welford, "Aberrations of Optical Systems", 1986, 6.3), with unit energy."""
    if amount == 0:
        return np.ones(1), np.ones(1)
    scale = np.sqrt(np.arange(RINGS, 0, -1) / RINGS)  # rings of equal area, from the rim inward
    middle = scale**2 - 0.5 / RINGS
    brightness = 1 + amount * (2 * middle - 1)
    return scale, np.diff(brightness, prepend=0.0)


@lru_cache(maxsize=8)
def _span_table(lens_items: tuple[tuple[str, object], ...], max_radius: int) -> SpanTable:
    lens = Lens(**dict(lens_items))  # type: ignore[arg-type]
    parts = shape_parts(lens)
    scales, behind = ring_gains(lens.spherical_aberration)
    _, before = ring_gains(-lens.spherical_aberration)
    spans = np.stack([_tabulate(part, scale, max_radius) for scale in scales for part in parts])
    gain = np.stack([np.repeat(before, len(parts)), np.repeat(behind, len(parts))]).astype(np.float32)
    area = sum(float((part.right - part.left).sum()) for part in parts) / ROWS_PER_UNIT
    clip = _tabulate_clip(parts, lens.squeeze) if lens.cat_eye else np.ones((CLIP_STEPS, CLIP_ANGLES + 1))
    return SpanTable(np.ascontiguousarray(spans), gain, max_radius + 1, area, clip.astype(np.float32))


def _tabulate(part: Chords, scale: float, max_radius: int) -> NDArray[np.float32]:
    """Mean centre, half width and height of every row at every radius, from running integrals over the fine rows.

    A row of pixels that the rim crosses is lit unevenly along its length; the span has the same light and variance.
    """
    borders = np.arange(2 * ROWS_PER_UNIT + 1) / ROWS_PER_UNIT - 1
    radii = radius_at(np.arange(max_radius * STEPS_PER_PIXEL + FINE_OFFSET + 2.0))
    radii = np.sqrt(np.maximum(radii**2 - FULL_VARIANCE, LEAST_LIGHT)) * scale
    edges = (np.arange(-max_radius - 1, max_radius + 3) - 0.5)[:, None] / radii[None, :]
    moments = []
    for n in (1, 2, 3):
        running = np.concatenate([[0.0], np.cumsum((part.right**n - part.left**n) / n)]) / ROWS_PER_UNIT
        moments.append(np.diff(np.interp(edges, borders, running), axis=0) * radii ** (n + 1))
    light, is_lit = moments[0], moments[0] > 1e-6
    centre, square = (np.divide(m, light, out=np.zeros_like(m), where=is_lit) for m in moments[1:])
    half = np.minimum(np.sqrt(3 * np.maximum(square - centre**2, 0)), radii - np.abs(centre))
    spans = np.stack([centre, half, light], axis=2)
    _replace_small(part, scale, spans[max_radius + 1 - REACH : max_radius + 2 + REACH, : REACH * STEPS + 1])
    height = np.divide(spans[..., 2], 2 * spans[..., 1], out=np.zeros_like(half), where=spans[..., 1] > 1e-6)
    return np.stack([spans[..., 0], spans[..., 1], height], axis=2).astype(np.float32)


def _replace_small(part: Chords, scale: float, spans: Array) -> None:
    """Put fitted spans in the place of the area-exact ones (rows,radii,3: centre, half width, light) of small discs."""
    left, right = (np.ascontiguousarray(edge.reshape(FITTED_ROWS, -1).mean(1)) for edge in part)
    fitted = fit_spans(left.tobytes(), right.tobytes(), scale).copy()
    fitted[..., 2] *= spans[..., 2].sum(0)
    radii = np.arange(spans.shape[1]) / STEPS
    share = np.broadcast_to(((REACH - radii) / (REACH - FULLY_FITTED)).clip(0, 1)[:, None], spans.shape).copy()
    share[spans[..., 2] <= 0, :2] = 1
    share[fitted[..., 2] <= 0, :2] = 0
    spans += share * (fitted - spans)


def _tabulate_clip(parts: list[Chords], squeeze: float) -> Array:
    """Share of the shape inside a displaced unit circle; displacement and circle are squeezed as the shape is."""
    rows = (np.arange(2 * ROWS_PER_UNIT) + 0.5) / ROWS_PER_UNIT - 1
    whole = sum(float((part.right - part.left).sum()) for part in parts)
    share = np.empty((CLIP_STEPS, CLIP_ANGLES + 1))
    for step in range(CLIP_STEPS):
        for turn in range(CLIP_ANGLES + 1):
            shift, angle = step / (CLIP_STEPS - 1), 2 * math.pi * turn / CLIP_ANGLES
            half = np.sqrt(np.maximum(1 - (rows - shift * math.sin(angle)) ** 2, 0)) / squeeze
            centre = shift * math.cos(angle) / squeeze
            kept = [np.minimum(p.right, centre + half) - np.maximum(p.left, centre - half) for p in parts]
            share[step, turn] = sum(float(np.maximum(k, 0).sum()) for k in kept) / whole
    return share
