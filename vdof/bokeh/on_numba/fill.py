"""The coarse picture from which the background is filled, compiled for the CPU: binned by radius, holes closed by push-pull."""

from __future__ import annotations

import numpy as np

from vdof.bokeh.layers import BIN, CELL_VALUES, EDGE_DOUBT, EDGE_TRUST
from vdof.compiled import compiled, f4, ramp


@compiled
def bin_pixels(y0, y1, colour, radius, spread, nearest, per_radius, knee, stack):
    """Sums over BIN x BIN pixels of (colour, radius, 1) by level, then from far to near. Bright pixels count less."""
    levels = stack.shape[0]
    height, width = radius.shape
    for row in range(y0, y1):
        for y in range(row * BIN, min(row * BIN + BIN, height)):
            for x in range(width):
                level = (radius[y, x] - nearest) * per_radius
                k = min(int(level), levels - 1)
                p = colour[y, x]
                w = f4(1 / (BIN * BIN)) / (knee + max(p[0], p[1], p[2])) * knee
                w *= f4(1) - f4(1 - EDGE_TRUST) * ramp(spread[y, x], EDGE_DOUBT)
                t = min(level - f4(k), f4(1))
                _add_to_cell(stack[k, row, x // BIN], w * t, p, radius[y, x])
                _add_to_cell(stack[max(k - 1, 0), row, x // BIN], w * (f4(1) - t), p, radius[y, x])
        for k in range(levels - 2, -1, -1):
            for x in range(stack.shape[2]):
                for c in range(CELL_VALUES + 1):
                    stack[k, row, x, c] += stack[k + 1, row, x, c]


@compiled
def _add_to_cell(cell, w, p, r):
    cell[0] += w * p[0]
    cell[1] += w * p[1]
    cell[2] += w * p[2]
    cell[3] += w * r
    cell[4] += w * r * r
    cell[5] += w


@compiled
def fill_level(k0, k1, stack, sizes):
    """Push-pull of one level in place: its first four channels become the filled, normalised ones."""
    for k in range(k0, k1):
        pyramid = [stack[k]]
        for n in range(1, sizes.shape[0]):
            pyramid.append(np.zeros((sizes[n, 0], sizes[n, 1], CELL_VALUES + 1), np.float32))
            _push(pyramid[n - 1], pyramid[n])
        top = pyramid[-1]
        for y in range(top.shape[0]):
            for x in range(top.shape[1]):
                for c in range(CELL_VALUES):
                    top[y, x, c] /= max(top[y, x, CELL_VALUES], f4(1e-6))
        for n in range(sizes.shape[0] - 2, -1, -1):
            _pull(pyramid[n + 1], pyramid[n])


@compiled
def _push(fine, coarse):
    for y in range(fine.shape[0]):
        for x in range(fine.shape[1]):
            for c in range(CELL_VALUES + 1):
                coarse[y >> 1, x >> 1, c] += fine[y, x, c]
    for y in range(coarse.shape[0]):
        for x in range(coarse.shape[1]):
            if coarse[y, x, CELL_VALUES] > f4(1):
                scale = f4(1) / coarse[y, x, CELL_VALUES]
                for c in range(CELL_VALUES + 1):
                    coarse[y, x, c] *= scale


@compiled
def _pull(coarse, fine):
    for y in range(fine.shape[0]):
        j0, j1, v = interpolate(y, f4(0.5), coarse.shape[0])
        for x in range(fine.shape[1]):
            missing = f4(1) - fine[y, x, CELL_VALUES]
            if missing <= f4(0):
                continue
            i0, i1, u = interpolate(x, f4(0.5), coarse.shape[1])
            for c in range(CELL_VALUES):
                fine[y, x, c] += missing * mix(coarse, j0, j1, v, i0, i1, u, c)


@compiled
def interpolate(x, scale, size):
    """Two cells and the share of the second for pixel `x` of a picture `1/scale` times as fine."""
    position = min(max((f4(x) + f4(0.5)) * scale - f4(0.5), f4(0)), f4(size - 1))
    i = int(position)
    return i, min(i + 1, size - 1), position - f4(i)


@compiled
def mix(cells, j0, j1, v, i0, i1, u, c):
    above = cells[j0, i0, c] + u * (cells[j0, i1, c] - cells[j0, i0, c])
    below = cells[j1, i0, c] + u * (cells[j1, i1, c] - cells[j1, i0, c])
    return above + v * (below - above)
