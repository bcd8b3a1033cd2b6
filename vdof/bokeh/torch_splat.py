"""The splat in torch operations, for devices without numba or Triton: the same spans, groups and order.

Spans are added with `index_add_`, one offset of rows at a time, into the accumulators of a band of output rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vdof.bokeh.aperture import STEPS_PER_PIXEL, SpanTable
from vdof.bokeh.layers import SMALL_RADIUS, Layers

BAND_BYTES = 256 * 2**20
"""Accumulators held at a time; a band has as many rows as fit."""


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


def splat(layers: Layers, table: SpanTable, borders: Tensor) -> Tensor:
    """Layers of sources -> picture (H,W,3), the layers' margin taken off."""
    _, height, width = layers.radius.shape
    margin = layers.margin
    records = list_records(layers, table.area, borders)
    spans = torch.from_numpy(table.spans).to(borders.device)
    groups = borders.numel() + 1 + max(layers.group_shift)
    band = max(1, BAND_BYTES // ((width + 2) * groups * 16))
    out = []
    for first in range(margin, height - margin, band):
        last = min(first + band, height - margin)
        sums = sum_band(records, spans, table.max_row, first, last, groups, width)
        out.append(composite(sums[:, margin : width - margin]))
    return torch.cat(out)


def list_records(layers: Layers, unit_area: float, borders: Tensor) -> Records:
    """All sources as records; a small radius becomes a sharp pixel and a small disc (equal variance)."""
    shift = torch.tensor(layers.group_shift, device=borders.device)[:, None, None]
    group = torch.bucketize(layers.radius, borders, right=True) + shift
    size = layers.radius.abs()
    share = torch.where(size < SMALL_RADIUS, (size / SMALL_RADIUS) ** 2, 1.0)
    effective = (size.clamp(min=SMALL_RADIUS) ** 2 - 1 / 3).sqrt()
    parts = []
    for position, opacity in (
        (torch.full_like(size, -1), layers.weight * (1 - share)),
        (effective * STEPS_PER_PIXEL, layers.weight * share / (unit_area * effective**2)),
    ):
        is_source = (layers.weight > 1e-3) & (opacity > 0)
        layer, y, x = is_source.nonzero(as_tuple=True)
        colour = torch.cat([layers.colour[layer, y, x], torch.ones_like(x, dtype=size.dtype)[:, None]], 1)
        side = torch.where(layers.radius[is_source] >= 0, 1.0, -1.0)
        parts.append((x + 0.5, y, position[is_source], side, group[is_source], colour * opacity[is_source, None]))
    columns = [torch.cat(part) for part in zip(*parts, strict=True)]
    order = columns[2].argsort(descending=True, stable=True)
    return Records(*(column[order] for column in columns))


def sum_band(
    records: Records, spans: Tensor, max_row: int, first: int, last: int, groups: int, width: int
) -> Tensor:
    """Light per pixel and group of the rows first..last-1: (rows,width,groups,4)."""
    rows = last - first
    ends = spans.new_zeros(rows * (width + 2) * groups, 4)
    reach = (records.position / STEPS_PER_PIXEL + 0.5).floor()
    for dy in range(-max_row, max_row + 1):
        count = int((reach >= abs(dy)).sum())
        target = records.y[:count] + dy - first
        index = ((target >= 0) & (target < rows)).nonzero()[:, 0]
        if index.numel() == 0:
            continue
        half, centre = _spans_at(records, index, spans, max_row, dy)
        base = (target[index] * (width + 2), records.group[index])
        for x, sign in ((centre - half, 1.0), (centre + half, -1.0)):
            x = x.clamp(0, width)
            i = x.long()
            t = (x - i)[:, None]
            light = records.light[index] * sign
            ends.index_add_(0, (base[0] + i) * groups + base[1], light * (1 - t))
            ends.index_add_(0, (base[0] + i + 1) * groups + base[1], light * t)
    return ends.view(rows, width + 2, groups, 4).cumsum(1)[:, :width]


def _spans_at(records: Records, index: Tensor, spans: Tensor, max_row: int, dy: int) -> tuple[Tensor, Tensor]:
    """Half width and centre, px, of the records' spans `dy` rows below them; half width 0 where they do not reach."""
    position, side = records.position[index], records.side[index]
    is_sharp = position < 0
    row = torch.where(side > 0, max_row + dy, max_row - dy).long()
    j = position.clamp(min=0).long()
    span = torch.lerp(spans[row, j], spans[row, j + 1], (position.clamp(min=0) - j)[:, None])
    half = torch.where(is_sharp, 0.5 if dy == 0 else 0.0, span[:, 1])
    centre = records.x[index] + torch.where(is_sharp, 0.0, side * span[:, 0])
    return half, centre


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
