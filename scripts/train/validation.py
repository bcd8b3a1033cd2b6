"""How well a network agrees with the teacher on the held-out clips, while it is being trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from train import images, losses
from train.teacher import Teacher
from vdof.depth.network import DepthNet


def validation_set(folder: Path, teacher: Teacher) -> list[tuple[str, Tensor, Tensor]]:
    """Return (clip, rgb, the teacher's disparity) of every held-out frame at its own aspect."""
    pairs = []
    for path in sorted(folder.glob("*.jpg")):
        image = images.load_one(path)
        rows = round(320 * image.shape[0] / image.shape[1] / 32) * 32
        image = images.resize(image, rows, 320)
        rgb = torch.from_numpy(image)[None].permute(0, 3, 1, 2).float() / 255
        pairs.append((path.stem.rsplit("_", 1)[0], rgb, torch.from_numpy(teacher(image[None])["disparity"])[0, 0]))
    return pairs


@torch.inference_mode()
def validate(net: DepthNet, pairs: list[tuple[str, Tensor, Tensor]]) -> dict[str, float]:
    """Return the mean row-removed rank correlation with the teacher for each held-out clip."""
    found: dict[str, list[float]] = {}
    for clip, rgb, wanted in pairs:
        found.setdefault(clip, []).append(losses.row_removed_rank_correlation(net(rgb)[0, 0], wanted))
    return {clip: round(float(np.mean(values)), 3) for clip, values in found.items()}
