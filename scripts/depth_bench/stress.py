"""Errors of other kinds than `corruption` makes: how networks and sensors may also fail over time, one kind at a time.

Each takes clean relative disparity (T,H,W), 0..1 for most of it, with soft edges, and a generator of chance.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from depth_bench.corruption import make_field, soften
from depth_bench.sequences import Sequence
from vdof.flow.warp import warp_array

Error = Callable[[np.ndarray, np.random.Generator], np.ndarray]

_RATE = 30.0
"""frames per second that the frequencies are meant for."""


def fail(sequence: Sequence, error: Error, seed: int) -> np.ndarray:
    """Return relative disparity (T,H,W) float32 of the sequence with this error."""
    disparity = soften(sequence.depth)
    low, high = np.percentile(disparity, [2, 98])
    return error((disparity - low) / (high - low), np.random.default_rng(seed)).astype(np.float32)


def wander(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scale and shift walk at random."""
    scale, shift = np.cumsum(rng.normal(0, (0.015, 0.01), (len(disparity), 2)), axis=0).T
    return _map(disparity, np.exp(scale), shift)


def swing(hertz: float) -> Error:
    """Scale and shift go up and down."""

    def apply(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        turn = 2 * np.pi * hertz * np.arange(len(disparity)) / _RATE
        phase = rng.uniform(0, 2 * np.pi, 2)
        return _map(disparity, 1 + 0.05 * np.sin(turn + phase[0]), 0.03 * np.sin(turn + phase[1]))

    return apply


def restart(every: int) -> Error:
    """Another scale and shift every so many frames, as a network gives that works in windows."""

    def apply(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        window = np.arange(len(disparity)) // every
        scale, shift = rng.normal(0, (0.06, 0.05), (window[-1] + 1, 2))[window].T
        return _map(disparity, np.exp(scale), shift)

    return apply


def leap(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Single frames, and two in a row, are far off in scale and shift."""
    scale, shift = np.ones(len(disparity)), np.zeros(len(disparity))
    for t in (7, 15, 16, 30):
        scale[t : t + 1], shift[t : t + 1] = rng.choice([0.7, 1.4]), rng.choice([-0.3, 0.3])
    return _map(disparity, scale, shift)


def bow(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The whole is tilted and bent, anew in every frame."""
    h, w = disparity.shape[1:]
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    shapes = np.stack([x, y, x * x - 1 / 3, y * y - 1 / 3, x * y])
    return disparity + np.tensordot(rng.normal(0, 0.02, (len(disparity), 5)), shapes, 1)


def bend_layers(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every layer of depth has a shift of its own in every frame."""
    layers = np.linspace(0, 1, 5)
    return np.stack([frame + np.interp(frame, layers, rng.normal(0, 0.03, 5)) for frame in disparity])


def bend_curve(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another gamma in every frame."""
    return np.stack([np.maximum(frame, 0) ** np.exp(rng.normal(0, 0.06)) for frame in disparity])


def dance(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Edges waver by some pixels."""
    h, w = disparity.shape[1:]
    grid = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(np.float32)
    moves = (np.stack([make_field(rng, (h, w), w / 40) for _ in range(2)], -1) for _ in disparity)
    return np.stack(
        [
            warp_array(np.asarray(frame, np.float32), grid + np.float32(2.5) * move)
            for frame, move in zip(disparity, moves, strict=True)
        ]
    )


def flicker_in_tiles(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every part of the frame has a shift of its own, as a network's tokens give."""
    h, w = disparity.shape[1:]
    tiles = rng.normal(0, 0.03, (len(disparity), 4, 7)).astype(np.float32)
    return disparity + np.stack([cv2.resize(each, (w, h), interpolation=cv2.INTER_CUBIC) for each in tiles])


def grain(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White noise."""
    return disparity + rng.normal(0, 0.05, disparity.shape)


def quantise(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """24 levels."""
    return np.round(24 * disparity) / 24


def hole(disparity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sensor's: holes at edges and in patches, filled from either side, and 80 levels."""
    result, kernel = [], np.ones((7, 7))
    for frame in disparity.astype(np.float32):
        is_hole = cv2.morphologyEx(frame, cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0.05
        is_hole |= make_field(rng, (frame.shape[0], frame.shape[1]), 4) > 2
        coarse = np.round(80 * frame) / 80
        result.append(np.where(is_hole, (cv2.erode, cv2.dilate)[rng.integers(2)](coarse, kernel), coarse))
    return np.stack(result)


def _map(disparity: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return disparity * scale[:, None, None] + shift[:, None, None]


ERRORS: dict[str, Error] = {
    "none but soft edges": lambda disparity, rng: disparity,
    "random walk": wander,
    "wobble 1 Hz": swing(1),
    "wobble 2 Hz": swing(2),
    "wobble 4 Hz": swing(4),
    "wobble 6 Hz": swing(6),
    "restart every 8": restart(8),
    "restart every 22": restart(22),
    "leaps": leap,
    "bowing": bow,
    "layers apart": bend_layers,
    "gamma": bend_curve,
    "edges dance": dance,
    "tiles": flicker_in_tiles,
    "grain": grain,
    "24 levels": quantise,
    "sensor's holes": hole,
    "far from 0": lambda disparity, rng: swing(4)(disparity, rng) + 100,
}
