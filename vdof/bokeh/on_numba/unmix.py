"""Mixed pixels on depth edges taken apart, compiled for the CPU; `vdof.bokeh.on_torch.unmix` says the same in torch.

A pixel on a depth edge shows `I = a F + (1 - a) B`: near colour F over far colour B with coverage a. F and B are weighted
means of the two sides in a window; a is the most probable coverage given I and what the depth map says. Both shares become
transparent sources at the radii of their sides, and what the near one hides a source behind them, so a strand keeps its
colour and drags no background along, and light keeps its energy. Which side the depth map gives the pixel to changes nothing
but what it says about a. A soft depth edge is snapped to its two sides.

What the two means leave unexplained belongs to each side by its variance (Chuang et al., "A Bayesian approach to digital
matting", 2001), so that an even background stays clean beside a patterned edge.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vdof.bokeh.layers import (
    BEHIND,
    BESIDE,
    CLEAR_STEP,
    EXCESS,
    EXCESS_COVERAGE,
    MIXED_EDGE,
    MIXED_TRUST,
    NOISE,
    OWN,
    PRIOR_GAIN,
    PRIOR_RAMP,
    PRIOR_SPREAD,
    PRIOR_VARIANCE,
    RAMP,
    RIM,
    RIM_LEAST,
    SIDES,
    SOLID,
    SOLID_WINDOW,
    SPREAD,
    WINDOW,
)
from vdof.compiled import compiled, f4, ramp
from vdof.threads import run_rows

FALL = np.array([math.exp(-k / SPREAD) for k in range(2 * SOLID_WINDOW**2 + 1)], f4)
PRIOR_FALL = np.array([math.exp(-k / PRIOR_SPREAD) for k in range(3)], f4)
PRIOR_FALL *= f4(PRIOR_GAIN) / (PRIOR_FALL @ np.array([1, 4, 4], f4))


def unmix_edges(
    colour: NDArray[np.float32],
    radius: NDArray[np.float32],
    weight: NDArray[np.float32],
    spread: NDArray[np.float32],
    level: float,
) -> NDArray[np.float32]:
    """Take the mixed pixels of layer OWN apart in place; fills RIM and the known part of BEHIND. Returns how surely (H,W) what
    is behind each pixel is known.

    colour (L,H,W,3), radius (L,H,W), weight (L,H,W); spread (H,W) 3x3 range of radii, px; level: brightness of the frame.
    """
    picture, original = colour[OWN].copy(), radius[OWN].copy()
    knee, held = f4(1.5 * level), np.zeros_like(original)
    layers = (colour, radius, weight, held)
    run_rows(_unmix_rows, 0, original.shape[0], picture, original, spread, knee, FALL, PRIOR_FALL, *layers)
    run_rows(_clean_rows, 0, original.shape[0], *layers, knee, FALL)
    return held


@compiled
def _unmix_rows(y0, y1, picture, original, spread, knee, fall, prior_fall, colour, radius, weight, held):
    sides = np.empty((2, 7), np.float32)
    for y in range(y0, y1):
        for x in range(original.shape[1]):
            clear = ramp(_spread_around(spread, y, x), MIXED_EDGE)
            if clear == f4(0):
                continue
            low, high = _radii_around(original, y, x, WINDOW)
            _sum_sides(picture, original, spread, y, x, low, high, knee, fall, sides)
            if sides[0, 3] > f4(0) and sides[1, 3] > f4(0):
                middle = f4(0.5) * (low + high)
                clear *= _measure_step(sides, middle)
                if clear > f4(0):
                    prior = _expect_cover(original, y, x, low, high, prior_fall)
                    _look_beside(original, y, x, low, high, sides)
                    held[y, x] = clear
                    _split_pixel(
                        picture[y, x], original[y, x] < middle, prior, clear, sides, colour, radius, weight, y, x
                    )


@compiled
def _clean_rows(y0, y1, colour, radius, weight, held, knee, fall):
    """What a solid near pixel hides, taken again from far pixels that are no longer mixed."""
    for y in range(y0, y1):
        for x in range(radius.shape[2]):
            if held[y, x] > f4(0):
                solid = ramp(weight[BEHIND, y, x] / held[y, x], SOLID)
                if solid > f4(0):
                    _average_far(colour, radius, y, x, solid, knee, fall)


@compiled
def _average_far(colour, radius, y, x, share, knee, fall):
    """Mix `share` of the mean colour of the far side about a pixel into what is behind it."""
    near = min(radius[OWN, y, x], radius[RIM, y, x])
    middle = f4(0.5) * (near + radius[BEHIND, y, x])
    both = f4(2 * SIDES) * (radius[BEHIND, y, x] - near)
    red = green = blue = total = f4(0)
    for j in range(max(0, y - SOLID_WINDOW), min(radius.shape[1], y + SOLID_WINDOW + 1)):
        for i in range(max(0, x - SOLID_WINDOW), min(radius.shape[2], x + SOLID_WINDOW + 1)):
            far = f4(0.5) + (radius[OWN, j, i] - middle) / both
            if far > f4(0):
                p = colour[OWN, j, i]
                w = min(far, f4(1)) * fall[(j - y) ** 2 + (i - x) ** 2] / (knee + max(p[0], p[1], p[2]))
                red += w * p[0]
                green += w * p[1]
                blue += w * p[2]
                total += w
    if total > f4(0):
        behind = colour[BEHIND, y, x]
        behind[0] += share * (red / total - behind[0])
        behind[1] += share * (green / total - behind[1])
        behind[2] += share * (blue / total - behind[2])


@compiled
def _spread_around(spread, y, x):
    """The largest of the ranges within 3x3 pixels that fit into the window."""
    most = spread[y, x]
    for j in range(y - WINDOW + 1, y + WINDOW, WINDOW - 1):
        for i in range(x - WINDOW + 1, x + WINDOW, WINDOW - 1):
            if 0 <= j < spread.shape[0] and 0 <= i < spread.shape[1]:
                most = max(most, spread[j, i])
    return most


@compiled
def _radii_around(radius, y, x, reach):
    """The nearest and the farthest radius within `reach` pixels on every side."""
    low = high = radius[y, x]
    for j in range(max(0, y - reach), min(radius.shape[0], y + reach + 1)):
        for i in range(max(0, x - reach), min(radius.shape[1], x + reach + 1)):
            low = min(low, radius[j, i])
            high = max(high, radius[j, i])
    return low, high


@compiled
def _sum_sides(picture, radius, spread, y, x, low, high, knee, fall, sides):
    """Weighted means per side: r, g, b, weight, radius, squared colour, squared distance of the radius from the middle."""
    sides[:] = f4(0)
    middle, both = f4(0.5) * (low + high), f4(2 * SIDES) * (high - low)
    for j in range(max(0, y - WINDOW), min(radius.shape[0], y + WINDOW + 1)):
        for i in range(max(0, x - WINDOW), min(radius.shape[1], x + WINDOW + 1)):
            p = picture[j, i]
            w = fall[(j - y) ** 2 + (i - x) ** 2] / (knee + max(p[0], p[1], p[2]))
            w *= f4(1) - f4(1 - MIXED_TRUST) * ramp(spread[j, i], MIXED_EDGE)
            near = min(max(f4(0.5) + (middle - radius[j, i]) / both, f4(0)), f4(1))
            if near > f4(0):
                _add_sample(sides[0], w * near, p, radius[j, i], middle)
            if near < f4(1):
                _add_sample(sides[1], w * (f4(1) - near), p, radius[j, i], middle)
    for s in range(2):
        if sides[s, 3] > f4(0):
            for c in (0, 1, 2, 4, 5, 6):
                sides[s, c] /= sides[s, 3]


@compiled
def _add_sample(side, w, p, r, middle):
    side[0] += w * p[0]
    side[1] += w * p[1]
    side[2] += w * p[2]
    side[3] += w
    side[4] += w * r
    side[5] += w * (p[0] * p[0] + p[1] * p[1] + p[2] * p[2])
    side[6] += w * (r - middle) ** 2


@compiled
def _measure_step(sides, middle):
    """How surely the two sides are two surfaces, 0..1: a step far beyond the spread within each. Noise and ramps are not."""
    step = sides[1, 4] - sides[0, 4]
    spread = sides[0, 6] - (sides[0, 4] - middle) ** 2 + sides[1, 6] - (sides[1, 4] - middle) ** 2
    return ramp(step / f4(math.sqrt(max(f4(0.5) * spread, f4(1e-12)))), CLEAR_STEP)


@compiled
def _look_beside(radius, y, x, low, high, sides):
    """Replace the radii of the sides by those beside the pixel, as far as both sides are there."""
    middle, step = f4(0.5) * (low + high), high - low
    nearest, farthest = _radii_around(radius, y, x, 1)
    sides[0, 4] += ramp((middle - nearest) / step, BESIDE) * (nearest - sides[0, 4])
    sides[1, 4] += ramp((farthest - middle) / step, BESIDE) * (farthest - sides[1, 4])


@compiled
def _expect_cover(radius, y, x, low, high, fall):
    """What the depth map says about a pixel's coverage: how much of the 3x3 pixels about it is near."""
    middle, step = f4(0.5) * (low + high), high - low
    cover = f4(0.5 - 0.5 * PRIOR_GAIN)
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            j, i = min(max(y + dy, 0), radius.shape[0] - 1), min(max(x + dx, 0), radius.shape[1] - 1)
            cover += fall[dy * dy + dx * dx] * ramp((middle - radius[j, i]) / step, PRIOR_RAMP)
    return min(max(cover, f4(0)), f4(1))


