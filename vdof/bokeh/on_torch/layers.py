"""The background layer in torch operations, for devices without numba; step by step as `vdof.bokeh.on_numba.layers`."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.bokeh.layers import (
    BEHIND,
    BEHIND_STEP,
    BEYOND,
    BIN,
    CONTINUES,
    DENSE_EDGE,
    DENSE_LEAST,
    DENSE_NEARER,
    DENSE_OWN,
    DENSE_SPREAD,
    DENSE_STEP,
    DENSE_WINDOW,
    EDGE,
    EDGE_DOUBT,
    EDGE_TRUST,
    FAR_STEP,
    FARTHER_FROM,
    LAYERS,
    MIXED_EDGE,
    OWN,
    REACH_FADE,
    REVEAL_STEP,
    SEEN_AROUND,
    SPARSE,
    SPARSE_SAMPLES,
    SPARSE_STRIDE,
    TILE,
    TWO_SURFACES,
    Layers,
    place_levels,
    pyramid_sizes,
)
from vdof.bokeh.on_torch.unmix import extremes, unmix_edges
from vdof.filters import ramp


def split_layers(picture: Tensor, signed: Tensor, margin: int, level: float) -> Layers:
    """Picture (H,W,3) and radius (H,W) -> the picture's own layer and, where there are edges, what lies behind and between."""
    spread, shown = find_edges(signed, margin)
    if not bool((spread > MIXED_EDGE[0]).any()):
        return Layers(picture[None], signed[None], torch.ones_like(signed)[None], margin)
    colour, radius = picture.new_zeros(LAYERS, *picture.shape), signed.new_zeros(LAYERS, *signed.shape)
    weight = torch.zeros_like(radius)
    colour[OWN], radius[OWN], weight[OWN] = picture, signed, 1.0
    held = unmix_edges(colour, radius, weight, spread, level)
    if bool((shown > radius[OWN] + SEEN_AROUND[0]).any()):
        add_background(colour, radius, weight, held, spread, shown, level, margin)
    weight[BEHIND].abs_()
    return Layers(colour, radius, weight, margin)


def add_background(
    colour: Tensor,
    radius: Tensor,
    weight: Tensor,
    held: Tensor,
    spread: Tensor,
    shown: Tensor,
    level: float,
    margin: int,
) -> None:
    """Fill layers BEHIND and BEYOND near edges from what lies farther in layer OWN; what unmixing put there stays.

    The margin only repeats the border, so the picture alone is looked at: what is found does not depend on the largest disc.

    held: how surely what is behind each pixel is known.
    """
    seen_around = ramp(shown - radius[OWN], SEEN_AROUND)
    back_strands(colour, radius, weight, held, spread, seen_around)
    own = radius[OWN]
    nearest, farthest = float(own.min()), float(own.max()) + 1e-3
    levels, per_radius = place_levels(nearest, farthest)
    inner = np.s_[margin:-margin, margin:-margin]
    doubt = ramp(spread, EDGE_DOUBT)[inner]
    stack = bin_pixels(colour[OWN][inner], own[inner], doubt, nearest, per_radius, levels, 5 * level)
    filled, bounds = fill_levels(stack, pyramid_sizes(*doubt.shape)), (nearest, farthest, per_radius)
    y, x = (seen_around > 0).nonzero(as_tuple=True)
    own, around, known = own[y, x], seen_around[y, x], held[y, x]
    near, far, goes_on = find_behind(own, y - margin, x - margin, filled, *bounds)
    share = around * (1 - known) * ramp(near[:, 3] - own, REVEAL_STEP)
    left_open = share * (1 - goes_on) * ramp(far[:, 3] - near[:, 3], REVEAL_STEP)
    add_behind(colour, radius, weight, held, y, x, known, near, share)
    weight[BEHIND, y, x] -= left_open
    behind = radius[BEHIND, y, x]
    share = around * held[y, x] * ramp(shown[y, x] - behind, SEEN_AROUND)
    nearer, farther, goes_on = find_behind(behind, y - margin, x - margin, filled, *bounds)
    far = torch.where(left_open[:, None] > 0, far, torch.lerp(farther, nearer, goes_on[:, None]))
    weight[BEYOND, y, x] = torch.maximum(share * ramp(far[:, 3] - behind, REVEAL_STEP), left_open)
    colour[BEYOND, y, x], radius[BEYOND, y, x] = far[:, :3], far[:, 3]


def add_behind(
    colour: Tensor,
    radius: Tensor,
    weight: Tensor,
    held: Tensor,
    y: Tensor,
    x: Tensor,
    kept: Tensor,
    found: Tensor,
    share: Tensor,
) -> None:
    """Mix `share` (n,) of sources (n,4: r, g, b, radius) with the `kept` parts of what is behind the pixels."""
    total = kept + share
    part = share / total.clamp(min=1e-6)
    colour[BEHIND, y, x] += part[:, None] * (found[:, :3] - colour[BEHIND, y, x])
    radius[BEHIND, y, x] += part * (found[:, 3] - radius[BEHIND, y, x])
    weight[BEHIND, y, x] += total - held[y, x]
    held[y, x] = total


