"""From a placed scene to pixels: one ray finds the nearest thing, a pixel takes 4 rays or, where they differ, up to 12."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import njit

from .cafe import cafe_light
from .camera import TILE
from .fields import clamp, clouds, ease
from .pieces import Listed
from .river import river_light
from .surface import meet_figure, shade_figure

BRIGHTEST = 3.0


class View(NamedTuple):
    """Everything one frame needs."""

    size: np.ndarray
    """(4,) width, height, focal length in px, seconds since the film began."""
    basis: np.ndarray
    """(3,3) camera axes in world: right, up, forward."""
    eye: np.ndarray
    """(3,) camera in the world."""
    body: np.ndarray
    """(3,3) world -> body rotation."""
    body_at: np.ndarray
    """(3,) the figure's feet in the world."""
    pose: np.ndarray
    """(13,) head rotation by rows, blink, gaze."""
    lights: np.ndarray
    """(n,6) the figure's lights in body coordinates, last row sky and ground."""
    lamps: np.ndarray
    """(n,6) lamps that light the paving: position, colour."""
    ribbons: Listed
    bulbs: Listed
    leaves: Listed
    boxes: Listed
    looks_at_river: bool


@njit(fastmath=True)
def see_ribbons(view, tile, x, y, best):
    """Nearest ribbon at pixel (x, y): disparity (best if none) and light."""
    listed = view.ribbons
    r = g = b = 0.0
    for k in range(listed.start[tile], listed.start[tile + 1]):
        s = listed.data[listed.index[k]]
        ex, ey = s[4] - s[0], s[5] - s[1]
        px, py = x - s[0], y - s[1]
        h = clamp((px * ex + py * ey) / max(ex * ex + ey * ey, 1e-9), 0.0, 1.0)
        disparity = s[2] + h * (s[6] - s[2])
        if disparity <= best:
            continue
        reach = s[3] + h * (s[7] - s[3])
        qx, qy = px - h * ex, py - h * ey
        square = qx * qx + qy * qy
        if square < reach * reach:
            best = disparity
            tone = 0.45 + 0.55 * math.sqrt(1.0 - square / (reach * reach))
            r = tone * (s[8] + h * (s[11] - s[8]))
            g = tone * (s[9] + h * (s[12] - s[9]))
            b = tone * (s[10] + h * (s[13] - s[10]))
    return best, r, g, b


@njit(fastmath=True)
def see_leaves(view, tile, u, v, best):
    """Nearest leaf along the camera ray (u, v, 1): disparity (best if none) and light."""
    listed = view.leaves
    r = g = b = 0.0
    for k in range(listed.start[tile], listed.start[tile + 1]):
        s = listed.data[listed.index[k]]
        facing = s[9] * u + s[10] * v + s[11]
        if abs(facing) < 1e-12:
            continue
        t = (s[9] * s[0] + s[10] * s[1] + s[11] * s[2]) / facing
        if t < 0.05 or 1.0 / t <= best:
            continue
        x, y, z = t * u - s[0], t * v - s[1], t - s[2]
        along = s[3] * x + s[4] * y + s[5] * z
        across = s[6] * x + s[7] * y + s[8] * z
        if abs(along) > 1.0:
            continue
        width = (1.0 - along * along) * (1.05 - 0.35 * along)
        width += 0.05 * math.sin(along * 40.0)
        if abs(across) < width:
            best = 1.0 / t
            vein = ease(0.02, 0.07, abs(across)) * ease(0.0, 0.16, abs(math.sin(along * 11 + 5 * abs(across))))
            tone = (0.75 + 0.25 * vein) * (0.8 + 0.3 * clouds(along * 3 + s[0] * 50, across * 3))
            tone *= 1.0 - 0.18 * across
            r, g, b = s[12] * tone, s[13] * tone, s[14] * tone
    return best, r, g, b


@njit(fastmath=True)
def see_bulbs(view, tile, x, y, best):
    """Nearest bulb at pixel (x, y): disparity (best if none) and light."""
    listed = view.bulbs
    r = g = b = 0.0
    for k in range(listed.start[tile], listed.start[tile + 1]):
        s = listed.data[listed.index[k]]
        if s[2] > best and (x - s[0]) ** 2 + (y - s[1]) ** 2 < s[3] * s[3]:
            best, r, g, b = s[2], s[4], s[5], s[6]
    return best, r, g, b


@njit(fastmath=True)
def see_boxes(view, tile, dx, dy, dz, best):
    """Nearest axis-aligned block along a world ray: disparity (best if none) and light."""
    listed = view.boxes
    eye = view.eye
    r = g = b = 0.0
    for k in range(listed.start[tile], listed.start[tile + 1]):
        s = listed.data[listed.index[k]]
        near, far, side = 0.0, 1e9, 0
        for axis in range(3):
            d = dx if axis == 0 else (dy if axis == 1 else dz)
            inverse = 1.0 / d if abs(d) > 1e-9 else 1e9
            t0, t1 = (s[axis] - eye[axis]) * inverse, (s[axis + 3] - eye[axis]) * inverse
            if min(t0, t1) > near:
                near, side = min(t0, t1), axis
            far = min(far, max(t0, t1))
        if near >= far or near < 0.05 or 1.0 / near <= best:
            continue
        best = 1.0 / near
        x, y, z = eye[0] + near * dx, eye[1] + near * dy, eye[2] + near * dz
        tone = 1.5 if side == 1 else (0.75 if side == 2 else 0.95)
        tone *= 0.75 + 0.5 * clouds(x * 7 + z * 3, y * 9 + z * 5)
        tone *= 0.6 + 0.4 * clamp((y - s[1]) / (s[4] - s[1]), 0.0, 1.0)
        r, g, b = s[6] * tone, s[7] * tone, s[8] * tone
    return best, r, g, b


