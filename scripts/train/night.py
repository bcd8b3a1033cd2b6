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
