"""A model of how a depth network errs over time: what is added to the true disparity before it is stabilised."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vdof.flow.warp import warp_array


@dataclass(frozen=True, slots=True)
class Corruption:
    """Strength of each error; shares of the range of true disparity where nothing else is said."""

    scale: float
    """Standard deviation of the logarithm of a frame's scale."""
    shift: float
    """Standard deviation of a frame's shift."""
    drift: float
    """Standard deviation of a smooth field that changes slowly (first-order autoregressive)."""
    memory: float
    """Share of that field that stays from frame to frame."""
    edge: float
    """px: standard deviation of the smooth displacement of edges, new in every frame."""
    grain: float
    """Standard deviation of white noise per pixel."""


MODERATE = Corruption(scale=0.02, shift=0.012, drift=0.01, memory=0.7, edge=1.0, grain=0.003)
HEAVY = Corruption(scale=0.06, shift=0.05, drift=0.03, memory=0.6, edge=1.5, grain=0.004)


_SOFTNESS = 1.0
"""px: standard deviation of the blur of every edge."""


def soften(depth: np.ndarray) -> np.ndarray:
    """Return true disparity (T,H,W) 1/m with the soft edges of `corrupt` and none of its errors."""
    return np.stack([cv2.GaussianBlur((1 / frame).astype(np.float32), (0, 0), _SOFTNESS) for frame in depth])


def corrupt(depth: np.ndarray, corruption: Corruption, seed: int) -> np.ndarray:
    """Return relative disparity (T,H,W) float32 as a network might see it, of the true depth (T,H,W) m."""
    rng = np.random.default_rng(seed)
    n, h, w = depth.shape
    disparity = 1 / depth
    low, high = np.percentile(disparity, [2, 98])
    grid = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(np.float32)
    drift = np.zeros((h, w), np.float32)
    result = []
    for t in range(n):
        scale = np.exp(corruption.scale * rng.standard_normal())
        shift = corruption.shift * rng.standard_normal()
        fresh = make_field(rng, (h, w), w / 10)
        share = corruption.memory if t else 0.0
        drift = share * drift + np.sqrt(1 - share**2) * fresh
        target = grid + corruption.edge * np.stack([make_field(rng, (h, w), w / 40) for _ in range(2)], -1)
        seen = warp_array(disparity[t].astype(np.float32), target)
        seen = cv2.GaussianBlur(seen, (0, 0), _SOFTNESS)
        grain = rng.standard_normal((h, w)).astype(np.float32)
        result.append(scale * (seen - low) / (high - low) + shift + corruption.drift * drift + corruption.grain * grain)
    return np.stack(result).astype(np.float32)


def make_field(rng: np.random.Generator, size: tuple[int, int], sigma: float) -> np.ndarray:
    """Return a smooth random field (h,w) of unit standard deviation."""
    field = cv2.GaussianBlur(rng.standard_normal(size).astype(np.float32), (0, 0), sigma)
    return field / field.std()
