"""Exact depth of field of procedural scenes: textured planes seen through sampled points of the aperture.

A plane parallel to the sensor moves by `radius * (u, v)` when the eye moves to (u, v) in the unit aperture, so the truth is
a mean of shifted, composited planes, with every correlation between what hides and what is hidden. Nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof import Lens
from vdof.bokeh.aperture import chords_of_polygon, outline

Array = NDArray[np.float32]
WIDTH, HEIGHT = 320, 180
FINE = 2
MARGIN = 40


@dataclass(frozen=True, slots=True)
class Plane:
    """A textured plane at one depth."""

    light: Array
    """(h,w,3) premultiplied scene-linear, FINE samples per pixel, MARGIN pixels beyond the picture."""
    alpha: Array
    """(h,w) coverage."""
    depth: float
    """m"""
    scale: float = 1.0
    """How much larger it is seen than where it was made."""


def make_scene(seed: int, dolly: float = 0.0, lamps: int = 14, strands: int = 70) -> list[Plane]:
    """Background with lamps, two objects, a head with hair at 2 m, leaves in front: farthest first. The camera has come
    `dolly` m nearer, so all of them are seen larger.

    The strands are half a pixel wide, so that a depth map of whole pixels does not know them.
    """
    rng = np.random.default_rng(seed)
    back = _texture(rng, 0.5)
    _add_lamps(back, rng, lamps)
    planes = [_plane(back, np.ones(back.shape[:2], np.float32), 9.0)]
    box = np.zeros(back.shape[:2], np.float32)
    for _ in range(3):
        x, y = rng.uniform(0, WIDTH), rng.uniform(HEIGHT * 0.4, HEIGHT)
        corner = _fine(x, y)
        cv2.rectangle(box, corner, (corner[0] + 90, corner[1] + 120), 1.0, -1)
    planes.append(_plane(_texture(rng, 0.6) * _tint(0.4, 1.0, 0.5), box, 4.0))
    planes.append(_plane(_texture(rng, 0.35) * _tint(1.0, 0.6, 0.4), _head(rng, strands), 2.0))
    planes.append(_plane(_texture(rng, 0.3) * _tint(0.3, 1.0, 0.2), _leaves(rng), 0.95))
    return [Plane(p.light, p.alpha, p.depth - dolly, p.depth / (p.depth - dolly)) for p in planes]


def aperture_points(lens: Lens, count: int) -> Array:
    """Points (count,2) spread evenly over the unit aperture, x right, y down, as seen behind the focus."""
    (chords,) = chords_of_polygon(outline(lens))
    i = np.arange(1, 8 * count)
    square = np.stack([(i * 0.7548776662466927) % 1, (i * 0.5698402909980532) % 1], 1) * 2 - 1
    row = ((square[:, 1] + 1) / 2 * len(chords.left)).astype(int)
    is_inside = (square[:, 0] > chords.left[row]) & (square[:, 0] < chords.right[row])
    return square[is_inside][:count].astype(np.float32)


def render_truth(planes: list[Plane], radii: list[float], points: Array, seed: int = 0) -> Array:
    """The picture (H,W,3) through `points`; radii: signed coc radius of each plane, px; seed: of places within pixels."""
    total = np.zeros((HEIGHT, WIDTH, 3), np.float64)
    for n, (u, v) in enumerate(points, seed * len(points)):
        jitter = ((n * 0.819172513396) % 1 - 0.5, (n * 0.671043606703) % 1 - 0.5)
        light = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        for plane, radius in zip(planes, radii, strict=True):
            offset = (radius * u + jitter[0], radius * v + jitter[1])
            moved = _shift(np.dstack([plane.light, plane.alpha]), *offset, plane.scale)
            light = light * (1 - moved[..., 3:]) + moved[..., :3]
        total += light
    return (total / len(points)).astype(np.float32)


def render_sharp(planes: list[Plane], samples: int = 32, seed: int = 0) -> tuple[Array, Array]:
    """The sharp picture (H,W,3) and its unmixed depth (H,W), m: of the front plane that covers more than half."""
    sharp = render_truth(planes, [0.0] * len(planes), np.zeros((samples, 2), np.float32), seed)
    depth = np.full((HEIGHT, WIDTH), planes[0].depth, np.float32)
    for plane in planes[1:]:
        alpha = np.asarray(cv2.blur(plane.alpha, (FINE, FINE), anchor=(FINE - 1, FINE - 1)), np.float32)
        depth[_shift(alpha, -0.25, -0.25, plane.scale) > 0.5] = plane.depth
    return sharp, depth


def _shift(picture: Array, dx: float, dy: float, scale: float) -> Array:
    """The picture `scale` times larger about its middle and moved by (dx, dy) px, sampled once per pixel."""
    step, size = FINE / scale, np.array([WIDTH, HEIGHT])
    first = (MARGIN + size / 2) * FINE - 0.5 + (0.5 - size / 2 - (dx, dy)) * step
    move = np.array([[step, 0, first[0]], [0, step, first[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, move, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _plane(texture: Array, alpha: Array, depth: float) -> Plane:
    return Plane(texture * alpha[..., None], alpha, depth)


def _tint(*rgb: float) -> Array:
    return np.array(rgb, np.float32)


def _fine(x: float, y: float) -> tuple[int, int]:
    return int((x + MARGIN) * FINE), int((y + MARGIN) * FINE)


def _texture(rng: np.random.Generator, brightness: float) -> Array:
    """Coloured noise of several sizes with hard-edged patches."""
    shape = ((HEIGHT + 2 * MARGIN) * FINE, (WIDTH + 2 * MARGIN) * FINE)
    total: np.ndarray = np.zeros((*shape, 3), np.float32)
    for cells in (4, 9, 20, 45, 100):
        noise = rng.random((cells, cells * 2, 3), np.float32)
        flags = cv2.INTER_NEAREST if cells == 20 else cv2.INTER_CUBIC
        total += cv2.resize(noise, shape[::-1], interpolation=flags) / (1 + cells**0.3)
    low, high = np.percentile(total, [1, 99])
    return (np.clip((total - low) / (high - low), 0, 1) ** 2 * brightness + 0.01).astype(np.float32)


def _add_lamps(light: Array, rng: np.random.Generator, count: int) -> None:
    for _ in range(count):
        colour = rng.uniform(0.3, 1, 3) * rng.uniform(8, 50)
        at = _fine(rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT))
        cv2.circle(light, at, int(rng.uniform(2, 4)), colour.tolist(), -1, cv2.LINE_AA)


def _head(rng: np.random.Generator, strands: int) -> Array:
    alpha = np.zeros(((HEIGHT + 2 * MARGIN) * FINE, (WIDTH + 2 * MARGIN) * FINE), np.float32)
    cv2.ellipse(alpha, _fine(160, 80), (76, 96), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    cv2.ellipse(alpha, _fine(160, 200), (170, 130), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    for _ in range(strands):
        angle, length = rng.uniform(np.pi, 2 * np.pi), rng.uniform(4, 22)
        x, y = 160 + 37 * np.cos(angle), 80 + 47 * np.sin(angle)
        tip = (x + length * np.cos(angle + rng.normal(0, 0.4)), y + length * np.sin(angle + rng.normal(0, 0.4)))
        cv2.line(alpha, _fine(x, y), _fine(*tip), 1.0, 1, cv2.LINE_AA)
    return alpha


def _leaves(rng: np.random.Generator) -> Array:
    alpha = np.zeros(((HEIGHT + 2 * MARGIN) * FINE, (WIDTH + 2 * MARGIN) * FINE), np.float32)
    for _ in range(7):
        at = _fine(rng.choice([-10.0, 20.0, 300.0]) + rng.uniform(0, 30), rng.uniform(0, HEIGHT))
        size = (int(rng.uniform(25, 60)), int(rng.uniform(8, 18)))
        cv2.ellipse(alpha, at, size, rng.uniform(0, 180), 0, 360, 1.0, -1, cv2.LINE_AA)
    return alpha
