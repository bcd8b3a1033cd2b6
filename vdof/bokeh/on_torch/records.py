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
    """Sources of one resolution, (n,) each, those near a border between groups divided between the two."""

    x: Tensor
    y: Tensor
    layer: Tensor
    group: Tensor
    radius: Tensor
    weight: Tensor
    colour: Tensor
    """(n,3)"""


def list_records(layers: Layers, table: SpanTable, borders: Tensor, cut: Cut, fold: int) -> Records:
    """Records at full (`fold` 1) or half (`fold` 2) resolution, farthest reaching first."""
    sources = pick_sources(layers, borders, fold)
    if fold != 1:
        sources = merge_cells(sources, len(layers.group_shift), borders.numel() + 1, -(-layers.radius.shape[2] // 2))
    square = (sources.radius / fold) ** 2
    if fold != 1:
        square = square - (HALF_VARIANCE - FULL_VARIANCE)
    size = square.sqrt()
    area = table.area * (square - FULL_VARIANCE).clamp(min=LEAST_LIGHT)
    weight = sources.weight / (area * clipped_share(table, cut, sources.x, sources.y, size))
    side = torch.where(sources.radius >= 0, 1.0, -1.0)
    light = torch.cat([sources.colour, torch.ones_like(size)[:, None]], 1) * weight[:, None]
    group = sources.group + torch.tensor(layers.group_shift, device=size.device)[sources.layer]
    columns = (sources.x, sources.y, position_of(size), side, group, light)
    order = columns[2].argsort(descending=True, stable=True)
    return Records(*(column[order] for column in columns))


def position_of(radius: Tensor) -> Tensor:
    """Position in the span table of a radius, px."""
    return torch.minimum(radius * STEPS, radius * STEPS_PER_PIXEL + FINE_OFFSET)


def radius_at(position: Tensor) -> Tensor:
    """Radius, px, at a position in the span table."""
    return torch.maximum(position / STEPS, (position - FINE_OFFSET) / STEPS_PER_PIXEL)


def pick_sources(layers: Layers, borders: Tensor, fold: int) -> Sources:
    """The share of every source that is splatted at full (`fold` 1) or half (`fold` 2) resolution, at its full one."""
    half = half_share(layers.radius)
    weight = layers.weight * (1 - half if fold == 1 else half)
    at = (weight > 1e-3).nonzero(as_tuple=True)
    group, other, first = two_groups(layers.radius[at], borders)
    k = (first < 1).nonzero()[:, 0]
    layer, y, x = (torch.cat([index, index[k]]) for index in at)
    weight = weight[at].float()
    weight = torch.cat([weight * first, (weight * (1 - first))[k]])
    at = (layer, y, x)
    return Sources(
        x + 0.5, y, layer, torch.cat([group, other[k]]), layers.radius[at], weight, layers.colour[at].float()
    )


def merge_cells(sources: Sources, layers: int, groups: int, width: int) -> Sources:
    """Sources merged over 2x2 pixels where layer and group agree; width: cells in a row."""
    place = sources.y // 2 * width + sources.x.long() // 2
    cells, index = ((place * layers + sources.layer) * groups + sources.group).unique(return_inverse=True)
    values = torch.cat([torch.ones_like(sources.weight)[:, None], sources.colour, sources.radius[:, None]], 1)
    sums = values.new_zeros(cells.numel(), 5).index_add_(0, index, values * sources.weight[:, None])
    place, means = cells // groups // layers, sums[:, 1:] / sums[:, :1]
    layer, group = cells // groups % layers, cells % groups
    return Sources(place % width + 0.5, place // width, layer, group, means[:, 3], sums[:, 0] / 4, means[:, :3])


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
