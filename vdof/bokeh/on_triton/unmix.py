"""Mixed pixels on depth edges taken apart by a Triton kernel; step by step as `vdof.bokeh.on_numba.unmix`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from vdof.bokeh import layers as settings
from vdof.bokeh.on_triton.sources import is_within, ramp

BLOCK = 64
"""Pixels per program."""
MIXED_EDGE, MIXED_FULLY = (tl.constexpr(limit) for limit in settings.MIXED_EDGE)
MIXED_TRUST, SIDES = tl.constexpr(settings.MIXED_TRUST), tl.constexpr(settings.SIDES)
WINDOW, SPREAD = tl.constexpr(settings.WINDOW), tl.constexpr(settings.SPREAD)
CLEAR_STEP, CLEAR_FULLY = (tl.constexpr(limit) for limit in settings.CLEAR_STEP)
BESIDE, BESIDE_FULLY = (tl.constexpr(limit) for limit in settings.BESIDE)
RAMP, RAMP_FULLY = (tl.constexpr(limit) for limit in settings.RAMP)
PRIOR_RAMP, PRIOR_FULLY = (tl.constexpr(limit) for limit in settings.PRIOR_RAMP)
SOLID_WINDOW = tl.constexpr(settings.SOLID_WINDOW)
SOLID, SOLID_FULLY = (tl.constexpr(limit) for limit in settings.SOLID)
RIM_LEAST = tl.constexpr(settings.RIM_LEAST)
NOISE, PRIOR_VARIANCE = tl.constexpr(settings.NOISE), tl.constexpr(settings.PRIOR_VARIANCE)
PRIOR_SPREAD, PRIOR_GAIN = tl.constexpr(settings.PRIOR_SPREAD), tl.constexpr(settings.PRIOR_GAIN)
EXCESS, EXCESS_FULLY = (tl.constexpr(limit) for limit in settings.EXCESS)
EXCESS_COVERAGE = tl.constexpr(settings.EXCESS_COVERAGE)


def unmix_edges(
    picture: Tensor, signed: Tensor, spread: Tensor, knee: float, colour: Tensor, radius: Tensor, weight: Tensor
) -> Tensor:
    """Take the mixed pixels of `picture` (H,W,3) with radius `signed` (H,W) apart; writes into the layers colour (L,H,W,3),
    radius (L,H,W) and weight (L,H,W), as `unmix_edges` of `vdof.bokeh.on_torch.unmix`, and returns the same."""
    height, width = signed.shape
    grid = (height, triton.cdiv(width, BLOCK))
    held = torch.zeros_like(signed)
    _unmix_kernel[grid](picture, signed, spread, colour, radius, weight, held, height, width, knee, BLOCK=BLOCK)
    _clean_kernel[grid](colour, radius, weight, held, height, width, knee, BLOCK=BLOCK)
    return held


@triton.jit
def _unmix_kernel(
    picture, signed, spread, colour, radius, weight, held, height, width, knee, BLOCK: tl.constexpr
):  # fmt: skip
    y, x = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    at = y.to(tl.int64) * width + x
    clear = ramp(_spread_around(spread, x, y, at, height, width, BLOCK), MIXED_EDGE, MIXED_FULLY)
    is_mixed = clear > 0
    if tl.max(is_mixed.to(tl.int32), 0) > 0:
        low, high = _radii_around(signed, x, y, is_mixed, height, width, WINDOW)
        middle = 0.5 * (low + high)
        near, far, near_figures, far_figures = _sum_sides(
            picture, signed, spread, x, y, at, low, high, is_mixed, height, width, knee, BLOCK
        )
        near_r, near_square, near_off = _figures(near, near_figures)
        far_r, far_square, far_off = _figures(far, far_figures)
        near_w, far_w = _pick(near, 3), _pick(far, 3)
        near, far = near / tl.maximum(near_w, 1e-20)[:, None], far / tl.maximum(far_w, 1e-20)[:, None]
        off = near_off - (near_r - middle) * (near_r - middle) + far_off - (far_r - middle) * (far_r - middle)
        step = far_r - near_r
        clear *= ramp(step / tl.sqrt(tl.maximum(0.5 * off, 1e-12)), CLEAR_STEP, CLEAR_FULLY)
        is_mixed &= (near_w > 0) & (far_w > 0) & (clear > 0)
        own = tl.load(signed + at, mask=is_mixed, other=0.0)
        is_near = own < middle
        seen = _load(picture, at, is_mixed)
        prior = _expect_cover(signed, x, y, low, high, is_mixed, height, width, BLOCK)
        near_r, far_r = _look_beside(signed, x, y, low, high, near_r, far_r, is_mixed, height, width)
        near_variance, far_variance = _variance(near, near_square), _variance(far, far_square)
        variance = prior * prior * near_variance + (1 - prior) * (1 - prior) * far_variance
        coverage = _cover(seen, prior, near, far, variance)
        tl.store(held + at, clear, mask=is_mixed)
        _split(
            seen, coverage, clear, own, is_near, near, far, near_variance, far_variance, near_r, far_r,
            colour, radius, weight, at, height * width, is_mixed,
        )  # fmt: skip


@triton.jit
def _spread_around(spread, x, y, at, height, width, BLOCK: tl.constexpr):
    """The largest of the ranges within 3x3 pixels that fit into the window."""
    most = tl.zeros([BLOCK], tl.float32)
    for n in tl.static_range(9):
        dy, dx = (n // 3 - 1) * (WINDOW - 1), (n % 3 - 1) * (WINDOW - 1)
        there = tl.load(spread + at + dy * width + dx, mask=is_within(y + dy, x + dx, height, width), other=0.0)
        most = tl.maximum(most, there)
    return tl.where(x < width, most, 0.0)


@triton.jit
def _radii_around(signed, x, y, mask, height, width, REACH: tl.constexpr):
    """The nearest and the farthest radius within REACH pixels on every side; 0 and 1 outside `mask`."""
    low = tl.load(signed + y.to(tl.int64) * width + x, mask=mask, other=0.0)
    high = low
    n = 0
    while n < (2 * REACH + 1) * (2 * REACH + 1):
        j = tl.minimum(tl.maximum(y + n // (2 * REACH + 1) - REACH, 0), height - 1)
        i = tl.minimum(tl.maximum(x + n % (2 * REACH + 1) - REACH, 0), width - 1)
        r = tl.load(signed + j.to(tl.int64) * width + i, mask=mask, other=0.0)
        low, high = tl.minimum(low, r), tl.maximum(high, r)
        n += 1
    return low, tl.where(mask, high, 1.0)


@triton.jit
def _sum_sides(picture, signed, spread, x, y, at, low, high, mask, height, width, knee, BLOCK: tl.constexpr):
    """Weighted sums over the window per side: (BLOCK,4) of r, g, b, 1, and of radius, squared colour, squared distance of
    the radius from the middle, 0."""
    near, far = tl.zeros([BLOCK, 4], tl.float32), tl.zeros([BLOCK, 4], tl.float32)
    near_figures, far_figures = near, far
    channel, middle = tl.arange(0, 4)[None, :], 0.5 * (low + high)
    n = 0
    while n < (2 * WINDOW + 1) * (2 * WINDOW + 1):
        dy, dx = n // (2 * WINDOW + 1) - WINDOW, n % (2 * WINDOW + 1) - WINDOW
        is_inside = mask & is_within(y + dy, x + dx, height, width)
        there = at + dy * width + dx
        tone, r = _load(picture, there, is_inside), tl.load(signed + there, mask=is_inside, other=0.0)
        w = tl.exp(-(dy * dy + dx * dx) / SPREAD) / (knee + _peak(tone))
        doubt = ramp(tl.load(spread + there, mask=is_inside, other=0.0), MIXED_EDGE, MIXED_FULLY)
        w = tl.where(is_inside, w * (1 - (1 - MIXED_TRUST) * doubt), 0.0)[:, None]
        off = r - middle
        w_near = w * ramp(off / (low - high), -SIDES, SIDES)[:, None]
        figures = tl.where(channel == 0, r[:, None], tl.where(channel == 1, _dot(tone, tone)[:, None], 0.0))
        figures = tl.where(channel == 2, (off * off)[:, None], figures)
        near += w_near * tone
        far += (w - w_near) * tone
        near_figures += w_near * figures
        far_figures += (w - w_near) * figures
        n += 1
    return near, far, near_figures, far_figures


@triton.jit
def _figures(side, figures):
    """Means of radius, squared colour and squared distance from the middle on one side."""
    scale = 1 / tl.maximum(_pick(side, 3), 1e-20)
    return _pick(figures, 0) * scale, _pick(figures, 1) * scale, _pick(figures, 2) * scale


@triton.jit
def _load(picture, at, mask):
    """(r, g, b, 1) of pixels."""
    channel = tl.arange(0, 4)[None, :]
    return tl.load(picture + at[:, None] * 3 + channel, mask=mask[:, None] & (channel < 3), other=1.0)


@triton.jit
def _pick(values, channel):
    return tl.sum(tl.where(tl.arange(0, 4)[None, :] == channel, values, 0.0), 1)


@triton.jit
def _dot(a, b):
    """Scalar product of two colours."""
    return tl.sum(tl.where(tl.arange(0, 4)[None, :] < 3, a * b, 0.0), 1)


@triton.jit
def _peak(tone):
    """The brightest channel of a colour."""
    return tl.max(tl.where(tl.arange(0, 4)[None, :] < 3, tone, -float("inf")), 1)


@triton.jit
def _between(value, low, high):
    return tl.maximum(tl.minimum(value, high), low)


@triton.jit
def _look_beside(signed, x, y, low, high, near_r, far_r, mask, height, width):
    """The radii of the sides beside the pixels in place of the means, as far as both sides are there."""
    nearest, farthest = _radii_around(signed, x, y, mask, height, width, 1)
    middle, step = 0.5 * (low + high), high - low
    near_r += ramp((middle - nearest) / step, BESIDE, BESIDE_FULLY) * (nearest - near_r)
    return near_r, far_r + ramp((farthest - middle) / step, BESIDE, BESIDE_FULLY) * (farthest - far_r)


@triton.jit
def _expect_cover(signed, x, y, low, high, mask, height, width, BLOCK: tl.constexpr):
    """What the depth map says about the coverage: how much of the 3x3 pixels about a pixel is near."""
    near, total = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    n = 0
    while n < 9:
        dy, dx = n // 3 - 1, n % 3 - 1
        j, i = tl.minimum(tl.maximum(y + dy, 0), height - 1), tl.minimum(tl.maximum(x + dx, 0), width - 1)
        r = tl.load(signed + j.to(tl.int64) * width + i, mask=mask, other=0.0)
        fall = tl.exp(-(dy * dy + dx * dx) / PRIOR_SPREAD)
        near += fall * ramp((0.5 * (low + high) - r) / (high - low), PRIOR_RAMP, PRIOR_FULLY)
        total += fall
        n += 1
    return _between(0.5 + PRIOR_GAIN * (near / total - 0.5), 0.0, 1.0)


@triton.jit
def _variance(mean, mean_square):
    """Variance of the colours of a side, summed over the channels."""
    square = _dot(mean, mean)
    return tl.maximum(mean_square - square, 0.0) + NOISE * square + 1e-12


@triton.jit
def _cover(seen, prior, near, far, variance):
    """The most probable share of the near side in a pixel: least squares on the line from far to near, with a prior."""
    difference = near - far
    along, span = _dot(seen - far, difference), _dot(difference, difference)
    t = _between(along / (span + 1e-12), 0.0, 1.0)
    off = seen - far - t[:, None] * difference
    strength = (variance + _dot(off, off)) / PRIOR_VARIANCE
    return _between((along + strength * prior) / (span + strength), 0.0, 1.0)


@triton.jit
def _part(seen, a, light, near, far, near_variance, far_variance):
    """Colours of the near and the far share of pixels of coverage `a`, which together give what is seen."""
    of_far = (1 - a) * far_variance / (a * a * near_variance + (1 - a) * (1 - a) * far_variance)
    rest = far + of_far * (seen - a * near - (1 - a) * far)
    far = _between(rest, tl.minimum(seen, far), tl.maximum(seen, far))
    near = _between((seen - (1 - a) * far) / tl.maximum(a, 0.05), 0.0, EXCESS * _peak(near)[:, None])
    return near, far + light * tl.maximum((seen - a * near) / tl.maximum(1 - a, 0.05) - far, 0.0)


@triton.jit
def _split(
    seen, coverage, clear, own, is_near, near, far, near_variance, far_variance, near_r, far_r,
    colour, radius, weight, at, layer, mask,
):  # fmt: skip
    """Write the near and the far shares of the pixels into the layers, which are `layer` pixels apart."""
    channel = tl.arange(0, 4)[None, :]
    light = ramp(_peak(seen) / tl.maximum(tl.maximum(_peak(near), _peak(far)), 1e-12), EXCESS, EXCESS_FULLY)
    light = tl.where(is_near, light, 0.0)
    coverage += light * (EXCESS_COVERAGE - coverage)
    one, both = coverage[:, None], (near_variance[:, None], far_variance[:, None])
    near_part, far_part = _part(seen, one, light[:, None], near, far, *both)
    hidden = far_part + ramp(one, SOLID, SOLID_FULLY) * (far - far_part)
    share, n = tl.where(is_near, coverage, 1 - coverage), is_near[:, None]
    whole = (1 - clear) / tl.maximum(1 - clear + clear * share, 1e-6)
    own_colour = tl.where(n, near_part, far_part)
    own_colour += whole[:, None] * (seen - own_colour)
    off = tl.where(is_near, near_r, far_r) - own
    own += clear * ramp(tl.abs(off) / tl.maximum(far_r - near_r, 1e-6), RAMP, RAMP_FULLY) * off
    to, mask3 = at[:, None] * 3 + channel, mask[:, None] & (channel < 3)
    tl.store(colour + to, own_colour, mask=mask3)
    tl.store(radius + at, own, mask=mask)
    tl.store(weight + at, 1 - clear * (1 - share), mask=mask)
    tl.store(colour + layer * 3 + to, hidden, mask=mask3)
    tl.store(radius + layer + at, far_r, mask=mask)
    tl.store(weight + layer + at, clear * coverage, mask=mask)
    tl.store(colour + layer * 6 + to, tl.where(n, far_part, near_part), mask=mask3)
    tl.store(radius + layer * 2 + at, tl.where(is_near, far_r, near_r), mask=mask)
    tl.store(weight + layer * 2 + at, clear * tl.maximum(1 - share - RIM_LEAST, 0.0) / (1 - RIM_LEAST), mask=mask)


@triton.jit
def _clean_kernel(colour, radius, weight, held, height, width, knee, BLOCK: tl.constexpr):
    """What a solid near pixel hides, taken again from far pixels that are no longer mixed."""
    y, x = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    at, layer = y.to(tl.int64) * width + x, height.to(tl.int64) * width
    hidden = tl.load(weight + layer + at, mask=x < width, other=0.0)
    solid = ramp(hidden / tl.maximum(tl.load(held + at, mask=x < width, other=0.0), 1e-20), SOLID, SOLID_FULLY)
    is_solid = solid > 0
    if tl.max(is_solid.to(tl.int32), 0) > 0:
        mean = _average_far(colour, radius, x, y, at, layer, is_solid, height, width, knee, BLOCK)
        total, channel = _pick(mean, 3), tl.arange(0, 4)[None, :]
        is_solid &= total > 0
        was = _load(colour + layer * 3, at, is_solid)
        was += solid[:, None] * (mean / tl.maximum(total, 1e-20)[:, None] - was)
        tl.store(colour + (layer + at)[:, None] * 3 + channel, was, mask=is_solid[:, None] & (channel < 3))


@triton.jit
def _average_far(colour, radius, x, y, at, layer, mask, height, width, knee, BLOCK: tl.constexpr):
    """Weighted sums (BLOCK,4) of r, g, b and 1 over the far side about pixels."""
    total = tl.zeros([BLOCK, 4], tl.float32)
    near = tl.load(radius + at, mask=mask, other=0.0)
    near = tl.minimum(near, tl.load(radius + 2 * layer + at, mask=mask, other=0.0))
    far = tl.load(radius + layer + at, mask=mask, other=1.0)
    n = 0
    while n < (2 * SOLID_WINDOW + 1) * (2 * SOLID_WINDOW + 1):
        dy, dx = n // (2 * SOLID_WINDOW + 1) - SOLID_WINDOW, n % (2 * SOLID_WINDOW + 1) - SOLID_WINDOW
        is_inside = mask & is_within(y + dy, x + dx, height, width)
        there = at + dy * width + dx
        tone, r = _load(colour, there, is_inside), tl.load(radius + there, mask=is_inside, other=0.0)
        w = tl.exp(-(dy * dy + dx * dx) / SPREAD) / (knee + _peak(tone))
        w *= ramp((r - 0.5 * (near + far)) / (far - near), -SIDES, SIDES)
        total += tl.where(is_inside, w, 0.0)[:, None] * tone
        n += 1
    return total
