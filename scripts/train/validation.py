"""What the network does on pictures and scenes kept out of training: about one in eighty, by name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from train import batches, images, losses
from train.scenes import Scene
from vdof.depth.network import DepthNet

LONG_SIDE = 448


@dataclass(frozen=True, slots=True)
class Kept:
    """One picture with what it is compared with."""

    kind: str
    """`picture`: the teacher's careful word; `scene`: the truth."""
    rgb: Tensor
    """(1,3,H,W) in 0..1."""
    wanted: Tensor
    """(H/2,W/2)."""


def is_kept(path: Path) -> bool:
    """Tell whether a file is kept out of training."""
    return hashlib.sha256(path.stem.encode()).digest()[0] < 3


def validation_set(pictures: list[Scene], scenes: list[Scene]) -> list[Kept]:
    """Return what was kept, at the packaged working size."""
    return [_keep("picture", one) for one in pictures] + [_keep("scene", one) for one in scenes]


@torch.inference_mode()
def validate(net: DepthNet, kept: list[Kept]) -> dict[str, float]:
    """Return the mean row-removed rank correlation of each kind, and how unlike answers to a moved picture are."""
    found: dict[str, list[float]] = {"unrest": []}
    rng = np.random.default_rng(0)
    for one in kept:
        answer = net(one.rgb)
        found.setdefault(one.kind, []).append(losses.row_removed_rank_correlation(answer[0, 0], one.wanted))
        move = batches.draw_move(rng)
        image = (one.rgb[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        moved = net(_to_tensor(images.degrade(batches.displace(image, move), rng)))
        unrest = losses.measure_unrest(answer, moved, torch.from_numpy(move)[None], answer)
        found["unrest"].append(float(unrest))
    return {name: round(float(np.mean(values)), 4) for name, values in found.items()}


def _keep(kind: str, scene: Scene) -> Kept:
    image = images.fit(scene.rgb, LONG_SIDE)
    rows, columns = (
        np.linspace(0, side - 1, size // 2).astype(int)
        for side, size in zip(scene.rgb.shape[:2], image.shape[:2], strict=True)
    )
    return Kept(kind, _to_tensor(image), torch.from_numpy(scene.disparity[rows][:, columns].astype(np.float32)))


def _to_tensor(image: images.Image) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image))[None].permute(0, 3, 1, 2).float() / 255
