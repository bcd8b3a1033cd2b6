"""A figure before a background, made of noise and simple shapes: linear light, coc and outline, different for every seed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]

_FINE = 2
"""Shapes are drawn this much larger and reduced, so that edges are mixed pixels as a camera's are."""


@dataclass
class World:
    """A shot before the lens."""

    light: Map
    """(h,w,3) scene-linear, sharp everywhere; lights go above 1."""
    background: Map
    """The same without the figure."""
    coc: Map
    """(h,w) px."""
    alpha: Map
    """(h,w) the figure's cover, 0..1."""
    hair: Map
    """(h,w) cover of its hair and ears."""
    far: Map
    """(h,w) coc of the background alone."""
    lamps: NDArray[np.int_]
    """(n,2) column and row of small lights."""

    @property
    def subject(self) -> NDArray[np.bool_]:
        """The figure's mask."""
        return self.alpha > 0.5


def make_world(seed: int, size: tuple[int, int] = (360, 640), *, night: bool = False, level: float = 0.03) -> World:
    """A figure in a street or a room.

    Args:
        seed: everything that varies.
        size: rows and columns.
        night: dark, with small lights behind.
        level: coc of the far wall, share of the width.
    """
    rng = np.random.default_rng(seed)
    background = make_background(rng, size, night=night)
    far = make_far_coc(rng, background, level * size[1])
    lamps = np.zeros((0, 2), int)
    if night:
        lamps = place_lamps(rng, background)
    alpha, hair, figure = make_figure(rng, size)
    if night:
        figure *= 0.5
    cover = alpha[..., None]
    light = figure * cover + background * (1 - cover)
    coc = np.where(alpha > 0.5, 0, far).astype(np.float32)
    return World(light.astype(np.float32), background, coc, alpha, hair, far, lamps)


