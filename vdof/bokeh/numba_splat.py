"""The splat compiled for the CPU: sources to records, records to row accumulators, groups to a picture.

Imported only when the numba backend is used: importing numba costs most of a second, the first frame some seconds of
compiling (cached on disk next to this file, or in numba's user cache where that is read-only).
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from vdof.bokeh.aperture import STEPS_PER_PIXEL, SpanTable
from vdof.bokeh.layers import SMALL_RADIUS, Layers
from vdof.bokeh.threads import run_rows

f4 = np.float32
compiled = numba.njit(nogil=True, cache=True, fastmath={"nsz", "arcp", "contract", "reassoc"})

RECORD = 8
"""A record: x centre, table position (-1: one sharp pixel), group, side (+1 behind focus, -1 before), premultiplied r, g, b, weight."""
CHUNK = 64
"""Records per entry of the reach table."""
SMALL = f4(SMALL_RADIUS)
SMALL_EFFECTIVE = f4(math.sqrt(SMALL_RADIUS**2 - 1 / 3))


def splat(layers: Layers, table: SpanTable, borders: NDArray[np.float32]) -> NDArray[np.float32]:
    """Layers of sources -> picture (H,W,3), the layers' margin taken off."""
    _, height, width = layers.radius.shape
    start = np.zeros(height + 1, np.int64)
    run_rows(_count_records, 0, height, layers.radius, layers.weight, start)
    np.cumsum(start, out=start)
    records = np.empty((int(start[-1]), RECORD), f4)
    shift = np.array(layers.group_shift)
    sources = (layers.colour, layers.radius, layers.weight)
    run_rows(_fill_records, 0, height, *sources, shift, borders, f4(table.area), start, records)
    reach = np.zeros(records.shape[0] // CHUNK + 1, np.int32)
    run_rows(_measure_reach, 0, reach.size, records, reach, step=1024)
    groups = borders.size + 1 + int(shift.max())
    margin = layers.margin
    out = np.empty((height - 2 * margin, width - 2 * margin, 3), f4)
    run_rows(_splat_rows, 0, out.shape[0], start, records, reach, table.spans, table.max_row, groups, width, margin, out)
    return out


@compiled
def _count_records(y0, y1, radius, weight, start):
    for y in range(y0, y1):
        count = 0
        for layer in range(radius.shape[0]):
            for x in range(radius.shape[2]):
                if weight[layer, y, x] > f4(1e-3):
                    count += 2 if abs(radius[layer, y, x]) < SMALL else 1
        start[y + 1] = count


@compiled
def _fill_records(y0, y1, colour, radius, weight, group_shift, borders, unit_area, start, records):
    for y in range(y0, y1):
        i = start[y]
        for x in range(radius.shape[2]):
            for layer in range(radius.shape[0]):
                w = weight[layer, y, x]
                if w <= f4(1e-3):
                    continue
                r = radius[layer, y, x]
                group = np.searchsorted(borders, r, side="right") + group_shift[layer]
                side = f4(1) if r >= f4(0) else f4(-1)
                size = abs(r)
                if size < SMALL:
                    share = (size / SMALL) ** 2
                    size = SMALL_EFFECTIVE
                    _put_record(records, i, x, f4(-1), group, side, w * (f4(1) - share), colour[layer, y, x])
                    w *= share
                    i += 1
                else:
                    size = f4(math.sqrt(size * size - f4(1 / 3)))
                w /= unit_area * size * size
                _put_record(records, i, x, size * f4(STEPS_PER_PIXEL), group, side, w, colour[layer, y, x])
                i += 1


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
def _measure_reach(c0, c1, records, reach):
    """Rows that the records of each chunk reach above and below their own."""
    for chunk in range(c0, c1):
        farthest = f4(-8)
        for i in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, records.shape[0])):
            if records[i, 7] > f4(0):
                farthest = max(farthest, records[i, 1])
        reach[chunk] = int(farthest / f4(STEPS_PER_PIXEL) + f4(0.5))


@compiled
def _splat_rows(y0, y1, start, records, reach, spans, max_row, groups, width, margin, out):
    height = start.size - 1
    rows = np.empty((width + 2, groups, 4), np.float32)
    for y in range(y0, y1):
        rows[:] = f4(0)
        for source_row in range(max(0, y + margin - max_row), min(height, y + margin + max_row + 1)):
            _add_row(rows, y + margin - source_row, start[source_row], start[source_row + 1], records, reach, spans, max_row)
        _composite_row(rows, margin, out[y])


@compiled
def _add_row(rows, dy, first, last, records, reach, spans, max_row):
    """Add the spans that the records first..last-1 have `dy` rows below them to the row's difference accumulators."""
    edge = f4(rows.shape[0] - 2)
    i = first
    while i < last:
        stop = min((i // CHUNK + 1) * CHUNK, last)
        if reach[i // CHUNK] < abs(dy):
            i = stop
            continue
        for k in range(i, stop):
            position = records[k, 1]
            side = records[k, 3]
            if position < f4(0):
                if dy != 0:
                    continue
                centre, half = records[k, 0], f4(0.5)
            else:
                row = max_row + dy if side > f4(0) else max_row - dy
                j = int(position)
                t = position - f4(j)
                half = spans[row, j, 1] + t * (spans[row, j + 1, 1] - spans[row, j, 1])
                if half <= f4(0):
                    continue
                centre = records[k, 0] + side * (spans[row, j, 0] + t * (spans[row, j + 1, 0] - spans[row, j, 0]))
            g = int(records[k, 2])
            _add_end(rows, min(max(centre - half, f4(0)), edge), g, f4(1), records, k)
            _add_end(rows, min(max(centre + half, f4(0)), edge), g, f4(-1), records, k)
        i = stop


@compiled
def _add_end(rows, x, g, sign, records, k):
    """One end of a span: its colour shared between the two pixels about the fractional position `x`."""
    i = int(x)
    right = sign * (x - f4(i))
    left = sign - right
    for c in range(4):
        rows[i, g, c] += left * records[k, 4 + c]
        rows[i + 1, g, c] += right * records[k, 4 + c]


@compiled
def _composite_row(rows, margin, out):
    """Sum the differences along the row and lay the groups over one another, front to back, until nothing shows through.

    Where the last group leaves something open, the groups already seen there are stretched to close it.
    """
    groups = rows.shape[1]
    sums = np.zeros((groups, 4), np.float32)
    colour = np.empty(4, np.float32)
    deepest = np.empty(4, np.float32)
    for x in range(out.shape[0] + margin):
        for g in range(groups):
            for c in range(4):
                sums[g, c] += rows[x, g, c]
        if x < margin:
            continue
        colour[:] = f4(0)
        deepest[:] = f4(0)
        for g in range(groups):
            open_share = f4(1) - colour[3]
            a = sums[g, 3]
            if a <= f4(1e-5) or open_share <= f4(0):
                continue
            k = min(open_share / a, f4(1))
            fade = f4(1) - min(f4(1), a * f4(10))
            for c in range(4):
                colour[c] += sums[g, c] * k
                deepest[c] = deepest[c] * fade + sums[g, c] * k
        rest = max(f4(1) - colour[3], f4(0)) / max(deepest[3], f4(1e-5))
        for c in range(3):
            out[x - margin, c] = max(colour[c] + deepest[c] * rest, f4(0))
