"""Cut people out of the training images and paste them into others: more people before more backgrounds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train.images import Image, read

Matte = NDArray[np.float32]


class PersonMatte:
    """MediaPipe's selfie segmentation under ai-edge-litert (an extra package, only for training and evaluation)."""

    def __init__(self, path: Path) -> None:
        """Open the .tflite file."""
        from ai_edge_litert.interpreter import Interpreter

        self._model = Interpreter(str(path))
        self._model.allocate_tensors()

    def __call__(self, rgb: Image) -> Matte:
        """Return how surely each pixel of `rgb` (H,W,3) shows a person, 0..1 (H,W)."""
        small = cv2.resize(rgb, (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        self._model.set_tensor(self._model.get_input_details()[0]["index"], small[None])
        self._model.invoke()
        found = self._model.get_tensor(self._model.get_output_details()[0]["index"]).reshape(256, 256)
        return cv2.resize(found, (rgb.shape[1], rgb.shape[0]))


def gather_cutouts(sources: Path, folder: Path, matte: PersonMatte) -> int:
    """Write every clearly cut person of the JPEGs in `sources` as PNG with alpha into `folder`; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for path in sorted(sources.glob("*.jpg")):
        image = read(path)
        alpha = matte(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        sure, unsure = (alpha > 0.9).mean(), ((alpha > 0.1) & (alpha < 0.9)).mean()
        if not 0.03 < sure < 0.7 or unsure > 0.35 * sure:
            continue
        rows, columns = (np.flatnonzero((alpha > 0.3).any(axis=axis)) for axis in (1, 0))
        cut = np.dstack([image, np.clip(alpha * 1.4 - 0.2, 0, 1) * 255]).astype(np.uint8)
        cv2.imwrite(str(folder / f"{path.stem}.png"), cut[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        written += 1
    return written


def load_cutouts(folder: Path) -> list[Image]:
    """Read every cut-out of `folder` as RGBA (H,W,4)."""
    return [
        cv2.cvtColor(read(path, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA) for path in sorted(folder.glob("*.png"))
    ]


def paste_person(image: Image, cutout: Image, rng: np.random.Generator) -> Image:
    """Paste `cutout` into `image`, a third to all of its height, mostly standing on or leaving at the bottom edge."""
    rows, columns = image.shape[:2]
    scale = min(rows * rng.uniform(0.35, 1.1) / cutout.shape[0], 1.4 * columns / cutout.shape[1])
    height, width = max(8, round(cutout.shape[0] * scale)), max(8, round(cutout.shape[1] * scale))
    left = round(rng.uniform(-0.3 * width, columns - 0.7 * width))
    above_bottom = abs(rng.normal(0, 0.08)) if rng.uniform() < 0.3 else 0
    top = round(rows - height * rng.uniform(0.6, 1) - above_bottom * rows)
    facing = cutout[:, ::-1] if rng.uniform() < 0.5 else cutout
    person = cv2.resize(facing, (width, height), interpolation=cv2.INTER_AREA)
    person = person[max(0, -top) : rows - top, max(0, -left) : columns - left]
    alpha = person[..., 3:].astype(np.float32) / 255
    result = image.copy()
    place = result[max(0, top) :, max(0, left) :][: person.shape[0], : person.shape[1]]
    place[:] = (alpha * person[..., :3] + (1 - alpha) * place + 0.5).astype(np.uint8)
    return result
