"""What the Triton kernels share: ramps, and of a source its depth groups, its share at each resolution, its spans.

Device functions only; step by step as `vdof.bokeh.on_torch.records` and `spans_at` of `vdof.bokeh.on_torch.splat`.
"""

from __future__ import annotations

import math

import triton
import triton.language as tl

from vdof.bokeh import aperture, ladder, layers, small_discs

FINE, STEPS, OFFSET = (
    tl.constexpr(value) for value in (small_discs.STEPS, aperture.STEPS_PER_PIXEL, aperture.FINE_OFFSET)
)
CLIP_STEPS, CLIP_ANGLES = tl.constexpr(aperture.CLIP_STEPS), tl.constexpr(aperture.CLIP_ANGLES)
SOFT, FIRST_STEP, GROWTH = (tl.constexpr(value) for value in (ladder.SOFT, ladder.FIRST_STEP, ladder.GROWTH))
HALF_FROM, HALF_FULLY = tl.constexpr(layers.HALF_FROM), tl.constexpr(layers.HALF_FULLY)
FULL_VARIANCE, HALF_VARIANCE = tl.constexpr(layers.FULL_VARIANCE), tl.constexpr(layers.HALF_VARIANCE)
LEAST_LIGHT = tl.constexpr(layers.LEAST_LIGHT)
FULL_CLIP = tl.constexpr(layers.FULL_CLIP)
CLIP_ROOM, CLIP_ROOM_LEFT = tl.constexpr(layers.CLIP_ROOM), tl.constexpr(layers.CLIP_ROOM_LEFT)
QUARTER = tl.constexpr(math.pi / 2)


@triton.jit
def ramp(value, low: tl.constexpr, high: tl.constexpr):
    """0 below the first of two limits, 1 above the second, linear in between."""
    return tl.minimum(tl.maximum((value - low) / (high - low), 0.0), 1.0)


@triton.jit
def is_within(y, x, height, width):
    """Whether the pixels (x, y) lie in a picture; all in a row where `y` is a number (added to `x * 0` for the interpreter,
    which makes a mask of integers from what it compares as a number)."""
    y += x * 0
    return (y >= 0) & (y < height) & (x >= 0) & (x < width)


@triton.jit
def half_share(radius):
    """Share of a source that is splatted at half resolution."""
    return ramp(tl.abs(radius), HALF_FROM, HALF_FULLY)


@triton.jit
def find_group(radius, borders, count):
    """The group of every radius."""
    group = (radius * 0).to(tl.int32)
    n = 0
    while n < count:
        group += (radius >= tl.load(borders + n)).to(tl.int32)
        n += 1
    return group


@triton.jit
def find_groups(radius, borders, count):
    """The group of every radius, the other group where a border is close, and the share of the first."""
    group = find_group(radius, borders, count)
    above = tl.load(borders + group, mask=group < count, other=float("inf")) - radius
    below = radius - tl.load(borders + group - 1, mask=group > 0, other=-float("inf"))
    zone = SOFT * (FIRST_STEP + GROWTH * tl.abs(radius))
    other = tl.where(above < zone, group + 1, tl.where(below < zone, group - 1, group))
    distance = tl.where(above < zone, above, below)
    return group, other, tl.where(other != group, 0.5 + 0.5 * distance / zone, 1.0)


@triton.jit
def clip_shift(x, y, size, cut_x, cut_y, cut_shift):
    """Displacement of the barrel's circle, in aperture radii, of discs at (x, y)."""
    amount = -cut_shift * tl.minimum(size / FULL_CLIP, 1.0)
    return (x - cut_x) * amount, (y - cut_y) * amount


