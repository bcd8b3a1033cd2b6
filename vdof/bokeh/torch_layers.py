"""The background layer in torch operations, for devices without numba; step by step as `vdof.bokeh.numba_layers`."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.bokeh.layers import (
    BEHIND,
    BEHIND_STEP,
    BIN,
    DENSE_EDGE,
    DENSE_SPREAD,
    DENSE_STEP,
    DENSE_WINDOW,
    EDGE,
    EDGE_TRUST,
    MIXED_EDGE,
    OWN,
    SPARSE,
    TILE,
    Layers,
    level_count,
    pyramid_sizes,
)
from vdof.bokeh.torch_unmix import unmix_edges


def split_layers(picture: Tensor, signed: Tensor, margin: int, level: float) -> Layers:
    """Picture (H,W,3) and radius (H,W) -> the picture's own layer and, where there are edges, what lies behind and between."""
    spread, shown = find_edges(signed, margin)
    if not bool((spread > MIXED_EDGE).any()):
        return Layers(picture[None], signed[None], torch.ones_like(signed)[None], margin)
    nothing = torch.zeros_like(signed)
    colour = torch.stack([picture, torch.zeros_like(picture), torch.zeros_like(picture)])
    radius, weight = torch.stack([signed, nothing, nothing]), torch.stack([nothing + 1, nothing, nothing])
    unmix_edges(colour, radius, weight, spread, level)
    is_seen_around = radius[OWN] < shown
    if bool(is_seen_around.any()):
        add_background(colour, radius, weight, spread, is_seen_around, level)
    weight[BEHIND].abs_()
    return Layers(colour, radius, weight, margin)


def add_background(
    colour: Tensor, radius: Tensor, weight: Tensor, spread: Tensor, is_seen_around: Tensor, level: float
) -> None:
    """Fill layer BEHIND near edges from what lies farther in layer OWN; what unmixing put there stays."""
    back_strands(colour, radius, weight, spread, is_seen_around)
    own = radius[OWN]
    nearest, farthest = float(own.min()), float(own.max()) + 1e-3
    levels = level_count(nearest, farthest)
    per_radius = levels / (farthest - nearest)
    stack = bin_pixels(colour[OWN], own, spread > EDGE, nearest, per_radius, levels, 5 * level)
    found = pick_behind(own, fill_levels(stack, pyramid_sizes(*own.shape)), nearest, per_radius)
    behind = found[3].clamp(nearest, farthest)
    is_light = is_seen_around & (weight[BEHIND] < 0)
    is_empty = is_seen_around & (weight[BEHIND] == 0)
    radius[BEHIND] = torch.where(is_light, torch.maximum(radius[BEHIND], behind), radius[BEHIND])
    radius[BEHIND] = torch.where(is_empty, behind, radius[BEHIND])
    weight[BEHIND] = torch.where(is_empty, ((behind - own - 0.75 * BEHIND_STEP) * 2).clamp(0, 1), weight[BEHIND])
    colour[BEHIND] = torch.where(is_empty[..., None], found[:3].permute(1, 2, 0), colour[BEHIND])


