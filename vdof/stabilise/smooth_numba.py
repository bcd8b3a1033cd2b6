"""The filter along the flow, compiled for the CPU. Each row is computed by one call: threads do not change the result."""

from __future__ import annotations

import math

import numba
import numpy as np

compiled = numba.njit(nogil=True, cache=True, fastmath={"nsz", "arcp", "contract", "reassoc"})
one, half = np.float32(1), np.float32(0.5)


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
def carry_rows(  # type: ignore[no-untyped-def]
    y0,
    y1,
    level,
    lowest,
    highest,
    weight,
    before,
    flow,
    trust,
    growth,
    gain,
    offset,
    far,
    kappa,
    per_tolerance,
    ease,
    result,
):
    """The running sum (h,w,2: total, count) at a frame from its neighbour's, fetched along the flow where it is believed."""
    h, w = level.shape
    trust_h, trust_w = trust.shape
    down, across = np.float32(trust_h / h), np.float32(trust_w / w)
    growth_h, growth_w = growth.shape
    fewer, narrower = np.float32(growth_h / h), np.float32(growth_w / w)
    for y in range(y0, y1):
        growth_y = min(max((y + half) * fewer - half, np.float32(0)), np.float32(growth_h - 1))
        trust_y = min(max((y + half) * down - half, np.float32(0)), np.float32(trust_h - 1))
        for x in range(w):
            trust_x = min(max((x + half) * across - half, np.float32(0)), np.float32(trust_w - 1))
            at_x = min(max(x + flow[y, x, 0], np.float32(0)), np.float32(w - 1))
            at_y = min(max(y + flow[y, x, 1], np.float32(0)), np.float32(h - 1))
            left, top = int(at_x), int(at_y)
            right, bottom = min(left + 1, w - 1), min(top + 1, h - 1)
            a, b = at_x - left, at_y - top
            upper = before[top, left, 0] * (one - a) + before[top, right, 0] * a
            total = upper * (one - b) + (before[bottom, left, 0] * (one - a) + before[bottom, right, 0] * a) * b
            upper = before[top, left, 1] * (one - a) + before[top, right, 1] * a
            count = upper * (one - b) + (before[bottom, left, 1] * (one - a) + before[bottom, right, 1] * a) * b
            growth_x = min(max((x + half) * narrower - half, np.float32(0)), np.float32(growth_w - 1))
            nearer = _look_up(growth, growth_y, growth_x)
            total = (gain * total + (offset - far) * count) / nearer + far * count
            value = total / count
            seen = _look_up(trust, trust_y, trust_x)
            keep = kappa * seen
            outside = max(lowest[y, x] - value, value - highest[y, x]) * per_tolerance
            outside *= one - ease * weight[y, x] * seen * seen
            if outside > 0:
                keep *= np.float32(math.exp(-half * outside * outside))
            result[y, x, 0] = weight[y, x] * level[y, x] + keep * total
            result[y, x, 1] = weight[y, x] + keep * count


@compiled
def _look_up(image, y, x):  # type: ignore[no-untyped-def]
    """Bilinear; the position lies inside."""
    top, left = int(y), int(x)
    bottom, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
    a, b = x - left, y - top
    upper = image[top, left] * (one - a) + image[top, right] * a
    return upper * (one - b) + (image[bottom, left] * (one - a) + image[bottom, right] * a) * b