@triton.jit
def clipped_share(clip, shift_x, shift_y):
    """Share of its light that a disc has left whose cutting circle is displaced so; bilinear in the table `clip`."""
    shift = tl.sqrt(shift_x * shift_x + shift_y * shift_y) * (CLIP_STEPS - 1)
    turn = turn_of(shift_x, shift_y) * CLIP_ANGLES
    i, j = tl.minimum(shift.to(tl.int32), CLIP_STEPS - 2), tl.minimum(turn.to(tl.int32), CLIP_ANGLES - 1)
    u, v = shift - i, turn - j
    at = clip + i * (CLIP_ANGLES + 1) + j
    near, far = tl.load(at), tl.load(at + CLIP_ANGLES + 1)
    near += v * (tl.load(at + 1) - near)
    far += v * (tl.load(at + CLIP_ANGLES + 2) - far)
    return near + u * (far - near)


@triton.jit
def turn_of(x, y):
    """Angle of (x, y) in turns, 0..1 (arctangent: Abramowitz & Stegun, "Handbook of Mathematical Functions", 4.4.49)."""
    wide, high = tl.abs(x), tl.abs(y)
    ratio = tl.minimum(wide, high) / tl.maximum(tl.maximum(wide, high), 1e-20)
    s = ratio * ratio
    series = -0.0161657367 + s * 0.0028662257
    series = -0.0752896400 + s * (0.0429096138 + s * series)
    series = -0.1420889944 + s * (0.1065626393 + s * series)
    series = -0.3333314528 + s * (0.1999355085 + s * series)
    angle = ratio * (1 + s * series)
    angle = tl.where(high > wide, QUARTER - angle, angle)
    angle = tl.where(x < 0, 2 * QUARTER - angle, angle)
    turn = tl.where(y < 0, -angle, angle) / (4 * QUARTER)
    return tl.where(turn < 0, turn + 1, turn)


@triton.jit
def place_of(size):
    """Position in the span table of a radius, px."""
    return tl.minimum(size * FINE, size * STEPS + OFFSET)


@triton.jit
def span_at(spans, x, dy, size, side, max_row, radii, mask):
    """Left and right end, px, and height of one part of the discs at `x`, `dy` rows below them; empty outside `mask`."""
    place = place_of(size)
    j = place.to(tl.int32)
    t = place - j
    at = spans + (tl.where(side > 0, max_row + dy, max_row - dy) * radii + j) * 3
    centre, half = tl.load(at, mask=mask, other=0.0), tl.load(at + 1, mask=mask, other=0.0)
    height = tl.load(at + 2, mask=mask, other=0.0)
    centre += t * (tl.load(at + 3, mask=mask, other=0.0) - centre)
    half += t * (tl.load(at + 4, mask=mask, other=0.0) - half)
    height += t * (tl.load(at + 5, mask=mask, other=0.0) - height)
    return x + side * centre - half, x + side * centre + half, height


@triton.jit
def clip_span(left, right, x, dy, size, side, shift_x, shift_y, squeeze):
    """A span cut by the barrel's circle."""
    off = dy - side * shift_y * size
    circle = size + tl.maximum(CLIP_ROOM - size / FULL_CLIP, CLIP_ROOM_LEFT)
    chord = tl.sqrt(tl.maximum(circle * circle - off * off, 0.0)) / squeeze
    middle = x + side * shift_x * size / squeeze
    return tl.maximum(left, middle - chord), tl.minimum(right, middle + chord)


@triton.jit
def lit_span(
    spans, gain, part, x, dy, size, side, shift_x, shift_y, squeeze, max_row, radii, mask,
    PARTS: tl.constexpr, HAS_CUT: tl.constexpr,
):  # fmt: skip
    """Left and right end, px, and brightness of the span of one part, cut by the barrel, and where within `mask` it is lit."""
    left, right, bright = span_at(spans + part * (2 * max_row + 1) * radii * 3, x, dy, size, side, max_row, radii, mask)
    if HAS_CUT:
        left, right = clip_span(left, right, x, dy, size, side, shift_x, shift_y, squeeze)
    bright *= tl.where(side > 0, tl.load(gain + PARTS + part), tl.load(gain + part))
    return left, right, bright, mask & (left < right)
