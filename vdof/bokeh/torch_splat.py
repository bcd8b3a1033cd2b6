"""The splat in torch operations, for devices without numba or Triton: the same spans, groups and order.

Spans are added with `index_add_`, one offset of rows at a time, into the accumulators of a band of output rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.bokeh.aperture import STEPS_PER_PIXEL, SpanTable
from vdof.bokeh.ladder import FIRST_STEP, GROWTH, SOFT
from vdof.bokeh.layers import FULL_CLIP, SMALL_RADIUS, Layers, field_of_view

BAND_BYTES = 256 * 2**20
"""Accumulators held at a time; a band has as many rows as fit."""


class Cut(NamedTuple):
    """Where the barrel cuts the discs (cat-eye): field centre, px; displacement per px, aperture radii; squeeze."""

    x: float
    y: float
    shift_per_px: float
    squeeze: float


class Shape(NamedTuple):
    """The aperture on the device; see `SpanTable`."""

    spans: Tensor
    gain: Tensor
    max_row: int
    cut: Cut


@dataclass(frozen=True, slots=True)
class Records:
    """Sources that spread light, sorted by descending reach."""

    x: Tensor
    """(n,) centre, px."""
    y: Tensor
    """(n,) row."""
    position: Tensor
    """(n,) row of the span table; -1 is one sharp pixel."""
    side: Tensor
    """(n,) +1 behind focus, -1 before it."""
    group: Tensor
    """(n,)"""
    light: Tensor
    """(n,4) r, g, b, 1 times opacity over area."""


def splat(layers: Layers, table: SpanTable, borders: Tensor, cat_eye: float, squeeze: float) -> Tensor:
    """Layers of sources -> picture (H,W,3), the layers' margin taken off."""
    _, height, width = layers.radius.shape
    margin = layers.margin
    cut = Cut(*field_of_view(layers, cat_eye, squeeze).tolist())
    records = list_records(layers, table, borders, cut)
    shape = Shape(*(torch.from_numpy(a).to(borders.device) for a in (table.spans, table.gain)), table.max_row, cut)
    groups = borders.numel() + 1 + max(layers.group_shift)
    band = max(1, BAND_BYTES // ((width + 2) * groups * 16))
    out = []
    for first in range(margin, height - margin, band):
        last = min(first + band, height - margin)
        sums = sum_band(records, shape, first, last, groups, width)
        out.append(composite(sums[:, margin : width - margin]))
    return torch.cat(out)


def list_records(layers: Layers, table: SpanTable, borders: Tensor, cut: Cut) -> Records:
    """All sources as records; a small radius becomes a sharp pixel and a small disc (equal variance)."""
    shift = torch.tensor(layers.group_shift, device=borders.device)[:, None, None]
    group, other, first = two_groups(layers.radius, borders)
    size = layers.radius.abs()
    share = torch.where(size < SMALL_RADIUS, (size / SMALL_RADIUS) ** 2, 1.0)
    effective = (size.clamp(min=SMALL_RADIUS) ** 2 - 1 / 3).sqrt()
    parts = []
    sharp, position = torch.full_like(size, -1), effective * STEPS_PER_PIXEL
    disc = share / (table.area * effective**2 * clipped_share(table, cut, effective))
    for position, chosen, opacity in (
        (sharp, group, first * (1 - share)),
        (sharp, other, (1 - first) * (1 - share)),
        (position, group, first * disc),
        (position, other, (1 - first) * disc),
    ):
        opacity = opacity * layers.weight
        is_source = (layers.weight > 1e-3) & (opacity > 0)
        layer, y, x = is_source.nonzero(as_tuple=True)
        colour = torch.cat([layers.colour[layer, y, x], torch.ones_like(x, dtype=size.dtype)[:, None]], 1)
        side = torch.where(layers.radius[is_source] >= 0, 1.0, -1.0)
        parts.append((x + 0.5, y, position[is_source], side, (chosen + shift)[is_source], colour * opacity[is_source, None]))
    columns = [torch.cat(part) for part in zip(*parts, strict=True)]
    order = columns[2].argsort(descending=True, stable=True)
    return Records(*(column[order] for column in columns))


def two_groups(radius: Tensor, borders: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The group of every radius, the other group where a border is close, and the share of the first."""
    group = torch.bucketize(radius, borders, right=True)
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


def clipped_share(table: SpanTable, cut: Cut, size: Tensor) -> Tensor | float:
    """Share of its light that a cut disc would lose, for every source (L,H,W) of radius `size`."""
    if cut.shift_per_px == 0:
        return 1.0
    clip = torch.from_numpy(table.clip).to(size.device)
    steps, turns = clip.shape
    x = torch.arange(size.shape[2], device=size.device) + 0.5
    y = torch.arange(size.shape[1], device=size.device)[:, None]
    shift_x, shift_y = clip_shift(cut, x, y, size)
    shift = torch.hypot(shift_x, shift_y) * (steps - 1)
    turn = torch.remainder(torch.atan2(shift_y, shift_x) / (2 * math.pi) + 1, 1) * (turns - 1)
    i, j = shift.long().clamp(max=steps - 2), turn.long().clamp(max=turns - 2)
    u, v = shift - i, turn - j
    return torch.lerp(torch.lerp(clip[i, j], clip[i, j + 1], v), torch.lerp(clip[i + 1, j], clip[i + 1, j + 1], v), u)


def sum_band(records: Records, shape: Shape, first: int, last: int, groups: int, width: int) -> Tensor:
    """Light per pixel and group of the rows first..last-1: (rows,width,groups,4)."""
    rows = last - first
    ends = shape.spans.new_zeros(rows * (width + 2) * groups, 4)
    reach = (records.position / STEPS_PER_PIXEL + 0.5).floor()
    for dy in range(-shape.max_row, shape.max_row + 1):
        count = int((reach >= abs(dy)).sum())
        target = records.y[:count] + dy - first
        index = ((target >= 0) & (target < rows)).nonzero()[:, 0]
        if index.numel() == 0:
            continue
        line = target[index] * (width + 2)
        for part in range(shape.spans.shape[0]):
            left, right, gain = _spans_at(records, index, shape, part, dy)
            for x, sign in ((left, gain), (right, -gain)):
                x = x.clamp(0, width)
                i = x.long()
                t = (x - i)[:, None]
                light = records.light[index] * sign[:, None]
                ends.index_add_(0, (line + i) * groups + records.group[index], light * (1 - t))
                ends.index_add_(0, (line + i + 1) * groups + records.group[index], light * t)
    return ends.view(rows, width + 2, groups, 4).cumsum(1)[:, :width]


def _spans_at(records: Records, index: Tensor, shape: Shape, part: int, dy: int) -> tuple[Tensor, Tensor, Tensor]:
    """Left and right end, px, and brightness of one part of the records' discs `dy` rows below them; brightness 0 where
    they do not reach."""
    position, side, x = records.position[index], records.side[index], records.x[index]
    is_sharp = position < 0
    row = torch.where(side > 0, shape.max_row + dy, shape.max_row - dy).long()
    j = position.clamp(min=0).long()
    spans = shape.spans[part]
    span = torch.lerp(spans[row, j], spans[row, j + 1], (position.clamp(min=0) - j)[:, None])
    half = torch.where(is_sharp, 0.5, span[:, 1])
    centre = x + torch.where(is_sharp, 0.0, side * span[:, 0])
    left, right = centre - half, centre + half
    if shape.cut.shift_per_px > 0:
        size = position.clamp(min=0) / STEPS_PER_PIXEL
        shift_x, shift_y = clip_shift(shape.cut, x, records.y[index], size)
        chord = (size**2 - (dy - side * shift_y * size) ** 2).clamp(min=0).sqrt() / shape.cut.squeeze
        middle = x + side * shift_x * size / shape.cut.squeeze
        left = torch.where(is_sharp, left, torch.maximum(left, middle - chord))
        right = torch.where(is_sharp, right, torch.minimum(right, middle + chord))
    gain = torch.where(side > 0, shape.gain[1, part], shape.gain[0, part])
    gain = torch.where(is_sharp, 1.0 if dy == 0 and part == 0 else 0.0, gain)
    return left, right, torch.where((half > 0) & (left < right), gain, 0.0)


def composite(sums: Tensor) -> Tensor:
    """Groups laid over one another front to back until nothing shows through: (h,w,groups,4) -> (h,w,3).

    Where the last group leaves something open, the groups already seen there are stretched to close it.
    """
    colour = torch.zeros_like(sums[:, :, 0])
    deepest = torch.zeros_like(colour)
    for group in sums.unbind(2):
        alpha = group[..., 3:]
        visible = torch.where(alpha > 1e-5, group * ((1 - colour[..., 3:]).clamp(min=0) / alpha.clamp(min=1e-5)).clamp(max=1), 0)
        fade = torch.where(visible[..., 3:] > 0, 1 - (alpha * 10).clamp(0, 1), 1.0)
        colour = colour + visible
        deepest = deepest * fade + visible
    rest = (1 - colour[..., 3:]).clamp(min=0) / deepest[..., 3:].clamp(min=1e-5)
    return (colour + deepest * rest)[..., :3].clamp(min=0)
