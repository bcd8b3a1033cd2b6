"""Batches for training: random crops and what the teacher makes of them, prepared in a thread of their own."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train import images, night, people
from train.scenes import Scene
from train.teacher import TAPS, Teacher

Map = NDArray[np.float32]
PIXELS = 190_000
"""A batch's, about: small crops come in larger batches."""


@dataclass(frozen=True, slots=True)
class Batch:
    """n pictures, and once more the first of them, moved a little and degraded anew."""

    rgb: Tensor
    """(n + 1,3,H,W) in 0..1: what the network sees."""
    features: dict[str, Tensor]
    """The teacher's, of the first n, at the taps compared."""
    is_taught: Tensor
    """(n,) bool: the teacher's word counts; else the scene's truth does."""
    disparity: Tensor
    """(n + 1,1,H/2,W/2) as wanted, in the teacher's units."""
    move: Tensor
    """(1,2,3): where the last picture's places lie in the first, as `affine_grid` takes it."""


@dataclass(frozen=True, slots=True)
class Material:
    """What crops are taken from."""

    pictures: list[images.Image]
    cutouts: list[images.Image]
    scenes: list[Scene]


class Batches:
    """An endless stream of random crops with the teacher's features, made in a thread of its own."""

    def __init__(self, material: Material, teacher: Teacher, share_of_scenes: float, ahead: int = 4) -> None:
        """Start making batches; three in ten pictures get a person pasted in."""
        self._material = material
        self._teacher, self._share_of_scenes = teacher, share_of_scenes if material.scenes else 0.0
        self.taps: tuple[str, ...] = tuple(TAPS)
        self._rng = np.random.default_rng()
        self._ready: queue.Queue[Batch | Exception] = queue.Queue(ahead)
        threading.Thread(target=self._work, daemon=True).start()

    def next(self) -> Batch:
        """Return the next batch."""
        made = self._ready.get()
        if isinstance(made, Exception):
            raise made
        return made

    def _work(self) -> None:
        try:
            while True:
                self._ready.put(self._make())
        except Exception as error:
            self._ready.put(error)

    def _make(self) -> Batch:
        height, width = images.SIZES[self._rng.integers(len(images.SIZES))]
        count = max(2, round(PIXELS / (height * width))) - 1
        crops = [self._crop(height, width) for _ in range(count)]
        found = self._teacher(np.stack([rgb for rgb, _ in crops]), self.taps)
        labels = found.pop("disparity")[:, 0]
        for label, (_, truth) in zip(labels, crops, strict=True):
            if truth is not None:
                label[:] = match_level(truth, label)
        seen = [images.degrade(self._vary(rgb), self._rng) for rgb, _ in crops]
        move = draw_move(self._rng)
        seen.append(images.degrade(displace(crops[0][0], move), self._rng))
        wanted = np.stack([*labels, displace(labels[0], move)])[:, None]
        return Batch(
            rgb=torch.from_numpy(np.stack(seen)).permute(0, 3, 1, 2).float() / 255,
            features={name: _to_half(value) for name, value in found.items()},
            is_taught=torch.tensor([truth is None for _, truth in crops]),
            disparity=torch.from_numpy(wanted),
            move=torch.from_numpy(move)[None],
        )

    def _crop(self, height: int, width: int) -> tuple[images.Image, Map | None]:
        """Return rgb (H,W,3) and, of a scene, its disparity (H/2,W/2)."""
        stock = self._material
        if self._rng.uniform() < self._share_of_scenes:
            scene = stock.scenes[self._rng.integers(len(stock.scenes))]
            rgb, disparity = images.crop_both_at_random(scene.rgb, scene.disparity, height, width, self._rng)
            return images.vary_colour(self._vary(rgb), self._rng), disparity
        image = stock.pictures[self._rng.integers(len(stock.pictures))]
        crop = images.crop_at_random(image, height, width, self._rng)
        if stock.cutouts and self._rng.uniform() < 0.3:
            crop = people.paste_person(crop, stock.cutouts[self._rng.integers(len(stock.cutouts))], self._rng)
        if self._rng.uniform() < 0.1:
            crop = night.fall(crop, self._rng)
        return images.vary_colour(crop, self._rng), None

    def _vary(self, rgb: images.Image) -> images.Image:
        """Now and then make it night, in the eyes of the student alone."""
        return night.fall(rgb, self._rng) if self._rng.uniform() < 0.1 else rgb


def match_level(truth: Map, label: Map) -> Map:
    """Return truth (h,w) at the mean and spread that the teacher gives this picture, so that scenes teach only shape."""
    gain = max(float(label.std()), 0.02) / max(float(truth.std()), 1e-6)
    return (truth - truth.mean()) * gain + label.mean()


def draw_move(rng: np.random.Generator) -> Map:
    """Return a small shift, zoom and turn (2,3) in units of half the picture."""
    turn, zoom = rng.normal(0, 0.008), np.exp(rng.normal(0, 0.015))
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    return np.array([[cos, -sin, rng.normal(0, 0.02)], [sin, cos, rng.normal(0, 0.02)]], np.float32)


def displace(image: NDArray[Any], move: Map) -> NDArray[Any]:
    """Return image (h,w) or (h,w,C) moved: what lies at `p` comes from `move p`, edges mirrored."""
    h, w = image.shape[:2]
    to_unit = np.array([[2 / w, 0, 1 / w - 1], [0, 2 / h, 1 / h - 1], [0, 0, 1]])
    matrix = (np.linalg.inv(to_unit) @ np.vstack([move, [0, 0, 1]]) @ to_unit)[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (w, h), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _to_half(feature: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(feature).bfloat16().contiguous(memory_format=torch.channels_last)
