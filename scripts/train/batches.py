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
PIXELS = 230_000
"""A batch's, about: small crops come in larger batches."""
SHARE_MOVED, SHARE_PASTED = 0.5, 0.5
SHARE_TRUE, SHARE_CAREFUL = 0.6, 0.75
"""Of scenes, how often the truth is wanted; of pictures, the teacher's careful word; else what it says of the crop."""


@dataclass(frozen=True, slots=True)
class Batch:
    """n pictures, and often once more the first of them, moved a little and degraded anew: m = n or n + 1."""

    rgb: Tensor
    """(m,3,H,W) in 0..1: what the network sees."""
    features: dict[str, Tensor]
    """The teacher's, of the first n, at the taps compared."""
    is_taught: Tensor
    """(n,) bool: the teacher's word counts; else what is known of the scene does."""
    is_encoded: Tensor
    """(n,) bool: the features of the teacher's encoder count, of scenes too."""
    disparity: Tensor
    """(m,1,H/2,W/2) as wanted, in the teacher's units."""
    heads: Tensor
    """(m,1,H/2,W/2): weights that sum to 1 about the head of a pasted person, else to 0."""
    move: Tensor | None
    """(1,2,3): where the last picture's places lie in the first, as `affine_grid` takes it; None: not moved."""


@dataclass(frozen=True, slots=True)
class Crop:
    """One picture (H,W,3) to learn from."""

    asked: images.Image
    """What the teacher sees."""
    seen: images.Image
    """What the network sees, before cameras and codecs spoil it."""
    truth: Map | None = None
    """(H/2,W/2) true disparity up to level and spread, of a scene."""
    matte: Map | None = None
    """(H,W) where a person was pasted before `background`."""
    background: images.Image | None = None

    @property
    def is_taught(self) -> bool:
        """Tell whether the teacher's word is the best there is."""
        return self.truth is None and self.matte is None


@dataclass(frozen=True, slots=True)
class Material:
    """What crops are taken from."""

    pictures: list[Scene]
    """With the teacher's careful word (`scripts/train/careful.py`) for truth."""
    cutouts: list[images.Image]
    scenes: list[Scene]


class Batches:
    """An endless stream of random crops with the teacher's features, made in a thread of its own."""

    def __init__(self, material: Material, teacher: Teacher, share_of_scenes: float, ahead: int = 4) -> None:
        """Start making batches, plain ones at first."""
        self._material = material
        self._teacher, self._share_of_scenes = teacher, share_of_scenes if material.scenes else 0.0
        self.taps: tuple[str, ...] = tuple(TAPS)
        self.is_plain = True
        """The network is to see just what the teacher sees, and to believe it."""
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
        count = max(2, round(PIXELS / (height * width)))
        if self.is_plain:
            return self._make_plain([self._crop(height, width) for _ in range(count)])
        is_moved = self._rng.uniform() < SHARE_MOVED
        crops = [self._crop(height, width) for _ in range(count - is_moved)]
        features, labels = self._label(crops)
        seen = [images.degrade(crop.seen, self._rng) for crop in crops]
        move = draw_move(self._rng) if is_moved else None
        if move is not None:
            seen.append(images.degrade(displace(crops[0].seen, move), self._rng))
            labels.append(displace(labels[0], move))
        heads = [weigh_head(crop.matte, label.shape) for crop, label in zip(crops, labels, strict=False)]
        heads += [np.zeros_like(heads[0])] * is_moved
        return Batch(
            rgb=_to_rgb(seen),
            features={name: _to_half(value) for name, value in features.items()},
            is_taught=torch.tensor([crop.is_taught for crop in crops]),
            is_encoded=torch.tensor([crop.matte is None for crop in crops]),
            disparity=torch.from_numpy(np.stack(labels)[:, None]),
            heads=torch.from_numpy(np.stack(heads)[:, None]),
            move=None if move is None else torch.from_numpy(move)[None],
        )

    def _make_plain(self, crops: list[Crop]) -> Batch:
        """Let the network see just what the teacher sees."""
        features = self._teacher(np.stack([crop.asked for crop in crops]), self.taps)
        disparity = torch.from_numpy(features.pop("disparity"))
        return Batch(
            rgb=_to_rgb([crop.asked for crop in crops]),
            disparity=disparity,
            heads=torch.zeros_like(disparity),
            features={name: _to_half(value) for name, value in features.items()},
            is_taught=torch.ones(len(crops), dtype=torch.bool),
            is_encoded=torch.ones(len(crops), dtype=torch.bool),
            move=None,
        )

    def _label(self, crops: list[Crop]) -> tuple[dict[str, Map], list[Map]]:
        """Return the teacher's features and what disparity (H/2,W/2) is wanted of each crop."""
        features = self._teacher(np.stack([crop.asked for crop in crops]), self.taps)
        labels = list(features.pop("disparity")[:, 0])
        for index, crop in enumerate(crops):
            if crop.truth is not None:
                labels[index] = match_level(crop.truth, labels[index])
            elif crop.matte is not None and crop.background is not None:
                without = self._teacher(crop.background[None])["disparity"][0, 0]
                small = cv2.resize(crop.matte, without.shape[::-1], interpolation=cv2.INTER_AREA)
                labels[index] = people.put_in_order(labels[index], without, np.asarray(small, np.float32))
        return features, labels

    def _crop(self, height: int, width: int) -> Crop:
        stock, rng = self._material, self._rng
        if rng.uniform() < self._share_of_scenes:
            scene = stock.scenes[rng.integers(len(stock.scenes))]
            rgb, disparity = images.crop_both_at_random(scene.rgb, scene.disparity, height, width, rng)
            truth = disparity if rng.uniform() < SHARE_TRUE else None
            return Crop(rgb, images.vary_colour(self._vary(rgb), rng), truth=truth)
        picture = stock.pictures[rng.integers(len(stock.pictures))]
        rgb, careful = images.crop_both_at_random(picture.rgb, picture.disparity, height, width, rng)
        if stock.cutouts and rng.uniform() < SHARE_PASTED:
            return self._paste(rgb)
        truth = careful if rng.uniform() < SHARE_CAREFUL else None
        return Crop(rgb, images.vary_colour(self._vary(rgb), rng), truth=truth)

    def _paste(self, rgb: images.Image) -> Crop:
        """Put a person before rgb (H,W,3), half the time at night before lit signs that the teacher is spared."""
        rng = self._rng
        cutout = self._material.cutouts[rng.integers(len(self._material.cutouts))]
        person, matte = people.place_person(rgb.shape[:2], cutout, rng)
        asked = people.paste(rgb, person, matte)
        if rng.uniform() < 0.5:
            dark = rgb if rng.uniform() < 0.3 else night.fall(rgb, rng)
            if rng.uniform() < 0.8:
                dark = night.hang_signs(dark, people.find_head(matte), rng)
            seen = people.paste(dark, people.light_anew(person, rng), matte)
        else:
            seen = asked
        return Crop(asked, images.vary_colour(seen, rng), matte=matte, background=rgb)

    def _vary(self, rgb: images.Image) -> images.Image:
        """Now and then make it night, in the eyes of the student alone."""
        return night.fall(rgb, self._rng) if self._rng.uniform() < 0.1 else rgb


