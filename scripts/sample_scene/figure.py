"""The woman: distance to her skin, eyes, hair and clothes.

Body coordinates: metres, y up from her feet, +z the way she faces, +x her left. Head coordinates have their origin
between the eyes' height and the middle of the skull. `pose` carries what moves: see `direction.pose_figure`.
"""

import math

from numba import njit

from .fields import carve, clamp, ease, ellipsoid, join, limb, sphere

SKIN, EYE, HAIR, COAT, SCARF, BUTTON = 0, 1, 2, 3, 4, 5
EYE_X, EYE_Y, EYE_Z, EYE_RADIUS = 0.0315, 0.0, 0.0715, 0.0160
PIVOT_X, PIVOT_Y, PIVOT_Z = 0.0, 1.44, -0.015


@njit(fastmath=True, inline="always")
def turn_to_head(pose, x, y, z):
    """Body coordinates -> head coordinates."""
    a, b, c = x - PIVOT_X, y - PIVOT_Y, z - PIVOT_Z
    return (
        pose[0] * a + pose[1] * b + pose[2] * c,
        pose[3] * a + pose[4] * b + pose[5] * c - 0.105,
        pose[6] * a + pose[7] * b + pose[8] * c - 0.03,
    )


@njit(fastmath=True, inline="always")
def lid_edge(side_x, blink):
    """Height of the upper and lower lid above the eye's centre, at side_x from it."""
    almond = 26.0 * side_x * side_x
    upper = 0.0070 - almond
    lower = -0.0068 + 0.75 * almond
    return upper + (lower - upper) * blink, lower


@njit(fastmath=True)
def face_distance(x, y, z, blink):
    """Skin of head, neck and eyelids (head coordinates)."""
    m = abs(x)
    d = ellipsoid(x, y - 0.030, z + 0.012, 0.074, 0.086, 0.097)
    d = join(d, ellipsoid(x, y + 0.038, z - 0.022, 0.057, 0.078, 0.066), 0.030)
    d = join(d, sphere(m - 0.032, y + 0.032, z - 0.058, 0.028), 0.026)
    d = join(d, sphere(x, y + 0.097, z - 0.066, 0.0165), 0.030)
    d = join(d, limb(m, y, z, 0.012, 0.021, 0.089, 0.046, 0.024, 0.066, 0.006, 0.005), 0.020)
    d = carve(d, ellipsoid(m - EYE_X, y - 0.001, z - 0.094, 0.019, 0.0125, 0.015), 0.012)
    d = join(d, limb(x, y, z, 0.0, 0.014, 0.087, 0.0, -0.030, 0.1085, 0.0055, 0.0095), 0.014)
    d = join(d, sphere(m - 0.0105, y + 0.0345, z - 0.0985, 0.0062), 0.007)
    d = carve(d, sphere(m - 0.0058, y + 0.0425, z - 0.1035, 0.0028), 0.003)
    d = join(d, lip_distance(x, y, z), 0.006)
    d = join(d, lid_distance(m, y, z, blink), 0.0035)
    d = join(d, ellipsoid(m - 0.076, y + 0.004, z + 0.014, 0.009, 0.027, 0.016), 0.006)
    return join(d, limb(x, y, z, 0.0, -0.08, -0.025, 0.0, -0.22, -0.035, 0.046, 0.052), 0.030)


@njit(fastmath=True)
def lip_distance(x, y, z):
    """Both lips, corners a little raised."""
    smile = y - 9.0 * x * x
    back = z + 6.0 * x * x
    bow = 0.0016 * math.exp(-((x / 0.004) ** 2))
    upper = ellipsoid(x, smile + 0.0640 + bow, back - 0.0845, 0.0215, 0.0052, 0.0095)
    lower = ellipsoid(x, smile + 0.0735, back - 0.0835, 0.0180, 0.0062, 0.0100)
    return join(upper, lower, 0.0016)


@njit(fastmath=True)
def lid_distance(m, y, z, blink):
    """Eyelids: shells round the eyeball, open by the almond between `lid_edge`s."""
    u, v, w = m - EYE_X, y - EYE_Y, z - EYE_Z
    upper, lower = lid_edge(u, blink)
    top = max(sphere(u, v, w, EYE_RADIUS + 0.0021), upper - v)
    low = max(sphere(u, v, w, EYE_RADIUS + 0.0013), v - lower)
    return min(top, low)


@njit(fastmath=True, inline="always")
def eye_distance(x, y, z):
    """Both eyeballs."""
    return sphere(abs(x) - EYE_X, y - EYE_Y, z - EYE_Z, EYE_RADIUS)


@njit(fastmath=True, inline="always")
def hairline_distance(x, y, z):
    """The room before the face that hair leaves free."""
    return ellipsoid(x - 0.004, y + 0.036, z - 0.105, 0.066, 0.107, 0.070)


