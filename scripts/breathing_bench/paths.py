"""How camera, subject and focus move, and how a bad depth estimate makes blur pulse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Path3D:
    """A camera's way."""

    position: np.ndarray
    """(T,3) m, z forward."""
    angles: np.ndarray
    """(T,2) rad, across and down."""


@dataclass(frozen=True)
class Wobble:
    """Disparity becomes `(1 + gain) d + offset`: sines of one size and rate."""

    kind: str
    """gain, offset, none"""
    size: float
    """Amplitude: of the gain, or as a share of the farthest plane's coc."""
    hertz: float


HONEST = ("still", "pan", "handheld", "dolly", "approach", "pull", "slowpull", "flicker", "walk", "night", "lowrate")
PULLS = ("pull", "slowpull")
IN_HAND = ("handheld", "walk", "night", "lowrate")
"""Kinds whose camera is held by hand."""


def move_camera(kind: str, times: np.ndarray, rng: np.random.Generator) -> Path3D:
    """The camera's way in a film of this kind."""
    count = len(times)
    position, angles = np.zeros((count, 3)), np.zeros((count, 2))
    if kind == "pan":
        angles[:, 0] = np.deg2rad(rng.uniform(2, 5)) * (times - times.mean()) * rng.choice([-1, 1])
    elif kind == "dolly":
        position[:, 2] = rng.uniform(0.06, 0.2) * times * rng.choice([-1, 1])
        position[:, 0] = rng.uniform(-0.08, 0.08) * times
    elif kind in IN_HAND:
        position = np.stack([shake(times, rng, rng.uniform(0.01, 0.03)) for _ in range(3)], axis=1)
        angles = np.stack([shake(times, rng, np.deg2rad(rng.uniform(0.3, 1.0))) for _ in range(2)], axis=1)
    elif kind in (*PULLS, "flicker", "approach") and rng.random() < 0.5:
        angles = np.stack([shake(times, rng, np.deg2rad(0.3)) for _ in range(2)], axis=1)
    return Path3D(position, angles)


def shake(times: np.ndarray, rng: np.random.Generator, size: float) -> np.ndarray:
    """(T,) a hand: sines from .2 to 3 Hz, the slow ones larger."""
    rates = rng.uniform(0.2, 3.0, 6)
    phases = rng.uniform(0, 2 * np.pi, 6)
    waves = np.sin(2 * np.pi * rates[:, None] * times + phases[:, None]) / rates[:, None]
    return size * waves.sum(axis=0) / np.sqrt(np.sum(0.5 / rates**2))


def move_subject(kind: str, times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T,3) how far the subject is from where it was put, across, down and away, as shares of its distance."""
    share = times / times[-1]
    way = np.zeros((len(times), 3))
    if kind == "approach":
        smooth = share**2 * (3 - 2 * share) if rng.random() < 0.5 else share
        way[:, 2] = -rng.uniform(0.15, 0.4) * smooth
    elif kind == "walk":
        way[:, 0] = rng.choice([-1, 1]) * rng.uniform(0.6, 1.0) * (share - 0.5)
        way[:, 1] = 0.01 * np.sin(2 * np.pi * rng.uniform(1.5, 2.2) * times)
    return way


def place_focus(
    kind: str, times: np.ndarray, rng: np.random.Generator, subject_m: np.ndarray, wall_m: float
) -> np.ndarray:
    """(T,) focus, 1/m: on the subject; a pull goes to the wall, and sometimes comes back; a slow one takes 2 to 4 s."""
    focus = 1 / subject_m
    if kind not in PULLS:
        return focus
    far = 1 / (wall_m * rng.uniform(0.6, 1.0))
    if kind == "slowpull":
        duration = rng.uniform(2, 4)
        share = (times - rng.uniform(0.4, times[-1] - duration)) / duration
        return focus + PULLERS[int(rng.integers(len(PULLERS)))](share, duration) * (far - focus)
    duration = rng.uniform(0.6, 1.5)
    begin = rng.uniform(0.5, 1.5)
    weight = ease((times - begin) / duration)
    if rng.random() < 0.25:
        weight = weight - ease((times - begin - duration - rng.uniform(0.8, 1.5)) / duration)
    return focus + weight * (far - focus)


def ease(share: np.ndarray) -> np.ndarray:
    """0..1 -> 0..1, as a focus puller's hand goes."""
    x = np.clip(share, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def pull_evenly(share: np.ndarray, seconds: float) -> np.ndarray:
    """0..1 -> 0..1, as a motor goes; `seconds` is how long the pull takes."""
    return np.clip(share, 0, 1)


def pull_softly(share: np.ndarray, seconds: float) -> np.ndarray:
    return ease(share)


def pull_too_far(share: np.ndarray, seconds: float) -> np.ndarray:
    """Five per cent too far, and back."""
    return ease(share / 0.85) + 0.05 * np.sin(np.pi * np.clip((share - 0.7) / 0.3, 0, 1))


def pull_twice(share: np.ndarray, seconds: float) -> np.ndarray:
    """Half way, a moment's rest, and on."""
    return 0.5 * (ease(share / 0.42) + ease((share - 0.58) / 0.42))


def pull_by_hand(share: np.ndarray, seconds: float) -> np.ndarray:
    """With a tremor of two per cent at 1.7 Hz and one at 4.1 Hz while it lasts."""
    inside = np.clip(share, 0, 1)
    tremor = 0.02 * np.sin(2 * np.pi * 1.7 * seconds * inside) + 0.01 * np.sin(2 * np.pi * 4.1 * seconds * inside + 1)
    return ease(share) + tremor * np.sin(np.pi * inside)


PULLERS = (pull_evenly, pull_softly, pull_too_far, pull_twice, pull_by_hand)


def wobble_disparity(wobble: Wobble, seconds: float, phase: float) -> tuple[float, float]:
    """(gain, offset as a share of the largest coc) at a time."""
    wave = wobble.size * np.sin(2 * np.pi * wobble.hertz * seconds + phase)
    return (1 + wave, 0.0) if wobble.kind == "gain" else (1.0, wave if wobble.kind == "offset" else 0.0)
