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
from vdof.bokeh.ladder import FIRST_STEP, GROWTH, SOFT
from vdof.bokeh.layers import FULL_CLIP, SMALL_RADIUS, Layers, field_of_view
from vdof.bokeh.threads import run_rows

f4 = np.float32
compiled = numba.njit(nogil=True, cache=True, fastmath={"nsz", "arcp", "contract", "reassoc"})

RECORD = 8
"""A record: x centre, table position (-1: one sharp pixel), group, side (+1 behind focus, -1 before), premultiplied r, g, b, weight."""
CHUNK = 64
"""Records per entry of the reach table."""
SMALL = f4(SMALL_RADIUS)
SMALL_EFFECTIVE = f4(math.sqrt(SMALL_RADIUS**2 - 1 / 3))


def splat(
    layers: Layers, table: SpanTable, borders: NDArray[np.float32], cat_eye: float, squeeze: float
) -> NDArray[np.float32]:
    """Layers of sources -> picture (H,W,3), the layers' margin taken off."""
    _, height, width = layers.radius.shape
    start = np.zeros(height + 1, np.int64)
    run_rows(_count_records, 0, height, layers.radius, layers.weight, borders, start)
    np.cumsum(start, out=start)
    records = np.empty((int(start[-1]), RECORD), f4)
    field = field_of_view(layers, cat_eye, squeeze)
    shift = np.array(layers.group_shift)
    sources = (layers.colour, layers.radius, layers.weight)
    run_rows(_fill_records, 0, height, *sources, shift, borders, f4(table.area), table.clip, field, start, records)
    reach = np.zeros(records.shape[0] // CHUNK + 1, np.int32)
    run_rows(_measure_reach, 0, reach.size, records, reach, step=1024)
    groups = borders.size + 1 + int(shift.max())
    margin = layers.margin
    out = np.empty((height - 2 * margin, width - 2 * margin, 3), f4)
    shape = (table.spans, table.gain, table.max_row, field)
    run_rows(_splat_rows, 0, out.shape[0], start, records, reach, *shape, groups, width, margin, out)
    return out


@compiled
def _count_records(y0, y1, radius, weight, borders, start):
    for y in range(y0, y1):
        count = 0
        for layer in range(radius.shape[0]):
            for x in range(radius.shape[2]):
                if weight[layer, y, x] > f4(1e-3):
                    r = radius[layer, y, x]
                    _, _, share = _two_groups(r, borders)
                    count += (2 if abs(r) < SMALL else 1) * (2 if share < f4(1) else 1)
        start[y + 1] = count


@compiled
def _two_groups(r, borders):
    """The group of radius `r`, the other group where a border is close, and the share of the first."""
    group = np.searchsorted(borders, r, side="right")
    zone = f4(SOFT) * (f4(FIRST_STEP) + f4(GROWTH) * abs(r))
    if group < borders.size and borders[group] - r < zone:
        return group, group + 1, f4(0.5) + f4(0.5) * (borders[group] - r) / zone
    if group > 0 and r - borders[group - 1] < zone:
        return group, group - 1, f4(0.5) + f4(0.5) * (r - borders[group - 1]) / zone
    return group, group, f4(1)


@compiled
def _fill_records(y0, y1, colour, radius, weight, group_shift, borders, unit_area, clip, field, start, records):
    for y in range(y0, y1):
        i = start[y]
        for x in range(radius.shape[2]):
            for layer in range(radius.shape[0]):
                w = weight[layer, y, x]
                if w <= f4(1e-3):
                    continue
                r = radius[layer, y, x]
                group, other, share = _two_groups(r, borders)
                shift = group_shift[layer]
                p = colour[layer, y, x]
                i = _put_source(records, i, x, y, r, group + shift, w * share, p, unit_area, clip, field)
                if share < f4(1):
                    i = _put_source(records, i, x, y, r, other + shift, w * (f4(1) - share), p, unit_area, clip, field)


@compiled
def _put_source(records, i, x, y, r, group, weight, colour, unit_area, clip, field):
    """Write one source of one group as one record, or as two where it is small: a sharp pixel and a small disc."""
    side = f4(1) if r >= f4(0) else f4(-1)
    size = abs(r)
    if size < SMALL:
        share = (size / SMALL) ** 2
        _put_record(records, i, x, f4(-1), group, side, weight * (f4(1) - share), colour)
        i += 1
        weight *= share
        size = SMALL_EFFECTIVE
    else:
        size = f4(math.sqrt(size * size - f4(1 / 3)))
    weight /= unit_area * size * size * _clipped_share(clip, field, f4(x) + f4(0.5), f4(y), size)
    _put_record(records, i, x, size * f4(STEPS_PER_PIXEL), group, side, weight, colour)
    return i + 1


@compiled
def _clip_shift(field, x, y, size):
    """Displacement of the cutting circle, in aperture radii, of a disc at (x, y); small discs are hardly cut."""
    amount = -field[2] * min(size / f4(FULL_CLIP), f4(1))
    return (x - field[0]) * amount, (y - field[1]) * amount


@compiled
def _clipped_share(clip, field, x, y, size):
    """Share of its light that a cut disc would lose, given back through its weight."""
    if field[2] == f4(0):
        return f4(1)
    shift_x, shift_y = _clip_shift(field, x, y, size)
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
def _measure_reach(c0, c1, records, reach):
    """Rows that the records of each chunk reach above and below their own."""
    for chunk in range(c0, c1):
        farthest = f4(-8)
        for i in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, records.shape[0])):
            if records[i, 7] > f4(0):
                farthest = max(farthest, records[i, 1])
        reach[chunk] = int(farthest / f4(STEPS_PER_PIXEL) + f4(0.5))