def make_noise(rng: np.random.Generator, size: tuple[int, int], coarsest: float, octaves: int = 4) -> Map:
    """Smooth noise (h,w) of mean 0 and deviation 1; `coarsest` px, each octave half the size and .6 of the strength."""
    out = np.zeros(size, np.float32)
    for octave in range(octaves):
        cell = max(1.5, coarsest / 2**octave)
        grid = rng.normal(size=(int(size[0] / cell) + 3, int(size[1] / cell) + 3)).astype(np.float32)
        out += 0.6**octave * cv2.resize(grid, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray((out - out.mean()) / out.std(), np.float32)


def make_background(rng: np.random.Generator, size: tuple[int, int], *, night: bool) -> Map:
    """Textured wall, blocks and floor (h,w,3) linear."""
    height, width = size
    base = rng.uniform(0.1, 0.4) * rng.uniform(0.75, 1.25, 3) * (0.12 if night else 1)
    texture = np.stack([make_noise(rng, size, width / rng.uniform(6, 14)) for _ in range(3)], -1)
    common = make_noise(rng, size, width / 8, 6)[..., None]
    fine = rng.uniform(0.05, 0.3) * make_noise(rng, size, width / 80, 2)[..., None]
    picture = base * np.exp(0.08 * texture + 0.35 * common + fine)
    for _ in range(rng.integers(12, 30)):
        x, y = rng.integers(0, width), rng.integers(0, int(height * 0.75))
        w, h = rng.integers(width // 40, width // 6), rng.integers(height // 30, height // 4)
        colour = base * rng.uniform(0.7, 1.4, 3) * rng.uniform(0.3, 2.2)
        picture[y : y + h, x : x + w] = 0.3 * picture[y : y + h, x : x + w] + 0.7 * colour
    floor = int(height * rng.uniform(0.68, 0.8))
    picture[floor:] *= rng.uniform(0.5, 0.9)
    return np.clip(picture, 0.002, 0.95).astype(np.float32)


def make_far_coc(rng: np.random.Generator, background: Map, level: float) -> Map:
    """Coc behind the figure: a far wall, things before it (drawn into `background`), a floor up to the figure's feet."""
    height, width = background.shape[:2]
    far = np.full((height, width), level, np.float32)
    base = background.mean(axis=(0, 1))
    for _ in range(rng.integers(2, 5)):
        x, w, top = rng.integers(0, width), rng.integers(width // 12, width // 4), int(height * rng.uniform(0.1, 0.5))
        far[top:, x : x + w] = level * rng.uniform(0.3, 0.85)
        part = background[top:, x : x + w]
        background[top:, x : x + w] = 0.3 * part + base * rng.uniform(0.7, 1.3, 3) * rng.choice([0.15, 0.4, 1.2])
    rows = np.arange(height) / height
    horizon = rng.uniform(0.6, 0.72)
    floor = level * np.clip((1 - rows) / (1 - horizon), 0, 1)
    return np.minimum(far, floor[:, None]).astype(np.float32)


def place_lamps(rng: np.random.Generator, background: Map) -> NDArray[np.int_]:
    """Small bright lights drawn into `background`, apart from one another; returns their places."""
    height, width = background.shape[:2]
    places: list[tuple[int, int]] = []
    for _ in range(400):
        x, y = int(rng.integers(20, width - 20)), int(rng.integers(16, int(height * 0.58)))
        if all(abs(x - u) > width / 16 or abs(y - v) > width / 16 for u, v in places):
            places.append((x, y))
    for x, y in places[: rng.integers(14, 28)]:
        colour = rng.uniform(0.4, 1.0, 3)
        background[y - 1 : y + 2, x - 1 : x + 2] = colour / colour.max() * rng.uniform(12, 40)
    return np.array(places)


def make_figure(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Map, Map, Map]:
    """Cover (h,w), cover of hair and ears (h,w), and picture (h,w,3) of a person, waist up."""
    height, width = size
    big = (height * _FINE, width * _FINE)
    scale = big[0] * rng.uniform(0.8, 1.05)
    centre = np.array([big[1] * rng.uniform(0.35, 0.65), big[0] * rng.uniform(0.34, 0.42)])
    head, hair, torso = (np.zeros(big, np.uint8) for _ in range(3))
    wide, tall = 0.125 * scale, 0.165 * scale
    ellipse(torso, centre + (0, 0.62 * scale), 0.33 * scale, 0.42 * scale)
    left, top = map(int, centre - (0.06 * scale, 0))
    right, bottom = map(int, centre + (0.06 * scale, 0.3 * scale))
    cv2.rectangle(torso, (left, top), (right, bottom), 255, -1)
    ellipse(head, centre, wide, tall)
    ellipse(hair, centre - (0, 0.06 * scale), 1.16 * wide, 0.9 * tall)
    for side in (-1, 1):
        ellipse(hair, centre + (side * 1.08 * wide, 0), 0.2 * wide, 0.25 * tall)
    draw_strands(rng, hair, centre - (0, 0.06 * scale), 1.12 * wide, 0.88 * tall)
    face = head.copy()
    face[: int(centre[1] - 0.5 * tall)] = 0
    picture = paint(rng, big, torso, hair, face, centre, wide, tall)
    cover = np.maximum(np.maximum(head, torso), hair)

    def reduce(values: np.ndarray) -> Map:
        return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA), np.float32)

    alpha = reduce(cover.astype(np.float32) / 255)
    outside = np.where((head > 0) | (torso > 0), 0, hair).astype(np.float32) / 255
    return alpha, reduce(outside), reduce(picture)


def ellipse(mask: NDArray[np.uint8], centre: np.ndarray, wide: float, tall: float) -> None:
    """Fill an ellipse of half axes `wide` and `tall`."""
    cv2.ellipse(mask, tuple(map(int, centre)), (int(wide), int(tall)), 0, 0, 360, 255, -1)


def draw_strands(
    rng: np.random.Generator, mask: NDArray[np.uint8], centre: np.ndarray, wide: float, tall: float
) -> None:
    """Loose hair around the upper half of an ellipse."""
    for angle in rng.uniform(np.pi, 2 * np.pi, 140):
        root = centre + 0.95 * np.array([wide * np.cos(angle), tall * np.sin(angle)])
        turn = angle + rng.normal(0, 0.5)
        tip = root + rng.uniform(0.08, 0.24) * wide * np.array([np.cos(turn), np.sin(turn)])
        cv2.line(mask, tuple(map(int, root)), tuple(map(int, tip)), 255, int(rng.integers(1, 4)), cv2.LINE_AA)


def paint(
    rng: np.random.Generator,
    big: tuple[int, int],
    torso: np.ndarray,
    hair: np.ndarray,
    face: np.ndarray,
    centre: np.ndarray,
    wide: float,
    tall: float,
) -> Map:
    """Cloth, hair and a face with eyes, each with its fine texture."""
    fine = make_noise(rng, big, 12, 3)[..., None]
    cloth = rng.choice([0.04, 0.25, 0.55]) * rng.uniform(0.5, 1.4, 3)
    picture = cloth * np.exp(0.25 * fine) * np.ones((*big, 3))
    strands = cv2.resize(rng.normal(size=(big[0] // 24, big[1] // 2)).astype(np.float32), big[::-1])[..., None]
    dark = rng.choice([0.015, 0.06, 0.3]) * np.array([1.0, 0.75, 0.5])
    skin = rng.uniform(0.2, 0.6) * np.array([1.0, 0.68, 0.52])
    picture = np.where(hair[..., None] > 0, dark * np.exp(0.4 * strands), picture)
    picture = np.where(
        face[..., None] > 0, skin * np.exp(0.1 * fine + 0.1 * make_noise(rng, big, wide)[..., None]), picture
    )
    for side in (-1, 1):
        eye = tuple(map(int, centre + (side * 0.4 * wide, -0.05 * tall)))
        cv2.ellipse(picture, eye, (int(0.17 * wide), int(0.07 * tall)), 0, 0, 360, (0.7, 0.7, 0.7), -1)
        cv2.circle(picture, eye, max(1, int(0.07 * wide)), (0.02, 0.02, 0.03), -1)
    mouth = tuple(map(int, centre + (0, 0.5 * tall)))
    cv2.ellipse(
        picture, mouth, (int(0.3 * wide), int(0.06 * tall)), 0, 0, 360, tuple(map(float, skin * (0.8, 0.4, 0.4))), -1
    )
    return np.clip(picture, 0.002, 0.95).astype(np.float32)
