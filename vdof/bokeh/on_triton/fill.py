"""The coarse picture from which the background is filled as Triton kernels; step by step as `vdof.bokeh.on_numba.fill`."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from vdof.bokeh import layers as settings
from vdof.bokeh.layers import pyramid_sizes
from vdof.bokeh.on_triton.sources import is_within, ramp

CELLS, BLOCK, WARPS = 32, 2048, 32
"""Cells per program where pixels are binned and, with so many warps, at a time where holes are filled."""
BIN, EDGE_TRUST, CELL_VALUES = (
    tl.constexpr(value) for value in (settings.BIN, settings.EDGE_TRUST, settings.CELL_VALUES)
)
LEVELS = tl.constexpr(triton.next_power_of_2(settings.MAX_LEVELS))
EDGE_DOUBT, EDGE_DOUBT_FULLY = (tl.constexpr(limit) for limit in settings.EDGE_DOUBT)


def fill_background(
    colour: Tensor,
    radius: Tensor,
    spread: Tensor,
    margin: int,
    nearest: float,
    per_radius: float,
    levels: int,
    knee: float,
) -> Tensor:
    """Colour (H,W,3), radius and its range within 3x3 pixels (H,W) -> (levels,6,cells): red, green, blue, radius and squared
    radius of everything from a level on, holes filled, in the first cells; what follows is of use in here only."""
    height, width = radius.shape
    sizes = pyramid_sizes(height - 2 * margin, width - 2 * margin)
    pyramid = radius.new_empty(levels, settings.CELL_VALUES + 1, sum(rows * columns for rows, columns in sizes))
    rows, columns = sizes[0]
    _bin_kernel[(rows, triton.cdiv(columns, CELLS))](
        *(colour, radius, spread, pyramid, height, width, margin, columns, pyramid.shape[2]),
        *(levels, nearest, per_radius, knee),
        CELLS=CELLS,
    )
    _fill_kernel[(levels, settings.CELL_VALUES)](pyramid, *sizes[0], pyramid.shape[2], BLOCK=BLOCK, num_warps=WARPS)
    return pyramid


@triton.jit
def _bin_kernel(
    colour, radius, spread, pyramid, height, width, margin, columns, cells, levels, nearest, per_radius, knee,
    CELLS: tl.constexpr,
):  # fmt: skip
    """Means over BIN x BIN pixels of (colour, radius, squared radius, 1) of all from a level on. Bright pixels count less."""
    row, cell = tl.program_id(0), (tl.program_id(1) * CELLS + tl.arange(0, CELLS))[None, :]
    k = tl.arange(0, LEVELS)[:, None]
    reds = tl.zeros([LEVELS, CELLS], tl.float32)
    greens, blues, radii, squares, weights = reds, reds, reds, reds, reds
    n = 0
    while n < BIN * BIN:
        y, x = margin + row * BIN + n // BIN, margin + cell * BIN + n % BIN
        is_inside = is_within(y - margin, x - margin, height - 2 * margin, width - 2 * margin)
        at = y.to(tl.int64) * width + x
        r, doubt = tl.load(radius + at, mask=is_inside, other=0.0), tl.load(spread + at, mask=is_inside, other=0.0)
        red = tl.load(colour + at * 3, mask=is_inside, other=0.0)
        green = tl.load(colour + at * 3 + 1, mask=is_inside, other=0.0)
        blue = tl.load(colour + at * 3 + 2, mask=is_inside, other=0.0)
        w = (1 - (1 - EDGE_TRUST) * ramp(doubt, EDGE_DOUBT, EDGE_DOUBT_FULLY)) / (BIN * BIN)
        w = tl.where(is_inside, w * knee / (knee + tl.maximum(tl.maximum(red, green), blue)), 0.0)
        w *= tl.where(k == 0, 1.0, tl.minimum(tl.maximum((r - nearest) * per_radius - k, 0.0), 1.0))
        reds += w * red
        greens += w * green
        blues += w * blue
        radii += w * r
        squares += w * r * r
        weights += w
        n += 1
    to, is_cell = (
        pyramid + k.to(tl.int64) * (CELL_VALUES + 1) * cells + row * columns + cell,
        (k < levels) & (cell < columns),
    )
    tl.store(to, reds, mask=is_cell)
    tl.store(to + cells, greens, mask=is_cell)
    tl.store(to + 2 * cells, blues, mask=is_cell)
    tl.store(to + 3 * cells, radii, mask=is_cell)
    tl.store(to + 4 * cells, squares, mask=is_cell)
    tl.store(to + CELL_VALUES * cells, weights, mask=is_cell)


@triton.jit
def _fill_kernel(pyramid, rows, columns, cells, BLOCK: tl.constexpr):
    """Push-pull of one channel of one level in place. The programs of a level write the same weights."""
    level = pyramid + tl.program_id(0).to(tl.int64) * (CELL_VALUES + 1) * cells
    value, weight = level + tl.program_id(1) * cells, level + CELL_VALUES * cells
    height, width, halvings, at = rows, columns, 0, 0
    while (height > 1) | (width > 1):
        _push(value + at, weight + at, height, width, BLOCK)
        at += height * width
        height, width, halvings = (height + 1) // 2, (width + 1) // 2, halvings + 1
        tl.debug_barrier()
    tl.store(value + at, tl.load(value + at) / tl.maximum(tl.load(weight + at), 1e-6))
    tl.debug_barrier()
    while halvings > 0:
        halvings -= 1
        height, width = (rows - 1 >> halvings) + 1, (columns - 1 >> halvings) + 1
        at -= height * width
        _pull(value + at, weight + at, height, width, BLOCK)
        tl.debug_barrier()


@triton.jit
def _push(value, weight, height, width, BLOCK: tl.constexpr):
    """Sums over 2x2 cells, normalised where they hold more than one; the coarser plane follows the finer one."""
    columns, coarse = (width + 1) // 2, height * width
    start, count = 0, (height + 1) // 2 * columns
    while start < count:
        cell = start + tl.arange(0, BLOCK)
        y, x = cell // columns * 2, cell % columns * 2
        total, sum_of_weights = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
        for n in tl.static_range(4):
            j, i = y + n // 2, x + n % 2
            is_inside = (j < height) & (i < width)
            total += tl.load(value + j * width + i, mask=is_inside, other=0.0)
            sum_of_weights += tl.load(weight + j * width + i, mask=is_inside, other=0.0)
        scale = 1 / tl.maximum(sum_of_weights, 1.0)
        tl.store(value + coarse + cell, total * scale, mask=cell < count)
        tl.store(weight + coarse + cell, sum_of_weights * scale, mask=cell < count)
        start += BLOCK


@triton.jit
def _pull(value, weight, height, width, BLOCK: tl.constexpr):
    """Fill what a plane lacks from the coarser one, bilinearly."""
    rows, columns, coarse = (height + 1) // 2, (width + 1) // 2, value + height * width
    start = 0
    while start < height * width:
        cell = start + tl.arange(0, BLOCK)
        is_inside = cell < height * width
        missing = tl.maximum(1 - tl.load(weight + cell, mask=is_inside, other=1.0), 0.0)
        above = sample(coarse, cell // width * 0.5 - 0.25, cell % width * 0.5 - 0.25, rows, columns, missing > 0)
        filled = tl.load(value + cell, mask=is_inside, other=0.0) + missing * above
        tl.store(value + cell, filled, mask=is_inside)
        start += BLOCK


@triton.jit
def sample(plane, y, x, rows, columns, mask):
    """Bilinear values of a plane at the positions (x, y)."""
    v, u = tl.minimum(tl.maximum(y, 0.0), rows - 1.0), tl.minimum(tl.maximum(x, 0.0), columns - 1.0)
    j, i = v.to(tl.int32), u.to(tl.int32)
    v, u = v - j, u - i
    above, below = plane + j * columns, plane + tl.minimum(j + 1, rows - 1) * columns
    right = tl.minimum(i + 1, columns - 1)
    first, last = tl.load(above + i, mask=mask, other=0.0), tl.load(above + right, mask=mask, other=0.0)
    upper = first + u * (last - first)
    first, last = tl.load(below + i, mask=mask, other=0.0), tl.load(below + right, mask=mask, other=0.0)
    return upper + v * (first + u * (last - first) - upper)
