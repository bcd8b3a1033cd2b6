"""Where a ray meets the figure, and what light comes back from there (body coordinates, scene-linear RGB)."""

import math

from numba import njit

from .fields import clamp, clouds, ease, noise2
from .figure import (
    BUTTON,
    COAT,
    EYE,
    EYE_X,
    EYE_Y,
    EYE_Z,
    HAIR,
    SCARF,
    figure_distance,
    lid_edge,
    lip_distance,
    name_material,
    turn_to_head,
)


@njit(fastmath=True)
def meet_figure(pose, ox, oy, oz, dx, dy, dz, t_max):
    """Ray parameter of the first hit with the figure, or -1. The direction need not have length 1."""
    t0, t1 = 0.0, t_max
    for o, d, low, high in ((ox, dx, -0.34, 0.34), (oy, dy, 0.55, 1.70), (oz, dz, -0.26, 0.27)):
        inverse = 1.0 / d if abs(d) > 1e-9 else 1e9
        a, b = (low - o) * inverse, (high - o) * inverse
        t0, t1 = max(t0, min(a, b)), min(t1, max(a, b))
    if t0 >= t1:
        return -1.0
    scale = 0.85 / math.sqrt(dx * dx + dy * dy + dz * dz)
    t = t0
    for _ in range(110):
        d = figure_distance(pose, ox + t * dx, oy + t * dy, oz + t * dz)
        if d < 0.00025:
            return t
        t += d * scale
        if t > t1:
            return -1.0
    return -1.0


@njit(fastmath=True)
def point_normal(pose, x, y, z):
    """Unit normal by four samples at the corners of a tetrahedron."""
    e = 0.0007
    a = figure_distance(pose, x + e, y - e, z - e)
    b = figure_distance(pose, x - e, y - e, z + e)
    c = figure_distance(pose, x - e, y + e, z - e)
    d = figure_distance(pose, x + e, y + e, z + e)
    nx, ny, nz = a - b - c + d, -a - b + c + d, -a + b - c + d
    s = 1.0 / max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-12)
    return nx * s, ny * s, nz * s


@njit(fastmath=True)
def light_reaches(pose, x, y, z, lx, ly, lz):
    """Share of a soft key light that reaches a point, 0..1."""
    share, t = 1.0, 0.012
    for _ in range(14):
        d = figure_distance(pose, x + lx * t, y + ly * t, z + lz * t)
        share = min(share, 7.0 * d / t)
        if share < 0.02:
            return 0.0
        t += clamp(d, 0.010, 0.06)
        if t > 0.5:
            break
    return clamp(share, 0.0, 1.0)


@njit(fastmath=True)
def open_sky(pose, x, y, z, nx, ny, nz):
    """Ambient occlusion 0..1 from three steps along the normal."""
    near = figure_distance(pose, x + 0.012 * nx, y + 0.012 * ny, z + 0.012 * nz) / 0.012
    mid = figure_distance(pose, x + 0.035 * nx, y + 0.035 * ny, z + 0.035 * nz) / 0.035
    far = figure_distance(pose, x + 0.09 * nx, y + 0.09 * ny, z + 0.09 * nz) / 0.09
    return 0.2 + 0.8 * clamp(0.30 * near + 0.35 * mid + 0.35 * far, 0.0, 1.0)


@njit(fastmath=True)
def colour_skin(x, y, z, blink):
    """Albedo and gloss of the face (head coordinates)."""
    m = abs(x)
    tone = 0.94 + 0.12 * clouds(x * 160, y * 160 + z * 90)
    r, g, b, gloss = 0.66 * tone, 0.41 * tone, 0.30 * tone, 0.30
    blush = math.exp(-(((m - 0.040) / 0.020) ** 2) - ((y + 0.030) / 0.016) ** 2)
    blush += 0.5 * math.exp(-((m / 0.010) ** 2) - ((y + 0.030) / 0.012) ** 2)
    g, b = g * (1 - 0.20 * blush), b * (1 - 0.16 * blush)
    if z > 0.05 and noise2(x * 420, y * 420) > 0.83 and abs(y + 0.02) < 0.022:
        r, g, b = r * 0.90, g * 0.82, b * 0.78
    lip = ease(0.0022, -0.0004, lip_distance(x, y, z))
    if y > -0.085 and y < -0.055:
        r, g, b = r + (0.46 - r) * lip, g + (0.115 - g) * lip, b + (0.115 - b) * lip
        gloss += 0.35 * lip
        seam = math.exp(-(((y + 0.0690 - 9.0 * x * x) / 0.0011) ** 2)) * ease(0.027, 0.018, m)
        r, g, b = r * (1 - 0.65 * seam), g * (1 - 0.7 * seam), b * (1 - 0.7 * seam)
    arch = y - 0.0235 - 0.22 * (m - 0.013) + 7.5 * max(m - 0.034, 0.0) ** 1.5
    brow = abs(arch) - 0.0042 + 0.0026 * ease(0.030, 0.050, m) + 0.0016 * noise2(x * 700 + y * 900, y * 200)
    brow = ease(0.0008, -0.0014, brow) * ease(0.0115, 0.0160, m) * ease(0.051, 0.047, m) * ease(0.03, 0.05, z)
    upper, lower = lid_edge(m - EYE_X, blink)
    on_lid = ease(0.0185, 0.0150, abs(m - EYE_X)) if z > 0.066 else 0.0
    lash = math.exp(-(((y - EYE_Y - upper - 0.0006) / 0.0013) ** 2)) * on_lid
    lash += 0.35 * math.exp(-(((y - EYE_Y - lower) / 0.0008) ** 2)) * on_lid
    dark = clamp(max(0.85 * brow, 0.95 * lash), 0.0, 1.0)
    return r + (0.045 - r) * dark, g + (0.026 - g) * dark, b + (0.020 - b) * dark, gloss * (1 - dark)


