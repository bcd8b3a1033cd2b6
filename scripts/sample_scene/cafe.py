"""What lies behind the second shot: cobbles and the lit front of a cafe in a brick house (+z)."""

import math

from numba import njit

from .fields import clamp, clouds, ease, hash2, noise2

WALL_Z = 7.6
ROOM_Z = 9.8
BAY = 2.15


@njit(fastmath=True)
def room_light(x, y):
    """The cafe's back wall seen through the windows: warm, with shelves of bottles."""
    warm = 0.55 + 0.5 * math.exp(-((y - 2.1) ** 2) / 0.5) + 0.15 * clouds(x * 0.9, y * 0.8)
    r, g, b = 0.95 * warm, 0.50 * warm, 0.19 * warm
    shelf = (y - 0.95) / 0.42
    row = math.floor(shelf)
    if row < 0 or row > 2:
        return (0.35 * r, 0.30 * g, 0.3 * b) if row < 0 else (r, g, b)
    rise = (shelf - row) * 0.42
    if rise < 0.035:
        return 0.12, 0.05, 0.02
    i = math.floor(x / 0.115)
    off = abs(x / 0.115 - i - 0.5) * 0.115
    tall = 0.20 + 0.12 * hash2(i, row)
    neck = 0.034 if rise < 0.62 * tall else 0.013
    if rise < tall and off < neck and hash2(i + 3, row + 8) > 0.16:
        kind = hash2(i, row + 31)
        shine = 0.35 + 1.6 * math.exp(-(((off - 0.4 * neck) / 0.008) ** 2))
        if kind < 0.4:
            return 0.60 * shine, 0.22 * shine, 0.04 * shine
        if kind < 0.75:
            return 0.06 * shine, 0.26 * shine, 0.10 * shine
        return 0.55 * shine, 0.48 * shine, 0.36 * shine
    return r, g, b


@njit(fastmath=True)
def bricks(x, y):
    """Albedo of the brick wall."""
    row = math.floor(y / 0.075)
    u = x / 0.24 + 0.5 * (row % 2)
    joint = min(abs(u - math.floor(u + 0.5)) * 0.24, abs(y / 0.075 - math.floor(y / 0.075 + 0.5)) * 0.075)
    tone = (0.7 + 0.5 * hash2(math.floor(u), row)) * (0.85 + 0.3 * clouds(x * 9, y * 9))
    face = ease(0.003, 0.010, joint)
    return 0.30 * tone * face + 0.07, 0.125 * tone * face + 0.06, 0.085 * tone * face + 0.055


@njit(fastmath=True)
def wall_light(ox, oy, oz, dx, dy, dz):
    """Light and ray parameter on the house front; looks through the window panes into the room."""
    t = (WALL_Z - oz) / dz
    x, y = ox + t * dx, oy + t * dy
    i = math.floor(x / BAY)
    u = (x / BAY - i - 0.5) * BAY
    is_door = i == 1
    low = 0.12 if is_door else 0.66
    half = 0.46 if is_door else 0.84
    warm = 0.20 + 0.5 * math.exp(-((y - 2.75) ** 2) / 0.30)
    if low < y < 2.52 and abs(u) < half:
        bar = min(abs(abs(u) - (half if is_door else 0.42)), abs(y - 1.98))
        if bar > 0.022 and half - abs(u) > 0.035 and y - low > 0.04:
            s = (ROOM_Z - oz) / dz
            r, g, b = room_light(ox + s * dx, oy + s * dy)
            return r, g, b, s
        return 0.05 * warm, 0.085 * warm, 0.075 * warm, t
    if y < 2.64:
        panel = 0.7 + 0.3 * ease(0.0, 0.05, abs(abs(u) - 0.95)) + 0.08 * clouds(x * 12, y * 3)
        return 0.035 * panel * (0.4 + warm), 0.085 * panel * (0.4 + warm), 0.075 * panel * (0.4 + warm), t
    if y < 3.02:
        return 0.03 * (0.5 + warm), 0.06 * (0.5 + warm), 0.055 * (0.5 + warm), t
    r, g, b = bricks(x, y)
    light = 0.10 + 0.75 * math.exp(-(y - 3.02) / 0.35)
    return r * light * 1.2, g * light, b * light * 0.9, t


@njit(fastmath=True)
def cobbles_light(x, z):
    """Cobbles, lit by what falls out of the windows."""
    row = math.floor(z / 0.13)
    u = x / 0.16 + 0.5 * (row % 2)
    a, b = abs(u - math.floor(u) - 0.5), abs(z / 0.13 - row - 0.5)
    dome = clamp(1.0 - 3.2 * (a * a * a + b * b * b) * 2.0, 0.1, 1.0)
    tone = dome * (0.6 + 0.6 * hash2(math.floor(u), row)) * (0.85 + 0.3 * noise2(x * 30, z * 30))
    out = math.exp(-(WALL_Z - z) / 2.2) * (0.6 + 0.5 * math.cos(x * 2 * math.pi / BAY))
    return tone * (0.030 + 0.30 * out), tone * (0.034 + 0.16 * out), tone * (0.050 + 0.06 * out)


@njit(fastmath=True)
def cafe_light(ox, oy, oz, dx, dy, dz):
    """Light and ray parameter of everything behind the second shot."""
    if dy < -1e-6:
        t = -oy / dy
        if oz + t * dz < WALL_Z:
            r, g, b = cobbles_light(ox + t * dx, oz + t * dz)
            return r, g, b, t
    return wall_light(ox, oy, oz, dx, dy, dz)