@njit(fastmath=True)
def hair_distance(x, y, z):
    """The mass of hair the strands lie on: a cap with a side parting and two falls to the shoulders."""
    m = abs(x)
    d = ellipsoid(x, y - 0.036, z + 0.018, 0.083, 0.091, 0.101)
    d = join(d, ellipsoid(x, y + 0.060, z + 0.052, 0.082, 0.135, 0.052), 0.04)
    d = join(d, limb(m, y, z, 0.070, 0.030, -0.015, 0.079, -0.100, 0.004, 0.020, 0.029), 0.03)
    d = join(d, limb(m, y, z, 0.079, -0.100, 0.004, 0.094, -0.215, 0.042, 0.029, 0.014), 0.02)
    parting = sphere(x - 0.022, y - 0.140, z - 0.03, 0.0) - 0.014
    d = carve(d, parting, 0.012)
    return carve(d, hairline_distance(x, y, z), 0.016)


@njit(fastmath=True)
def coat_distance(x, y, z):
    """Wool coat from the hips up: chest, shoulders, sleeves, folds and collar."""
    m = abs(x)
    if y > 1.56:
        return y - 1.50
    d = ellipsoid(x, y - 1.17, z + 0.005, 0.155, 0.265, 0.115)
    d = join(d, 0.8 * limb(x, y, z * 1.35, 0.0, 1.10, 0.0, 0.0, 0.60, 0.0, 0.135, 0.200), 0.08)
    d = join(d, limb(m, y, z, 0.03, 1.395, -0.02, 0.138, 1.338, -0.012, 0.044, 0.047), 0.06)
    d = join(d, limb(m, y, z, 0.156, 1.328, -0.012, 0.196, 1.07, -0.03, 0.049, 0.043), 0.030)
    d = join(d, limb(m, y, z, 0.196, 1.07, -0.03, 0.165, 0.86, 0.09, 0.043, 0.040), 0.03)
    fold = math.sin(26 * y + 9 * m + 3 * z) * math.sin(11 * x + 7 * y) * ease(1.36, 1.15, y)
    d += 0.0035 * fold
    lapel_x = 0.020 + 0.30 * clamp(1.385 - y, 0.0, 0.30) * ease(1.06, 1.16, y)
    lapel = max(abs(m - lapel_x) - 0.020, max(y - 1.40, 1.08 - y))
    d = join(d, max(d - 0.006, lapel), 0.006)
    front = abs(x + 0.012) - 0.0015
    return carve(d, max(front, max(y - 1.09, -z)), 0.006)


@njit(fastmath=True)
def scarf_distance(x, y, z):
    """Knitted scarf: two loops round the neck and one hanging end."""
    ring = math.sqrt((x / 1.08) ** 2 + (z + 0.022) ** 2)
    angle = math.atan2(x, z + 0.022)
    ripple = 0.0030 * math.sin(9 * angle + 40 * y) + 0.002 * math.sin(17 * angle - 1.0)
    low = math.hypot(ring - 0.088, (y - 1.388 + 0.016 * math.cos(angle)) * 0.95) - 0.031
    high = math.hypot(ring - 0.074, (y - 1.425 + 0.020 * math.cos(angle + 0.5)) * 1.05) - 0.024
    d = join(low, high, 0.010) + ripple
    end = limb(x, y, z * 1.9 - 0.09, -0.055, 1.365, 0.105, -0.070, 1.075, 0.120, 0.036, 0.044)
    return join(d, 0.6 * max(end, 1.075 - y), 0.010)


@njit(fastmath=True)
def button_distance(x, y, z):
    """Two buttons below the lapels."""
    step = (y - 1.035) / 0.115
    row = clamp(math.floor(step + 0.5), -2.0, 0.0)
    return ellipsoid(x - 0.026, y - 1.035 - 0.115 * row, z - 0.113, 0.0125, 0.0125, 0.012)


@njit(fastmath=True)
def figure_distance(pose, x, y, z):
    """Distance bound to the whole figure (body coordinates)."""
    d = coat_distance(x, y, z)
    if y < 1.10:
        d = min(d, button_distance(x, y, z))
    if y > 1.04:
        d = min(d, scarf_distance(x, y, z) if y < 1.54 else y - 1.49)
    a, b, c = turn_to_head(pose, x, y, z)
    reach = sphere(a, b + 0.06, c, 0.21)
    if reach > 0.06:
        return min(d, reach)
    d = min(d, face_distance(a, b, c, pose[9]))
    return min(d, min(eye_distance(a, b, c), hair_distance(a, b, c)))


@njit(fastmath=True)
def name_material(pose, x, y, z):
    """Which material a point on the surface belongs to."""
    a, b, c = turn_to_head(pose, x, y, z)
    best, kind = coat_distance(x, y, z), COAT
    d = scarf_distance(x, y, z)
    if d < best:
        best, kind = d, SCARF
    d = button_distance(x, y, z)
    if d < best:
        best, kind = d, BUTTON
    d = face_distance(a, b, c, pose[9])
    if d < best:
        best, kind = d, SKIN
    d = eye_distance(a, b, c)
    if d < best:
        best, kind = d, EYE
    d = hair_distance(a, b, c)
    if d < best:
        kind = HAIR
    return kind
