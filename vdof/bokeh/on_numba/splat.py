"""The splat compiled for the CPU: records to row accumulators, groups to a picture.

Imported only when the numba backend is used: importing numba costs most of a second, the first frame some seconds of
compiling (cached on disk next to this file, or in numba's user cache where that is read-only).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vdof.bokeh.aperture import SpanTable
from vdof.bokeh.layers import CLIP_ROOM, CLIP_ROOM_LEFT, FULL_CLIP, Layers, field_of_view
from vdof.bokeh.on_numba.records import CHUNK, clip_shift, list_records, radius_at
from vdof.compiled import compiled, f4, inlined, u8
from vdof.threads import run_rows

BLOCK = 32
"""Output rows per call: half-resolution rows are shared within it."""
CHANNELS = 4
"""Values per group and pixel of the accumulators, which are flat: group after group, pixel after pixel, r, g, b, weight."""


def splat(
    layers: Layers, table: SpanTable, borders: NDArray[np.float32], cat_eye: float, squeeze: float
) -> NDArray[np.float32]:
    """Layers of sources -> picture (H,W,3), the layers' margin taken off."""
    _, height, width = layers.radius.shape
    margin = layers.margin
    full = list_records(layers, table, borders, field_of_view(layers, cat_eye, squeeze, 1), 1)
    half = list_records(layers, table, borders, field_of_view(layers, cat_eye, squeeze, 2), 2)
    out = np.empty((height - 2 * margin, width - 2 * margin, 3), f4)
    shape = (table.spans, table.gain, table.max_row)
    run_rows(_splat_rows, 0, out.shape[0], *full, *half, *shape, width, margin, out, step=BLOCK)
    return out


@compiled
def _splat_rows(
    y0, y1,
    start, stop, records, reach, extent, field,
    start2, stop2, records2, reach2, extent2, field2,
    spans, gain, max_row, width, margin, out,
):  # fmt: skip
    """Rows y0..y1-1 of the picture; what ends in 2 is of half resolution."""
    groups, width2, last = extent.shape[1], (width + 1) // 2, start2.size - 1
    sums = np.zeros(groups * (width + 2) * CHANNELS, np.float32)
    sums2 = np.zeros((2, groups * (width2 + 2) * CHANNELS), np.float32)
    lit, lit2 = np.zeros((groups, 2), np.int64), np.zeros((2, groups, 2), np.int64)
    has_half = records2.shape[0] > 0
    ready = -1
    for y in range(y0, y1):
        _find_lit(lit, y + margin, extent, max_row)
        _sum_row(sums, width, y + margin, start, stop, records, reach, field, spans, gain, max_row)
        _integrate(sums, width, lit)
        if has_half:
            position = min(max(f4(0.5) * f4(y + margin) - f4(0.25), f4(0)), f4(last))
            top = int(position)
            bottom = min(top + 1, last)
            while ready < bottom:
                ready = max(ready + 1, top)
                slot = ready % 2
                _clear(sums2[slot], width2, lit2[slot])
                _find_lit(lit2[slot], ready, extent2, max_row)
                _sum_row(sums2[slot], width2, ready, start2, stop2, records2, reach2, field2, spans, gain, max_row)
                _integrate(sums2[slot], width2, lit2[slot])
            t, b = top % 2, bottom % 2
            _add_half(sums, lit, width, sums2[t], lit2[t], sums2[b], lit2[b], width2, position - f4(top))
        _composite_row(sums, lit, width, margin, out[y])
        _clear(sums, width, lit)


@compiled
def _find_lit(lit, y, extent, max_row):
    """First and end column that each group lights in row `y`; 0 and 0 where it lights none."""
    for group in range(extent.shape[1]):
        first, end = 1 << 30, 0
        for row in range(max(0, y - max_row), min(extent.shape[0], y + max_row + 1)):
            if extent[row, group, 2] > abs(y - row):
                first = min(first, extent[row, group, 0])
                end = max(end, extent[row, group, 1])
        lit[group, 0] = min(first, end)
        lit[group, 1] = end


@compiled
def _clear(sums, width, lit):
    for group in range(lit.shape[0]):
        offset = group * (width + 2)
        sums[(offset + lit[group, 0]) * CHANNELS : (offset + lit[group, 1]) * CHANNELS] = f4(0)


