"""Mixed pixels on depth edges taken apart by a Triton kernel; step by step as `vdof.bokeh.numba_unmix`."""

from __future__ import annotations

import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from vdof.bokeh import layers as settings

BLOCK = 64
"""Pixels per program."""
MIXED_EDGE, MIXED_TRUST = tl.constexpr(settings.MIXED_EDGE), tl.constexpr(settings.MIXED_TRUST)
WINDOW, SPREAD = tl.constexpr(settings.WINDOW), tl.constexpr(settings.SPREAD)
CLEAR_STEP, RAMP = tl.constexpr(settings.CLEAR_STEP), tl.constexpr(settings.RAMP)
NOISE, PRIOR_VARIANCE = tl.constexpr(settings.NOISE), tl.constexpr(settings.PRIOR_VARIANCE)
EXCESS, EXCESS_COVERAGE = tl.constexpr(settings.EXCESS), tl.constexpr(settings.EXCESS_COVERAGE)


def unmix_edges(
    picture: Tensor, signed: Tensor, spread: Tensor, knee: float, colour: Tensor, radius: Tensor, weight: Tensor
) -> None:
    """Take the mixed pixels of `picture` (H,W,3) with radius `signed` (H,W) apart; writes into the layers colour (3,H,W,3),
    radius (3,H,W) and weight (3,H,W), as `unmix_edges` of `vdof.bokeh.torch_unmix`."""
    high, low = F.max_pool2d(signed[None], 5, 1, 2)[0], -F.max_pool2d(-signed[None], 5, 1, 2)[0]
    height, width = signed.shape
    _unmix_kernel[(height, triton.cdiv(width, BLOCK))](
        *(picture, signed, spread, 0.5 * (low + high), colour, radius, weight, height, width, knee),
        BLOCK=BLOCK,
    )


@triton.jit
def _unmix_kernel(picture, signed, spread, middle_at, colour, radius, weight, height, width, knee, BLOCK: tl.constexpr):
    y, x = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    at = y.to(tl.int64) * width + x
    is_mixed = tl.load(spread + at, mask=x < width, other=0.0) > MIXED_EDGE
    if tl.max(is_mixed.to(tl.int32), 0) > 0:
        middle = tl.load(middle_at + at, mask=is_mixed, other=0.0)
        near, far, near_figures, far_figures = _sum_sides(
            picture, signed, spread, x, y, at, middle, is_mixed, height, width, knee, BLOCK
        )
        near_r, near_square, near_off = _figures(near, near_figures)
        far_r, far_square, far_off = _figures(far, far_figures)
        near_w, far_w = _pick(near, 3), _pick(far, 3)
        near, far = near / tl.maximum(near_w, 1e-20)[:, None], far / tl.maximum(far_w, 1e-20)[:, None]
        off = near_off - (near_r - middle) * (near_r - middle) + far_off - (far_r - middle) * (far_r - middle)
        step = far_r - near_r
        is_mixed &= (near_w > 0) & (far_w > 0) & (step * step > 0.5 * CLEAR_STEP * CLEAR_STEP * off)
        own = tl.load(signed + at, mask=is_mixed, other=0.0)
        is_near = own < middle
        seen = _load(picture, at, is_mixed)
        coverage = _cover(seen, is_near, near, far, near_square, far_square)
        _split(
            seen, coverage, own, is_near, near, far, near_r, far_r, colour, radius, weight, at, height * width, is_mixed
        )


