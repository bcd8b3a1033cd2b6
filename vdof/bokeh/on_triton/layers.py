"""The layers on CUDA: what torch does in a few operations stays torch, what looks at windows of pixels is a Triton kernel.

Step by step as `vdof.bokeh.on_torch.layers`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from vdof.bokeh import layers as settings
from vdof.bokeh.layers import BEHIND, LAYERS, OWN, Layers, place_levels
from vdof.bokeh.on_triton.edges import find_edges
from vdof.bokeh.on_triton.fill import fill_background, sample
from vdof.bokeh.on_triton.sources import is_within
from vdof.bokeh.on_triton.sources import ramp as ramp_of
from vdof.bokeh.on_triton.unmix import unmix_edges

BLOCK = 128
"""Pixels per program."""
BIN, TILE, BEHIND_STEP = (tl.constexpr(value) for value in (settings.BIN, settings.TILE, settings.BEHIND_STEP))
DENSE_EDGE, DENSE_EDGE_FULLY = (tl.constexpr(limit) for limit in settings.DENSE_EDGE)
DENSE_STEP, DENSE_STEP_FULLY = (tl.constexpr(limit) for limit in settings.DENSE_STEP)
DENSE_OWN, DENSE_OWN_FULLY = (tl.constexpr(limit) for limit in settings.DENSE_OWN)
DENSE_NEARER, DENSE_NEARER_FULLY = (tl.constexpr(limit) for limit in settings.DENSE_NEARER)
DENSE_LEAST = tl.constexpr(settings.DENSE_LEAST)
DENSE_WINDOW, DENSE_SPREAD = tl.constexpr(settings.DENSE_WINDOW), tl.constexpr(settings.DENSE_SPREAD)
SPARSE, SPARSE_FULLY = (tl.constexpr(limit) for limit in settings.SPARSE)
FAR_STEP, FAR_STEP_FULLY = (tl.constexpr(limit) for limit in settings.FAR_STEP)
SEEN_AROUND, SEEN_AROUND_FULLY = (tl.constexpr(limit) for limit in settings.SEEN_AROUND)
SPARSE_SAMPLES, SPARSE_STRIDE = tl.constexpr(settings.SPARSE_SAMPLES), tl.constexpr(settings.SPARSE_STRIDE)
TWO_SURFACES, TWO_SURFACES_FULLY = (tl.constexpr(limit) for limit in settings.TWO_SURFACES)
CONTINUES, CONTINUES_FULLY = (tl.constexpr(limit) for limit in settings.CONTINUES)
FARTHER_FROM = tl.constexpr(settings.FARTHER_FROM)
CELL_VALUES = tl.constexpr(settings.CELL_VALUES)
REVEAL_STEP, REVEAL_STEP_FULLY = (tl.constexpr(limit) for limit in settings.REVEAL_STEP)


def split_layers(picture: Tensor, signed: Tensor, margin: int, level: float) -> Layers:
    """Picture (H,W,3) and radius (H,W) -> the picture's own layer, what lies behind it and between."""
    height, width = signed.shape
    spread, shown = find_edges(signed, margin)
    more = LAYERS - 1
    colour = F.pad(picture[None], (0, 0, 0, 0, 0, 0, 0, more))
    radius, weight = (F.pad(part[None], (0, 0, 0, 0, 0, more)) for part in (signed, torch.ones_like(signed)))
    held = unmix_edges(picture, signed, spread, 1.5 * level, colour, radius, weight)
    grid = (height, triton.cdiv(width, BLOCK))
    _strands_kernel[grid](colour, radius, weight, held, spread, shown, height, width, BLOCK=BLOCK)
    nearest, farthest = torch.stack(radius[OWN].aminmax()).tolist()
    levels, per_radius = place_levels(nearest, farthest + 1e-3)
    filled = fill_background(colour[OWN], radius[OWN], spread, margin, nearest, per_radius, levels, 5 * level)
    _behind_kernel[grid](
        *(colour, radius, weight, held, shown, filled, height, width, margin, levels, filled.shape[2]),
        *(nearest, farthest + 1e-3, per_radius),
        BLOCK=BLOCK,
    )
    weight[BEHIND].abs_()
    return Layers(colour, radius, weight, margin)


