"""The layers on CUDA: what torch does in a few operations stays torch, what looks at windows of pixels is a Triton kernel.

Step by step as `vdof.bokeh.torch_layers`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from vdof.bokeh import layers as settings
from vdof.bokeh.layers import BEHIND, OWN, Layers, level_count, pyramid_sizes
from vdof.bokeh.torch_layers import bin_pixels, fill_levels, find_edges
from vdof.bokeh.triton_unmix import unmix_edges

BLOCK = 128
"""Pixels per program."""
BIN, BEHIND_STEP = tl.constexpr(settings.BIN), tl.constexpr(settings.BEHIND_STEP)
DENSE_EDGE, DENSE_STEP = tl.constexpr(settings.DENSE_EDGE), tl.constexpr(settings.DENSE_STEP)
DENSE_WINDOW, DENSE_SPREAD = tl.constexpr(settings.DENSE_WINDOW), tl.constexpr(settings.DENSE_SPREAD)
SPARSE = tl.constexpr(settings.SPARSE)


def split_layers(picture: Tensor, signed: Tensor, margin: int, level: float) -> Layers:
    """Picture (H,W,3) and radius (H,W) -> the picture's own layer, what lies behind it and between."""
    height, width = signed.shape
    spread, shown = find_edges(signed, margin)
    colour = F.pad(picture[None], (0, 0, 0, 0, 0, 0, 0, 2))
    radius, weight = (F.pad(part[None], (0, 0, 0, 0, 0, 2)) for part in (signed, torch.ones_like(signed)))
    unmix_edges(picture, signed, spread, 1.5 * level, colour, radius, weight)
    grid = (height, triton.cdiv(width, BLOCK))
    _strands_kernel[grid](colour, radius, weight, spread, shown, height, width, BLOCK=BLOCK)
    nearest, farthest = torch.stack(radius[OWN].aminmax()).tolist()
    levels = level_count(nearest, farthest + 1e-3)
    per_radius = levels / (farthest + 1e-3 - nearest)
    is_edge = spread > settings.EDGE
    stack = bin_pixels(colour[OWN], radius[OWN], is_edge, nearest, per_radius, levels, 5 * level)
    filled = fill_levels(stack, pyramid_sizes(height, width)).contiguous()
    _behind_kernel[grid](
        *(colour, radius, weight, shown, filled, height, width, levels, *filled.shape[2:]),
        *(nearest, farthest, per_radius),
        BLOCK=BLOCK,
    )
    weight[BEHIND].abs_()
    return Layers(colour, radius, weight, margin)


