"""Sources to records, compiled for the CPU: what each pixel gives, at full resolution or merged at half.

Discs from `HALF_FROM` px on are merged two by two pixels and splatted at half resolution, fully from `HALF_FULLY` on; in
between a source gives a share to each, so that none changes resolution at once. Both are sums per group before anything is
composited, which keeps who hides whom. Sources near a border between groups are divided before they are merged.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdof.bokeh.aperture import FINE_OFFSET, STEPS_PER_PIXEL, SpanTable
from vdof.bokeh.ladder import FIRST_STEP, GROWTH, SOFT
from vdof.bokeh.layers import (
    FULL_CLIP,
    FULL_VARIANCE,
    HALF_FROM,
    HALF_FULLY,
    HALF_VARIANCE,
    LEAST_LIGHT,
    Layers,
)
from vdof.bokeh.small_discs import STEPS
from vdof.compiled import compiled, f4
from vdof.threads import run_rows

RECORD = 8
"""A record: x centre, table position, group, side (+1 behind focus, -1 before), premultiplied
r, g, b, weight."""
CHUNK = 64
"""Records per entry of the reach table."""
FAINT = f4(1e-3)
"""Opacity below which a source is left out."""


class Level(NamedTuple):
    """The records of one resolution, row by row."""

    start: NDArray[np.int64]
    """(rows,) first record of each row."""
    stop: NDArray[np.int64]
    """(rows,) end of the row's records; there may be a gap before the next row's."""
    records: NDArray[np.float32]
    """(n, RECORD)"""
    reach: NDArray[np.int32]
    """(rows, chunks) rows that the records of each CHUNK of a row reach above and below it."""
    extent: NDArray[np.int32]
    """(rows, groups, 3): first column, end column and reach in rows of what a row's records of a group light."""
    field: NDArray[np.float32]
    """Where the barrel cuts discs, in pixels of this resolution; see `layers.field_of_view`."""