def match_level(truth: Map, label: Map) -> Map:
    """Return truth (h,w) at the mean and spread that the teacher gives this picture, so that scenes teach only shape."""
    gain = max(float(label.std()), 0.02) / max(float(truth.std()), 1e-6)
    return (truth - truth.mean()) * gain + label.mean()


def weigh_head(matte: Map | None, size: tuple[int, int]) -> Map:
    """Return weights (h,w) that sum to 1 on the upper third of the person in `matte` (H,W) and closely about it."""
    weights = np.zeros(size, np.float32)
    if matte is None:
        return weights
    small = cv2.resize(matte, (size[1], size[0]), interpolation=cv2.INTER_AREA) > 0.5
    rows = np.flatnonzero(small.any(axis=1))
    if len(rows) < 6:
        return weights
    tall = max(3, len(rows) // 3)
    weights[rows[0] : rows[0] + tall] = small[rows[0] : rows[0] + tall]
    reach = 2 * (tall // 3) + 1
    weights = np.asarray(cv2.dilate(weights, np.ones((reach, reach), np.uint8)), np.float32)
    return weights / weights.sum()


def draw_move(rng: np.random.Generator) -> Map:
    """Return a small shift, zoom and turn (2,3) in units of half the picture; one in three is larger."""
    far = 3.0 if rng.uniform() < 1 / 3 else 1.0
    turn, zoom = rng.normal(0, 0.008 * far), np.exp(rng.normal(0, 0.015 * far))
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    return np.array([[cos, -sin, rng.normal(0, 0.02 * far)], [sin, cos, rng.normal(0, 0.02 * far)]], np.float32)


def displace(image: NDArray[Any], move: Map) -> NDArray[Any]:
    """Return image (h,w) or (h,w,C) moved: what lies at `p` comes from `move p`, edges mirrored."""
    h, w = image.shape[:2]
    to_unit = np.array([[2 / w, 0, 1 / w - 1], [0, 2 / h, 1 / h - 1], [0, 0, 1]])
    matrix = (np.linalg.inv(to_unit) @ np.vstack([move, [0, 0, 1]]) @ to_unit)[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (w, h), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _to_rgb(pictures: list[images.Image]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def _to_half(feature: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(feature).bfloat16().contiguous(memory_format=torch.channels_last)
