"""Ray casting of a layout, compiled: nearest hit, its picture's colour, light and one shadow ray."""

from __future__ import annotations

import math

import numba
import numpy as np

compiled = numba.njit(nogil=True, cache=True, fastmath=True)
_FAR = 1e6
_SIDE = 256


@compiled
def draw_rows(kinds, numbers, pictures, textures, focal, pitch, air, colour, distance):  # type: ignore[no-untyped-def]
    """Fill colour (H,W,3) 0..255 and distance (H,W) m along the optical axis (_FAR: sky).

    kinds (n,), numbers (n,11): centre, size, cos and sin of yaw, density, gloss, glow; pictures (n,);
    textures (m,256,256,4) uint8; air: direction to the light (3,), ambient, haze, sun, sky's colour (3,).
    """
    height, width = distance.shape
    world = (kinds, numbers, pictures, textures)
    origin, ray, normal, mirrored = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
    uv, room = np.zeros(2), np.zeros((8, 3))
    cos, sin = math.cos(pitch), math.sin(pitch)
    for y in range(height):
        for x in range(width):
            across, down = (x + 0.5 - 0.5 * width) / (focal * width), (y + 0.5 - 0.5 * height) / (focal * width)
            ray[0], ray[1], ray[2] = across, cos * down + sin, cos - sin * down
            origin[:] = 0
            t, which = _see(world, air, origin, ray, 0.05, normal, uv, room, colour[y, x])
            distance[y, x] = t
            if which >= 0 and numbers[which, 9] > 0:
                share = numbers[which, 9] * _bounce(origin, ray, t, normal)
                _see(world, air, origin, ray, 0.004 * t, normal, uv, room, mirrored)
                for c in range(3):
                    colour[y, x, c] += share * (mirrored[c] - colour[y, x, c])


@compiled
def _see(world, air, origin, ray, nearest, normal, uv, room, colour):  # type: ignore[no-untyped-def]
    """Fill the colour (3,) seen along the ray, and the normal there; return how far it is and whose it is (-1: sky)."""
    kinds, numbers, pictures, textures = world
    light, ambient, haze, sun, sky = air
    place, up = room[3], room[4]
    t, which = _hit(kinds, numbers, pictures, textures, origin, ray, nearest, _FAR, normal, uv, room)
    if which < 0:
        for c in range(3):
            colour[c] = sky[c] * (0.75 + 0.25 * ray[1])
        return t, which
    for c in range(3):
        place[c] = origin[c] + ray[c] * t
    shade = max(0.0, normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2])
    texel_x, texel_y = uv[0] * _SIDE, uv[1] * _SIDE
    if shade > 0:
        room[5, :2] = uv
        blocked, _ = _hit(kinds, numbers, pictures, textures, place, light, 0.004 * t + 0.002, 8.0, up, room[5], room)
        if blocked < 8.0:
            shade *= 0.25
    bright = ambient + (1 - ambient) * 1.3 * shade * sun
    if numbers[which, 10] > 0:
        bright = numbers[which, 10]
    clear = math.exp(-haze * t)
    for c in range(3):
        own = min(255.0, bright * _look_up(textures[pictures[which]], texel_y, texel_x, c))
        colour[c] = clear * own + (1 - clear) * sky[c]
    return t, which


@compiled
def _bounce(origin, ray, t, normal):  # type: ignore[no-untyped-def]
    """Turn the ray into its mirror image at a rippled, patchily wet surface; return how much it mirrors, 0..1."""
    for c in range(3):
        origin[c] += t * ray[c]
    x, z = origin[0], origin[2]
    length = math.sqrt(ray[0] ** 2 + ray[1] ** 2 + ray[2] ** 2)
    slant = abs(ray[0] * normal[0] + ray[1] * normal[1] + ray[2] * normal[2]) / length
    tilt_x = 0.02 * math.sin(9 * x + 4 * math.sin(5 * z)) + 0.015 * math.sin(41 * x + 67 * z)
    tilt_z = 0.03 * math.sin(11 * z + 3 * math.sin(6 * x)) + 0.03 * math.sin(83 * z - 29 * x)
    normal[0], normal[2] = normal[0] + tilt_x, normal[2] + tilt_z
    along = ray[0] * normal[0] + ray[1] * normal[1] + ray[2] * normal[2]
    for c in range(3):
        ray[c] -= 2 * along * normal[c]
    wet = 0.65 + 0.35 * math.sin(1.3 * x + 2 * math.sin(0.9 * z))
    return wet * (0.2 + 0.8 * (1 - slant) ** 2)


@compiled
def _look_up(texture, y, x, channel):  # type: ignore[no-untyped-def]
    """Bilinear, edges repeated."""
    x, y = min(max(x - 0.5, 0.0), _SIDE - 1.001), min(max(y - 0.5, 0.0), _SIDE - 1.001)
    left, top = int(x), int(y)
    a, b = x - left, y - top
    upper = texture[top, left, channel] * (1 - a) + texture[top, left + 1, channel] * a
    lower = texture[top + 1, left, channel] * (1 - a) + texture[top + 1, left + 1, channel] * a
    return upper * (1 - b) + lower * b