@triton.jit
def _strands_kernel(colour, radius, weight, held, spread, shown, height, width, BLOCK: tl.constexpr):
    """In dense hair what a strand hides is the next strand, not the far background: a mean of what is just farther."""
    y, x = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    at, behind = y.to(tl.int64) * width + x, height.to(tl.int64) * width
    own = tl.load(radius + at, mask=x < width, other=1e9)
    share = ramp_of(_load_tile(shown, y, x, width) - own, SEEN_AROUND, SEEN_AROUND_FULLY)
    share *= ramp_of(tl.load(spread + at, mask=x < width, other=0.0), DENSE_EDGE, DENSE_EDGE_FULLY)
    share *= ramp_of(tl.load(weight + at, mask=x < width, other=0.0), DENSE_OWN, DENSE_OWN_FULLY)
    is_strand = share > 0
    if tl.max(is_strand.to(tl.int32), 0) > 0:
        channel = tl.arange(0, 4)[None, :]
        found, depth, total = _find_next(colour, radius, x, y, at, own, is_strand, height, width, BLOCK)
        far = _share_behind(radius, x, y, own, is_strand, height, width, BLOCK)
        share *= (1 - ramp_of(far, SPARSE, SPARSE_FULLY)) * tl.minimum(total / DENSE_LEAST, 1.0)
        was_held = tl.load(held + at, mask=is_strand, other=0.0)
        held_at, at = held + at, at + behind
        held_depth = tl.load(radius + at, mask=is_strand, other=0.0)
        share *= 1 - was_held * (1 - ramp_of(held_depth - depth, DENSE_NEARER, DENSE_NEARER_FULLY))
        is_new = is_strand & (share > 0)
        total = (1 - share) * was_held + share
        part = share / tl.maximum(total, 1e-6)
        mask = is_new[:, None] & (channel < 3)
        held_colour = tl.load(colour + at[:, None] * 3 + channel, mask=mask, other=0.0)
        tl.store(colour + at[:, None] * 3 + channel, held_colour + part[:, None] * (found - held_colour), mask=mask)
        tl.store(radius + at, held_depth + part * (depth - held_depth), mask=is_new)
        hidden = tl.load(weight + at, mask=is_new, other=0.0)
        tl.store(weight + at, hidden + total - was_held, mask=is_new)
        tl.store(held_at, total, mask=is_new)


