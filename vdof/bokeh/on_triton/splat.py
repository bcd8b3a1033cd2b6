"""The splat as Triton kernels for CUDA: the same sources, spans, groups and order as the other backends.

A program takes a row of sources, merges them where they are splatted at half resolution, and adds the ends of their spans
with atomics (so that the last bits may differ from run to run). A second kernel integrates the half-resolution rows, a third
the full ones, to which it adds the half-resolution groups, interpolated, and composites. No list of sources is made and
nothing is read back.

Imported only when this backend is used. With TRITON_INTERPRET=1 it runs on the CPU, slowly, which is how it is tested.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from vdof.bokeh import layers as settings
from vdof.bokeh.aperture import SpanTable
from vdof.bokeh.layers import HALF_FROM, Layers, field_of_view
from vdof.bokeh.on_torch.records import Cut
from vdof.bokeh.on_torch.splat import place_table
from vdof.bokeh.on_triton.composite import composite_kernel, integrate_kernel
from vdof.bokeh.on_triton.sources import (
    FULL_VARIANCE,
    HALF_VARIANCE,
    LEAST_LIGHT,
    clip_shift,
    clipped_share,
    find_groups,
    half_share,
    is_within,
    lit_span,
)

BAND_BYTES = 2 * 2**30
"""Accumulators held at a time; a band has as many rows as fit."""
BLOCK = 128
"""Sources or pixels per program."""
ROW_WARPS = 2
"""Warps that composite a row from left to right: so few that all rows of a 1080-line frame are under way at once on an H200."""
SHIFTS = tl.constexpr(sum(shift << layer for layer, shift in enumerate(settings.GROUP_SHIFT)))
"""Bit by layer: groups by which it sorts behind its radius."""
FAINT = tl.constexpr(1e-3)
"""Opacity from which a source counts."""


def splat(layers: Layers, table: SpanTable, borders: Tensor, cat_eye: float, squeeze: float) -> Tensor:
    """Layers of sources -> picture (H,W,3), the layers' margin taken off."""
    _, height, width = layers.radius.shape
    margin = layers.margin
    cuts = [Cut(*field_of_view(layers, cat_eye, squeeze, fold).tolist()) for fold in (1, 2)]
    size = (height + 1) // 2, (width + 1) // 2
    has_half = margin > HALF_FROM
    coarse = add_sources(layers, table, borders, cuts[1], 0, size) if has_half else borders
    if has_half:
        integrate_kernel[(coarse.shape[0] * coarse.shape[1],)](coarse, coarse.shape[2], BLOCK=BLOCK)
    out = torch.empty(height - 2 * margin, width - 2 * margin, 3, device=borders.device)
    groups = borders.numel() + 1 + max(layers.group_shift)
    band = max(2, BAND_BYTES // ((width + 2) * groups * 16))
    for first in range(margin, height - margin, band):
        rows = min(band, height - margin - first)
        ends = add_sources(layers, table, borders, cuts[0], first, (rows, width))
        part = out[first - margin : first - margin + rows]
        carried, shape = ends.new_zeros(rows, groups, 4), (part.shape[1], width + 2, *size, groups)
        composite_kernel[(rows,)](
            *(ends, carried, coarse, part, first, margin, *shape), HAS_HALF=has_half, BLOCK=BLOCK, num_warps=ROW_WARPS
        )
    return out


def add_sources(
    layers: Layers, table: SpanTable, borders: Tensor, cut: Cut, first: int, size: tuple[int, int]
) -> Tensor:
    """Ends of the spans of the `size` (rows, width) pixels from row `first` on, at the resolution of `cut`, whose running
    sums are the light: (rows,groups,width + 2,4)."""
    rows, width = size
    device, fold = borders.device, int(cut.fold)
    spans, gain = place_table(table, device)
    groups = borders.numel() + 1 + max(layers.group_shift)
    ends = torch.zeros(rows, groups, width + 2, 4, device=device)
    top = max(0, first - table.max_row)
    height = min(-(-layers.radius.shape[1] // fold), first + rows + table.max_row) - top
    parts = (layers.colour, layers.radius, layers.weight)
    _add_kernel[(triton.cdiv(width, BLOCK), height, len(layers.radius))](
        *(*parts, borders, spans, gain, place_clip(table, device), ends, top, first, rows, width),
        *(*layers.radius.shape[1:], layers.radius.stride(0), groups, borders.numel(), table.max_row, spans.shape[2]),
        *(table.area, cut.x, cut.y, cut.shift_per_px, cut.squeeze),
        PARTS=spans.shape[0],
        FOLD=fold,
        HAS_CUT=cut.shift_per_px > 0,
        BLOCK=BLOCK,
    )
    return ends


@lru_cache(maxsize=8)
def place_clip(table: SpanTable, device: torch.device) -> Tensor:
    """The table of clipped shares on the device, copied once."""
    return torch.from_numpy(table.clip).to(device)


@triton.jit
def _add_kernel(
    colour, radius, weight, borders, spans, gain, clip, ends,
    top, first, rows, width, full_height, full_width, layer_size, groups, count, max_row, radii,
    area, cut_x, cut_y, cut_shift, squeeze,
    PARTS: tl.constexpr, FOLD: tl.constexpr, HAS_CUT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add the ends of the spans of a row of a layer's sources, full resolution (FOLD 1) or merged over 2x2 pixels (FOLD 2)."""
    x, y, layer = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), top + tl.program_id(1), tl.program_id(2)
    at, shift = layer.to(tl.int64) * layer_size, SHIFTS >> layer & 1
    sources = (colour + 3 * at, radius + at, weight + at, x, y, full_height, full_width)
    shape = (
        x, y, spans, gain, clip, ends, first, rows, width, groups, max_row, radii,
        area, cut_x, cut_y, cut_shift, squeeze,
    )  # fmt: skip
    if FOLD == 1:
        pixel = _load(*sources, 0, FOLD)
        if tl.max(pixel[1], 0) > 0:
            r, opacity, light, group, other, share = _sort(*pixel, borders, count)
            _spread(r, opacity, light, group + shift, other + shift, share, *shape, PARTS, FOLD, HAS_CUT)
    else:
        pixels = _load(*sources, 0, FOLD), _load(*sources, 1, FOLD), _load(*sources, 2, FOLD), _load(*sources, 3, FOLD)
        if tl.max(pixels[0][1] + pixels[1][1] + pixels[2][1] + pixels[3][1], 0) > 0:
            cell = (
                _sort(*pixels[0], borders, count),
                _sort(*pixels[1], borders, count),
                _sort(*pixels[2], borders, count),
                _sort(*pixels[3], borders, count),
            )
            leader = 0
            while leader < 8:
                r, opacity, light, group = _merge(cell, leader)
                _spread(r, opacity, light, group + shift, group + shift, opacity * 0 + 1, *shape, PARTS, FOLD, HAS_CUT)
                leader += 1


@triton.jit
def _spread(
    r, opacity, light, group, other, share, x, y, spans, gain, clip, ends, first, rows, width, groups, max_row, radii,
    area, cut_x, cut_y, cut_shift, squeeze, PARTS: tl.constexpr, FOLD: tl.constexpr, HAS_CUT: tl.constexpr,
):  # fmt: skip
    """Add the ends of the spans of sources at (x, y), with `share` of their light to one group and the rest to the other."""
    square = _square(r, FOLD)
    size = tl.sqrt(square)
    disc = area * tl.maximum(square - FULL_VARIANCE, LEAST_LIGHT)
    side, centre = tl.where(r >= 0, 1.0, -1.0), x + 0.5
    shift_x, shift_y = clip_shift(centre, y, size, cut_x, cut_y, cut_shift)
    if HAS_CUT:
        disc *= clipped_share(clip, shift_x, shift_y)
    light *= (opacity / disc)[:, None]
    reach = tl.where(opacity > 0, tl.floor(tl.maximum(size, 0.5) + 0.5), -1.0)
    most = tl.max(reach, 0).to(tl.int32)
    target, last = tl.maximum(y - most, first), tl.minimum(y + most, first + rows - 1)
    while target <= last:
        dy = target - y
        line = (target - first).to(tl.int64) * groups * (width + 2)
        for part in tl.static_range(PARTS):
            left, right, bright, is_lit = lit_span(
                spans, gain, part, centre, dy, size, side, shift_x, shift_y, squeeze, max_row, radii,
                reach >= tl.abs(dy), PARTS, HAS_CUT,
            )  # fmt: skip
            left = tl.minimum(tl.maximum(left, 0.0), width * 1.0)
            right = tl.minimum(tl.maximum(right, 0.0), width * 1.0)
            _add_span(ends, line + group * (width + 2), left, right, light * (bright * share)[:, None], is_lit)
            if FOLD == 1:
                is_lit &= other != group
                bright *= 1 - share
                _add_span(ends, line + other * (width + 2), left, right, light * bright[:, None], is_lit)
        target += 1


@triton.jit
def _square(radius, FOLD: tl.constexpr):
    """Square of a radius in pixels of this resolution, less what its grid adds more than the full one's."""
    square = radius * radius / (FOLD * FOLD)
    if FOLD == 2:
        square = tl.maximum(square - (HALF_VARIANCE - FULL_VARIANCE), 0.0)
    return square


@triton.jit
def _sort(r, opacity, light, borders, count):
    """Sources with their groups."""
    group, other, share = find_groups(r, borders, count)
    return r, opacity, light, group, other, share


@triton.jit
def _merge(cell, leader):
    """Radius, opacity, light (BLOCK,4) of opacity 1 and group of one source of every half-resolution cell.

    Of the eight shares of its four pixels (0..3 in their own groups, 4..7 in the other ones) those in the group of share
    `leader` are one source; it is empty where an earlier share is in that group.
    """
    group = cell[0][3]
    for n in tl.static_range(4):
        group = tl.where(leader == n, cell[n][3], tl.where(leader == n + 4, cell[n][4], group))
    opacity, light = cell[0][1] * 0, cell[0][2] * 0
    r, kept, before = opacity, opacity, opacity
    for n in tl.static_range(4):
        near, w, tone, own, other, share = cell[n]
        one, two = tl.where(own == group, w * share, 0.0), tl.where(other == group, w - w * share, 0.0)
        kept = tl.where(leader == n, one, tl.where(leader == n + 4, two, kept))
        before += tl.where(n < leader, one, 0.0) + tl.where(n + 4 < leader, two, 0.0)
        opacity += one + two
        r += (one + two) * near
        light += (one + two)[:, None] * tone
    whole = tl.maximum(opacity, 1e-20)
    is_first = (kept > 0) & (before == 0)
    return r / whole, tl.where(is_first, opacity / 4, 0.0), light / whole[:, None], group


@triton.jit
def _load(colour, radius, weight, x, y, height, width, n: tl.constexpr, FOLD: tl.constexpr):
    """Radius, opacity at this resolution and (r, g, b, 1) of the pixels `n` of the FOLD x FOLD at (x, y)."""
    x, y = FOLD * x + n % FOLD, FOLD * y + n // FOLD
    is_inside = is_within(y, x, height, width)
    at = y.to(tl.int64) * width + x
    r = tl.load(radius + at, mask=is_inside, other=0.0)
    share = half_share(r) if FOLD == 2 else 1 - half_share(r)
    w = tl.load(weight + at, mask=is_inside, other=0.0).to(tl.float32) * share
    w = tl.where(w > FAINT, w, 0.0)
    channel = tl.arange(0, 4)[None, :]
    mask = (w > 0)[:, None] & (channel < 3)
    return r, w, tl.load(colour + at[:, None] * 3 + channel, mask=mask, other=1.0).to(tl.float32)


@triton.jit
def _add_span(ends, line, left, right, light, mask):
    """Both ends of spans, each shared between the two pixels about its fractional position."""
    channel = tl.arange(0, 4)[None, :]
    for end in tl.static_range(2):
        edge = left if end == 0 else right
        i = edge.to(tl.int32)
        u = (edge - i)[:, None]
        signed = light if end == 0 else -light
        to = ends + (line + i)[:, None] * 4 + channel
        # Relaxed: the kernel's end orders the sums; otherwise every addition is a fence.
        tl.atomic_add(to, signed * (1 - u), mask=mask[:, None], sem="relaxed")
        tl.atomic_add(to + 4, signed * u, mask=mask[:, None], sem="relaxed")