@njit(fastmath=True)
def colour_eye(pose, x, y, z):
    """Albedo and gloss of an eyeball (head coordinates); pose[10:13] is the gaze."""
    u, v, w = abs(x) - EYE_X, y - EYE_Y, z - EYE_Z
    u = u if x > 0 else -u
    s = 1.0 / math.sqrt(u * u + v * v + w * w)
    across = math.acos(clamp((u * pose[10] + v * pose[11] + w * pose[12]) * s, -1.0, 1.0))
    if across < 0.19:
        return 0.008, 0.008, 0.010, 1.0
    if across < 0.50:
        spoke = noise2(math.atan2(v, u) * 14, across * 9)
        ring = ease(0.50, 0.42, across) * (0.5 + 0.7 * spoke)
        return 0.10 * ring + 0.01, 0.21 * ring + 0.012, 0.16 * ring + 0.012, 1.0
    return 0.66, 0.62, 0.60, 0.8


@njit(fastmath=True)
def colour_clothes(kind, x, y, z):
    """Albedo and gloss of coat, scarf, buttons and the mass of hair (body coordinates)."""
    if kind == COAT:
        weave = math.sin(x * 620 + 2 * y) * math.sin(y * 560 + z * 300)
        tone = 0.74 + 0.05 * weave + 0.5 * clouds(x * 70 + z * 40, y * 110)
        return 0.40 * tone, 0.245 * tone, 0.125 * tone, 0.04
    if kind == SCARF:
        angle = math.atan2(x, z + 0.022) if y > 1.33 else x * 9.0
        stitch = abs(math.sin(angle * 34 + 1.4 * math.sin(y * 330))) * abs(math.sin(y * 260))
        band = 1.0 if (int(math.floor(y * 42 + angle * 0.4)) % 4) else 0.0
        tone = 0.45 + 0.75 * stitch
        return (
            (0.42 * band + 0.62 * (1 - band)) * tone,
            (0.045 * band + 0.55 * (1 - band)) * tone,
            0.05 * tone + (0.40 * (1 - band) * tone),
            0.03,
        )
    if kind == BUTTON:
        return 0.05, 0.035, 0.025, 0.6
    strand = 0.6 + 0.8 * noise2(math.atan2(x, z + 0.02) * 160, y * 9)
    return 0.045 * strand, 0.018 * strand, 0.010 * strand, 0.12


@njit(fastmath=True)
def lit_by(light, x, y, z, nx, ny, nz, vx, vy, vz, wrap, power):
    """Unit direction to a light, its wrapped cosine and its Blinn-Phong highlight."""
    lx, ly, lz = light[0] - x, light[1] - y, light[2] - z
    s = 1.0 / math.sqrt(lx * lx + ly * ly + lz * lz)
    lx, ly, lz = lx * s, ly * s, lz * s
    cosine = nx * lx + ny * ly + nz * lz
    hx, hy, hz = lx - vx, ly - vy, lz - vz
    s = 1.0 / max(math.sqrt(hx * hx + hy * hy + hz * hz), 1e-6)
    half = max((nx * hx + ny * hy + nz * hz) * s, 0.0)
    shine = half**power * (power + 8) / 25.0 * max(cosine, 0.0)
    return lx, ly, lz, max((cosine + wrap) / (1 + wrap), 0.0), shine


@njit(fastmath=True)
def shade_figure(pose, lights, x, y, z, vx, vy, vz):
    """Light from the point (x, y, z) against the unit view direction v. lights (n,6): position, colour; the last row is
    the sky's colour and the ground's."""
    kind = name_material(pose, x, y, z)
    nx, ny, nz = point_normal(pose, x, y, z)
    a, b, c = turn_to_head(pose, x, y, z)
    skin = 0.0
    if kind == 0:
        red, green, blue, gloss = colour_skin(a, b, c, pose[9])
        skin = 1.0
    elif kind == EYE:
        red, green, blue, gloss = colour_eye(pose, a, b, c)
    elif kind == HAIR:
        red, green, blue, gloss = colour_clothes(kind, a, b, c)
    else:
        red, green, blue, gloss = colour_clothes(kind, x, y, z)
    open_share = open_sky(pose, x, y, z, nx, ny, nz)
    up = 0.5 + 0.5 * ny
    sky = lights[-1]
    facing = 1.0 - max(-(nx * vx + ny * vy + nz * vz), 0.0)
    edge = 0.04 + 0.5 * facing**5
    out_r = red * open_share * (sky[0] * up + sky[3] * (1 - up)) + gloss * edge * sky[0] * open_share
    out_g = green * open_share * (sky[1] * up + sky[4] * (1 - up)) + gloss * edge * sky[1] * open_share
    out_b = blue * open_share * (sky[2] * up + sky[5] * (1 - up)) + gloss * edge * sky[2] * open_share
    power = 260.0 if kind == EYE else (22.0 if skin > 0 else 14.0)
    for n in range(lights.shape[0] - 1):
        light = lights[n]
        lx, ly, lz, lit, shine = lit_by(light, x, y, z, nx, ny, nz, vx, vy, vz, 0.22 * skin, power)
        if lit <= 0.0:
            continue
        share = light_reaches(pose, x + 0.002 * nx, y + 0.002 * ny, z + 0.002 * nz, lx, ly, lz) if n < 2 else open_share
        bleed = skin * 0.35 * (1 - share) * share
        shine *= gloss * 0.35
        out_r += light[3] * (red * lit * (share + bleed) + shine * share)
        out_g += light[4] * (green * lit * share + shine * share)
        out_b += light[5] * (blue * lit * share + shine * share)
    return out_r, out_g, out_b
