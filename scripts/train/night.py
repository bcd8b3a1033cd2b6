"""Make night of a day's picture: dark, tinted, with lamps and a wet floor that mirrors what stands above it."""

from __future__ import annotations

import cv2
import numpy as np

from train.images import Image


def fall(rgb: Image, rng: np.random.Generator) -> Image:
    """Return rgb (H,W,3) uint8 at night; what is near and what is far stays as it was."""
    light = (rgb.astype(np.float32) / 255) ** rng.uniform(1.5, 2.6) * rng.uniform(0.3, 0.9)
    light *= np.exp(rng.normal(0, 0.25, 3)).astype(np.float32)
    light += _glow(light.shape[:2], rng)
    if rng.uniform() < 0.5:
        light = _mirror(light, rng)
    encoded = np.clip(light, 0, 1) ** (1 / 1.6)
    return (encoded * 255 + 0.5).astype(np.uint8)


def hang_signs(rgb: Image, behind: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return rgb (H,W,3) uint8 with lit signs and windows on what stands there, often one at row, column `behind`."""
    h, w = rgb.shape[:2]
    result = rgb.copy()
    for index in range(rng.integers(4, 36)):
        tall, wide = np.exp(rng.uniform(np.log(0.02), np.log(0.35), 2)) * (h, 0.6 * w)
        place = rng.uniform(0, 0.85) * h, rng.uniform(0, 1) * w
        if index == 0 and rng.uniform() < 0.6:
            place = behind[0] + rng.uniform(-0.5, 0.5) * tall, behind[1] + rng.uniform(-0.5, 0.5) * wide
        top, left = max(0, int(place[0] - tall / 2)), max(0, int(place[1] - wide / 2))
        panel = result[top : int(place[0] + tall / 2) + 2, left : int(place[1] + wide / 2) + 2]
        ground, ink = _choose_colour(rng), _choose_colour(rng)
        panel[:] = ground
        if rng.uniform() < 0.7:
            _write(panel, ink, rng)
    return result if rng.uniform() < 0.3 else _bloom(result, rng)


def _choose_colour(rng: np.random.Generator) -> np.ndarray:
    colour = 1 - rng.uniform(0, 1) ** 1.5 * rng.uniform(0, 1, 3)
    return np.asarray(255 * colour * rng.uniform(0.05 if rng.uniform() < 0.3 else 0.6, 1))


def _bloom(rgb: Image, rng: np.random.Generator) -> Image:
    """Let what is bright shine over its rim, as lenses do."""
    bright = cv2.GaussianBlur(np.where(rgb > 180, rgb, 0).astype(np.uint8), (0, 0), 0.012 * rgb.shape[1])
    return cv2.addWeighted(rgb, 1, bright, rng.uniform(0.2, 0.8), 0)


def _write(panel: Image, ink: np.ndarray, rng: np.random.Generator) -> None:
    """Draw strokes like writing or window bars into `panel` (h,w,3)."""
    h, w = panel.shape[:2]
    cell = max(2, int(min(h, w) * rng.uniform(0.25, 0.8)))
    for y in range(0, h, cell):
        for x in range(0, w, cell):
            for _ in range(rng.integers(0, 4)):
                ends = rng.integers(0, cell, 4)
                if rng.uniform() < 0.5:
                    ends[2 + rng.integers(2)] = ends[rng.integers(2)]
                start, end = (x + int(ends[0]), y + int(ends[1])), (x + int(ends[2]), y + int(ends[3]))
                cv2.line(panel, start, end, ink.tolist(), max(1, cell // 8))


def _glow(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return lamps (H,W,3): small cores of any colour in the upper two thirds, each with a halo."""
    h, w = size
    cores = np.zeros((h, w, 3), np.float32)
    for _ in range(rng.integers(0, 14)):
        place = (int(rng.uniform(0, w)), int(rng.uniform(0, 0.65 * h)))
        colour = tuple(float(c) for c in rng.uniform(0.2, 1, 3) ** 2 * rng.uniform(0.5, 2))
        if rng.uniform() < 0.4:  # a sign
            corner = (place[0] + int(rng.uniform(3, 0.12 * w)), place[1] + int(rng.uniform(3, 0.12 * h)))
            cv2.rectangle(cores, place, corner, colour, -1 if rng.uniform() < 0.5 else 2)
        else:
            cv2.circle(cores, place, int(rng.uniform(1, 5)), colour, -1)
    halo = cv2.GaussianBlur(cores, (0, 0), 0.03 * w)
    return np.asarray(cores + rng.uniform(0.5, 3) * halo, np.float32)


def _mirror(light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return light (H,W,3) whose lower part also shows what lies above it, smeared downwards."""
    h = len(light)
    line = int(rng.uniform(0.5, 0.85) * h)
    above = light[max(0, 2 * line - h) : line][::-1]
    smeared = cv2.GaussianBlur(above, (0, 0), sigmaX=rng.uniform(0.5, 3), sigmaY=rng.uniform(1, 8))
    result = light.copy()
    strength = np.linspace(0.1, 1, len(smeared), dtype=np.float32)[:, None, None] * rng.uniform(0.2, 0.7)
    result[line : line + len(smeared)] += strength * smeared
    return result
