"""Strands of hair: grown once over the mass of hair, lit and moved in every frame."""

import math

import numpy as np
from numba import njit

from .fields import clamp
from .figure import hair_distance, hairline_distance
from .pieces import Ribbons

STEPS = 17


@njit(fastmath=True)
def slope_of_hair(x, y, z):
    """Unit gradient of the mass of hair (head coordinates)."""
    e = 0.0012
    a = hair_distance(x + e, y, z) - hair_distance(x - e, y, z)
    b = hair_distance(x, y + e, z) - hair_distance(x, y - e, z)
    c = hair_distance(x, y, z + e) - hair_distance(x, y, z - e)
    s = 1.0 / max(math.sqrt(a * a + b * b + c * c), 1e-12)
    return a * s, b * s, c * s


@njit(fastmath=True)
def grow_strand(root, level, length, lift, curl, phase, points, normals):
    """Fill points and normals (STEPS,3) of one strand: away from the parting, then down, on the surface at `level`."""
    x, y, z = root[0], root[1], root[2]
    side = 1.0 if x > 0.022 else -1.0
    dx, dy, dz = side, 0.25, -0.15
    for n in range(STEPS):
        share = n / (STEPS - 1.0)
        height = level + lift * share * share + curl * share * math.sin(phase + 9.0 * share)
        for _ in range(3):
            nx, ny, nz = slope_of_hair(x, y, z)
            miss = clamp(hair_distance(x, y, z) - height, -0.01, 0.01)
            x, y, z = x - nx * miss, y - ny * miss, z - nz * miss
        points[n, 0], points[n, 1], points[n, 2] = x, y, z
        normals[n, 0], normals[n, 1], normals[n, 2] = nx, ny, nz
        wave = curl * 45 * math.cos(phase + 7.0 * share)
        dx, dy, dz = dx * 0.8, dy * 0.8 - 0.34, dz * 0.8 + wave
        out = dx * nx + dy * ny + dz * nz
        dx, dy, dz = dx - out * nx, dy - out * ny, dz - out * nz
        s = length / (STEPS - 1.0) / max(math.sqrt(dx * dx + dy * dy + dz * dz), 1e-9)
        x, y, z = x + dx * s, y + dy * s, z + dz * s


@njit(fastmath=True)
def grow_strands(roots, level, length, lift, curl, phase):
    """All strands: points and normals (n,STEPS,3), head coordinates."""
    points = np.zeros((roots.shape[0], STEPS, 3))
    normals = np.zeros((roots.shape[0], STEPS, 3))
    for n in range(roots.shape[0]):
        grow_strand(roots[n], level[n], length[n], lift[n], curl[n], phase[n], points[n], normals[n])
    return points, normals


@njit
def strands_off_the_face(points):
    """True (n,) where a strand (n,STEPS,3) keeps clear of the forehead."""
    clear = np.ones(points.shape[0], np.bool_)
    for n in range(points.shape[0]):
        for k in range(points.shape[1]):
            x, y, z = points[n, k]
            if y > 0.02 and hairline_distance(x, y, z) < 0.0035:
                clear[n] = False
    return clear


