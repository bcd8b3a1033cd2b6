"""Depth edges and how far their blur reaches as Triton kernels; step by step as `vdof.bokeh.on_numba.layers`."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from vdof.bokeh import layers as settings

BLOCK = 128
"""Pixels, or tiles, per program."""
EDGE, REACH_FADE, TILE = (tl.constexpr(value) for value in (settings.EDGE, settings.REACH_FADE, settings.TILE))


def find_edges(radius: Tensor, margin: int) -> tuple[Tensor, Tensor]:
    """(H,W) range of radii within 3x3 pixels, and for every tile (H/TILE,W/TILE), rounded up, the radius below which a
    surface is the nearer side of an edge in reach.

    margin: px, larger than any radius.
    """
    height, width = radius.shape
    rows, columns = -(-height // settings.TILE), -(-width // settings.TILE)
    spread, (reach, middle, shown) = torch.empty_like(radius), radius.new_empty(3, rows, columns)
    _edges_kernel[(rows, triton.cdiv(width, BLOCK))](radius, spread, reach, middle, height, width, columns, BLOCK=BLOCK)
    most = margin // settings.TILE + 1
    _reach_kernel[(rows, triton.cdiv(columns, BLOCK))](reach, middle, shown, rows, columns, most, BLOCK=BLOCK)
    return spread, shown


@triton.jit
def _edges_kernel(radius, spread, reach, middle, height, width, columns, BLOCK: tl.constexpr):
    """Range of radii about the pixels of a row of tiles, and of each tile the reach, in tiles, and the middle of its edges."""
    row, x = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    far, between = tl.zeros([BLOCK], tl.float32), tl.full([BLOCK], -float("inf"), tl.float32)
    y = row * TILE
    while y < tl.minimum(row * TILE + TILE, height):
        at = y.to(tl.int64) * width + x
        low = tl.load(radius + at, mask=x < width, other=0.0)
        high = low
        for n in tl.static_range(9):
            j, i = tl.minimum(tl.maximum(y + n // 3 - 1, 0), height - 1), tl.maximum(x + n % 3 - 1, 0)
            r = tl.load(radius + j.to(tl.int64) * width + tl.minimum(i, width - 1), mask=x < width, other=0.0)
            low, high = tl.minimum(low, r), tl.maximum(high, r)
        tl.store(spread + at, high - low, mask=x < width)
        is_edge = high - low > EDGE
        far = tl.where(is_edge, tl.maximum(far, tl.maximum(tl.abs(low), tl.abs(high)) + 2), far)
        between = tl.where(is_edge, tl.maximum(between, 0.5 * (low + high)), between)
        y += 1
    tile = tl.program_id(1) * (BLOCK // TILE) + tl.arange(0, BLOCK // TILE)
    far, between = tl.reshape(far, [BLOCK // TILE, TILE]), tl.reshape(between, [BLOCK // TILE, TILE])
    tl.store(reach + row * columns + tile, tl.max(far, 1) / TILE, mask=tile < columns)
    tl.store(middle + row * columns + tile, tl.max(between, 1), mask=tile < columns)


@triton.jit
def _reach_kernel(reach, middle, shown, rows, columns, most, BLOCK: tl.constexpr):
    """The largest middle of the edges that reach each tile."""
    y, x = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    largest = tl.full([BLOCK], -float("inf"), tl.float32)
    j = tl.maximum(y - most, 0)
    while j < tl.minimum(y + most + 1, rows):
        step = -most
        while step <= most:
            i = x + step
            is_inside = (i >= 0) & (i < columns)
            away = tl.maximum(tl.abs(j - y), tl.abs(step))
            far = tl.load(reach + j * columns + i, mask=is_inside, other=0.0)
            value = tl.load(middle + j * columns + i, mask=is_inside, other=-float("inf"))
            value -= REACH_FADE * tl.maximum(away - far, 0.0)
            largest = tl.maximum(largest, tl.where(far > away - 1, value, -float("inf")))
            step += 1
        j += 1
    tl.store(shown + y * columns + x, largest, mask=x < columns)
