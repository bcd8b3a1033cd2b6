"""Sources to records in torch operations; step by step as `vdof.bokeh.on_numba.records`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.bokeh.aperture import FINE_OFFSET, STEPS_PER_PIXEL, SpanTable
from vdof.bokeh.ladder import FIRST_STEP, GROWTH, SOFT
from vdof.bokeh.layers import (
    FULL_CLIP,
    FULL_VARIANCE,
    HALF_FROM,
    HALF_FULLY,
    HALF_VARIANCE,
    LEAST_LIGHT,
    Layers,
)
from vdof.bokeh.small_discs import STEPS


class Cut(NamedTuple):
    """Where the barrel cuts the discs (cat-eye): field centre, px; displacement per px, aperture radii; squeeze;
    how many pixels one of this resolution is wide."""

    x: float
    y: float
    shift_per_px: float
    squeeze: float
    fold: float


@dataclass(frozen=True, slots=True)
class Records:
    """Sources that spread light, sorted by descending reach."""

    x: Tensor
    """(n,) centre, px."""
    y: Tensor
    """(n,) row."""
    position: Tensor
    """(n,) position in the span table."""
    side: Tensor
    """(n,) +1 behind focus, -1 before it."""
    group: Tensor
    """(n,)"""
    light: Tensor
    """(n,4) r, g, b, 1 times opacity over area."""


class Sources(NamedTuple):
    """Sources of one resolution, (n,) each."""

    x: Tensor
    y: Tensor
    shift: Tensor
    radius: Tensor
    weight: Tensor
    colour: Tensor


def list_records(layers: Layers, table: SpanTable, borders: Tensor, cut: Cut, fold: int) -> Records:
    """Records at full (`fold` 1) or half (`fold` 2) resolution, farthest reaching first."""
    sources = pick_full(layers) if fold == 1 else merge_half(layers, borders)
    group, other, first = two_groups(sources.radius, borders)
    square = (sources.radius / fold) ** 2
    if fold != 1:
        square = square - (HALF_VARIANCE - FULL_VARIANCE)
    size = square.sqrt()
    area = table.area * (square - FULL_VARIANCE).clamp(min=LEAST_LIGHT)
    weight = sources.weight / (area * clipped_share(table, cut, sources.x, sources.y, size))
    side = torch.where(sources.radius >= 0, 1.0, -1.0)
    light = torch.cat([sources.colour, torch.ones_like(size)[:, None]], 1) * weight[:, None]
    parts = []
    for chosen, share in ((group, first), (other, 1 - first)):
        k = (share > 0).nonzero()[:, 0]
        position, group_of = position_of(size[k]), (chosen + sources.shift)[k]
        parts.append((sources.x[k], sources.y[k], position, side[k], group_of, light[k] * share[k, None]))
    columns = [torch.cat(part) for part in zip(*parts, strict=True)]
    order = columns[2].argsort(descending=True, stable=True)
    return Records(*(column[order] for column in columns))


def position_of(radius: Tensor) -> Tensor:
    """Position in the span table of a radius, px."""
    return torch.minimum(radius * STEPS, radius * STEPS_PER_PIXEL + FINE_OFFSET)


def radius_at(position: Tensor) -> Tensor:
    """Radius, px, at a position in the span table."""
    return torch.maximum(position / STEPS, (position - FINE_OFFSET) / STEPS_PER_PIXEL)


def pick_full(layers: Layers) -> Sources:
    """The share of every source that is splatted at full resolution."""
    weight = layers.weight * (1 - half_share(layers.radius))
    layer, y, x = (weight > 1e-3).nonzero(as_tuple=True)
    at = (layer, y, x)
    shift = torch.tensor(layers.group_shift, device=x.device)[layer]
    return Sources(x + 0.5, y, shift, layers.radius[at], weight[at].float(), layers.colour[at].float())


def merge_half(layers: Layers, borders: Tensor) -> Sources:
    """The share splatted at half resolution, merged over 2x2 pixels where layer and group agree."""
    weight = layers.weight * half_share(layers.radius)
    layer, y, x = (weight > 1e-3).nonzero(as_tuple=True)
    w, radius, colour = weight[layer, y, x].float(), layers.radius[layer, y, x], layers.colour[layer, y, x].float()
    group = torch.bucketize(radius.contiguous(), borders, right=True)
    height, width = (-(-side // 2) for side in layers.radius.shape[1:])
    key = (((y // 2) * width + x // 2) * len(layers.group_shift) + layer) * (borders.numel() + 1) + group
    cells, index = key.unique(return_inverse=True)
    sums = w.new_zeros(cells.numel(), 5).index_add_(
        0, index, torch.cat([torch.ones_like(w)[:, None], colour, radius[:, None]], 1) * w[:, None]
    )
    place = cells // (borders.numel() + 1)
    shift = torch.tensor(layers.group_shift, device=x.device)[place % len(layers.group_shift)]
    place = place // len(layers.group_shift)
    means = sums[:, 1:] / sums[:, :1]
    return Sources(place % width + 0.5, place // width, shift, means[:, 3], sums[:, 0] / 4, means[:, :3])


def half_share(radius: Tensor) -> Tensor:
    """Share of sources of `radius` that is splatted at half resolution."""
    return ((radius.abs() - HALF_FROM) / (HALF_FULLY - HALF_FROM)).clamp(0, 1)


def two_groups(radius: Tensor, borders: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The group of every radius, the other group where a border is close, and the share of the first."""
    group = torch.bucketize(radius.contiguous(), borders, right=True)
    padded = F.pad(borders, (1, 1), value=float("inf"))
    padded[0] = -float("inf")
    above, below = padded[group + 1] - radius, radius - padded[group]
    zone = SOFT * (FIRST_STEP + GROWTH * radius.abs())
    other = torch.where(above < zone, group + 1, torch.where(below < zone, group - 1, group))
    distance = torch.where(above < zone, above, below)
    return group, other, torch.where(other != group, 0.5 + 0.5 * distance / zone, 1.0)


def clip_shift(cut: Cut, x: Tensor, y: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Displacement of the cutting circle, in aperture radii, of discs at (x, y); small discs are hardly cut."""
    amount = -cut.shift_per_px * (size / FULL_CLIP).clamp(max=1)
    return (x - cut.x) * amount, (y - cut.y) * amount


def clipped_share(table: SpanTable, cut: Cut, x: Tensor, y: Tensor, size: Tensor) -> Tensor | float:
    """Share of its light that a cut disc would lose, for sources (n,) of radius `size` at (x, y)."""
    if cut.shift_per_px == 0:
        return 1.0
    clip = torch.from_numpy(table.clip).to(size.device)
    steps, turns = clip.shape
    shift_x, shift_y = clip_shift(cut, x, y, size)
    shift = torch.hypot(shift_x, shift_y) * (steps - 1)
    turn = torch.remainder(torch.atan2(shift_y, shift_x) / (2 * math.pi) + 1, 1) * (turns - 1)
    i, j = shift.long().clamp(max=steps - 2), turn.long().clamp(max=turns - 2)
    u, v = shift - i, turn - j
    return torch.lerp(torch.lerp(clip[i, j], clip[i, j + 1], v), torch.lerp(clip[i + 1, j], clip[i + 1, j + 1], v), u)