@compiled
def _variance(side):
    """Variance of the colours of a side, summed over the channels."""
    square = side[0] * side[0] + side[1] * side[1] + side[2] * side[2]
    return max(side[5] - square, f4(0)) + f4(NOISE) * square + f4(1e-12)


@compiled
def _coverage(pixel, prior, sides, near_variance, far_variance):
    """The most probable share of the near side in `pixel`: least squares on the line from far to near, with a prior."""
    along = span = f4(0)
    for c in range(3):
        difference = sides[0, c] - sides[1, c]
        along += (pixel[c] - sides[1, c]) * difference
        span += difference * difference
    t = min(max(along / (span + f4(1e-12)), f4(0)), f4(1))
    variance = prior**2 * near_variance + (f4(1) - prior) ** 2 * far_variance
    for c in range(3):
        variance += (pixel[c] - sides[1, c] - t * (sides[0, c] - sides[1, c])) ** 2
    strength = variance / f4(PRIOR_VARIANCE)
    return min(max((along + strength * prior) / (span + strength), f4(0)), f4(1))


@compiled
def _split_pixel(pixel, is_near, prior, clear, sides, colour, radius, weight, y, x):
    """Write the near and the far share of one pixel into the layers, as far as it is `clear` that there are two."""
    near_variance, far_variance = _variance(sides[0]), _variance(sides[1])
    coverage = _coverage(pixel, prior, sides, near_variance, far_variance)
    near_peak = max(sides[0, 0], sides[0, 1], sides[0, 2])
    peak = max(near_peak, sides[1, 0], sides[1, 1], sides[1, 2], f4(1e-12))
    light = ramp(max(pixel[0], pixel[1], pixel[2]) / peak, EXCESS) if is_near else f4(0)
    coverage += light * (f4(EXCESS_COVERAGE) - coverage)
    of_far = (f4(1) - coverage) * far_variance
    of_far /= coverage * coverage * near_variance + (f4(1) - coverage) * of_far
    near_layer, far_layer = (OWN, RIM) if is_near else (RIM, OWN)
    own_share = coverage if is_near else f4(1) - coverage
    whole_share = (f4(1) - clear) / max(f4(1) - clear + clear * own_share, f4(1e-6))
    solid, top = ramp(coverage, SOLID), f4(EXCESS[0]) * near_peak
    for c in range(3):
        near, far, seen = sides[0, c], sides[1, c], pixel[c]
        rest = far + of_far * (seen - coverage * near - (f4(1) - coverage) * far)
        far = _between(rest, min(seen, far), max(seen, far))
        near = _between((seen - (f4(1) - coverage) * far) / max(coverage, f4(0.05)), f4(0), top)
        far += light * max((seen - coverage * near) / max(f4(1) - coverage, f4(0.05)) - far, f4(0))
        colour[near_layer, y, x, c] = near
        colour[far_layer, y, x, c] = far
        colour[BEHIND, y, x, c] = far + solid * (sides[1, c] - far)
        colour[OWN, y, x, c] += whole_share * (seen - colour[OWN, y, x, c])
    own = radius[OWN, y, x]
    radius[near_layer, y, x] = sides[0, 4]
    radius[far_layer, y, x] = radius[BEHIND, y, x] = sides[1, 4]
    off = radius[OWN, y, x] - own
    radius[OWN, y, x] = own + clear * ramp(abs(off) / max(sides[1, 4] - sides[0, 4], f4(1e-6)), RAMP) * off
    weight[OWN, y, x] = f4(1) - clear * (f4(1) - own_share)
    weight[RIM, y, x] = clear * max(f4(1) - own_share - f4(RIM_LEAST), f4(0)) * f4(1 / (1 - RIM_LEAST))
    weight[BEHIND, y, x] = clear * coverage


@compiled
def _between(value, low, high):
    return max(min(value, high), low)