def find_edges(radius: Tensor, margin: int) -> tuple[Tensor, Tensor]:
    """(H,W) range of radii within 3x3 pixels, and the radius below which a surface is the nearer side of an edge in reach.

    margin: px, larger than any radius.
    """
    height, width = radius.shape
    high = F.max_pool2d(radius[None], 3, 1, 1)[0]
    low = -F.max_pool2d(-radius[None], 3, 1, 1)[0]
    far = torch.where(high - low > EDGE, torch.maximum(low.abs(), high.abs()) + 2, 0)
    middle = torch.where(high - low > EDGE, 0.5 * (low + high), -math.inf)
    room = (0, -width % TILE, 0, -height % TILE)
    tiles = -(-F.max_pool2d(F.pad(far, room)[None], TILE) // TILE)
    middle = F.max_pool2d(F.pad(middle, room, value=-math.inf)[None], TILE)
    shown = torch.full_like(middle, -math.inf)
    for n in range(1, margin // TILE + 2):
        reaching = torch.where(tiles == n, middle, -math.inf)
        shown = torch.maximum(shown, F.max_pool2d(reaching, 2 * n + 1, 1, n))
    return high - low, shown[0].repeat_interleave(TILE, 0).repeat_interleave(TILE, 1)[:height, :width]


def back_strands(colour: Tensor, radius: Tensor, weight: Tensor, spread: Tensor, is_seen_around: Tensor) -> None:
    """In dense hair what a strand hides is the next strand, not the far background: a mean of what is just farther."""
    height, width = spread.shape
    y, x = (is_seen_around & (spread > DENSE_EDGE) & (weight[OWN] >= 1)).nonzero(as_tuple=True)
    values = torch.cat([colour[OWN], radius[OWN][..., None], torch.ones_like(spread)[..., None]], 2)
    own = radius[OWN, y, x]
    found, count, far = values.new_zeros(y.numel(), 5), torch.zeros_like(own), torch.zeros_like(own)
    for dy in range(-DENSE_WINDOW, DENSE_WINDOW + 1):
        for dx in range(-DENSE_WINDOW, DENSE_WINDOW + 1):
            j, i = (y + dy).clamp(0, height - 1), (x + dx).clamp(0, width - 1)
            is_inside = (j == y + dy) & (i == x + dx)
            step = radius[OWN, j, i] - own
            count += is_inside
            far += is_inside & (step > BEHIND_STEP)
            fall = math.exp(-(dy * dy + dx * dx) / DENSE_SPREAD)
            share = torch.where(is_inside & (step > DENSE_STEP), fall / step.clamp(min=DENSE_STEP), 0.0)
            found += share[:, None] * values[j, i]
    mean = found[:, :4] / found[:, 4:].clamp(min=1e-20)
    is_new = (weight[BEHIND, y, x] == 0) | (radius[BEHIND, y, x] > mean[:, 3] + 0.5)
    k = ((found[:, 4] > 0) & (far <= SPARSE * count) & is_new).nonzero()[:, 0]
    y, x, mean = y[k], x[k], mean[k]
    colour[BEHIND, y, x], radius[BEHIND, y, x], weight[BEHIND, y, x] = mean[:, :3], mean[:, 3], torch.ones_like(own[k])


def bin_pixels(
    colour: Tensor, radius: Tensor, is_edge: Tensor, nearest: float, per_radius: float, levels: int, knee: float
) -> Tensor:
    """Mean over BIN x BIN pixels of w (r, g, b, radius, 1) by level, summed from far to near: (levels,5,h,w)."""
    height, width = radius.shape
    rows, columns = pyramid_sizes(height, width)[0]
    weight = torch.where(is_edge, EDGE_TRUST, 1.0) * knee / (BIN * BIN * (knee + colour.amax(2)))
    level = ((radius - nearest) * per_radius).long().clamp(0, levels - 1)
    y = torch.arange(height, device=radius.device)[:, None] // BIN
    x = torch.arange(width, device=radius.device)[None, :] // BIN
    values = torch.cat([colour, radius[..., None], torch.ones_like(radius)[..., None]], 2) * weight[..., None]
    stack = values.new_zeros(levels * rows * columns, 5)
    stack.index_add_(0, ((level * rows + y) * columns + x).flatten(), values.flatten(0, 1))
    return stack.view(levels, rows, columns, 5).flip(0).cumsum(0).flip(0).permute(0, 3, 1, 2)


def fill_levels(stack: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
    """Push-pull of every level: (levels,5,h,w) weighted -> (levels,4,h,w) filled and normalised."""
    pyramid = [stack]
    for _ in sizes[1:]:
        fine = F.pad(pyramid[-1], (0, pyramid[-1].shape[3] % 2, 0, pyramid[-1].shape[2] % 2))
        coarse = F.avg_pool2d(fine, 2) * 4
        pyramid.append(coarse / coarse[:, 4:].clamp(min=1))
    filled = pyramid[-1][:, :4] / pyramid[-1][:, 4:].clamp(min=1e-6)
    for fine in reversed(pyramid[:-1]):
        above = F.interpolate(filled, scale_factor=2, mode="bilinear")[:, :, : fine.shape[2], : fine.shape[3]]
        filled = fine[:, :4] + (1 - fine[:, 4:]).clamp(min=0) * above
    return filled


def pick_behind(radius: Tensor, filled: Tensor, nearest: float, per_radius: float) -> Tensor:
    """(4,H,W): colour and radius from the level `ceil(r + 1)` and farther, never toward a nearer one."""
    height, width = radius.shape
    levels, _, rows, columns = filled.shape
    level = (radius + BEHIND_STEP - nearest) * per_radius
    k = (level.long() + 1).clamp(0, levels - 1)
    share = (level - (k - 1)).clamp(0, 1)
    j0, j1, v = _cells(height, rows, radius)
    i0, i1, u = _cells(width, columns, radius)
    cells = filled.permute(0, 2, 3, 1).flatten(0, 2)

    def sample(level_index: Tensor) -> Tensor:
        def at(j: Tensor, i: Tensor) -> Tensor:
            return cells[(level_index * rows + j[:, None]) * columns + i[None, :]]

        above = torch.lerp(at(j0, i0), at(j0, i1), u[None, :, None])
        below = torch.lerp(at(j1, i0), at(j1, i1), u[None, :, None])
        return torch.lerp(above, below, v[:, None, None])

    return torch.lerp(sample(k), sample((k + 1).clamp(max=levels - 1)), share[..., None]).permute(2, 0, 1)


def _cells(size: int, cells: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For every pixel of a side: its two cells and the share of the second."""
    position = ((torch.arange(size, device=like.device) + 0.5) / BIN - 0.5).clamp(0, cells - 1)
    first = position.long()
    return first, (first + 1).clamp(max=cells - 1), (position - first).to(like.dtype)
