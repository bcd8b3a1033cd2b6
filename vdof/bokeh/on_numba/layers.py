"""The background layer compiled for the CPU: what a blurred edge reveals. `vdof.bokeh.on_torch.layers` says the same in torch.

1. Depth edges and how far their blur reaches, per tile.
2. Pixels binned by radius into levels of a coarse picture, summed from far to near: level k holds all that lies behind it.
3. Holes filled by push-pull (Gortler et al., "The Lumigraph", 1996).
4. Each pixel near an edge takes colour and radius of what is in the nearest level safely behind it: of one surface or of two.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vdof.bokeh.layers import (
    BEHIND,
    BEHIND_STEP,
    BEYOND,
    BIN,
    CELL_VALUES,
    CONTINUES,
    DENSE_EDGE,
    DENSE_LEAST,
    DENSE_NEARER,
    DENSE_OWN,
    DENSE_SPREAD,
    DENSE_STEP,
    DENSE_WINDOW,
    EDGE,
    FAR_STEP,
    FARTHER_FROM,
    LAYERS,
    MIXED_EDGE,
    OWN,
    REACH_FADE,
    REVEAL_STEP,
    SEEN_AROUND,
    SPARSE,
    SPARSE_SAMPLES,
    SPARSE_STRIDE,
    TILE,
    TWO_SURFACES,
    Layers,
    place_levels,
    pyramid_sizes,
)
from vdof.bokeh.on_numba.fill import bin_pixels, fill_level, interpolate, mix
from vdof.bokeh.on_numba.unmix import unmix_edges
from vdof.compiled import compiled, f4, ramp
from vdof.threads import run_rows

DENSE_FALL = np.array([math.exp(-k / DENSE_SPREAD) for k in range(2 * DENSE_WINDOW**2 + 1)], f4)


def split_layers(picture: NDArray[np.float32], signed: NDArray[np.float32], margin: int, level: float) -> Layers:
    """Picture (H,W,3) and radius (H,W) -> the picture's own layer and, where there are edges, what lies behind and between."""
    height, width = signed.shape
    spread = np.empty((height, width), f4)
    reach = np.zeros((-(-height // TILE), -(-width // TILE)), f4)
    middle = np.full(reach.shape, -np.inf, f4)
    run_rows(_find_edges, 0, reach.shape[0], signed, spread, reach, middle, step=4)
    if not spread.max() > MIXED_EDGE[0]:
        return Layers(picture[None], signed[None], np.ones((1, height, width), f4), margin)
    colour, radius = np.zeros((LAYERS, height, width, 3), f4), np.zeros((LAYERS, height, width), f4)
    colour[OWN], radius[OWN] = picture, signed
    weight = np.zeros((LAYERS, height, width), f4)
    weight[OWN] = 1
    held = unmix_edges(colour, radius, weight, spread, level)
    if reach.any():
        _add_background(colour, radius, weight, held, spread, _spread_reach(reach, middle), level, margin)
    return Layers(colour, radius, weight, margin)


def _add_background(
    colour: NDArray[np.float32],
    radius: NDArray[np.float32],
    weight: NDArray[np.float32],
    held: NDArray[np.float32],
    spread: NDArray[np.float32],
    shown: NDArray[np.float32],
    level: float,
    margin: int,
) -> None:
    """Fill layers BEHIND and BEYOND near edges from what lies farther in layer OWN; what unmixing put there stays.

    The margin only repeats the border, so the picture alone is looked at: what is found does not depend on the largest disc.

    held: how surely what is behind each pixel is known.
    shown: per tile, the radius below which a surface is the nearer side of an edge in reach, so that it may be seen around.
    """
    inner = np.s_[margin:-margin, margin:-margin]
    height, width = spread.shape
    nearest, farthest = float(radius[OWN].min()), float(radius[OWN].max()) + 1e-3
    levels, per_radius = place_levels(nearest, farthest)
    bounds = (f4(nearest), f4(farthest), f4(per_radius))
    sizes = np.array(pyramid_sizes(height - 2 * margin, width - 2 * margin), np.int64)
    stack = np.zeros((levels, *sizes[0], CELL_VALUES + 1), f4)
    knee = f4(5 * level)
    run_rows(_back_strands, 0, height, colour, radius, weight, held, spread, shown, DENSE_FALL)
    seen = colour[OWN][inner], radius[OWN][inner], spread[inner]
    run_rows(bin_pixels, 0, int(sizes[0, 0]), *seen, bounds[0], bounds[2], knee, stack)
    run_rows(fill_level, 0, levels, stack, sizes, step=1)
    run_rows(_pick_behind, 0, height, colour, radius, weight, held, stack, *bounds, shown, margin)


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
                        beyond = max(abs(j - y), abs(i - x)) - reach[y, x] / f4(TILE)
                        shown[j, i] = max(shown[j, i], middle[y, x] - f4(REACH_FADE) * max(beyond, f4(0)))
    return shown


@compiled
def _back_strands(y0, y1, colour, radius, weight, held, spread, shown, fall):
    """In dense hair what a strand hides is the next strand, not the far background: a mean of what is just farther."""
    found = np.empty(5, np.float32)  # r, g, b, radius, weight
    for y in range(y0, y1):
        for x in range(radius.shape[2]):
            own = radius[OWN, y, x]
            share = ramp(shown[y // TILE, x // TILE] - own, SEEN_AROUND) * ramp(spread[y, x], DENSE_EDGE)
            share *= ramp(weight[OWN, y, x], DENSE_OWN)
            if share == f4(0):
                continue
            _find_next(colour[OWN], radius[OWN], y, x, fall, found)
            share *= min(found[4] / f4(DENSE_LEAST), f4(1))
            if share > f4(0):
                share *= f4(1) - ramp(_share_behind(radius[OWN], y, x), SPARSE)
            if share == f4(0):
                continue
            found /= found[4]
            share *= f4(1) - held[y, x] * (f4(1) - ramp(radius[BEHIND, y, x] - found[3], DENSE_NEARER))
            _add_behind(colour, radius, weight, held, y, x, (f4(1) - share) * held[y, x], found, share)


@compiled
def _find_next(colour, radius, y, x, fall, found):
    """Sums r, g, b, radius and 1 of what lies just farther around a pixel."""
    found[:] = f4(0)
    for j in range(max(0, y - DENSE_WINDOW), min(radius.shape[0], y + DENSE_WINDOW + 1)):
        for i in range(max(0, x - DENSE_WINDOW), min(radius.shape[1], x + DENSE_WINDOW + 1)):
            step = radius[j, i] - radius[y, x]
            w = ramp(step, DENSE_STEP)
            if w > f4(0):
                w *= fall[(j - y) ** 2 + (i - x) ** 2] / step
                for c in range(3):
                    found[c] += w * colour[j, i, c]
                found[3] += w * radius[j, i]
                found[4] += w


@compiled
def _share_behind(radius, y, x):
    """Share of the samples around a pixel that lie much farther."""
    far = f4(0)
    for dy in range(-SPARSE_SAMPLES, SPARSE_SAMPLES + 1):
        for dx in range(-SPARSE_SAMPLES, SPARSE_SAMPLES + 1):
            j = min(max(y + SPARSE_STRIDE * dy, 0), radius.shape[0] - 1)
            i = min(max(x + SPARSE_STRIDE * dx, 0), radius.shape[1] - 1)
            far += ramp(radius[j, i] - radius[y, x], FAR_STEP)
    return far / f4((2 * SPARSE_SAMPLES + 1) ** 2)


@compiled
def _add_behind(colour, radius, weight, held, y, x, kept, found, share):
    """Mix `share` of a source (r, g, b, radius) with the `kept` part of what is behind a pixel."""
    total = kept + share
    part = share / max(total, f4(1e-6))
    for c in range(3):
        colour[BEHIND, y, x, c] += part * (found[c] - colour[BEHIND, y, x, c])
    radius[BEHIND, y, x] += part * (found[3] - radius[BEHIND, y, x])
    weight[BEHIND, y, x] += total - held[y, x]
    held[y, x] = total


@compiled
def _pick_behind(y0, y1, colour, radius, weight, held, stack, nearest, farthest, per_radius, shown, margin):
    """Layers BEHIND and BEYOND from the levels of the background: of two surfaces the nearer, as far as it goes on there, and
    the farther."""
    near, far = np.empty(CELL_VALUES, np.float32), np.empty(CELL_VALUES, np.float32)
    bounds = (nearest, farthest, per_radius)
    for y in range(y0, y1):
        for x in range(radius.shape[2]):
            own = radius[OWN, y, x]
            seen_around = ramp(shown[y // TILE, x // TILE] - own, SEEN_AROUND)
            if seen_around == f4(0):
                continue
            left_open = f4(0)
            if held[y, x] < f4(1):
                ends = f4(1) - _find_behind(own, y - margin, x - margin, stack, bounds, near, far)
                share = seen_around * (f4(1) - held[y, x]) * ramp(near[3] - own, REVEAL_STEP)
                left_open = share * ends * ramp(far[3] - near[3], REVEAL_STEP)
                _add_behind(colour, radius, weight, held, y, x, held[y, x], near, share)
                weight[BEHIND, y, x] -= left_open
            behind = radius[BEHIND, y, x]
            share = held[y, x] * seen_around * ramp(shown[y // TILE, x // TILE] - behind, SEEN_AROUND)
            if max(share, left_open) > f4(0):
                if left_open == f4(0):
                    ends = f4(1) - _find_behind(behind, y - margin, x - margin, stack, bounds, near, far)
                    for c in range(4):
                        far[c] = near[c] + ends * (far[c] - near[c])
                weight[BEYOND, y, x] = max(share * ramp(far[3] - behind, REVEAL_STEP), left_open)
                colour[BEYOND, y, x] = far[:3]
                radius[BEYOND, y, x] = far[3]


@compiled
def _find_behind(own, y, x, stack, bounds, near, far):
    """Colour and radius of the nearer and of the farther surface behind radius `own`; how much the nearer goes on there.

    Two surfaces of shares p and 1 - p whose radii differ by d have the variance p (1 - p) d^2, and their mean is nearer than
    the farther one by p d: so the mean, the variance and the farther one tell the share and the nearer one.
    """
    nearest, farthest, per_radius = bounds
    _mix_levels(own + f4(BEHIND_STEP), y, x, stack, bounds, near)
    _mix_levels(near[3] - f4(FARTHER_FROM) / per_radius, y, x, stack, bounds, far)
    variance = max(near[4] - near[3] * near[3], f4(0))
    two, step = ramp(f4(math.sqrt(variance)), TWO_SURFACES), far[3] - near[3]
    if two == f4(0) or step <= f4(0):
        return f4(1)
    share = step * step / (step * step + variance)
    ahead = two * min(f4(1) / max(share, f4(CONTINUES[0])) - f4(1), (near[3] - own) / step)
    for c in range(4):
        near[c] += ahead * (near[c] - far[c])
        if c < 3:
            near[c] = max(near[c], f4(0))
    return f4(1) - two * (f4(1) - ramp(share, CONTINUES))


@compiled
def _mix_levels(least, y, x, stack, bounds, found):
    """What was found in the level `ceil(least)` and farther; never toward a nearer one, which holds the pixel itself."""
    nearest, farthest, per_radius = bounds
    levels = stack.shape[0]
    level = (min(least, farthest - f4(2) / per_radius) - nearest) * per_radius
    k = max(min(int(math.floor(level)) + 1, levels - 1), 0)
    next_k = min(k + 1, levels - 1)
    t = min(max(level - f4(k - 1), f4(0)), f4(1))
    j0, j1, v = interpolate(y, f4(1 / BIN), stack.shape[1])
    i0, i1, u = interpolate(x, f4(1 / BIN), stack.shape[2])
    for c in range(CELL_VALUES):
        here, next_one = mix(stack[k], j0, j1, v, i0, i1, u, c), mix(stack[next_k], j0, j1, v, i0, i1, u, c)
        found[c] = here + t * (next_one - here)
    found[3] = min(max(found[3], nearest), farthest)
