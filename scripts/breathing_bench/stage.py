"""Little films with exact depth: textured planes in front of a moving camera, blurred plane by plane.

Dead leaves (Lee, Mumford & Huang 2001) stand for natural texture: they share its edges and its spectrum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from breathing_bench.paths import Path3D, move_camera, move_subject, place_focus

FRAME_RATE = 24
FOCAL = 1.2
"""Focal length in frame widths: 43 mm on full frame."""


@dataclass(frozen=True)
class Film:
    """What is filmed and how."""

    name: str
    kind: str
    """One of `HONEST`."""
    seed: int
    size: tuple[int, int] = (270, 480)
    """(height, width) px"""
    seconds: float = 5.0
    blur: float = 0.03
    """Diameter of the farthest plane's disc as a share of the frame's width."""


@dataclass(frozen=True)
class Shown:
    """One frame; maps are (h,w) float32."""

    seconds: float
    sharp: np.ndarray
    """Light, 0..1, before the lens."""
    disparity: np.ndarray
    """1/m."""
    layers: list[tuple[np.ndarray, np.ndarray, float]]
    """(light, opacity, disparity) of each plane, far to near."""
    focus: float
    """1/m."""
    scale: float
    """K, px m."""
    exposure: float


@dataclass
class _Plane:
    light: np.ndarray
    opacity: np.ndarray
    centre: tuple[float, float]
    distance: float
    texels_per_m: float
    is_subject: bool


def film(setting: Film) -> Iterator[Shown]:
    """The frames of a film."""
    rng = np.random.default_rng(setting.seed)
    planes = build_planes(rng, setting.size, is_night=setting.kind == "night")
    count = round(setting.seconds * FRAME_RATE)
    times = np.arange(count) / FRAME_RATE
    camera = move_camera(setting.kind, times, rng)
    subject = planes[-1].distance
    shift = move_subject(setting.kind, times, rng) * subject
    focus = place_focus(setting.kind, times, rng, subject + shift[:, 2] - camera.position[:, 2], planes[0].distance)
    scale = setting.blur * setting.size[1] / abs(1 / subject - 1 / planes[0].distance)
    exposure = np.ones(count)
    if setting.kind == "flicker":
        exposure = 1 + rng.uniform(0.05, 0.2) * np.sin(2 * np.pi * rng.uniform(0.5, 5) * times + rng.uniform(0, 6))
    for t in range(count):
        layers = [shoot(plane, camera, t, shift[t] * plane.is_subject, setting.size) for plane in planes]
        sharp = np.zeros(setting.size, np.float32)
        disparity = np.zeros(setting.size, np.float32)
        for light, opacity, near in layers:
            sharp = light + sharp * (1 - opacity)
            disparity = np.where(opacity > 0.5, np.float32(near), disparity)
        yield Shown(float(times[t]), sharp, disparity, layers, float(focus[t]), scale, float(exposure[t]))


def expose(light: np.ndarray, exposure: float) -> np.ndarray:
    """Light (h,w) -> display-encoded grey (h,w,3), clipped."""
    code = np.clip(light * exposure, 0, 1) ** (1 / 2.2)
    return np.repeat(code[..., None].astype(np.float32), 3, axis=2)


def blur(shown: Shown, coc: list[float]) -> np.ndarray:
    """Light (h,w) of the frame with plane k blurred by a disc of diameter |coc[k]| px."""
    out = np.zeros_like(shown.sharp)
    for (light, opacity, _), diameter in zip(shown.layers, coc, strict=True):
        both = spread(np.dstack([light, opacity]), abs(diameter) / 2)
        out = both[..., 0] + out * (1 - both[..., 1])
    return out


def spread(picture: np.ndarray, radius: float) -> np.ndarray:
    """(h,w,C) through a disc, exact by area down to no blur."""
    if radius < 0.05:
        return picture
    reach, fine = int(np.ceil(radius + 0.5)), 12
    axis = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    # a pixel's own square is part of the disc's shape: small discs grow out of it without a jump
    near = np.maximum(np.abs(axis[:, None] ** 2 + axis**2) ** 0.5 - radius, -0.5)
    cover = np.clip(0.5 - near, 0, 1) if radius >= 0.5 else None
    if cover is None:
        share = (radius / 0.5) ** 2
        return (1 - share) * picture + share * spread(picture, 0.5)
    kernel = cover.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).mean(axis=(1, 3)).astype(np.float32)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT))


def shoot(
    plane: _Plane, camera: Path3D, t: int, shift: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, float]:
    """One plane, moved by `shift` (3,) m, as frame t shows it: premultiplied light, opacity, disparity."""
    height, width = size
    x, y, z = camera.position[t] - shift
    distance = plane.distance - z
    focal = FOCAL * width
    zoom = focal / distance / plane.texels_per_m
    rows, columns = plane.light.shape
    left = (plane.centre[0] - x) / distance * focal + camera.angles[t, 0] * focal + width / 2 - zoom * columns / 2
    top = (plane.centre[1] - y) / distance * focal + camera.angles[t, 1] * focal + height / 2 - zoom * rows / 2
    matrix = np.array([[zoom, 0, left], [0, zoom, top]])
    flags = cv2.INTER_LINEAR if zoom > 0.7 else cv2.INTER_AREA
    border = cv2.BORDER_CONSTANT if plane.opacity.min() < 1 else cv2.BORDER_REFLECT
    both = cv2.warpAffine(
        np.dstack([plane.light, plane.opacity]), matrix, (width, height), flags=flags, borderMode=border
    )
    return both[..., 0], both[..., 1], 1 / distance


def build_planes(rng: np.random.Generator, size: tuple[int, int], *, is_night: bool) -> list[_Plane]:
    """Wall, things between, and the subject last, far to near; at night small lights in the dark."""
    subject = rng.uniform(1.5, 3.0)
    distances = [subject * rng.uniform(3, 8), *(subject * rng.uniform(1.4, 2.5, rng.integers(1, 3))), subject]
    distances[1:-1] = sorted(distances[1:-1], reverse=True)
    planes = []
    for number, distance in enumerate(distances):
        texels = FOCAL * size[1] / distance
        is_wall, is_subject = number == 0, number == len(distances) - 1
        reach = (1.6, 1.6) if is_wall else (rng.uniform(0.25, 0.4), rng.uniform(0.6, 0.9))
        shape = round(size[0] * reach[1]), round(size[1] * reach[0])
        light = scatter_leaves(rng, shape, smallest=rng.uniform(1.5, 4))
        if is_night:
            light = np.where(light >= 1, 3 * light, 0.04 * light)
        opacity = np.ones(shape, np.float32)
        if not is_wall:
            y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
            opacity = np.clip((1 - np.hypot(x, y)) * min(shape) / 2, 0, 1).astype(np.float32)
        side = 0.0 if is_wall else rng.uniform(-0.3, 0.3) * distance / FOCAL
        planes.append(_Plane(light * opacity, opacity, (side, 0.0), distance, texels, is_subject))
    return planes


def scatter_leaves(rng: np.random.Generator, shape: tuple[int, int], smallest: float) -> np.ndarray:
    """(h,w) light 0..1: discs and boxes over one another, sizes by the inverse cube, with a little grain of their own."""
    height, width = shape
    largest = min(shape) / 3
    picture = np.full(shape, 0.3, np.float32)
    count = round(1.2 * height * width / smallest**2 / np.log(largest / smallest))
    share = rng.random(count)
    radii = 1 / np.sqrt(share / smallest**2 + (1 - share) / largest**2)
    for radius in radii:
        centre = int(rng.uniform(0, width) * 16), int(rng.uniform(0, height) * 16)
        value = float(rng.uniform(0.05, 1) ** 2.2)
        if rng.random() < 0.6:
            cv2.circle(picture, centre, int(radius * 16), value, -1, cv2.LINE_AA, 4)
        else:
            corner = tuple(int(c + 16 * radius * rng.uniform(0.5, 2)) for c in centre)
            cv2.rectangle(picture, centre, corner, value, -1, cv2.LINE_AA, 4)
    picture += 0.02 * cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), 1.0)
    lamps = rng.random(shape) < 2e-4
    picture[cv2.dilate(lamps.astype(np.uint8), np.ones((3, 3))) > 0] = 1.0
    return np.clip(picture, 0, 1)