class Hair:
    """The strands in head coordinates. One per film; `light` gives one frame's ribbons."""

    def __init__(self, count: int = 2600, loose: int = 170, seed: int = 4):
        rng = np.random.default_rng(seed)
        total = count + loose
        side = np.where(rng.random(total) < 0.5, -1.0, 1.0)
        spread = rng.random(total) ** 1.5
        x = 0.022 + side * (0.0015 + 0.060 * spread)
        z = 0.088 - 0.198 * rng.random(total) ** 1.2
        y = 0.036 + 0.095 * np.sqrt(np.clip(1 - (x / 0.09) ** 2 - ((z + 0.018) / 0.12) ** 2, 0, 1))
        is_loose = np.arange(total) >= count
        level = np.where(is_loose, 0.004, 0.0005 + 0.0055 * rng.random(total))
        length = np.where(is_loose, 0.20 + 0.22 * rng.random(total), 0.25 + 0.15 * rng.random(total) ** 0.7)
        lift = np.where(is_loose, 0.008 + 0.030 * rng.random(total) ** 2, 0.002 * rng.random(total))
        curl = np.where(is_loose, 0.006, 0.0012) * rng.random(total)
        phase = 6.28 * rng.random(total)
        points, normals = grow_strands(np.stack([x, y, z], 1), level, length, lift, curl, phase)
        clear = strands_off_the_face(points)
        self.points, self.normals, self.phase = points[clear], normals[clear], phase[clear]
        self.tone = (0.55 + 0.9 * rng.random(total))[clear]
        self.depth_shade = np.where(is_loose, 1.0, 0.35 + 0.65 * level / 0.006)[clear]
        self.radius = np.where(is_loose, 0.00040, 0.00085)[clear]
        self.sway = np.where(is_loose, 1.6, 0.5)[clear]

    def move(self, turn: np.ndarray, pivot: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """Points and normals (n,STEPS,3) in body coordinates; ends drift a little in the wind."""
        share = np.linspace(0, 1, STEPS) ** 2
        wind = 0.004 * self.sway[:, None] * share * np.sin(2.6 * seconds + self.phase[:, None] * 0.35 + 3 * share)
        local = self.points + wind[..., None] * np.array([0.8, 0.1, 0.5])
        return (local - [0.0, -0.105, -0.03]) @ turn + pivot, self.normals @ turn

    def light(self, points, normals, lights: np.ndarray, eye: np.ndarray) -> np.ndarray:
        """Light (n,STEPS,3) from the strands towards `eye` (Kajiya and Kay 1989, two highlights)."""
        tangent = np.gradient(points, axis=1)
        tangent /= np.linalg.norm(tangent, axis=2, keepdims=True) + 1e-12
        view = eye - points
        view /= np.linalg.norm(view, axis=2, keepdims=True)
        base = np.array([0.105, 0.044, 0.022]) * self.tone[:, None, None] * self.depth_shade[:, None, None]
        up = (0.5 + 0.5 * normals[..., 1:2]) * 0.8
        total = base * (up * lights[-1, :3] + (1 - up) * lights[-1, 3:])
        for light in lights[:-1]:
            ray = light[:3] - points
            ray /= np.linalg.norm(ray, axis=2, keepdims=True)
            facing = np.sum(ray * normals, axis=2, keepdims=True)
            along = np.sum(ray * tangent, axis=2, keepdims=True)
            half = ray + view
            half /= np.linalg.norm(half, axis=2, keepdims=True)
            bent = np.sum(half * (tangent + 0.08 * normals), axis=2, keepdims=True)
            body = np.sqrt(np.clip(1 - along**2, 0, 1)) * np.clip((facing + 0.25) / 1.25, 0, 1)
            reach = np.clip(facing * 2 + 0.5, 0, 1) * self.depth_shade[:, None, None]
            shine = np.clip(1 - bent**2, 0, 1)
            total += light[3:6] * (base * body + reach * (0.10 * shine**90 + 0.9 * base * shine**22))
        return total

    def ribbons(self, turn, pivot, seconds, lights, eye) -> Ribbons:
        """One frame's ribbons in body coordinates (lights and eye in body coordinates too)."""
        points, normals = self.move(turn, pivot, seconds)
        colour = self.light(points, normals, lights, eye)
        ends = np.stack([points[:, :-1], points[:, 1:]], axis=2).reshape(-1, 2, 3)
        colours = np.stack([colour[:, :-1], colour[:, 1:]], axis=2).reshape(-1, 2, 3)
        taper = np.linspace(1.0, 0.45, STEPS)
        radius = self.radius[:, None] * taper
        return Ribbons(ends, np.stack([radius[:, :-1], radius[:, 1:]], axis=2).reshape(-1, 2), colours)