@compiled
def _hit(  # type: ignore[no-untyped-def]
    kinds, numbers, pictures, textures, origin, ray, nearest, farthest, normal, uv, room
):
    """Return the parameter of the first hit within the limits and whose it is (-1: none); fill normal and uv."""
    best, which = farthest, -1
    o, d, at = room[0], room[1], room[2]
    for i in range(len(kinds)):
        n = numbers[i]
        px, py, pz = origin[0] - n[0], origin[1] - n[1], origin[2] - n[2]
        o[0], o[1], o[2] = (n[6] * px - n[7] * pz) / n[3], py / n[4], (n[7] * px + n[6] * pz) / n[5]
        d[0], d[1], d[2] = (n[6] * ray[0] - n[7] * ray[2]) / n[3], ray[1] / n[4], (n[7] * ray[0] + n[6] * ray[2]) / n[5]
        t = _meet(kinds[i], o, d, nearest, best)
        if t <= nearest or t >= best:
            continue
        for c in range(3):
            at[c] = o[c] + t * d[c]
        u, v, axis = _place_on(kinds[i], at, n)
        if kinds[i] == 3:
            texel = textures[pictures[i], int(v * _SIDE) % _SIDE, int(u * _SIDE) % _SIDE, 3]
            if texel < 128:
                continue
        best, which = t, i
        uv[0], uv[1] = u, v
        _face(kinds[i], at, axis, n, ray, normal)
    return best, which


@compiled
def _meet(kind, o, d, nearest, best):  # type: ignore[no-untyped-def]
    """Return the first parameter beyond `nearest` at which the local ray meets the unit primitive (0: none)."""
    if kind == 4:
        return -o[1] / d[1] if d[1] != 0 else 0.0
    if kind == 3:
        t = -o[2] / d[2] if d[2] != 0 else 0.0
        return t if abs(o[0] + t * d[0]) < 1 and abs(o[1] + t * d[1]) < 1 else 0.0
    if kind == 1:
        near, far = -1e9, 1e9
        for c in range(3):
            if d[c] == 0:
                if abs(o[c]) > 1:
                    return 0.0
                continue
            a, b = (-1 - o[c]) / d[c], (1 - o[c]) / d[c]
            near, far = max(near, min(a, b)), min(far, max(a, b))
        if near > far:
            return 0.0
        return near if near > nearest else far
    a, b, c = d[0] * d[0] + d[2] * d[2], o[0] * d[0] + o[2] * d[2], o[0] * o[0] + o[2] * o[2] - 1
    if kind == 0:
        a, b, c = a + d[1] * d[1], b + o[1] * d[1], c + o[1] * o[1]
    root = b * b - a * c
    if kind == 2 and d[1] != 0:  # the lid
        t = ((-1.0 if d[1] > 0 else 1.0) - o[1]) / d[1]
        if t > nearest and (o[0] + t * d[0]) ** 2 + (o[2] + t * d[2]) ** 2 < 1:
            return t
    if root < 0 or a == 0:
        return 0.0
    t = (-b - math.sqrt(root)) / a
    if t <= nearest:
        t = (-b + math.sqrt(root)) / a
    return t if kind == 0 or abs(o[1] + t * d[1]) <= 1 else 0.0


@compiled
def _place_on(kind, at, n):  # type: ignore[no-untyped-def]
    """Return the place on the picture, and for a box the axis of its face."""
    density = n[8]
    if kind == 4:
        return _fold(at[0] * density), _fold(at[2] * density), 1
    if kind == 3:
        return 0.5 + 0.5 * at[0], 0.5 + 0.5 * at[1], 2
    if kind == 1:
        axis = 0
        for c in range(3):
            if abs(at[c]) > abs(at[axis]):
                axis = c
        first, second = (2 if axis == 0 else 0), (2 if axis == 1 else 1)
        return _fold(at[first] * n[3 + first] * density), _fold(at[second] * n[3 + second] * density), axis
    return _fold(math.atan2(at[0], at[2]) * n[3] * density), _fold(at[1] * n[4] * density), 0


@compiled
def _fold(value):  # type: ignore[no-untyped-def]
    """Mirror the line into 0..1."""
    value = value % 2.0
    return 2 - value - 1e-6 if value >= 1 else value


@compiled
def _face(kind, at, axis, n, ray, normal):  # type: ignore[no-untyped-def]
    """Fill the unit normal that looks against the ray."""
    x, y, z = at[0] / n[3], at[1] / n[4], at[2] / n[5]
    if kind == 2:
        y = 0.0
        if abs(at[1]) > 0.9999:
            x, y, z = 0.0, at[1], 0.0
    elif kind != 0:
        x, y, z = (at[0] if axis == 0 else 0.0), (at[1] if axis == 1 else 0.0), (at[2] if axis == 2 else 0.0)
        if kind >= 3:
            y, z = (1.0 if axis == 1 else 0.0), (1.0 if axis == 2 else 0.0)
    normal[0], normal[1], normal[2] = n[6] * x + n[7] * z, y, -n[7] * x + n[6] * z
    length = math.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + 1e-12
    turned = normal[0] * ray[0] + normal[1] * ray[1] + normal[2] * ray[2]
    length = -length if turned > 0 else length
    for c in range(3):
        normal[c] /= length
