"""How much faster the picture grows than the scene's own slant explains, compiled for the CPU."""

from __future__ import annotations

from vdof.compiled import compiled

_DIRECTIONS = ((1, 0), (0, 1), (1, 1), (1, -1))
_APART = (2, 4, 7)
"""places from the middle."""
_POOL = (-4, -2, 0, 2, 4)
"""places over which the mean is taken."""


@compiled
def stretch_rows(y0, y1, level, flow, trust, spacing, sums):  # type: ignore[no-untyped-def]
    """Write numerator and weight (h,w,2) of each place's growth: least squares over pairs of places on either side of it.

    level: (h,w) disparity in tolerances. On a slanted surface flow also stretches along the slant: `stretch = growth +
    m . slant` with an unknown vector m, which is solved for and dropped.
    """
    h, w = level.shape
    for y in range(y0, y1):
        for x in range(w):
            n00 = n01 = n02 = n11 = n12 = n22 = r0 = r1 = r2 = 0.0
            for dx, dy in _DIRECTIONS:
                for r in _APART:
                    left, right, top, bottom = x - r * dx, x + r * dx, y - r * dy, y + r * dy
                    if left < 0 or right >= w or min(top, bottom) < 0 or max(top, bottom) >= h:
                        continue
                    a, b = level[bottom, right] - level[y, x], level[top, left] - level[y, x]
                    base_x, base_y = 2 * r * dx * spacing, 2 * r * dy * spacing
                    square = base_x * base_x + base_y * base_y
                    weight = trust[bottom, right] * trust[top, left] * square / ((1 + a * a) * (1 + b * b))
                    moved_x = flow[bottom, right, 0] - flow[top, left, 0]
                    moved_y = flow[bottom, right, 1] - flow[top, left, 1]
                    stretch = (moved_x * base_x + moved_y * base_y) / square
                    slant_x, slant_y = (a - b) * base_x / square, (a - b) * base_y / square
                    n00 += weight
                    n01 += weight * slant_x
                    n02 += weight * slant_y
                    n11 += weight * slant_x * slant_x
                    n12 += weight * slant_x * slant_y
                    n22 += weight * slant_y * slant_y
                    r0 += weight * stretch
                    r1 += weight * stretch * slant_x
                    r2 += weight * stretch * slant_y
            ridge = 1e-6 * n00 + 1e-12
            n11 += ridge
            n22 += ridge
            least = n11 * n22 - n12 * n12
            m1, m2 = (n01 * n22 - n02 * n12) / least, (n02 * n11 - n01 * n12) / least
            sums[y, x, 0] = r0 - m1 * r1 - m2 * r2
            sums[y, x, 1] = n00 - m1 * n01 - m2 * n02


@compiled
def pool_rows(y0, y1, level, sums, prior, growth):  # type: ignore[no-untyped-def]
    """`growth` (h,w): 1 + the mean over places nearby of like disparity; `prior`: weight of no growth."""
    h, w = level.shape
    for y in range(y0, y1):
        for x in range(w):
            total, weights = 0.0, 0.0
            for down in _POOL:
                for across in _POOL:
                    v, u = min(max(y + down, 0), h - 1), min(max(x + across, 0), w - 1)
                    apart = level[v, u] - level[y, x]
                    share = 1 / (1 + apart * apart) ** 2
                    total += share * sums[v, u, 0]
                    weights += share * sums[v, u, 1]
            growth[y, x] = 1 + total / (weights + prior)
