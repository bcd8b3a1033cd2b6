"""Distance functions and noise, as small compiled functions of plain floats.

Sources: I. Quilez, "Distance functions" and "Smooth minimum" (https://iquilezles.org/articles/).
"""

import math

from numba import njit


@njit(fastmath=True, inline="always")
def clamp(value, low, high):
    """Limit value to [low, high]."""
    return min(max(value, low), high)


@njit(fastmath=True, inline="always")
def ease(low, high, value):
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = clamp((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


@njit(fastmath=True, inline="always")
def join(a, b, k):
    """Smooth union of two distances; k is the blend's width in metres."""
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k * 0.25


@njit(fastmath=True, inline="always")
def carve(a, b, k):
    """Solid a with solid b taken out, rounded by k metres."""
    h = max(k - abs(a + b), 0.0) / k
    return max(a, -b) + h * h * k * 0.25


@njit(fastmath=True, inline="always")
def sphere(x, y, z, r):
    """Distance to a sphere of radius r round the origin."""
    return math.sqrt(x * x + y * y + z * z) - r


@njit(fastmath=True)
def ellipsoid(x, y, z, a, b, c):
    """Distance bound to an ellipsoid with half axes a, b, c round the origin."""
    k0 = math.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    k1 = math.sqrt((x / (a * a)) ** 2 + (y / (b * b)) ** 2 + (z / (c * c)) ** 2)
    return k0 * (k0 - 1.0) / max(k1, 1e-9)


@njit(fastmath=True)
def limb(x, y, z, ax, ay, az, bx, by, bz, ra, rb):
    """Distance to a tapered rod from a (radius ra) to b (radius rb)."""
    ex, ey, ez = bx - ax, by - ay, bz - az
    px, py, pz = x - ax, y - ay, z - az
    t = clamp((px * ex + py * ey + pz * ez) / (ex * ex + ey * ey + ez * ez), 0.0, 1.0)
    return sphere(px - t * ex, py - t * ey, pz - t * ez, 0.0) - (ra + (rb - ra) * t)


@njit(fastmath=True, inline="always")
def hash2(i, j):
    """Pseudo-random number in [0, 1) of two whole numbers."""
    n = (int(i) * 374761393 + int(j) * 668265263) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((n ^ (n >> 16)) & 0xFFFFFF) / 16777216.0


@njit(fastmath=True)
def noise2(x, y):
    """Value noise in [0, 1] with a unit lattice."""
    i, j = math.floor(x), math.floor(y)
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    top = hash2(i, j) * (1 - u) + hash2(i + 1, j) * u
    low = hash2(i, j + 1) * (1 - u) + hash2(i + 1, j + 1) * u
    return top * (1 - v) + low * v


@njit(fastmath=True)
def clouds(x, y):
    """Three octaves of value noise in [0, 1]."""
    return (noise2(x, y) * 4 + noise2(x * 2.1 + 7.3, y * 2.1) * 2 + noise2(x * 4.3, y * 4.3 + 3.1)) / 7.0
