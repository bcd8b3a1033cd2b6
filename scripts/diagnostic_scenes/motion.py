"""Shots in which time is the subject: blur that jumps, and fine patterns that vibrate."""

from __future__ import annotations

import cv2
import numpy as np

from vdof.check.look import Look

from .shots import Kind, blur, encode, spoil
from .world import Map, World, make_world

SIZE = (288, 512)
FRAMES = 16


def move_blur(seed: int, gains: np.ndarray, shift: np.ndarray | None = None) -> list[Look]:
    """A shot whose coc is multiplied by `gains` (T,), and shifted by `shift` px."""
    world = make_world(seed, SIZE, level=0.035)
    offsets = np.zeros(len(gains)) if shift is None else shift
    return [
        show(world, seed, index, (world.coc * gain + offset).astype(np.float32))
        for index, (gain, offset) in enumerate(zip(gains, offsets, strict=True))
    ]


def show(world: World, seed: int, index: int, coc: Map) -> Look:
    """The look of a frame with this coc; the camera stands still, the noise does not."""
    rng = np.random.default_rng(1000 * seed + index)
    picture, source = encode(blur(world.light, coc)), encode(world.light)
    return Look(index, index / 24, 0, spoil(picture, rng), spoil(source, rng), coc, world.subject)


def make_pop(seed: int) -> list[Look]:
    """A jump of 20 to 60 %, that stays or is taken back after a frame."""
    rng = np.random.default_rng(seed)
    gains, at = np.ones(FRAMES), int(rng.integers(5, FRAMES - 4))
    size = float(rng.uniform(1.2, 1.6)) ** rng.choice([-1, 1])
    gains[at : at + 1 if rng.random() < 0.3 else None] *= size
    return move_blur(seed, gains)


def make_pull(seed: int) -> list[Look]:
    """A focus pull in half a second, or blur that grows steadily: nothing jumps."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, FRAMES)
    ease = t * t * (3 - 2 * t)
    if rng.random() < 0.5:
        return move_blur(seed, 1 + rng.uniform(0.3, 1.0) * t)
    return move_blur(seed, np.ones(FRAMES), shift=rng.uniform(-8, -4) * ease)


def make_steady(seed: int) -> list[Look]:
    """Blur that wobbles by 1 %, as a good stabiliser leaves it."""
    return move_blur(seed, 1 + 0.01 * np.random.default_rng(seed).normal(size=FRAMES))


def sample_grid(seed: int, *, filtered: bool, frames: int = 8) -> list[Look]:
    """A facade with a fine grid behind a slow pan and zoom; sampled as it is, or averaged over each pixel first."""
    rng = np.random.default_rng(seed)
    period, angle = rng.uniform(2.3, 3.6), rng.uniform(-0.2, 0.2)
    speed, zoom = rng.uniform(0.2, 0.7), rng.uniform(0.0005, 0.002)
    world = make_world(seed, SIZE, level=0.012)
    fine = 4 if filtered else 1
    looks = []
    for index in range(frames):
        rows, columns = (np.mgrid[: SIZE[0] * fine, : SIZE[1] * fine] + 0.5) / fine
        scale = 1 + zoom * index
        x = (columns - SIZE[1] / 2) / scale * np.cos(angle) - rows * np.sin(angle) + speed * index
        y = rows / scale + 0.3 * speed * index
        line = ((x % period < 0.4 * period) | (y % (2 * period) < 0.3 * period)).astype(np.float32)
        soft = cv2.GaussianBlur(line, (0, 0), 0.45 * fine) if filtered else line
        grid = soft.reshape(SIZE[0], fine, SIZE[1], fine).mean(axis=(1, 3))
        light = world.light.copy()
        window = np.zeros(SIZE, bool)
        window[: SIZE[0] // 2] = True
        where = window & ~world.subject
        light[where] *= (1 - 0.7 * grid[where])[:, None]
        coc = np.where(world.subject, 0, np.where(window, 0.5, world.far)).astype(np.float32)
        moved = World(light, world.background, coc, world.alpha, world.hair, world.far, world.lamps)
        looks.append(show(moved, seed, index, coc))
    return looks


def make_moire(seed: int) -> list[Look]:
    """The grid sampled without a filter."""
    return sample_grid(seed, filtered=False)


def make_grid(seed: int) -> list[Look]:
    """The grid as a camera with an optical low-pass sees it."""
    return sample_grid(seed, filtered=True)


MOVING: tuple[Kind, ...] = (
    Kind("", "steady", make_steady),
    Kind("", "pull or dolly", make_pull),
    Kind("", "grid, filtered", make_grid),
    Kind("popping", "jump", make_pop),
    Kind("vibrating_grid", "grid, not filtered", make_moire),
)
