"""The filter along the flow, compiled for the CPU. Each row is computed by one call: threads do not change the result."""

from __future__ import annotations

import math

import numpy as np

from vdof.compiled import compiled

one, half = np.float32(1), np.float32(0.5)


@compiled
def trust_rows(y0, y1, here, fetched, gap, per_colour, trust):  # type: ignore[no-untyped-def]
    """`trust` (h,w) in a flow: 1 where it leads there and back and the colours here and there (h,w,3) are alike."""
    for y in range(y0, y1):
        for x in range(gap.shape[1]):
            r, g = here[y, x, 0] - fetched[y, x, 0], here[y, x, 1] - fetched[y, x, 1]
            b = here[y, x, 2] - fetched[y, x, 2]
            trust[y, x] = math.exp(-(r * r + g * g + b * b) * per_colour - half * gap[y, x])


@compiled
def measure_rows(y0, y1, disparity, scale, shift, reach, per_edge, least, level, lowest, highest, weight):  # type: ignore[no-untyped-def]
    """`level = scale disparity + shift`, its extremes within `reach` px, and its weight: small where they are far apart."""
    h, w = disparity.shape
    first, last = max(y0 - reach, 0), min(y1 + reach, h)
    low_rows, high_rows = np.empty((last - first, w), np.float32), np.empty((last - first, w), np.float32)
    for y in range(first, last):
        for x in range(w):
            low = high = disparity[y, x]
            for u in range(max(x - reach, 0), min(x + reach, w - 1) + 1):
                low = min(low, disparity[y, u])
                high = max(high, disparity[y, u])
            low_rows[y - first, x] = low
            high_rows[y - first, x] = high
    for y in range(y0, y1):
        top, bottom = max(y - reach, 0) - first, min(y + reach, h - 1) + 1 - first
        for x in range(w):
            low, high = low_rows[top, x], high_rows[top, x]
            for v in range(top + 1, bottom):
                low = min(low, low_rows[v, x])
                high = max(high, high_rows[v, x])
            level[y, x] = scale * disparity[y, x] + shift
            lowest[y, x] = scale * low + shift
            highest[y, x] = scale * high + shift
            step = scale * (high - low) * per_edge
            weight[y, x] = max(one / (one + step * step), least)


@compiled
def carry_rows(y0, y1, own, before, link, numbers, result):  # type: ignore[no-untyped-def]
    """The running sum (h,w,2: total, count) at a frame from its neighbour's, fetched along the flow where it is believed."""
    level, lowest, highest, weight = own
    flow, trust, growth = link
    gain, offset, far, kappa, per_tolerance, ease = numbers
    h, w = level.shape
    per_width = one / np.float32(w)
    trust_row, growth_row = np.empty(trust.shape[1], np.float32), np.empty(growth.shape[1], np.float32)
    for y in range(y0, y1):
        _cut(trust, (y + half) / h, trust_row)
        _cut(growth, (y + half) / h, growth_row)
        for x in range(w):
            at_x = min(max(x + flow[y, x, 0], np.float32(0)), np.float32(w - 1))
            at_y = min(max(y + flow[y, x, 1], np.float32(0)), np.float32(h - 1))
            left, top = int(at_x), int(at_y)
            right, bottom = min(left + 1, w - 1), min(top + 1, h - 1)
            a, b = at_x - left, at_y - top
            upper = before[top, left, 0] * (one - a) + before[top, right, 0] * a
            total = upper * (one - b) + (before[bottom, left, 0] * (one - a) + before[bottom, right, 0] * a) * b
            upper = before[top, left, 1] * (one - a) + before[top, right, 1] * a
            count = upper * (one - b) + (before[bottom, left, 1] * (one - a) + before[bottom, right, 1] * a) * b
            place = (x + half) * per_width
            total = (gain * total + (offset - far) * count) / _look_up(growth_row, place) + far * count
            value = total / count
            seen = _look_up(trust_row, place)
            keep = kappa * seen
            outside = max(lowest[y, x] - value, value - highest[y, x]) * per_tolerance
            outside *= one - ease * weight[y, x] * seen * seen
            if outside > 0:
                keep *= np.float32(math.exp(-half * outside * outside))
            result[y, x, 0] = weight[y, x] * level[y, x] + keep * total
            result[y, x, 1] = weight[y, x] + keep * count


@compiled
def _cut(image, share, row):  # type: ignore[no-untyped-def]
    """Write the row (w) of image (h,w) at this share of its height, interpolated."""
    h = image.shape[0]
    at = min(max(np.float32(share * h) - half, np.float32(0)), np.float32(h - 1))
    top = int(at)
    bottom, b = min(top + 1, h - 1), at - top
    for x in range(image.shape[1]):
        row[x] = image[top, x] * (one - b) + image[bottom, x] * b


@compiled
def _look_up(row, share):  # type: ignore[no-untyped-def]
    """The value of row (w) at this share of its length, interpolated."""
    w = row.size
    at = min(max(share * np.float32(w) - half, np.float32(0)), np.float32(w - 1))
    left = int(at)
    return row[left] + (row[min(left + 1, w - 1)] - row[left]) * (at - left)