@triton.jit
def _sum_sides(picture, signed, spread, x, y, at, middle, mask, height, width, knee, BLOCK: tl.constexpr):
    """Weighted sums over the window per side: (BLOCK,4) of r, g, b, 1, and of radius, squared colour, squared distance of
    the radius from the middle, 0."""
    near, far = tl.zeros([BLOCK, 4], tl.float32), tl.zeros([BLOCK, 4], tl.float32)
    near_figures, far_figures = near, far
    channel = tl.arange(0, 4)[None, :]
    n = 0
    while n < (2 * WINDOW + 1) * (2 * WINDOW + 1):
        dy, dx = n // (2 * WINDOW + 1) - WINDOW, n % (2 * WINDOW + 1) - WINDOW
        is_inside = mask & (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
        there = at + dy * width + dx
        tone, r = _load(picture, there, is_inside), tl.load(signed + there, mask=is_inside, other=0.0)
        w = tl.exp(-(dy * dy + dx * dx) / SPREAD) / (knee + _peak(tone))
        w *= tl.where(tl.load(spread + there, mask=is_inside, other=0.0) > MIXED_EDGE, MIXED_TRUST, 1.0)
        w = tl.where(is_inside, w, 0.0)[:, None]
        is_near, off = (r < middle)[:, None], r - middle
        figures = tl.where(channel == 0, r[:, None], tl.where(channel == 1, _dot(tone, tone)[:, None], 0.0))
        figures = tl.where(channel == 2, (off * off)[:, None], figures)
        near += tl.where(is_near, w, 0.0) * tone
        far += tl.where(is_near, 0.0, w) * tone
        near_figures += tl.where(is_near, w, 0.0) * figures
        far_figures += tl.where(is_near, 0.0, w) * figures
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
def _cover(seen, is_near, near, far, near_mean_square, far_mean_square):
    """The most probable share of the near side in a pixel: least squares on the line from far to near, with a prior."""
    difference = near - far
    along, span = _dot(seen - far, difference), _dot(difference, difference)
    near_square, far_square = _dot(near, near), _dot(far, far)
    t = _between(along / (span + 1e-12), 0.0, 1.0)
    variance = 0.5 * (tl.maximum(near_mean_square - near_square, 0.0) + tl.maximum(far_mean_square - far_square, 0.0))
    variance += NOISE * (near_square + far_square) + 1e-12
    off = seen - far - t[:, None] * difference
    strength = (variance + _dot(off, off)) / PRIOR_VARIANCE
    return _between((along + tl.where(is_near, strength, 0.0)) / (span + strength), 0.0, 1.0)


@triton.jit
def _split(seen, coverage, own, is_near, near, far, near_r, far_r, colour, radius, weight, at, layer, mask):
    """Write the near and the far shares of the pixels into the layers, which are `layer` pixels apart."""
    channel = tl.arange(0, 4)[None, :]
    near_peak = _peak(near)
    shows_light = is_near & (_peak(seen) > EXCESS * tl.maximum(near_peak, _peak(far)))
    coverage = tl.where(shows_light, EXCESS_COVERAGE, coverage)
    a, n = coverage[:, None], is_near[:, None]
    part, rest = tl.maximum(a, 0.05), tl.maximum(1 - a, 0.05)
    low, high, dim = tl.minimum(seen, far), tl.maximum(seen, far), tl.minimum(seen, near)
    # a near pixel: first its own colour, what remains shows from behind
    top = tl.minimum(tl.maximum(seen, near), EXCESS * near_peak[:, None])
    near_own = _between((seen - (1 - a) * far) / part, dim, top)
    behind = (seen - a * near_own) / rest
    far_behind = tl.where(shows_light[:, None], tl.maximum(behind, low), _between(behind, low, high))
    far_behind = tl.where(a <= 0.95, far_behind, far)
    # a far pixel: first its own colour, what remains is the near surface's rim
    far_own = _between((seen - a * near) / rest, low, high)
    near_rim = _between((seen - (1 - a) * far_own) / part, dim, tl.maximum(seen, near))
    own_mean = tl.where(is_near, near_r, far_r)
    own = tl.where(tl.abs(own - own_mean) < RAMP * (far_r - near_r), own, own_mean)
    is_rim, to = mask & (is_near == 0), at[:, None] * 3 + channel
    mask3, near3, rim3 = (
        mask[:, None] & (channel < 3),
        (mask & is_near)[:, None] & (channel < 3),
        is_rim[:, None] & (channel < 3),
    )
    tl.store(colour + to, tl.where(n, near_own, far_own), mask=mask3)
    tl.store(radius + at, own, mask=mask)
    tl.store(weight + at, tl.where(is_near, coverage, 1.0), mask=mask)
    tl.store(colour + layer * 3 + to, far_behind, mask=near3)
    tl.store(radius + layer + at, far_r, mask=mask & is_near)
    tl.store(weight + layer + at, tl.where(shows_light, -1.0, 1.0), mask=mask & is_near)
    tl.store(colour + layer * 6 + to, near_rim, mask=rim3)
    tl.store(radius + layer * 2 + at, near_r, mask=is_rim)
    tl.store(weight + layer * 2 + at, tl.where(coverage > 0.02, coverage, 0.0), mask=is_rim)
