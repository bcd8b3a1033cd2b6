"""The splat compiled for the CPU: records to row accumulators, groups to a picture.

Imported only when the numba backend is used: importing numba costs most of a second, the first frame some seconds of
compiling (cached on disk next to this file, or in numba's user cache where that is read-only).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vdof.bokeh.aperture import STEPS_PER_PIXEL, SpanTable
from vdof.bokeh.compiled import compiled, f4
from vdof.bokeh.layers import Layers, field_of_view
from vdof.bokeh.numba_records import CHUNK, clip_shift, list_records
from vdof.bokeh.threads import run_rows

BLOCK = 32
"""Output rows per call: half-resolution rows are shared within it."""


def splat(
    layers: Layers, table: SpanTable, borders: NDArray[np.float32], cat_eye: float, squeeze: float
) -> NDArray[np.float32]:
    """Layers of sources -> picture (H,W,3), the layers' margin taken off."""
    _, height, width = layers.radius.shape
    margin = layers.margin
    full = list_records(layers, table, borders, field_of_view(layers, cat_eye, squeeze, 1), 1)
    half = list_records(layers, table, borders, field_of_view(layers, cat_eye, squeeze, 2), 2)
    groups = borders.size + 1 + max(layers.group_shift)
    out = np.empty((height - 2 * margin, width - 2 * margin, 3), f4)
    shape = (table.spans, table.gain, table.max_row)
    run_rows(_splat_rows, 0, out.shape[0], *full, *half, *shape, groups, width, margin, out, step=BLOCK)
    return out


@compiled
def _splat_rows(
    y0,
    y1,
    start,
    records,
    reach,
    field,
    start2,
    records2,
    reach2,
    field2,
    spans,
    gain,
    max_row,
    groups,
    width,
    margin,
    out,
):
    """Rows y0..y1-1 of the picture; what ends in 2 is of half resolution."""
    rows = np.empty((width + 2, groups, 4), np.float32)
    width2 = (width + 1) // 2
    has_half = records2.shape[0] > 0
    two_rows = np.zeros((2, width2 + 2, groups, 4), np.float32)
    flat = rows.reshape(width + 2, groups * 4)
    flat2 = two_rows.reshape(2, width2 + 2, groups * 4)
    ready = -1
    for y in range(y0, y1):
        _sum_row(rows, y + margin, start, records, reach, field, spans, gain, max_row)
        _integrate_row(flat)
        if has_half:
            position = min(max(f4(0.5) * f4(y + margin) - f4(0.25), f4(0)), f4(start2.size - 2))
            top = int(position)
            bottom = min(top + 1, start2.size - 2)
            while ready < bottom:
                ready = max(ready + 1, top)
                _sum_row(two_rows[ready % 2], ready, start2, records2, reach2, field2, spans, gain, max_row)
                _integrate_row(flat2[ready % 2])
            _add_half(flat, flat2[top % 2], flat2[bottom % 2], position - f4(top))
        _composite_row(rows, margin, out[y])


