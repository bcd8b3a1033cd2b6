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


def place_person(size: tuple[int, int], cutout: Image, rng: np.random.Generator) -> tuple[Image, Matte]:
    """Return `cutout` as a picture (H,W,3) of `size` = (H,W) with its matte (H,W), 0 where it is not.

    A third to all of the height, mostly leaving at the bottom edge; six in ten stand whole on a floor.
    """
    rows, columns = size
    stands = rng.uniform() < 0.6
    share = rng.uniform(0.3, 0.8) if stands else rng.uniform(0.35, 1.1)
    scale = min(rows * share / cutout.shape[0], 1.4 * columns / cutout.shape[1])
    height, width = max(8, round(cutout.shape[0] * scale)), max(8, round(cutout.shape[1] * scale))
    left = round(rng.uniform(-0.3 * width, columns - 0.7 * width))
    feet = rows * rng.uniform(0.75, 1) if stands else rows + height * rng.uniform(0, 0.4)
    top = round(feet - height)
    facing = cutout[:, ::-1] if rng.uniform() < 0.5 else cutout
    person = cv2.resize(facing, (width, height), interpolation=cv2.INTER_AREA)
    person = person[max(0, -top) : max(0, rows - top), max(0, -left) : columns - left]
    canvas = np.zeros((rows, columns, 4), np.uint8)
    canvas[max(0, top) :, max(0, left) :][: person.shape[0], : person.shape[1]] = person
    alpha = np.clip((canvas[..., 3].astype(np.float32) / 255 - 0.3) / 0.5, 0, 1)
    return canvas[..., :3], np.asarray(alpha, np.float32)


def paste(background: Image, person: Image, alpha: Matte) -> Image:
    """Lay `person` over `background` (both (H,W,3)) by `alpha` (H,W)."""
    matte = alpha[..., None]
    return (matte * person + (1 - matte) * background + 0.5).astype(np.uint8)


def find_head(alpha: Matte) -> tuple[int, int]:
    """Return the row and the column of the middle of a person's uppermost eighth in `alpha` (H,W)."""
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    if not len(rows):
        return alpha.shape[0] // 2, alpha.shape[1] // 2
    row = int(rows[0] + len(rows) // 16)
    return row, int(np.flatnonzero(alpha[rows[0] : row + 1].max(axis=0) > 0.5).mean())


def light_anew(person: Image, rng: np.random.Generator) -> Image:
    """Return the person darker and tinted, as before lamps at night."""
    gain = np.exp(rng.uniform(-1.3, 0.1)) * np.exp(rng.normal(0, 0.12, 3))
    table = np.clip((np.linspace(0, 1, 256) ** np.exp(rng.uniform(-0.1, 0.5)))[:, None] * gain, 0, 1) * 255
    return cv2.LUT(np.ascontiguousarray(person), table.astype(np.uint8)[None])


def put_in_order(with_person: Matte, without: Matte, alpha: Matte) -> Matte:
    """Return a disparity (h,w) in which the pasted person is one upright sheet before all that lies behind.

    `with_person` and `without` are a teacher's (h,w) of the picture with and without the person whose matte is `alpha`
    (h,w). Behind, the word without the person counts, brought to the level of the other; the sheet is as near as the
    teacher makes most of the person, and as what it hides.
    """
    inside, outside = alpha > 0.5, cv2.dilate(alpha, np.ones((9, 9), np.uint8)) < 0.02
    if inside.sum() < 20:
        return with_person
    behind = without
    if outside.mean() > 0.15:
        x, y = without[outside], with_person[outside]
        gain = np.clip(((x - x.mean()) * (y - y.mean())).mean() / max(float(x.var()), 1e-8), 0.6, 1.6)
        behind = gain * (without - x.mean()) + y.mean()
    near = max(float(np.quantile(with_person[inside], 0.7)), float(np.quantile(behind[inside], 0.9)))
    near += 0.05 * float(behind.std())
    return np.asarray(alpha * near + (1 - alpha) * behind, np.float32)