def list_records(
    layers: Layers, table: SpanTable, borders: NDArray[np.float32], field: NDArray[np.float32], fold: int
) -> Level:
    """Records at full (`fold` 1) or half (`fold` 2) resolution."""
    height, width = (-(-side // fold) for side in layers.radius.shape[1:])
    start = np.zeros(height + 1, np.int64)
    run_rows(_bound_rows, 0, height, layers.radius, layers.weight, fold, start)
    np.cumsum(start, out=start)
    records = np.empty((int(start[-1]), RECORD), f4)
    stop = start[:-1].copy()
    chunks = int(np.diff(start).max()) // CHUNK + 1
    groups = borders.size + 1 + max(layers.group_shift)
    reach, extent = np.zeros((height, chunks), np.int32), np.zeros((height, groups, 3), np.int32)
    sources = (layers.colour, layers.radius, layers.weight, np.array(layers.group_shift), borders)
    level = Level(start[:-1], stop, records, reach, extent, field)
    kernel = _list_full if fold == 1 else _list_half
    run_rows(kernel, 0, height, *sources, f4(table.area), table.clip, field, stop, records)
    run_rows(_measure_reach, 0, height, level.start, stop, records, width, reach, extent)
    return level


@compiled
def _bound_rows(y0, y1, radius, weight, fold, start):
    """Room for the records of the rows y0..y1-1: at most two groups for a source."""
    for y in range(y0, y1):
        room = 0
        for layer in range(radius.shape[0]):
            for j in range(fold * y, min(fold * y + fold, radius.shape[1])):
                for x in range(radius.shape[2]):
                    r = abs(radius[layer, j, x])
                    share = _half_share(r) if fold == 2 else f4(1) - _half_share(r)
                    if weight[layer, j, x] * share > FAINT:
                        room += 2
        start[y + 1] = room


@compiled
def _list_full(y0, y1, colour, radius, weight, group_shift, borders, unit_area, clip, field, stop, records):
    """Write the records of the rows y0..y1-1."""
    for y in range(y0, y1):
        i = stop[y]
        for x in range(radius.shape[2]):
            for layer in range(radius.shape[0]):
                r = radius[layer, y, x]
                w = weight[layer, y, x] * (f4(1) - _half_share(r))
                if w > FAINT:
                    p = colour[layer, y, x]
                    i = _put_split(records, i, x, y, r, group_shift[layer], w, p, borders, unit_area, clip, field)
        stop[y] = i


@compiled
def _list_half(y0, y1, colour, radius, weight, group_shift, borders, unit_area, clip, field, stop, records):
    """The same for cells of 2x2 pixels, whose sources are merged where layer and group agree."""
    merged = np.empty((8, 6), np.float32)  # weight; weighted r, g, b, radius; group
    for y in range(y0, y1):
        i = stop[y]
        for x in range((radius.shape[2] + 1) // 2):
            for layer in range(radius.shape[0]):
                count = _merge_cell(x, y, colour[layer], radius[layer], weight[layer], borders, merged)
                for k in range(count):
                    w = merged[k, 0]
                    r = merged[k, 4] / w
                    p = merged[k, 1:4] / w
                    group = int(merged[k, 5]) + group_shift[layer]
                    i = _put_source(records, i, x, y, r, group, w * f4(0.25), p, unit_area, clip, field)
        stop[y] = i


@compiled
def _half_share(r):
    """Share of a source of radius `r` that is splatted at half resolution."""
    return min(max((abs(r) - f4(HALF_FROM)) / f4(HALF_FULLY - HALF_FROM), f4(0)), f4(1))


@compiled
def _merge_cell(x, y, colour, radius, weight, borders, merged):
    """Collect the half-resolution shares of one cell by group; returns how many groups there are."""
    count = 0
    for j in range(2 * y, min(2 * y + 2, radius.shape[0])):
        for i in range(2 * x, min(2 * x + 2, radius.shape[1])):
            r = radius[j, i]
            if abs(r) <= f4(HALF_FROM):
                continue
            w = weight[j, i] * _half_share(r)
            if w <= FAINT:
                continue
            group, other, share = _two_groups(r, borders)
            count = _merge_source(merged, count, f4(group), w * share, colour[j, i], r)
            if share < f4(1):
                count = _merge_source(merged, count, f4(other), w * (f4(1) - share), colour[j, i], r)
    return count


@compiled
def _merge_source(merged, count, group, weight, colour, r):
    """Add a source to those of its group; returns how many groups there are."""
    k = 0
    while k < count and merged[k, 5] != group:
        k += 1
    if k == count:
        count += 1
        merged[k] = f4(0)
        merged[k, 5] = group
    merged[k, 0] += weight
    for c in range(3):
        merged[k, 1 + c] += weight * colour[c]
    merged[k, 4] += weight * r
    return count


@compiled
def _put_split(records, i, x, y, r, shift, weight, colour, borders, unit_area, clip, field):
    """Write one source, divided between two groups where a border is close; returns the next free record."""
    group, other, share = _two_groups(r, borders)
    i = _put_source(records, i, x, y, r, group + shift, weight * share, colour, unit_area, clip, field)
    if share < f4(1):
        weight *= f4(1) - share
        i = _put_source(records, i, x, y, r, other + shift, weight, colour, unit_area, clip, field)
    return i


@compiled
def _find_group(r, borders):
    """How many borders are at or below `r`; by halving, as there are few."""
    low, high = 0, borders.size
    while low < high:
        middle = (low + high) >> 1
        if borders[middle] <= r:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _two_groups(r, borders):
    """The group of radius `r`, the other group where a border is close, and the share of the first."""
    group = _find_group(r, borders)
    zone = f4(SOFT) * (f4(FIRST_STEP) + f4(GROWTH) * abs(r))
    if group < borders.size and borders[group] - r < zone:
        return group, group + 1, f4(0.5) + f4(0.5) * (borders[group] - r) / zone
    if group > 0 and r - borders[group - 1] < zone:
        return group, group - 1, f4(0.5) + f4(0.5) * (r - borders[group - 1]) / zone
    return group, group, f4(1)


@compiled
def _put_source(records, i, x, y, r, group, weight, colour, unit_area, clip, field):
    """Write one source of one group; returns the next free record."""
    square = (r / field[4]) ** 2
    if field[4] != f4(1):
        square -= f4(HALF_VARIANCE - FULL_VARIANCE)
    size = f4(math.sqrt(square))
    weight /= unit_area * max(square - f4(FULL_VARIANCE), f4(LEAST_LIGHT))
    weight /= _clipped_share(clip, field, f4(x) + f4(0.5), f4(y), size)
    side = f4(1) if r >= f4(0) else f4(-1)
    position = min(size * f4(STEPS), size * f4(STEPS_PER_PIXEL) + f4(FINE_OFFSET))
    _put_record(records, i, x, position, group, side, weight, colour)
    return i + 1


@compiled
def radius_at(position):
    """Radius, px, at a position in the span table."""
    return max(position / f4(STEPS), (position - f4(FINE_OFFSET)) / f4(STEPS_PER_PIXEL))


@compiled
def clip_shift(field, x, y, size):
    """Displacement of the cutting circle, in aperture radii, of a disc at (x, y); small discs are hardly cut."""
    amount = -field[2] * min(size / f4(FULL_CLIP), f4(1))
    return (x - field[0]) * amount, (y - field[1]) * amount


@compiled
def _clipped_share(clip, field, x, y, size):
    """Share of its light that a cut disc would lose, given back through its weight."""
    if field[2] == f4(0):
        return f4(1)
    shift_x, shift_y = clip_shift(field, x, y, size)
    shift = f4(math.sqrt(shift_x * shift_x + shift_y * shift_y)) * f4(clip.shape[0] - 1)
    turn = f4(math.atan2(shift_y, shift_x) / (2 * math.pi) + 1) % f4(1) * f4(clip.shape[1] - 1)
    i, j = min(int(shift), clip.shape[0] - 2), min(int(turn), clip.shape[1] - 2)
    u, v = shift - f4(i), turn - f4(j)
    low = clip[i, j] + v * (clip[i, j + 1] - clip[i, j])
    high = clip[i + 1, j] + v * (clip[i + 1, j + 1] - clip[i + 1, j])
    return low + u * (high - low)


@compiled
def _put_record(records, i, x, position, group, side, weight, colour):
    records[i, 0] = f4(x) + f4(0.5)
    records[i, 1] = position
    records[i, 2] = f4(group)
    records[i, 3] = side
    records[i, 4] = colour[0] * weight
    records[i, 5] = colour[1] * weight
    records[i, 6] = colour[2] * weight
    records[i, 7] = weight


@compiled
def _measure_reach(y0, y1, start, stop, records, width, reach, extent):
    """Rows and columns that the records of the rows y0..y1-1 light."""
    for y in range(y0, y1):
        extent[y, :, 0] = width
        for i in range(start[y], stop[y]):
            if records[i, 7] <= f4(0):
                continue
            size = max(radius_at(records[i, 1]), f4(0.5))
            rows = int(size + f4(0.5))
            chunk = (i - start[y]) // CHUNK
            reach[y, chunk] = max(reach[y, chunk], rows)
            lit = extent[y, int(records[i, 2])]
            lit[0] = min(lit[0], max(int(records[i, 0] - size) - 1, 0))
            lit[1] = max(lit[1], min(int(records[i, 0] + size), width) + 3)
            lit[2] = max(lit[2], rows + 1)