@triton.jit
def _strands_kernel(colour, radius, weight, spread, shown, height, width, BLOCK: tl.constexpr):
    """In dense hair what a strand hides is the next strand, not the far background: a mean of what is just farther."""
    y, x = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    at, behind = y.to(tl.int64) * width + x, height.to(tl.int64) * width
    own = tl.load(radius + at, mask=x < width, other=1e9)
    is_strand = (own < tl.load(shown + at, mask=x < width, other=0.0)) & (tl.load(weight + at, mask=x < width) >= 1)
    is_strand &= tl.load(spread + at, mask=x < width, other=0.0) > DENSE_EDGE
    if tl.max(is_strand.to(tl.int32), 0) > 0:
        channel = tl.arange(0, 4)[None, :]
        found, depth = tl.zeros([BLOCK, 4], tl.float32), tl.zeros([BLOCK], tl.float32)
        count, far = depth, depth
        n = 0
        while n < (2 * DENSE_WINDOW + 1) * (2 * DENSE_WINDOW + 1):
            dy, dx = n // (2 * DENSE_WINDOW + 1) - DENSE_WINDOW, n % (2 * DENSE_WINDOW + 1) - DENSE_WINDOW
            is_inside = is_strand & (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
            there = at + dy * width + dx
            r = tl.load(radius + there, mask=is_inside, other=-1e9)
            step = r - own
            count += is_inside.to(tl.float32)
            far += (step > BEHIND_STEP).to(tl.float32)
            share = tl.exp(-(dy * dy + dx * dx) / DENSE_SPREAD) / tl.maximum(step, DENSE_STEP)
            share = tl.where(step > DENSE_STEP, share, 0.0)
            mask = is_inside[:, None] & (channel < 3)
            found += share[:, None] * tl.load(colour + there[:, None] * 3 + channel, mask=mask, other=1.0)
            depth += share * r
            n += 1
        total = tl.sum(tl.where(channel == 3, found, 0.0), 1)
        found, depth = found / tl.maximum(total, 1e-20)[:, None], depth / tl.maximum(total, 1e-20)
        is_new = is_strand & (total > 0) & (far <= SPARSE * count)
        at += behind
        is_new &= (tl.load(weight + at, mask=is_new) == 0) | (tl.load(radius + at, mask=is_new) > depth + 0.5)
        tl.store(colour + at[:, None] * 3 + channel, found, mask=is_new[:, None] & (channel < 3))
        tl.store(radius + at, depth, mask=is_new)
        tl.store(weight + at, depth * 0 + 1, mask=is_new)


@triton.jit
def _behind_kernel(
    colour, radius, weight, shown, filled, height, width, levels, rows, columns, nearest, farthest, per_radius,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Fill layer BEHIND near edges from the level safely behind each pixel; what unmixing put there stays."""
    y, x = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    at = y.to(tl.int64) * width + x
    own = tl.load(radius + at, mask=x < width, other=1e9)
    is_seen_around = own < tl.load(shown + at, mask=x < width, other=0.0)
    at += height.to(tl.int64) * width
    known = tl.load(weight + at, mask=x < width, other=1.0)
    is_light, is_empty = is_seen_around & (known < 0), is_seen_around & (known == 0)
    if tl.max((is_light | is_empty).to(tl.int32), 0) > 0:
        level = (tl.where(is_seen_around, own, nearest) + BEHIND_STEP - nearest) * per_radius
        k = tl.minimum(level.to(tl.int32) + 1, levels - 1)
        share = tl.minimum(tl.maximum(level - (k - 1), 0.0), 1.0)
        next_k = tl.minimum(k + 1, levels - 1)
        for c in tl.static_range(4):
            plane = filled + c * rows * columns
            here = _sample(plane + k * 4 * rows * columns, y, x, rows, columns, is_seen_around)
            beyond = _sample(plane + next_k * 4 * rows * columns, y, x, rows, columns, is_seen_around)
            value = here + share * (beyond - here)
            if c < 3:
                tl.store(colour + at * 3 + c, value, mask=is_empty)
            else:
                value = tl.minimum(tl.maximum(value, nearest), farthest)
                seen = tl.load(radius + at, mask=is_light, other=0.0)
                tl.store(radius + at, tl.where(is_light, tl.maximum(seen, value), value), mask=is_light | is_empty)
                room = (value - own - 0.75 * BEHIND_STEP) * 2
                tl.store(weight + at, tl.minimum(tl.maximum(room, 0.0), 1.0), mask=is_empty)


@triton.jit
def _sample(plane, y, x, rows, columns, mask):
    """Bilinear values of a coarse plane at the pixels (x, y)."""
    v = tl.minimum(tl.maximum((y + 0.5) / BIN - 0.5, 0.0), rows - 1.0)
    u = tl.minimum(tl.maximum((x + 0.5) / BIN - 0.5, 0.0), columns - 1.0)
    j, i = v.to(tl.int32), u.to(tl.int32)
    v, u = v - j, u - i
    above, below = plane + j * columns, plane + tl.minimum(j + 1, rows - 1) * columns
    right = tl.minimum(i + 1, columns - 1)
    first, last = tl.load(above + i, mask=mask, other=0.0), tl.load(above + right, mask=mask, other=0.0)
    upper = first + u * (last - first)
    first, last = tl.load(below + i, mask=mask, other=0.0), tl.load(below + right, mask=mask, other=0.0)
    return upper + v * (first + u * (last - first) - upper)