@compiled
def _sum_row(sums, width, y, start, stop, records, reach, field, spans, gain, max_row):
    """Difference accumulators of row `y`: all spans of the rows in reach."""
    for row in range(max(0, y - max_row), min(start.size, y + max_row + 1)):
        dy = y - row
        for chunk in range((stop[row] - start[row] + CHUNK - 1) // CHUNK):
            if reach[row, chunk] >= abs(dy):
                first = start[row] + chunk * CHUNK
                end = min(first + CHUNK, stop[row])
                for part in range(spans.shape[0]):
                    shape = (spans[part], gain[0, part], gain[1, part], max_row)
                    if field[2] == f4(0):
                        _add_spans(sums, width, dy, first, end, records, *shape)
                    else:
                        _add_cut_spans(sums, width, dy, row, first, end, records, *shape, field)


@compiled
def _add_spans(sums, width, dy, first, end, records, spans, before, behind, max_row):
    """Add the spans that the records first..end-1 have `dy` rows below them to the row's difference accumulators."""
    edge = f4(width)
    for k in range(first, end):
        x, position, side = records[k, 0], records[k, 1], records[k, 3]
        left, right, height = span_at(x, position, side, dy, spans, max_row)
        if left < right:
            height *= behind if side > f4(0) else before
            _add_span(sums, width, min(max(left, f4(0)), edge), min(max(right, f4(0)), edge), height, records, k)


@compiled
def _add_cut_spans(sums, width, dy, row, first, end, records, spans, before, behind, max_row, field):
    """The same where the barrel cuts the discs."""
    edge = f4(width)
    for k in range(first, end):
        x, position, side = records[k, 0], records[k, 1], records[k, 3]
        left, right, height = span_at(x, position, side, dy, spans, max_row)
        left, right = clip_span(field, x, row, dy, side, position, left, right)
        if left < right:
            height *= behind if side > f4(0) else before
            _add_span(sums, width, min(max(left, f4(0)), edge), min(max(right, f4(0)), edge), height, records, k)


@inlined
def span_at(x, position, side, dy, spans, max_row):
    """Left and right end, px, and height of the span that a disc centred on `x` has `dy` rows below it."""
    row = u8(max_row + dy if side > f4(0) else max_row - dy)
    j = u8(position)
    t = position - f4(j)
    here, there = spans[row, j], spans[row, j + u8(1)]
    half = here[1] + t * (there[1] - here[1])
    centre = x + side * (here[0] + t * (there[0] - here[0]))
    return centre - half, centre + half, here[2] + t * (there[2] - here[2])


@compiled
def clip_span(field, x, y, dy, side, position, left, right):
    """The part of a span inside the displaced circle of the barrel."""
    size = radius_at(position)
    shift_x, shift_y = clip_shift(field, x, f4(y), size)
    off = f4(dy) - side * shift_y * size
    circle = size + max(f4(CLIP_ROOM) - size / f4(FULL_CLIP), f4(CLIP_ROOM_LEFT))
    half = f4(math.sqrt(max(circle * circle - off * off, f4(0)))) / field[3]
    centre = x + side * shift_x * size / field[3]
    return max(left, centre - half), min(right, centre + half)


@inlined
def _add_span(sums, width, left, right, height, records, n):
    """Both ends of a span, each shared between the two pixels about its fractional position.

    Unsigned indices and one flat array: the compiler then needs no check for negative ones and adds four at a time.
    """
    red, green, blue = height * records[n, 4], height * records[n, 5], height * records[n, 6]
    weight = height * records[n, 7]
    group = u8(records[n, 2]) * u8(width + 2)
    i = u8(left)
    there = left - f4(i)
    here = f4(1) - there
    k = (group + i) * u8(CHANNELS)
    sums[k] += here * red
    sums[k + u8(1)] += here * green
    sums[k + u8(2)] += here * blue
    sums[k + u8(3)] += here * weight
    sums[k + u8(4)] += there * red
    sums[k + u8(5)] += there * green
    sums[k + u8(6)] += there * blue
    sums[k + u8(7)] += there * weight
    i = u8(right)
    there = right - f4(i)
    here = f4(1) - there
    k = (group + i) * u8(CHANNELS)
    sums[k] -= here * red
    sums[k + u8(1)] -= here * green
    sums[k + u8(2)] -= here * blue
    sums[k + u8(3)] -= here * weight
    sums[k + u8(4)] -= there * red
    sums[k + u8(5)] -= there * green
    sums[k + u8(6)] -= there * blue
    sums[k + u8(7)] -= there * weight


@compiled
def _integrate(sums, width, lit):
    """Differences to values along the row, in place."""
    for group in range(lit.shape[0]):
        first = u8((group * (width + 2) + lit[group, 0]) * CHANNELS)
        red = green = blue = weight = f4(0)
        for n in range(lit[group, 1] - lit[group, 0]):
            k = first + u8(n) * u8(CHANNELS)
            red += sums[k]
            green += sums[k + u8(1)]
            blue += sums[k + u8(2)]
            weight += sums[k + u8(3)]
            sums[k], sums[k + u8(1)], sums[k + u8(2)], sums[k + u8(3)] = red, green, blue, weight


@compiled
def _add_half(sums, lit, width, top, lit_top, bottom, lit_bottom, width2, share):
    """Add two half-resolution rows, interpolated, to a full-resolution row; `lit` grows by what they light."""
    line = np.empty((width2 + 2) * CHANNELS, np.float32)
    for group in range(lit.shape[0]):
        end = max(lit_top[group, 1], lit_bottom[group, 1])
        if end == 0:
            continue
        first = end
        if lit_top[group, 1] > 0:
            first = lit_top[group, 0]
        if lit_bottom[group, 1] > 0:
            first = min(first, lit_bottom[group, 0])
        first, end = max(first - 1, 0), min(end + 1, width2)
        offset = u8(group * (width2 + 2) * CHANNELS)
        for n in range(first * CHANNELS, end * CHANNELS):
            k = offset + u8(n)
            line[u8(n)] = top[k] + share * (bottom[k] - top[k])
        x0, x1 = max(2 * first, 0), min(2 * end, width)
        offset = u8(group * (width + 2) * CHANNELS)
        for x in range(x0, x1):
            here = max((x - 1) >> 1, first)
            there = min(here + 1, end - 1)
            u = f4(0) if x == x0 else (f4(0.25) if x % 2 == 1 else f4(0.75))
            for c in range(CHANNELS):
                a, b = line[u8(here * CHANNELS + c)], line[u8(there * CHANNELS + c)]
                sums[offset + u8(x * CHANNELS + c)] += a + u * (b - a)
        lit[group, 0] = min(lit[group, 0], x0) if lit[group, 1] > 0 else x0
        lit[group, 1] = max(lit[group, 1], x1)


@compiled
def _composite_row(sums, lit, width, margin, out):
    """Lay the groups of a row over one another, front to back, until nothing shows through.

    Where the last group leaves something open, the groups already seen there are stretched to close it.
    """
    groups = [group for group in range(lit.shape[0]) if lit[group, 1] > 0]
    for x in range(out.shape[0]):
        red = green = blue = deep_red = deep_green = deep_blue = deep = f4(0)
        open_share = f4(1)
        for group in groups:
            n = u8((group * (width + 2) + x + margin) * CHANNELS)
            a = sums[n + u8(3)]
            if a <= f4(1e-5):
                continue
            r, g, b = sums[n], sums[n + u8(1)], sums[n + u8(2)]
            k = min(open_share / a, f4(1))
            fade = f4(1) - min(f4(1), a * f4(10))
            red += r * k
            green += g * k
            blue += b * k
            deep_red = deep_red * fade + r * k
            deep_green = deep_green * fade + g * k
            deep_blue = deep_blue * fade + b * k
            deep = deep * fade + a * k
            open_share -= a * k
            if open_share <= f4(0):
                break
        rest = max(open_share, f4(0)) / max(deep, f4(1e-5))
        out[x, 0] = max(red + deep_red * rest, f4(0))
        out[x, 1] = max(green + deep_green * rest, f4(0))
        out[x, 2] = max(blue + deep_blue * rest, f4(0))
