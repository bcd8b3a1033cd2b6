"""The splat in torch operations, for devices without numba or Triton: the same spans, groups and order.

Spans are added with `index_add_`, one offset of rows at a time, into the accumulators of a band of output rows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from vdof.bokeh.aperture import SpanTable
from vdof.bokeh.layers import CLIP_ROOM, CLIP_ROOM_LEFT, FULL_CLIP, Layers, field_of_view
from vdof.bokeh.on_torch.records import Cut, Records, clip_shift, list_records, radius_at

BAND_BYTES = 256 * 2**20
"""Accumulators held at a time; a band has as many rows as fit."""


class Shape(NamedTuple):
    """The aperture on the device; see `SpanTable`."""

    spans: Tensor
    gain: Tensor
    max_row: int
    cut: Cut


def splat(layers: Layers, table: SpanTable, borders: Tensor, cat_eye: float, squeeze: float) -> Tensor:
    """Layers of sources -> picture (H,W,3), the layers' margin taken off."""
    _, height, width = layers.radius.shape
    margin = layers.margin
    device = borders.device
    spans, gain = place_table(table, device)
    groups = borders.numel() + 1 + max(layers.group_shift)
    cuts = [Cut(*field_of_view(layers, cat_eye, squeeze, fold).tolist()) for fold in (1, 2)]
    shapes = [Shape(spans, gain, table.max_row, cut) for cut in cuts]
    full, half = (list_records(layers, table, borders, cut, fold) for cut, fold in zip(cuts, (1, 2), strict=True))
    band = max(2, BAND_BYTES // ((width + 2) * groups * 16))
    out = []
    for first in range(margin, height - margin, band):
        last = min(first + band, height - margin)
        sums = sum_band(full, shapes[0], first, last, groups, width)
        if half.x.numel() > 0:
            sums += sum_half_band(half, shapes[1], first, last, groups, height, width)
        out.append(composite(sums[:, margin : width - margin]))
    return torch.cat(out)


@lru_cache(maxsize=8)
def place_table(table: SpanTable, device: torch.device) -> tuple[Tensor, Tensor]:
    """The span table on the device, copied once."""
    return torch.from_numpy(table.spans).to(device), torch.from_numpy(table.gain).to(device)


def sum_half_band(
    records: Records, shape: Shape, first: int, last: int, groups: int, height: int, width: int
) -> Tensor:
    """The half-resolution light of the full-resolution rows first..last-1, interpolated: (rows,width,groups,4)."""
    rows, columns = (height + 1) // 2, (width + 1) // 2
    y = (torch.arange(first, last, device=shape.spans.device) * 0.5 - 0.25).clamp(0, rows - 1)
    x = (torch.arange(width, device=shape.spans.device) * 0.5 - 0.25).clamp(0, columns - 1)
    top, left = y.long(), x.long()
    start = int(top[0])
    sums = sum_band(records, shape, start, int(top[-1]) + 2, groups, columns)
    bottom, right = (top + 1).clamp(max=rows - 1), (left + 1).clamp(max=columns - 1)
    lines = torch.lerp(sums[top - start], sums[bottom - start], (y - top)[:, None, None, None])
    return torch.lerp(lines[:, left], lines[:, right], (x - left)[:, None, None])


def sum_band(records: Records, shape: Shape, first: int, last: int, groups: int, width: int) -> Tensor:
    """Light per pixel and group of the rows first..last-1: (rows,width,groups,4)."""
    rows = last - first
    ends = shape.spans.new_zeros(rows * (width + 2) * groups, 4)
    reach = (radius_at(records.position).clamp(min=0.5) + 0.5).floor()
    for dy in range(-shape.max_row, shape.max_row + 1):
        count = int((reach >= abs(dy)).sum())
        target = records.y[:count] + dy - first
        index = ((target >= 0) & (target < rows)).nonzero()[:, 0]
        if index.numel() == 0:
            continue
        line = target[index] * (width + 2)
        for part in range(shape.spans.shape[0]):
            left, right, gain = spans_at(records, index, shape, part, dy)
            for x, sign in ((left, gain), (right, -gain)):
                x = x.clamp(0, width)
                i = x.long()
                t = (x - i)[:, None]
                light = records.light[index] * sign[:, None]
                ends.index_add_(0, (line + i) * groups + records.group[index], light * (1 - t))
                ends.index_add_(0, (line + i + 1) * groups + records.group[index], light * t)
    return ends.view(rows, width + 2, groups, 4).cumsum(1)[:, :width]


def spans_at(records: Records, index: Tensor, shape: Shape, part: int, dy: int) -> tuple[Tensor, Tensor, Tensor]:
    """Left and right end, px, and brightness of one part of the records' discs `dy` rows below them; brightness 0 where
    they do not reach."""
    position, side, x = records.position[index], records.side[index], records.x[index]
    row = torch.where(side > 0, shape.max_row + dy, shape.max_row - dy).long()
    j = position.long()
    spans = shape.spans[part]
    span = torch.lerp(spans[row, j], spans[row, j + 1], (position - j)[:, None])
    half, centre = span[:, 1], x + side * span[:, 0]
    left, right = centre - half, centre + half
    if shape.cut.shift_per_px > 0:
        size = radius_at(position)
        shift_x, shift_y = clip_shift(shape.cut, x, records.y[index], size)
        circle = size + (CLIP_ROOM - size / FULL_CLIP).clamp(min=CLIP_ROOM_LEFT)
        chord = (circle**2 - (dy - side * shift_y * size) ** 2).clamp(min=0).sqrt() / shape.cut.squeeze
        middle = x + side * shift_x * size / shape.cut.squeeze
        left, right = torch.maximum(left, middle - chord), torch.minimum(right, middle + chord)
    gain = span[:, 2] * torch.where(side > 0, shape.gain[1, part], shape.gain[0, part])
    return left, right, torch.where((half > 0) & (left < right), gain, 0.0)


def composite(sums: Tensor) -> Tensor:
    """Groups laid over one another front to back until nothing shows through: (h,w,groups,4) -> (h,w,3).

    Where the last group leaves something open, the groups already seen there are stretched to close it.
    """
    colour = torch.zeros_like(sums[:, :, 0])
    deepest = torch.zeros_like(colour)
    for group in sums.unbind(2):
        alpha = group[..., 3:]
        visible = torch.where(
            alpha > 1e-5, group * ((1 - colour[..., 3:]).clamp(min=0) / alpha.clamp(min=1e-5)).clamp(max=1), 0
        )
        fade = torch.where(visible[..., 3:] > 0, 1 - (alpha * 10).clamp(0, 1), 1.0)
        colour = colour + visible
        deepest = deepest * fade + visible
    rest = (1 - colour[..., 3:]).clamp(min=0) / deepest[..., 3:].clamp(min=1e-5)
    return (colour + deepest * rest)[..., :3].clamp(min=0)