@compiled
def _sum_row(rows, y, start, records, reach, field, spans, gain, max_row):
    """Difference accumulators of row `y`: all spans of the rows in reach."""
    rows[:] = f4(0)
    for source_row in range(max(0, y - max_row), min(start.size - 1, y + max_row + 1)):
        dy = y - source_row
        i, last = start[source_row], start[source_row + 1]
        while i < last:
            stop = min((i // CHUNK + 1) * CHUNK, last)
            if reach[i // CHUNK] >= abs(dy):
                for part in range(spans.shape[0]):
                    bright = (gain[0, part], gain[1, part])
                    _add_spans(rows, dy, source_row, i, stop, records, spans[part], bright, max_row, field, part == 0)
            i = stop


@compiled
def _add_spans(rows, dy, source_row, first, last, records, spans, gain, max_row, field, is_first):
    """Add the spans that the records first..last-1 have `dy` rows below them to the row's difference accumulators."""
    edge = f4(rows.shape[0] - 2)
    for k in range(first, last):
        position = records[k, 1]
        side = records[k, 3]
        if position < f4(0):
            if dy == 0 and is_first:
                _add_end(rows, records[k, 0] - f4(0.5), f4(1), records[k])
                _add_end(rows, records[k, 0] + f4(0.5), f4(-1), records[k])
            continue
        left, right, height = span_at(records[k, 0], position, side, source_row, dy, spans, max_row, field)
        if left < right:
            bright = height * (gain[1] if side > f4(0) else gain[0])
            _add_end(rows, min(max(left, f4(0)), edge), bright, records[k])
            _add_end(rows, min(max(right, f4(0)), edge), -bright, records[k])


@compiled
def span_at(x, position, side, source_row, dy, spans, max_row, field):
    """Left and right end, px, and height of the span that a disc at (x, source_row) has `dy` rows below it."""
    row = max_row + dy if side > f4(0) else max_row - dy
    if not 0 <= row < spans.shape[0]:
        return f4(0), f4(0), f4(0)
    j = int(position)
    t = position - f4(j)
    half = spans[row, j, 1] + t * (spans[row, j + 1, 1] - spans[row, j, 1])
    if half <= f4(0):
        return f4(0), f4(0), f4(0)
    centre = x + side * (spans[row, j, 0] + t * (spans[row, j + 1, 0] - spans[row, j, 0]))
    height = spans[row, j, 2] + t * (spans[row, j + 1, 2] - spans[row, j, 2])
    left, right = centre - half, centre + half
    if field[2] > f4(0):
        left, right = _clip_span(field, x, source_row, dy, side, position, left, right)
    return left, right, height


@compiled
def _clip_span(field, x, y, dy, side, position, left, right):
    """The part of a span inside the displaced circle of the barrel."""
    size = position / f4(STEPS_PER_PIXEL)
    shift_x, shift_y = clip_shift(field, x, f4(y), size)
    off = f4(dy) - side * shift_y * size
    half = f4(math.sqrt(max(size * size - off * off, f4(0)))) / field[3]
    centre = x + side * shift_x * size / field[3]
    return max(left, centre - half), min(right, centre + half)


@compiled
def _add_end(rows, x, sign, record):
    """One end of a span: its light shared between the two pixels about the fractional position `x`."""
    i = int(x)
    right = sign * (x - f4(i))
    left = sign - right
    here, there = rows[i, int(record[2])], rows[i + 1, int(record[2])]
    red, green, blue, weight = record[4], record[5], record[6], record[7]
    here[0] += left * red
    here[1] += left * green
    here[2] += left * blue
    here[3] += left * weight
    there[0] += right * red
    there[1] += right * green
    there[2] += right * blue
    there[3] += right * weight


@compiled
def _integrate_row(rows):
    """Differences (width,groups * 4) to values along the row, in place."""
    for x in range(1, rows.shape[0]):
        for i in range(rows.shape[1]):
            rows[x, i] += rows[x - 1, i]


@compiled
def _add_half(rows, top, bottom, share):
    """Add the half-resolution rows `top` and `bottom`, interpolated, to a full-resolution row; all (width,groups * 4)."""
    last = top.shape[0] - 3
    line = np.empty_like(top)
    for x in range(top.shape[0]):
        for i in range(top.shape[1]):
            line[x, i] = top[x, i] + share * (bottom[x, i] - top[x, i])
    for x in range(rows.shape[0] - 2):
        here = min(max((x - 1) >> 1, 0), last)
        there = min(here + 1, last)
        u = f4(0) if x == 0 else (f4(0.25) if x % 2 == 1 else f4(0.75))
        for i in range(rows.shape[1]):
            rows[x, i] += line[here, i] + u * (line[there, i] - line[here, i])


@compiled
def _composite_row(rows, margin, out):
    """Lay the groups of a row (width,groups,4) over one another, front to back, until nothing shows through.

    Where the last group leaves something open, the groups already seen there are stretched to close it.
    """
    for x in range(out.shape[0]):
        red = green = blue = deep_red = deep_green = deep_blue = deep = f4(0)
        open_share = f4(1)
        for g in range(rows.shape[1]):
            light = rows[x + margin, g]
            a = light[3]
            if a <= f4(1e-5):
                continue
            k = min(open_share / a, f4(1))
            fade = f4(1) - min(f4(1), a * f4(10))
            red += light[0] * k
            green += light[1] * k
            blue += light[2] * k
            deep_red = deep_red * fade + light[0] * k
            deep_green = deep_green * fade + light[1] * k
            deep_blue = deep_blue * fade + light[2] * k
            deep = deep * fade + a * k
            open_share -= a * k
            if open_share <= f4(0):
                break
        rest = max(open_share, f4(0)) / max(deep, f4(1e-5))
        out[x, 0] = max(red + deep_red * rest, f4(0))
        out[x, 1] = max(green + deep_green * rest, f4(0))
        out[x, 2] = max(blue + deep_blue * rest, f4(0))