@njit(fastmath=True)
def see_figure(view, dx, dy, dz, best):
    """The figure along a world ray: disparity (best if hidden or missed) and light."""
    m, e = view.body, view.eye - view.body_at
    ox = m[0, 0] * e[0] + m[0, 1] * e[1] + m[0, 2] * e[2]
    oy = m[1, 0] * e[0] + m[1, 1] * e[1] + m[1, 2] * e[2]
    oz = m[2, 0] * e[0] + m[2, 1] * e[1] + m[2, 2] * e[2]
    bx = m[0, 0] * dx + m[0, 1] * dy + m[0, 2] * dz
    by = m[1, 0] * dx + m[1, 1] * dy + m[1, 2] * dz
    bz = m[2, 0] * dx + m[2, 1] * dy + m[2, 2] * dz
    t = meet_figure(view.pose, ox, oy, oz, bx, by, bz, 1.0 / max(best, 1e-4))
    if t <= 0.0:
        return best, 0.0, 0.0, 0.0
    s = 1.0 / math.sqrt(bx * bx + by * by + bz * bz)
    r, g, b = shade_figure(view.pose, view.lights, ox + t * bx, oy + t * by, oz + t * bz, bx * s, by * s, bz * s)
    return 1.0 / t, r, g, b


@njit(fastmath=True)
def follow_ray(view, x, y):
    """Light r, g, b and disparity (0 = sky) at pixel position (x, y)."""
    u, v = (x - 0.5 * view.size[0]) / view.size[2], (0.5 * view.size[1] - y) / view.size[2]
    dx = view.basis[2, 0] + u * view.basis[0, 0] + v * view.basis[1, 0]
    dy = view.basis[2, 1] + u * view.basis[0, 1] + v * view.basis[1, 1]
    dz = view.basis[2, 2] + u * view.basis[0, 2] + v * view.basis[1, 2]
    columns = (int(view.size[0]) + TILE - 1) // TILE
    tile = int(y) // TILE * columns + int(x) // TILE
    best, r, g, b = 0.0, 0.0, 0.0, 0.0
    for kind in range(5):
        if kind == 0:
            seen, p, q, s = see_leaves(view, tile, u, v, best)
        elif kind == 1:
            seen, p, q, s = see_ribbons(view, tile, x, y, best)
        elif kind == 2:
            seen, p, q, s = see_bulbs(view, tile, x, y, best)
        elif kind == 3:
            seen, p, q, s = see_boxes(view, tile, dx, dy, dz, best)
        else:
            seen, p, q, s = see_figure(view, dx, dy, dz, best)
        if seen > best:
            best, r, g, b = seen, p, q, s
    if best > 0.15:
        return r, g, b, best
    e = view.eye
    if view.looks_at_river:
        p, q, s, t = river_light(e[0], e[1], e[2], dx, dy, dz, view.lamps, view.size[3])
    else:
        p, q, s, t = cafe_light(e[0], e[1], e[2], dx, dy, dz)
    far = 1.0 / t if t > 0.0 else 0.0
    if far > best or best == 0.0:
        return p, q, s, far
    return r, g, b, best


@njit(fastmath=True)
def fill_pixel(view, i, j, most_rays, light):
    """Average of 4 or most_rays rays inside pixel (i, j), written to light (3,); returns the disparity through the
    pixel's centre, where the first ray goes."""
    total_r = total_g = total_b = 0.0
    low, high, count = 1e9, -1.0, 0
    through_centre = 0.0
    for n in range(most_rays):
        x = i + 0.5 if n == 0 else i + ((n * 5 + 2) % 16 + 0.5) / 16.0
        y = j + 0.5 if n == 0 else j + ((n % 4) * 4 + n // 4 + 0.5) / 16.0
        r, g, b, disparity = follow_ray(view, x, y)
        if n == 0:
            through_centre = disparity
        r, g, b = min(r, BRIGHTEST), min(g, BRIGHTEST), min(b, BRIGHTEST)
        total_r, total_g, total_b, count = total_r + r, total_g + g, total_b + b, count + 1
        grey = math.sqrt(max(0.25 * r + 0.6 * g + 0.15 * b, 0.0))
        low, high = min(low, grey), max(high, grey)
        if n == 3 and high - low < 0.045:
            break
    light[0], light[1], light[2] = total_r / count, total_g / count, total_b / count
    return through_centre


@njit(fastmath=True, nogil=True)
def trace_rows(view, most_rays, top, bottom, picture, disparity):
    """Fill rows [top, bottom) of picture (H,W,3) and of disparity (H,W)."""
    for j in range(top, bottom):
        for i in range(picture.shape[1]):
            disparity[j, i] = fill_pixel(view, i, j, most_rays, picture[j, i])


def trace_picture(view: View, threads: int = 2, most_rays: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Scene-linear picture (H,W,3) and disparity (H,W) in 1/m through the pixels' centres (0 = sky)."""
    width, height = int(view.size[0]), int(view.size[1])
    picture = np.zeros((height, width, 3), np.float32)
    disparity = np.zeros((height, width), np.float32)
    with ThreadPoolExecutor(threads) as pool:
        tops = range(0, height, 12)
        jobs = [pool.submit(trace_rows, view, most_rays, y, min(y + 12, height), picture, disparity) for y in tops]
        for job in jobs:
            job.result()
    return picture, disparity