@triton.jit
def _load_tile(shown, y, x, width):
    """What is kept for the tiles of the pixels (x, y)."""
    return tl.load(shown + y // TILE * tl.cdiv(width, TILE) + x // TILE, mask=x < width, other=0.0)


@triton.jit
def _find_next(colour, radius, x, y, at, own, mask, height, width, BLOCK: tl.constexpr):
    """Mean colour (r, g, b, 1) and radius of what lies just farther around pixels, and its weight."""
    channel = tl.arange(0, 4)[None, :]
    found, depth = tl.zeros([BLOCK, 4], tl.float32), tl.zeros([BLOCK], tl.float32)
    n = 0
    while n < (2 * DENSE_WINDOW + 1) * (2 * DENSE_WINDOW + 1):
        dy, dx = n // (2 * DENSE_WINDOW + 1) - DENSE_WINDOW, n % (2 * DENSE_WINDOW + 1) - DENSE_WINDOW
        is_inside = mask & is_within(y + dy, x + dx, height, width)
        there = at + dy * width + dx
        r = tl.load(radius + there, mask=is_inside, other=-1e9)
        step = r - own
        w = tl.exp(-(dy * dy + dx * dx) / DENSE_SPREAD) / tl.maximum(step, DENSE_STEP)
        w *= ramp_of(step, DENSE_STEP, DENSE_STEP_FULLY)
        is_colour = is_inside[:, None] & (channel < 3)
        found += w[:, None] * tl.load(colour + there[:, None] * 3 + channel, mask=is_colour, other=1.0)
        depth += w * r
        n += 1
    total = tl.sum(tl.where(channel == 3, found, 0.0), 1)
    found, depth = found / tl.maximum(total, 1e-20)[:, None], depth / tl.maximum(total, 1e-20)
    return found, depth, total


@triton.jit
def _share_behind(radius, x, y, own, mask, height, width, BLOCK: tl.constexpr):
    """Share of the samples around pixels that lie much farther."""
    far = tl.zeros([BLOCK], tl.float32)
    n = 0
    while n < (2 * SPARSE_SAMPLES + 1) * (2 * SPARSE_SAMPLES + 1):
        dy, dx = n // (2 * SPARSE_SAMPLES + 1) - SPARSE_SAMPLES, n % (2 * SPARSE_SAMPLES + 1) - SPARSE_SAMPLES
        j = tl.minimum(tl.maximum(y + SPARSE_STRIDE * dy, 0), height - 1)
        i = tl.minimum(tl.maximum(x + SPARSE_STRIDE * dx, 0), width - 1)
        step = tl.load(radius + j.to(tl.int64) * width + i, mask=mask, other=0.0) - own
        far += ramp_of(step, FAR_STEP, FAR_STEP_FULLY)
        n += 1
    return far / ((2 * SPARSE_SAMPLES + 1) * (2 * SPARSE_SAMPLES + 1))


@triton.jit
def _behind_kernel(
    colour, radius, weight, held_at, shown, filled, height, width, margin, levels, cells,
    nearest, farthest, per_radius, BLOCK: tl.constexpr,
):  # fmt: skip
    """Fill layers BEHIND and BEYOND near edges from the levels of the background; what unmixing put there stays. Of two
    surfaces BEHIND is the nearer, as far as it goes on there, and BEYOND the farther."""
    y, x = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    at, layer = y.to(tl.int64) * width + x, height.to(tl.int64) * width
    own = tl.load(radius + at, mask=x < width, other=1e9)
    reach = _load_tile(shown, y, x, width)
    seen_around = ramp_of(reach - own, SEEN_AROUND, SEEN_AROUND_FULLY)
    is_seen_around = seen_around > 0
    if tl.max(is_seen_around.to(tl.int32), 0) > 0:
        held = tl.load(held_at + at, mask=is_seen_around, other=1.0)
        at += layer
        hidden = tl.load(weight + at, mask=is_seen_around, other=0.0)
        seen = tl.load(radius + at, mask=is_seen_around, other=0.0)
        is_open = held < 1
        cell_y, cell_x = (y - margin + 0.5) / BIN - 0.5, (x - margin + 0.5) / BIN - 0.5
        rows, columns = tl.cdiv(height - 2 * margin, BIN), tl.cdiv(width - 2 * margin, BIN)
        bounds = (cell_y, cell_x, rows, columns, cells, levels, nearest, farthest, per_radius)
        surfaces, depth, far_depth, goes_on = _find_behind(filled, own, is_open, *bounds)
        share = tl.where(is_open, seen_around * (1 - held) * ramp_of(depth - own, REVEAL_STEP, REVEAL_STEP_FULLY), 0.0)
        left_open = share * (1 - goes_on) * ramp_of(far_depth - depth, REVEAL_STEP, REVEAL_STEP_FULLY)
        part = share / tl.maximum(held + share, 1e-6)
        for c in tl.static_range(3):
            was = tl.load(colour + at * 3 + c, mask=is_open, other=0.0)
            value = _colours_behind(filled, surfaces, is_open, c, *bounds)[0]
            tl.store(colour + at * 3 + c, was + part * (value - was), mask=is_open)
        seen += part * (depth - seen)
        held += share
        tl.store(radius + at, seen, mask=is_open)
        tl.store(weight + at, hidden + share - left_open, mask=is_open)
        at += 2 * layer
        share = seen_around * held * ramp_of(reach - seen, SEEN_AROUND, SEEN_AROUND_FULLY)
        is_beyond = is_seen_around & (tl.maximum(share, left_open) > 0)
        others, other_depth, other_far, goes_on = _find_behind(filled, seen, is_beyond, *bounds)
        is_left = left_open > 0
        beyond = tl.where(is_left, far_depth, other_far + goes_on * (other_depth - other_far))
        for c in tl.static_range(3):
            far = _colours_behind(filled, surfaces, is_left, c, *bounds)[1]
            near, away = _colours_behind(filled, others, is_beyond, c, *bounds)
            value = tl.where(is_left, far, away + goes_on * (near - away))
            tl.store(colour + at * 3 + c, value, mask=is_beyond)
        tl.store(radius + at, beyond, mask=is_beyond)
        share *= ramp_of(beyond - seen, REVEAL_STEP, REVEAL_STEP_FULLY)
        tl.store(weight + at, tl.maximum(share, left_open), mask=is_beyond)


@triton.jit
def _find_behind(filled, own, mask, y, x, rows, columns, cells, levels, nearest, farthest, per_radius):
    """The nearer and the farther surface behind radius `own` at the cells (x, y): their levels and what the nearer stands
    ahead of its level's mean, in steps between the means; their radii; how much the nearer goes on there."""
    level = _level_of(own + BEHIND_STEP, nearest, farthest, per_radius)
    mean = _value_behind(filled, level, mask, 3, y, x, rows, columns, cells, levels)
    mean = tl.minimum(tl.maximum(mean, nearest), farthest)
    variance = tl.maximum(_value_behind(filled, level, mask, 4, y, x, rows, columns, cells, levels) - mean * mean, 0.0)
    far_level = _level_of(mean - FARTHER_FROM / per_radius, nearest, farthest, per_radius)
    far = _value_behind(filled, far_level, mask, 3, y, x, rows, columns, cells, levels)
    far = tl.minimum(tl.maximum(far, nearest), farthest)
    two = tl.where(far > mean, ramp_of(tl.sqrt(variance), TWO_SURFACES, TWO_SURFACES_FULLY), 0.0)
    step = tl.maximum(far - mean, 1e-6)
    share = step * step / (step * step + variance)
    ahead = two * tl.minimum(1 / tl.maximum(share, CONTINUES) - 1, (mean - own) / step)
    near = mean + ahead * (mean - far)
    return (level, far_level, ahead), near, far, 1 - two * (1 - ramp_of(share, CONTINUES, CONTINUES_FULLY))


@triton.jit
def _colours_behind(filled, surfaces, mask, channel, y, x, rows, columns, cells, levels, nearest, farthest, per_radius):
    """One of r, g, b of the nearer and of the farther surface."""
    level, far_level, ahead = surfaces
    mean = _value_behind(filled, level, mask, channel, y, x, rows, columns, cells, levels)
    far = _value_behind(filled, far_level, mask, channel, y, x, rows, columns, cells, levels)
    return tl.maximum(mean + ahead * (mean - far), 0.0), far


@triton.jit
def _level_of(least, nearest, farthest, per_radius):
    """Position among the levels of what is at radius `least`, short of the farthest."""
    return (tl.minimum(least, farthest - 2 / per_radius) - nearest) * per_radius


@triton.jit
def _value_behind(filled, level, mask, channel, y, x, rows, columns, cells, levels):
    """One of r, g, b, radius, squared radius in the level `ceil(level)` and farther, never toward a nearer one."""
    k = tl.minimum(tl.maximum(tl.floor(level).to(tl.int32) + 1, 0), levels - 1)
    t = tl.minimum(tl.maximum(level - (k - 1), 0.0), 1.0)
    here = filled + (k.to(tl.int64) * (CELL_VALUES + 1) + channel) * cells
    beyond = filled + (tl.minimum(k + 1, levels - 1).to(tl.int64) * (CELL_VALUES + 1) + channel) * cells
    value = sample(here, y, x, rows, columns, mask)
    return value + t * (sample(beyond, y, x, rows, columns, mask) - value)