def find_edges(radius: Tensor, margin: int) -> tuple[Tensor, Tensor]:
    """(H,W) range of radii within 3x3 pixels, and the radius below which a surface is the nearer side of an edge in reach.

    margin: px, larger than any radius.
    """
    height, width = radius.shape
    low, high = extremes(radius, 1)
    far = torch.where(high - low > EDGE, torch.maximum(low.abs(), high.abs()) + 2, 0)
    middle = torch.where(high - low > EDGE, 0.5 * (low + high), -math.inf)
    room = (0, -width % TILE, 0, -height % TILE)
    reach = F.max_pool2d(F.pad(far, room)[None], TILE) / TILE
    middle = F.max_pool2d(F.pad(middle, room, value=-math.inf)[None], TILE)
    shown = torch.full_like(middle, -math.inf)
    for n in range(margin // TILE + 2):
        fading = torch.where(reach > n - 1, middle - REACH_FADE * (n - reach).clamp(min=0), -math.inf)
        shown = torch.maximum(shown, F.max_pool2d(fading, 2 * n + 1, 1, n))
    shown = shown[0].repeat_interleave(TILE, 0).repeat_interleave(TILE, 1)
    return high - low, shown[:height, :width].contiguous()


def back_strands(
    colour: Tensor, radius: Tensor, weight: Tensor, held: Tensor, spread: Tensor, seen_around: Tensor
) -> None:
    """In dense hair what a strand hides is the next strand, not the far background: a mean of what is just farther."""
    share = seen_around * ramp(spread, DENSE_EDGE) * ramp(weight[OWN], DENSE_OWN)
    y, x = (share > 0).nonzero(as_tuple=True)
    found = find_next(colour[OWN], radius[OWN], y, x)
    share = share[y, x] * (1 - ramp(share_behind(radius[OWN], y, x), SPARSE))
    share = share * (found[:, 4] / DENSE_LEAST).clamp(max=1)
    found = found / found[:, 4:].clamp(min=1e-20)
    kept = held[y, x]
    share = share * (1 - kept * (1 - ramp(radius[BEHIND, y, x] - found[:, 3], DENSE_NEARER)))
    k = (share > 0).nonzero()[:, 0]
    share = share[k]
    add_behind(colour, radius, weight, held, y[k], x[k], kept[k] * (1 - share), found[k], share)


def find_next(colour: Tensor, radius: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Sums (n,5) r, g, b, radius and 1 of what lies just farther around pixels (n,)."""
    height, width = radius.shape
    values = torch.cat([colour, radius[..., None], torch.ones_like(radius)[..., None]], 2)
    own = radius[y, x]
    found = values.new_zeros(y.numel(), 5)
    for dy in range(-DENSE_WINDOW, DENSE_WINDOW + 1):
        for dx in range(-DENSE_WINDOW, DENSE_WINDOW + 1):
            j, i = (y + dy).clamp(0, height - 1), (x + dx).clamp(0, width - 1)
            is_inside = (j == y + dy) & (i == x + dx)
            step = radius[j, i] - own
            fall = math.exp(-(dy * dy + dx * dx) / DENSE_SPREAD)
            w = is_inside * ramp(step, DENSE_STEP) * fall / step.clamp(min=DENSE_STEP[0])
            found += w[:, None] * values[j, i]
    return found


def share_behind(radius: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Share of the samples around pixels (n,) that lie much farther."""
    height, width = radius.shape
    own, far = radius[y, x], torch.zeros(y.numel(), device=y.device)
    for dy in range(-SPARSE_SAMPLES, SPARSE_SAMPLES + 1):
        for dx in range(-SPARSE_SAMPLES, SPARSE_SAMPLES + 1):
            j, i = (y + SPARSE_STRIDE * dy).clamp(0, height - 1), (x + SPARSE_STRIDE * dx).clamp(0, width - 1)
            far += ramp(radius[j, i] - own, FAR_STEP)
    return far / (2 * SPARSE_SAMPLES + 1) ** 2


def bin_pixels(
    colour: Tensor, radius: Tensor, doubt: Tensor, nearest: float, per_radius: float, levels: int, knee: float
) -> Tensor:
    """Mean over BIN x BIN pixels of w (r, g, b, radius, squared radius, 1) by level, summed from far to near:
    (levels,6,h,w)."""
    height, width = radius.shape
    rows, columns = pyramid_sizes(height, width)[0]
    weight = (1 - (1 - EDGE_TRUST) * doubt) * knee / (BIN * BIN * (knee + colour.amax(2)))
    level = (radius - nearest) * per_radius
    k = level.long().clamp(0, levels - 1)
    share = (level - k).clamp(max=1)[..., None]
    y = torch.arange(height, device=radius.device)[:, None] // BIN
    x = torch.arange(width, device=radius.device)[None, :] // BIN
    moments = torch.stack([radius, radius**2, torch.ones_like(radius)], 2)
    values = torch.cat([colour, moments], 2) * weight[..., None]
    stack = values.new_zeros(levels * rows * columns, values.shape[2])
    for at, part in ((k, share), ((k - 1).clamp(min=0), 1 - share)):
        stack.index_add_(0, ((at * rows + y) * columns + x).flatten(), (values * part).flatten(0, 1))
    return stack.view(levels, rows, columns, -1).flip(0).cumsum(0).flip(0).permute(0, 3, 1, 2)


def fill_levels(stack: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
    """Push-pull of every level: (levels,6,h,w) weighted -> (levels,5,h,w) filled and normalised."""
    pyramid = [stack]
    for _ in sizes[1:]:
        fine = F.pad(pyramid[-1], (0, pyramid[-1].shape[3] % 2, 0, pyramid[-1].shape[2] % 2))
        coarse = F.avg_pool2d(fine, 2) * 4
        pyramid.append(coarse / coarse[:, -1:].clamp(min=1))
    filled = pyramid[-1][:, :-1] / pyramid[-1][:, -1:].clamp(min=1e-6)
    for fine in reversed(pyramid[:-1]):
        above = F.interpolate(filled, scale_factor=2, mode="bilinear")[:, :, : fine.shape[2], : fine.shape[3]]
        filled = fine[:, :-1] + (1 - fine[:, -1:]).clamp(min=0) * above
    return filled


def find_behind(
    own: Tensor, y: Tensor, x: Tensor, filled: Tensor, nearest: float, farthest: float, per_radius: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Colour and radius (n,4) of the nearer and of the farther surface behind radius `own` (n,) at pixels of the picture; how
    much (n,) the nearer goes on there.

    Two surfaces of shares p and 1 - p whose radii differ by d have the variance p (1 - p) d^2, and their mean is nearer than
    the farther one by p d: so the mean, the variance and the farther one tell the share and the nearer one.
    """
    bounds = (filled, nearest, farthest, per_radius)
    near = mix_levels(own + BEHIND_STEP, y, x, *bounds)
    mean, square = near[:, 3], near[:, 4]
    far = mix_levels(mean - FARTHER_FROM / per_radius, y, x, *bounds)[:, :4]
    variance, step = (square - mean**2).clamp(min=0), (far[:, 3] - mean).clamp(min=1e-6)
    two = ramp(variance.sqrt(), TWO_SURFACES) * (far[:, 3] > mean)
    share = step**2 / (step**2 + variance)
    ahead = two * torch.minimum(1 / share.clamp(min=CONTINUES[0]) - 1, (mean - own) / step)
    near = near[:, :4] + ahead[:, None] * (near[:, :4] - far)
    near[:, :3].clamp_(min=0)
    return near, far, 1 - two * (1 - ramp(share, CONTINUES))


def mix_levels(
    least: Tensor, y: Tensor, x: Tensor, filled: Tensor, nearest: float, farthest: float, per_radius: float
) -> Tensor:
    """(n,5): what was found in the level `ceil(least)` and farther, never toward a nearer one."""
    levels, _, rows, columns = filled.shape
    level = (least.clamp(max=farthest - 2 / per_radius) - nearest) * per_radius
    k = (level.floor().long() + 1).clamp(0, levels - 1)
    share = (level - (k - 1)).clamp(0, 1)
    j0, j1, v = _cells(y, rows)
    i0, i1, u = _cells(x, columns)
    cells = filled.permute(0, 2, 3, 1).flatten(0, 2)

    def sample(level_index: Tensor) -> Tensor:
        def at(j: Tensor, i: Tensor) -> Tensor:
            return cells[(level_index * rows + j) * columns + i]

        above = torch.lerp(at(j0, i0), at(j0, i1), u)
        below = torch.lerp(at(j1, i0), at(j1, i1), u)
        return torch.lerp(above, below, v)

    found = torch.lerp(sample(k), sample((k + 1).clamp(max=levels - 1)), share[:, None])
    found[:, 3].clamp_(nearest, farthest)
    return found


def _cells(x: Tensor, cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """For pixels (n,) along a side of the picture: their two cells, and the share (n,1) of the second."""
    position = ((x.float() + 0.5) / BIN - 0.5).clamp(0, cells - 1)
    first = position.long()
    return first, (first + 1).clamp(max=cells - 1), (position - first)[:, None]
