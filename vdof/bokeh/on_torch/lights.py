"""Lights spread in torch operations, a batch of cells at a time; step by step as `vdof.bokeh.on_numba.lights`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdof.bokeh.aperture import SpanTable
from vdof.bokeh.ladder import fine_borders, middle_of_groups
from vdof.bokeh.layers import OWN, RIM, Layers, field_of_view
from vdof.bokeh.lights import NEARER, Cones, Lights, aim
from vdof.bokeh.on_torch.records import Cut, Records
from vdof.bokeh.on_torch.splat import Shape, place_table, spans_at
from vdof.filters import ramp

Ladder = NDArray[np.float32]
PATCH_PIXELS = 2**22
"""Pixels of discs held at a time."""


def shine(
    lights: Lights,
    layers: Layers,
    table: SpanTable,
    borders: Ladder,
    cat_eye: float,
    squeeze: float,
    out: Tensor,
) -> None:
    """Add the lights to the picture `out` (H,W,3), the layers' margin taken off."""
    cut, ladder = Cut(*field_of_view(layers, cat_eye, squeeze, 1).tolist()), fine_borders(borders)
    cones = aim(lights, layers, table, torch.from_numpy(ladder).to(out.device), cut)
    reach = int(cones.reach.max())
    shape = Shape(*place_table(table, out.device), table.max_row, cut)
    count = max(1, PATCH_PIXELS // (2 * reach + 1) ** 2)
    for first in range(0, len(lights.centre), count):
        last = min(first + count, len(lights.centre))
        discs = _draw_discs(lights, cones, shape, first, last, reach)
        y, x = _pixels(lights.centre[first:last], reach)
        discs *= _trace(y, x, lights.centre[first:last], cones.first_group[first:last], layers, ladder)[..., None]
        y, x = y - layers.margin, x - layers.margin
        is_inside = ((y >= 0) & (y < out.shape[0]) & (x >= 0) & (x < out.shape[1])).nonzero(as_tuple=True)
        out.view(-1, 3).index_add_(0, y[is_inside] * out.shape[1] + x[is_inside], discs[is_inside])


def _pixels(centre: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Row and column (cells,size,size) of the pixels of every cell's patch."""
    steps = torch.arange(-reach, reach + 1, device=centre.device)
    x, y = centre[:, 0].long(), centre[:, 1].long()
    size = (len(centre), steps.numel(), steps.numel())
    return (y[:, None, None] + steps[:, None]).expand(size), (x[:, None, None] + steps).expand(size)


def _draw_discs(lights: Lights, cones: Cones, shape: Shape, first: int, last: int, reach: int) -> Tensor:
    """Light (cells,size,size,3) of the cells first..last-1 without shadows."""
    begin, end = torch.searchsorted(lights.cell, torch.tensor([first, last], device=lights.cell.device)).tolist()
    cell, x, y = lights.cell[begin:end] - first, lights.x[begin:end], lights.y[begin:end]
    centre = lights.centre[first:last].long()[cell]
    side = torch.where(lights.radius[begin:end] < 0, -1.0, 1.0)
    light = cones.light[begin:end]
    records = Records(x + 0.5, y, cones.position[begin:end], side, torch.zeros_like(x), light)
    size = 2 * reach + 1
    ends = light.new_zeros((last - first) * size * (size + 2), 3)
    index = torch.arange(end - begin, device=x.device)
    for dy in range(-shape.max_row, shape.max_row + 1):
        line = y + dy - (centre[:, 1] - reach)
        is_here = (line >= 0) & (line < size)
        at = (cell * size + line.clamp(0, size - 1)) * (size + 2)
        for part in range(shape.spans.shape[0]):
            left, right, gain = spans_at(records, index, shape, part, dy)
            gain = torch.where(is_here, gain, 0.0)
            for edge, sign in ((left, gain), (right, -gain)):
                place = (edge - (centre[:, 0] - reach)).clamp(0, size)
                i = place.long()
                t = (place - i)[:, None]
                ends.index_add_(0, at + i, light * sign[:, None] * (1 - t))
                ends.index_add_(0, at + i + 1, light * sign[:, None] * t)
    return ends.view(last - first, size, size + 2, 3).cumsum(2)[:, :, :size]


def _trace(y: Tensor, x: Tensor, centre: Tensor, first_group: Tensor, layers: Layers, ladder: Ladder) -> Tensor:
    """Share of the light that reaches the pixels (cells,size,size): 1 less the surfaces that the rays meet."""
    at_x, at_y, radius = centre[:, :, None, None].unbind(1)
    u, v = (x - at_x) / radius, (y - at_y) / radius
    open_share = torch.ones_like(u)
    farthest = radius - NEARER[0]
    middles = middle_of_groups(ladder).tolist()
    lows, highs = [-1e9, *ladder.tolist()], [*ladder.tolist(), 1e9]
    for group in range(int(first_group.min()), len(middles)):
        meets = (group >= first_group)[:, None, None] & (farthest > lows[group])
        if not bool(meets.any()):
            continue
        depth = radius - middles[group]
        i, j = (at_x + depth * u + 0.5).floor().long(), (at_y + depth * v + 0.5).floor().long()
        highest = farthest.clamp(max=highs[group])
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                for layer in (OWN, RIM)[: len(layers.radius)]:
                    r, share = _touch(j + dy, i + dx, u, v, centre, layers.radius[layer], layers.weight[layer])
                    open_share -= torch.where(meets & (r >= lows[group]) & (r < highest), share, 0.0)
    return open_share.clamp(min=0)


def _touch(
    j: Tensor, i: Tensor, u: Tensor, v: Tensor, centre: Tensor, signed: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Radius and opacity, as far as the rays pass through them (bilinear) before the light, of the pixels (j, i) of a layer."""
    height, width = signed.shape
    is_inside = (j >= 0) & (j < height) & (i >= 0) & (i < width)
    at = (j.clamp(0, height - 1), i.clamp(0, width - 1))
    r = signed[at]
    at_x, at_y, radius = centre[:, :, None, None].unbind(1)
    across = 1 - (at_x + (radius - r) * u - i).abs()
    along = 1 - (at_y + (radius - r) * v - j).abs()
    return r, across.clamp(min=0) * along.clamp(min=0) * ramp(radius - r, NEARER) * weight[at] * is_inside
