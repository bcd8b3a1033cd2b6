"""What the teacher says of a picture when it looks four times: at two sizes, and mirrored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train import images
from train.teacher import Features

LONG_SIDES = (448, 640)

Teach = Callable[[NDArray[np.uint8]], Features]
"""rgb (B,H,W,3) -> its disparity (B,1,h,w)."""


def look_carefully(teacher: Teach, image: images.Image) -> NDArray[np.float32]:
    """Return the mean disparity (H,W) of `image` (H,W,3), each size's at mean 0 and spread 1.

    Nearer to true depth than what the teacher says at one look, mirroring and size being things it should not mind.
    """
    looks = []
    for long_side in LONG_SIDES:
        seen = images.fit(image, long_side)
        straight = teacher(seen[None])["disparity"][0, 0]
        mirrored = teacher(np.ascontiguousarray(seen[None, :, ::-1]))["disparity"][0, 0, :, ::-1]
        mean = cv2.resize(straight + mirrored, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        looks.append((mean - mean.mean()) / max(float(mean.std()), 0.02))
    return np.mean(looks, axis=0, dtype=np.float32)


def write_labels(teacher: Teach, pictures: list[Path], folder: Path) -> int:
    """Write what the teacher says of `pictures` that have no label in `folder` yet; return of how many."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [path for path in pictures if not (folder / f"{path.stem}.png").exists()]
    for path in missing:
        disparity = look_carefully(teacher, images.load_one(path))
        share = (disparity - disparity.min()) / max(float(np.ptp(disparity)), 1e-6)
        cv2.imwrite(str(folder / f"{path.stem}.png"), np.round(share * 65535).astype(np.uint16))
    return len(missing)
