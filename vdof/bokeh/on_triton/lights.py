"""Lights spread by a Triton kernel: a program takes part of a row of one cell's discs, adds its spans, traces each pixel's
ray to the light and adds what is left to the picture; step by step as `vdof.bokeh.on_numba.lights`."""

from __future__ import annotations

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from torch import Tensor

from vdof.bokeh import lights as light_constants
from vdof.bokeh.aperture import SpanTable
from vdof.bokeh.ladder import fine_borders, middle_of_groups
from vdof.bokeh.layers import OWN, RIM, Layers, field_of_view
from vdof.bokeh.lights import CELL, Lights, aim
from vdof.bokeh.on_torch.records import Cut, radius_at
from vdof.bokeh.on_torch.splat import place_table
from vdof.bokeh.on_triton.sources import clip_shift, lit_span, ramp

BLOCK = 128
"""Pixels per program."""
NEARER, NEARER_FULLY = (tl.constexpr(limit) for limit in light_constants.NEARER)
FAINT = tl.constexpr(1e-6)
"""Light that is not worth tracing."""


def shine(
    lights: Lights,
    layers: Layers,
    table: SpanTable,
    borders: NDArray[np.float32],
    cat_eye: float,
    squeeze: float,
    out: Tensor,
) -> None:
    """Add the lights to the picture `out` (H,W,3), the layers' margin taken off."""
    cut, ladder, device = Cut(*field_of_view(layers, cat_eye, squeeze, 1).tolist()), fine_borders(borders), out.device
    edges, middles = (torch.from_numpy(values).to(device) for values in (ladder, middle_of_groups(ladder)))
    cones = aim(lights, layers, table, edges, cut)
    spans, gain = place_table(table, device)
    cells = len(lights.centre)
    start = torch.searchsorted(lights.cell, torch.arange(cells + 1, device=device))
    side = torch.where(lights.radius < 0, -1.0, 1.0)
    sources = (lights.x + 0.5, lights.y.int(), radius_at(cones.position), side, cones.light.contiguous(), start.int())
    rim = min(RIM, len(layers.radius) - 1)
    before = (layers.radius[OWN], layers.weight[OWN], layers.radius[rim], layers.weight[rim])
    reach = table.max_row + CELL
    _shine_kernel[(cells, 2 * reach + 1, triton.cdiv(2 * reach + 1, BLOCK))](
        *(*sources, lights.centre.contiguous(), cones.reach, cones.first_group.int(), *before),
        *(edges, middles, spans, gain, out, *layers.radius.shape[1:], layers.margin, len(ladder)),
        *(table.max_row, spans.shape[2], cut.x, cut.y, cut.shift_per_px, cut.squeeze),
        PARTS=spans.shape[0],
        HAS_CUT=cut.shift_per_px > 0,
        HAS_RIM=rim == RIM,
        BLOCK=BLOCK,
    )


@triton.jit
def _shine_kernel(
    x_at, y_at, size_at, side_at, light_at, start, centre, reach_at, first_group,
    own_radius, own_weight, rim_radius, rim_weight, borders, middles, spans, gain, out,
    height, width, margin, count, max_row, radii, cut_x, cut_y, cut_shift, squeeze,
    PARTS: tl.constexpr, HAS_CUT: tl.constexpr, HAS_RIM: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0)
    reach = tl.load(reach_at + cell)
    light_x, light_y, light_r = _load3(centre + cell * 3)
    y = light_y.to(tl.int32) - reach + tl.program_id(1)
    step = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    x = light_x.to(tl.int32) - reach + step
    is_inside = (step <= 2 * reach) & (x >= margin) & (x < width - margin)
    if (tl.program_id(1) <= 2 * reach) & (y >= margin) & (y < height - margin):
        red, green, blue = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
        k, last = tl.load(start + cell), tl.load(start + cell + 1)
        while k < last:
            lit = _draw(
                x, y, tl.load(x_at + k), tl.load(y_at + k), tl.load(size_at + k), tl.load(side_at + k),
                spans, gain, max_row, radii, cut_x, cut_y, cut_shift, squeeze, PARTS, HAS_CUT,
            )  # fmt: skip
            light_red, light_green, light_blue = _load3(light_at + k * 3)
            red += lit * light_red
            green += lit * light_green
            blue += lit * light_blue
            k += 1
        is_lit = is_inside & (tl.maximum(tl.maximum(red, green), blue) >= FAINT)
        open_share = _trace(
            x, y, light_x, light_y, light_r, tl.load(first_group + cell), own_radius, own_weight,
            rim_radius, rim_weight, borders, middles, height, width, count, is_lit, HAS_RIM,
        )  # fmt: skip
        to = out + ((y - margin).to(tl.int64) * (width - 2 * margin) + x - margin) * 3
        tl.atomic_add(to, red * open_share, mask=is_lit, sem="relaxed")
        tl.atomic_add(to + 1, green * open_share, mask=is_lit, sem="relaxed")
        tl.atomic_add(to + 2, blue * open_share, mask=is_lit, sem="relaxed")


