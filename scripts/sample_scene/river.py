"""What lies behind the first shot: promenade, water, and a lit city on the far bank at dusk (-z)."""

import math

from numba import njit

from .fields import clamp, clouds, ease, hash2, noise2

QUAY_Z = -14.0
WATER_Y = -2.6
BANK_Z = -240.0
LAMP_STEP = 15.0


@njit(fastmath=True)
def sky_light(dx, dy, dz):
    """Dusk sky along a direction of any length."""
    rise = dy / math.sqrt(dx * dx + dy * dy + dz * dz)
    glow = math.exp(-max(rise, 0.0) / 0.055)
    haze = 0.035 * (clouds(dx / -dz * 9.0, rise * 70.0) - 0.5) * ease(0.0, 0.05, rise)
    r = 0.040 + 0.42 * glow + haze
    g = 0.065 + 0.19 * glow + haze * 0.8
    b = 0.150 + 0.10 * glow + haze
    return r, g, b


@njit(fastmath=True)
def light_windows(x, y, layer, dark_r, dark_g, dark_b):
    """A house front with windows, some of them lit; x, y in metres on the front."""
    house = math.floor(x / (15.0 + 5.0 * layer) + 0.37 * layer)
    wide, high = 1.9 + 1.3 * hash2(house, 41), 2.9 + 0.6 * hash2(house, 43)
    i, j = math.floor(x / wide), math.floor(y / high)
    u, v = abs(x / wide - i - 0.5), abs(y / high - j - 0.5)
    tone = 0.7 + 0.6 * hash2(house + 31 * layer, 7)
    if u > 0.27 or v > 0.30 or j < 1:
        return dark_r * tone, dark_g * tone, dark_b * tone
    draw = hash2(i + 911 * layer, j * 3 + 5)
    if draw > 0.12 + 0.34 * hash2(house, layer + 60):
        return dark_r * tone * 0.6, dark_g * tone * 0.6, dark_b * tone * 0.8
    bright = 0.25 + 4.0 * hash2(i * 7 + 3, j + 77 * layer) ** 3
    kind = hash2(i + 5, j * 11 + layer)
    if kind < 0.62:
        return 1.15 * bright, 0.62 * bright, 0.22 * bright
    if kind < 0.86:
        return 1.0 * bright, 0.86 * bright, 0.62 * bright
    return 0.45 * bright, 0.75 * bright, 1.0 * bright


@njit(fastmath=True)
def skyline(x, layer):
    """Roof height in metres at x on one layer of houses."""
    wide = 15.0 + 5.0 * layer
    i = math.floor(x / wide + 0.37 * layer)
    tall = hash2(i, 13 + layer)
    height = 6.5 + 4.0 * layer + (5.0 + 5.0 * layer) * tall * tall
    if layer == 3 and hash2(i, 99) > 0.72:
        height += 24.0
    return height


@njit(fastmath=True)
def far_bank(ox, oy, oz, dx, dy, dz):
    """Light and ray parameter (0 = sky) of the far bank and what stands on it."""
    for layer in range(4):
        depth = BANK_Z - 20.0 * layer - 28.0 * layer * layer
        t = (depth - oz) / dz
        x, y = ox + t * dx, oy + t * dy
        fade = 0.10 + 0.16 * layer
        if layer == 0:
            tree = 4.2 + 3.6 * noise2(x * 0.16, 3.0) + 1.3 * noise2(x * 0.9, 5.0)
            if y < 1.2:
                wall = 0.55 + 0.25 * noise2(x * 0.8, y * 3.0)
                near_lamp = math.exp(-((x / LAMP_STEP - math.floor(x / LAMP_STEP) - 0.5) ** 2) / 0.02)
                return 0.07 * wall + 0.30 * near_lamp * wall, 0.055 * wall + 0.17 * near_lamp * wall, 0.06 * wall, t
            if y < tree and noise2(x * 0.07 + 3.0, 1.0) > 0.42:
                leaf = 0.5 + clouds(x * 1.3, y * 1.3)
                near_lamp = math.exp(-((y - 4.0) ** 2) / 6.0)
                return (0.012 + 0.05 * near_lamp) * leaf, (0.018 + 0.042 * near_lamp) * leaf, 0.016 * leaf, t
            continue
        if y < skyline(x, layer):
            r, g, b = light_windows(x, y, layer, 0.035, 0.035, 0.050)
            return r + 0.16 * fade, g + 0.10 * fade, b + 0.14 * fade, t
    r, g, b = sky_light(dx, max(dy, 0.0), dz)
    return r, g, b, 0.0


