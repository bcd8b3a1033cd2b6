"""The background layer compiled for the CPU: what a blurred edge reveals. `vdof.bokeh.torch_layers` says the same in torch.

1. Depth edges and how far their blur reaches, per tile.
2. Pixels binned by radius into levels of a coarse picture, summed from far to near: level k holds all that lies behind it.
3. Holes filled by push-pull (Gortler et al., "The Lumigraph", 1996).
4. Each pixel near an edge takes the colour and radius of the nearest level safely behind it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vdof.bokeh.compiled import compiled, f4
from vdof.bokeh.layers import (
    BEHIND,
    BEHIND_STEP,
    BIN,
    DENSE_EDGE,
    DENSE_SPREAD,
    DENSE_STEP,
    DENSE_WINDOW,
    EDGE,
    EDGE_TRUST,
    MIXED_EDGE,
    OWN,
    SPARSE,
    TILE,
    Layers,
    level_count,
    pyramid_sizes,
)
from vdof.bokeh.numba_unmix import unmix_edges
from vdof.bokeh.threads import run_rows

DENSE_FALL = np.array([math.exp(-k / DENSE_SPREAD) for k in range(2 * DENSE_WINDOW**2 + 1)], f4)


def split_layers(picture: NDArray[np.float32], signed: NDArray[np.float32], margin: int, level: float) -> Layers:
    """Picture (H,W,3) and radius (H,W) -> the picture's own layer and, where there are edges, what lies behind and between."""
    height, width = signed.shape
    spread = np.empty((height, width), f4)
    reach = np.zeros((-(-height // TILE), -(-width // TILE)), f4)
    middle = np.full(reach.shape, -np.inf, f4)
    run_rows(_find_edges, 0, reach.shape[0], signed, spread, reach, middle, step=4)
    if not spread.max() > MIXED_EDGE:
        return Layers(picture[None], signed[None], np.ones((1, height, width), f4), margin)
    colour, radius = np.zeros((3, height, width, 3), f4), np.zeros((3, height, width), f4)
    colour[OWN], radius[OWN] = picture, signed
    weight = np.zeros((3, height, width), f4)
    weight[OWN] = 1
    unmix_edges(colour, radius, weight, spread, level)
    if reach.any():
        _add_background(colour, radius, weight, spread, _spread_reach(reach, middle), level)
    np.abs(weight[BEHIND], out=weight[BEHIND])
    return Layers(colour, radius, weight, margin)


def _add_background(
    colour: NDArray[np.float32],
    radius: NDArray[np.float32],
    weight: NDArray[np.float32],
    spread: NDArray[np.float32],
    shown: NDArray[np.float32],
    level: float,
) -> None:
    """Fill layer BEHIND near edges from what lies farther in layer OWN; what unmixing put there stays.

    shown: per tile, the radius below which a surface is the nearer side of an edge in reach, so that it may be seen around.
    """
    height, width = radius.shape[1:]
    nearest, farthest = float(radius[OWN].min()), float(radius[OWN].max()) + 1e-3
    levels = level_count(nearest, farthest)
    bounds = (f4(nearest), f4(farthest), f4(levels / (farthest - nearest)))
    sizes = np.array(pyramid_sizes(height, width), np.int64)
    stack = np.zeros((levels, *sizes[0], 5), f4)
    knee = f4(5 * level)
    run_rows(_back_strands, 0, height, colour, radius, weight, spread, shown, DENSE_FALL)
    run_rows(_bin_pixels, 0, int(sizes[0, 0]), colour[OWN], radius[OWN], spread, bounds[0], bounds[2], knee, stack)
    run_rows(_fill_level, 0, levels, stack, sizes, step=1)
    run_rows(_pick_behind, 0, height, colour, radius, weight, stack, *bounds, shown)


@compiled
def _find_edges(t0, t1, radius, spread, reach, middle):
    height, width = radius.shape
    for y in range(t0 * TILE, min(t1 * TILE, height)):
        for x in range(width):
            low = high = radius[y, x]
            for j in range(max(0, y - 1), min(height, y + 2)):
                for i in range(max(0, x - 1), min(width, x + 2)):
                    low = min(low, radius[j, i])
                    high = max(high, radius[j, i])
            spread[y, x] = high - low
            if spread[y, x] > f4(EDGE):
                far = max(abs(low), abs(high)) + f4(2)
                tile = (y // TILE, x // TILE)
                reach[tile] = max(reach[tile], far)
                middle[tile] = max(middle[tile], f4(0.5) * (low + high))


@compiled
def _spread_reach(reach, middle):
    """The largest middle of the edges that reach each tile."""
    rows, columns = reach.shape
    shown = np.full((rows, columns), f4(-np.inf))
    for y in range(rows):
        for x in range(columns):
            if reach[y, x] > f4(0):
                n = int(math.ceil(reach[y, x] / TILE))
                for j in range(max(0, y - n), min(rows, y + n + 1)):
                    for i in range(max(0, x - n), min(columns, x + n + 1)):
                        shown[j, i] = max(shown[j, i], middle[y, x])
    return shown


@compiled
def _back_strands(y0, y1, colour, radius, weight, spread, shown, fall):
    """In dense hair what a strand hides is the next strand, not the far background: a mean of what is just farther."""
    found = np.empty(5, np.float32)  # r, g, b, radius, weight
    for y in range(y0, y1):
        for x in range(radius.shape[2]):
            own = radius[OWN, y, x]
            if own >= shown[y // TILE, x // TILE] or spread[y, x] <= f4(DENSE_EDGE) or weight[OWN, y, x] < f4(1):
                continue
            found[:] = f4(0)
            count = far = 0
            for j in range(max(0, y - DENSE_WINDOW), min(radius.shape[1], y + DENSE_WINDOW + 1)):
                for i in range(max(0, x - DENSE_WINDOW), min(radius.shape[2], x + DENSE_WINDOW + 1)):
                    step = radius[OWN, j, i] - own
                    count += 1
                    far += step > f4(BEHIND_STEP)
                    if step > f4(DENSE_STEP):
                        w = fall[(j - y) ** 2 + (i - x) ** 2] / step
                        for c in range(3):
                            found[c] += w * colour[OWN, j, i, c]
                        found[3] += w * radius[OWN, j, i]
                        found[4] += w
            if found[4] <= f4(0) or f4(far) > f4(SPARSE) * f4(count):
                continue
            found /= found[4]
            if weight[BEHIND, y, x] == f4(0) or radius[BEHIND, y, x] > found[3] + f4(0.5):
                radius[BEHIND, y, x] = found[3]
                weight[BEHIND, y, x] = f4(1)
                for c in range(3):
                    colour[BEHIND, y, x, c] = found[c]


@compiled
def _bin_pixels(y0, y1, colour, radius, spread, nearest, per_radius, knee, stack):
    """Sums over BIN x BIN pixels of (colour, radius, 1) by level, then from far to near. Bright pixels count less."""
    levels = stack.shape[0]
    height, width = radius.shape
    for row in range(y0, y1):
        for y in range(row * BIN, min(row * BIN + BIN, height)):
            for x in range(width):
                k = max(min(int((radius[y, x] - nearest) * per_radius), levels - 1), 0)
                p = colour[y, x]
                w = f4(1 / (BIN * BIN)) / (knee + max(p[0], p[1], p[2])) * knee
                if spread[y, x] > f4(EDGE):
                    w *= f4(EDGE_TRUST)
                cell = stack[k, row, x // BIN]
                cell[0] += w * p[0]
                cell[1] += w * p[1]
                cell[2] += w * p[2]
                cell[3] += w * radius[y, x]
                cell[4] += w
        for k in range(levels - 2, -1, -1):
            for x in range(stack.shape[2]):
                for c in range(5):
                    stack[k, row, x, c] += stack[k + 1, row, x, c]


@compiled
def _fill_level(k0, k1, stack, sizes):
    """Push-pull of one level in place: its first four channels become the filled, normalised ones."""
    for k in range(k0, k1):
        pyramid = [stack[k]]
        for n in range(1, sizes.shape[0]):
            pyramid.append(np.zeros((sizes[n, 0], sizes[n, 1], 5), np.float32))
            _push(pyramid[n - 1], pyramid[n])
        top = pyramid[-1]
        for y in range(top.shape[0]):
            for x in range(top.shape[1]):
                for c in range(4):
                    top[y, x, c] /= max(top[y, x, 4], f4(1e-6))
        for n in range(sizes.shape[0] - 2, -1, -1):
            _pull(pyramid[n + 1], pyramid[n])


@compiled
def _push(fine, coarse):
    for y in range(fine.shape[0]):
        for x in range(fine.shape[1]):
            for c in range(5):
                coarse[y >> 1, x >> 1, c] += fine[y, x, c]
    for y in range(coarse.shape[0]):
        for x in range(coarse.shape[1]):
            if coarse[y, x, 4] > f4(1):
                scale = f4(1) / coarse[y, x, 4]
                for c in range(5):
                    coarse[y, x, c] *= scale


@compiled
def _pull(coarse, fine):
    for y in range(fine.shape[0]):
        j0, j1, v = _interpolate(y, f4(0.5), coarse.shape[0])
        for x in range(fine.shape[1]):
            missing = f4(1) - fine[y, x, 4]
            if missing <= f4(0):
                continue
            i0, i1, u = _interpolate(x, f4(0.5), coarse.shape[1])
            for c in range(4):
                fine[y, x, c] += missing * _mix(coarse, j0, j1, v, i0, i1, u, c)


@compiled
def _interpolate(x, scale, size):
    """Two cells and the share of the second for pixel `x` of a picture `1/scale` times as fine."""
    position = min(max((f4(x) + f4(0.5)) * scale - f4(0.5), f4(0)), f4(size - 1))
    i = int(position)
    return i, min(i + 1, size - 1), position - f4(i)


@compiled
def _mix(cells, j0, j1, v, i0, i1, u, c):
    above = cells[j0, i0, c] + u * (cells[j0, i1, c] - cells[j0, i0, c])
    below = cells[j1, i0, c] + u * (cells[j1, i1, c] - cells[j1, i0, c])
    return above + v * (below - above)


@compiled
def _pick_behind(y0, y1, colour, radius, weight, stack, nearest, farthest, per_radius, shown):
    """Colour and radius from the level `ceil(r + 1)` and farther; never toward a nearer one, which holds the pixel itself."""
    levels = stack.shape[0]
    found = np.empty(4, np.float32)
    for y in range(y0, y1):
        j0, j1, v = _interpolate(y, f4(1 / BIN), stack.shape[1])
        for x in range(radius.shape[2]):
            own = radius[OWN, y, x]
            if own >= shown[y // TILE, x // TILE] or weight[BEHIND, y, x] > f4(0):
                continue
            level = (own + f4(BEHIND_STEP) - nearest) * per_radius
            k = max(min(int(level) + 1, levels - 1), 0)
            next_k = min(k + 1, levels - 1)
            t = min(max(level - f4(k - 1), f4(0)), f4(1))
            i0, i1, u = _interpolate(x, f4(1 / BIN), stack.shape[2])
            for c in range(4):
                here, next_one = _mix(stack[k], j0, j1, v, i0, i1, u, c), _mix(stack[next_k], j0, j1, v, i0, i1, u, c)
                found[c] = here + t * (next_one - here)
            behind = min(max(found[3], nearest), farthest)
            if weight[BEHIND, y, x] < f4(0):
                radius[BEHIND, y, x] = max(radius[BEHIND, y, x], behind)
                continue
            radius[BEHIND, y, x] = behind
            weight[BEHIND, y, x] = min(max((behind - own - f4(0.75 * BEHIND_STEP)) * f4(2), f4(0)), f4(1))
            colour[BEHIND, y, x, 0] = found[0]
            colour[BEHIND, y, x, 1] = found[1]
            colour[BEHIND, y, x, 2] = found[2]
