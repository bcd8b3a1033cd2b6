"""Batches for training: random crops and what the teacher makes of them, prepared in a thread of their own."""

from __future__ import annotations

import queue
import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train import images, people
from train.teacher import TAPS, Teacher

Batch = tuple[Tensor, dict[str, Tensor]]
"""What the network sees, (B,3,H,W) in 0..1, and the teacher's features."""


class Batches:
    """An endless stream of random crops with the teacher's features, made in a thread of its own."""

    def __init__(
        self, pictures: list[images.Image], cutouts: list[images.Image], teacher: Teacher, size: int, ahead: int = 4
    ) -> None:
        """Start making batches of `size` crops, three in ten of them with a person of `cutouts` pasted in."""
        self.images, self._cutouts = pictures, cutouts
        self._teacher, self._size = teacher, size
        self.taps: tuple[str, ...] = tuple(TAPS)
        self._rng = np.random.default_rng()
        self._ready: queue.Queue[Batch | Exception] = queue.Queue(ahead)
        threading.Thread(target=self._work, daemon=True).start()

    def next(self) -> Batch:
        """Return rgb (B,3,H,W) in 0..1 and the teacher's features."""
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
        clean = np.stack([self._crop(height, width) for _ in range(self._size)])
        seen = np.stack([images.degrade(image, self._rng) for image in clean])
        features = {name: _to_half(value) for name, value in self._teacher(clean, self.taps).items()}
        return torch.from_numpy(seen).permute(0, 3, 1, 2).float() / 255, features

    def _crop(self, height: int, width: int) -> images.Image:
        image = self.images[self._rng.integers(len(self.images))]
        crop = images.crop_at_random(image, height, width, self._rng)
        if self._cutouts and self._rng.uniform() < 0.3:
            crop = people.paste_person(crop, self._cutouts[self._rng.integers(len(self._cutouts))], self._rng)
        return images.vary_colour(crop, self._rng)


def _to_half(feature: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(feature).bfloat16().contiguous(memory_format=torch.channels_last)