@njit(fastmath=True)
def glints(x, y):
    """Light of the far bank's lamps as seen in the water, at (x, y) on the bank."""
    i = math.floor(x / LAMP_STEP)
    off = x - (i + 0.5) * LAMP_STEP
    glow = 4.0 * math.exp(-((off / 0.55) ** 2) - ((y - 5.0) / 1.6) ** 2)
    return glow, glow * (0.50 + 0.2 * hash2(i, 2)), glow * (0.16 + 0.2 * hash2(i, 3))


@njit(fastmath=True)
def water_light(ox, oy, oz, dx, dy, dz, t, seconds):
    """Reflection of bank and sky in the moving river."""
    x, z = ox + t * dx, oz + t * dz
    a = noise2(x * 0.55 + 0.5 * seconds, z * 0.16 + 0.9 * seconds)
    b = noise2(x * 1.7 - 0.8 * seconds, z * 0.60 - 1.1 * seconds + 9.0)
    tilt = 0.050 * (a - 0.5) + 0.026 * (b - 0.5)
    up = -dy + tilt * 1.6 * abs(dz)
    across = dx + 0.05 * (b - 0.5) * abs(dz)
    up = max(up, 0.002)
    r, g, bl, far = far_bank(x, WATER_Y, z, across, up, dz)
    s = (BANK_Z - z) / dz
    lr, lg, lb = glints(x + s * across, WATER_Y + s * up)
    mirror = 0.72
    return mirror * (r + lr) + 0.004, mirror * (g + lg) + 0.010, mirror * (bl + lb) + 0.018


@njit(fastmath=True)
def paving_light(x, z, dx, dy, dz, lamps):
    """Wet stone slabs lit by the promenade's lamps (n,6: position, colour)."""
    row = math.floor(z / 0.55)
    u = x / 0.85 + 0.5 * (row % 2)
    joint = min(abs(u - math.floor(u + 0.5)) * 0.85, abs(z / 0.55 - math.floor(z / 0.55 + 0.5)) * 0.55)
    tone = (0.65 + 0.5 * hash2(math.floor(u), row)) * (0.8 + 0.4 * clouds(x * 6, z * 6)) * ease(0.0, 0.02, joint)
    wet = ease(0.42, 0.62, clouds(x * 0.5, z * 0.35))
    r, g, b = 0.018, 0.024, 0.045
    for n in range(lamps.shape[0]):
        lamp = lamps[n]
        ax, ay, az = lamp[0] - x, lamp[1], lamp[2] - z
        square = ax * ax + ay * ay + az * az
        pool = ay / (square * math.sqrt(square)) * 5.0
        side = (ax * dz - az * dx) / max(math.hypot(dx, dz), 1e-6)
        streak = wet * 1.6 * math.exp(-((side / 0.22) ** 2)) / (1.0 + 0.02 * square)
        streak *= 1.0 if ax * dx + az * dz > 0 else 0.0
        r += lamp[3] * (0.26 * pool + streak)
        g += lamp[4] * (0.26 * pool + streak)
        b += lamp[5] * (0.26 * pool + streak)
    sr, sg, sb = sky_light(dx, abs(dy) + 0.03, dz if dz < 0 else -dz)
    shine = 0.25 * wet
    return r * tone + shine * sr, g * tone + shine * sg, b * tone + shine * sb


@njit(fastmath=True)
def river_light(ox, oy, oz, dx, dy, dz, lamps, seconds):
    """Light and ray parameter (0 = sky) of everything behind the first shot."""
    if dy < -1e-6:
        t = -oy / dy
        z = oz + t * dz
        if z > QUAY_Z:
            r, g, b = paving_light(ox + t * dx, z, dx, dy, dz, lamps)
            return r, g, b, t
        t = (WATER_Y - oy) / dy
        z = oz + t * dz
        if z > BANK_Z:
            shade = clamp((QUAY_Z - z) / 25.0, 0.25, 1.0)
            r, g, b = water_light(ox, oy, oz, dx, dy, dz, t, seconds)
            return r * shade, g * shade, b * shade, t
    return far_bank(ox, oy, oz, dx, dy, dz)