@compiled
def _splat_rows(y0, y1, start, records, reach, spans, gain, max_row, field, groups, width, margin, out):
    height = start.size - 1
    rows = np.empty((width + 2, groups, 4), np.float32)
    for y in range(y0, y1):
        rows[:] = f4(0)
        for source_row in range(max(0, y + margin - max_row), min(height, y + margin + max_row + 1)):
            dy = y + margin - source_row
            i, last = start[source_row], start[source_row + 1]
            while i < last:
                stop = min((i // CHUNK + 1) * CHUNK, last)
                if reach[i // CHUNK] >= abs(dy):
                    for part in range(spans.shape[0]):
                        _add_spans(rows, dy, source_row, i, stop, records, spans[part], gain[:, part], max_row, field, part == 0)
                i = stop
        _composite_row(rows, margin, out[y])


@compiled
def _add_spans(rows, dy, source_row, first, last, records, spans, gain, max_row, field, is_first):
    """Add the spans that the records first..last-1 have `dy` rows below them to the row's difference accumulators."""
    edge = f4(rows.shape[0] - 2)
    for k in range(first, last):
        position = records[k, 1]
        side = records[k, 3]
        g = int(records[k, 2])
        if position < f4(0):
            if dy == 0 and is_first:
                _add_end(rows, records[k, 0] - f4(0.5), g, f4(1), records, k)
                _add_end(rows, records[k, 0] + f4(0.5), g, f4(-1), records, k)
            continue
        row = max_row + dy if side > f4(0) else max_row - dy
        j = int(position)
        t = position - f4(j)
        half = spans[row, j, 1] + t * (spans[row, j + 1, 1] - spans[row, j, 1])
        if half <= f4(0):
            continue
        centre = records[k, 0] + side * (spans[row, j, 0] + t * (spans[row, j + 1, 0] - spans[row, j, 0]))
        left, right = centre - half, centre + half
        if field[2] > f4(0):
            left, right = _clip_span(field, records[k, 0], source_row, dy, side, position, left, right)
        if left < right:
            bright = gain[1] if side > f4(0) else gain[0]
            _add_end(rows, min(max(left, f4(0)), edge), g, bright, records, k)
            _add_end(rows, min(max(right, f4(0)), edge), g, -bright, records, k)


@compiled
def _clip_span(field, x, y, dy, side, position, left, right):
    """The part of a span inside the displaced circle of the barrel."""
    size = position / f4(STEPS_PER_PIXEL)
    shift_x, shift_y = _clip_shift(field, x, f4(y), size)
    off = f4(dy) - side * shift_y * size
    half = f4(math.sqrt(max(size * size - off * off, f4(0)))) / field[3]
    centre = x + side * shift_x * size / field[3]
    return max(left, centre - half), min(right, centre + half)


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