@triton.jit
def _load3(at):
    return tl.load(at), tl.load(at + 1), tl.load(at + 2)


@triton.jit
def _draw(
    x, y, source_x, source_y, size, side, spans, gain, max_row, radii, cut_x, cut_y, cut_shift, squeeze,
    PARTS: tl.constexpr, HAS_CUT: tl.constexpr,
):  # fmt: skip
    """How bright the disc of one source is at the pixels (x, y)."""
    dy, lit = y - source_y, x * 0.0
    shift_x, shift_y = clip_shift(source_x, source_y, size, cut_x, cut_y, cut_shift)
    for part in tl.static_range(PARTS):
        left, right, bright, is_lit = lit_span(
            spans, gain, part, source_x, dy, size, side, shift_x, shift_y, squeeze, max_row, radii,
            tl.abs(dy) <= max_row, PARTS, HAS_CUT,
        )  # fmt: skip
        lit += tl.where(is_lit, bright, 0.0) * (_passed(x, left) - _passed(x, right))
    return lit


@triton.jit
def _passed(x, edge):
    """Share of the pixels `x` that lies right of `edge`."""
    return tl.minimum(tl.maximum(x + 1 - edge, 0.0), 1.0)


@triton.jit
def _trace(
    x, y, light_x, light_y, light_r, group, own_radius, own_weight, rim_radius, rim_weight, borders, middles,
    height, width, count, is_lit, HAS_RIM: tl.constexpr,
):  # fmt: skip
    """Share of the light that reaches the pixels (x, y): 1 less the surfaces that the rays meet, group by group."""
    u, v = (x - light_x) / light_r, (y - light_y) / light_r
    farthest = light_r - NEARER
    open_share = u * 0 + 1
    low = tl.load(borders + group - 1, mask=group > 0, other=-1e9)
    while (group <= count) & (low < farthest):
        border = tl.load(borders + group, mask=group < count, other=1e9)
        high, middle = tl.minimum(border, farthest), light_r - tl.load(middles + group)
        i = tl.floor(light_x + middle * u + 0.5).to(tl.int32) - 1
        j = tl.floor(light_y + middle * v + 0.5).to(tl.int32) - 1
        n = 0
        while n < 9:
            at_x, at_y = i + n % 3, j + n // 3
            is_there = is_lit & (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)
            at = at_y.to(tl.int64) * width + at_x
            ray = (light_x, light_y, light_r, u, v, at_x, at_y, at, is_there, low, high)
            open_share -= _touch(own_radius, own_weight, *ray)
            if HAS_RIM:
                open_share -= _touch(rim_radius, rim_weight, *ray)
            n += 1
        group += 1
        low = border
    return tl.maximum(open_share, 0.0)


@triton.jit
def _touch(radius, weight, light_x, light_y, light_r, u, v, i, j, at, is_there, low, high):
    """Opacity of the pixels (i, j) of a layer of radius low..high as far as rays pass through them (bilinear)."""
    r = tl.load(radius + at, mask=is_there, other=0.0)
    across = 1 - tl.abs(light_x + (light_r - r) * u - i)
    along = 1 - tl.abs(light_y + (light_r - r) * v - j)
    share = tl.maximum(across, 0.0) * tl.maximum(along, 0.0)
    share *= ramp(light_r - r, NEARER, NEARER_FULLY) * tl.load(weight + at, mask=is_there, other=0.0).to(tl.float32)
    return tl.where(is_there & (r >= low) & (r < high), share, 0.0)
