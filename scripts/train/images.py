"""Training images: gathered once into a folder of small JPEGs, then cropped and degraded at random."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.errors import InputError

log = logging.getLogger(__name__)

SHORT_SIDE = 288
VALIDATION_CLIPS = ("vda_Tokyo-Walk_rgb.mp4", "fv_gen3c_cosmos.mp4", "intel_asl_walk.mkv")
SIZES = (
    *((256, 448), (256, 448), (256, 448), (256, 448), (288, 384), (320, 320), (384, 256), (320, 224)),
    *((224, 384), (224, 384), (192, 320), (192, 320), (160, 256), (224, 288)),
)
"""Heights and widths of training crops, all alike in frequency; sides are multiples of 32 for the teacher's sake."""

Image = NDArray[Any]
"""(H,W,3) or (H,W,4), uint8; OpenCV's types do not say so."""


def gather_clip_frames(clip: Path, folder: Path, most: int) -> int:
    """Write up to `most` frames of `clip`, evenly spaced, as JPEGs into `folder`; return how many."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        total = stream.frames or sum(1 for _ in av.open(str(clip)).decode(video=0))
        step = max(1, total // most)
        written = 0
        for index, frame in enumerate(container.decode(stream)):
            if index % step:
                continue
            _write_small(folder / f"{clip.stem}_{index:05d}.jpg", frame.to_ndarray(format="bgr24"))
            written += 1
    return written


def gather_photographs(sources: Path, folder: Path) -> int:
    """Write every photograph below `sources` (short side at least 200 px) as a JPEG into `folder`; return how many."""
    written = 0
    for path in sorted(p for p in sources.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None or min(image.shape[:2]) < 200:
            continue
        _write_small(folder / f"{path.parent.name}_{path.stem}.jpg", image)
        written += 1
    return written


def load_folder(folder: Path) -> list[Image]:
    """Read every JPEG of `folder` as RGB (H,W,3)."""
    return [load_one(path) for path in sorted(folder.glob("*.jpg"))]


def load_one(path: Path) -> Image:
    """Read one picture as RGB (H,W,3)."""
    return cv2.cvtColor(read(path), cv2.COLOR_BGR2RGB)


def read(path: Path, flags: int = cv2.IMREAD_COLOR) -> Image:
    """Read one picture as OpenCV does (BGR or BGRA). Raises InputError."""
    image = cv2.imread(str(path), flags)
    if image is None:
        raise InputError(f"{path}: got nothing OpenCV can read, expected a picture; remove the file or gather again")
    return image


def resize(image: Image, height: int, width: int) -> Image:
    """Resize without aliasing."""
    smaller = image.shape[0] > height
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def fit(image: Image, long_side: int) -> Image:
    """Return `image` with its longer side near `long_side`, both sides multiples of 32 as the teacher wants them."""
    scale = long_side / max(image.shape[:2])
    return resize(image, *(max(32, round(side * scale / 32) * 32) for side in image.shape[:2]))


def crop_both_at_random(
    rgb: Image, disparity: NDArray[np.uint16], height: int, width: int, rng: np.random.Generator
) -> tuple[Image, NDArray[np.float32]]:
    """Cut a window of the wanted aspect (large windows more often) out of a picture and its disparity, mirrored half the time.

    Returns (height,width,3), and half that size in 0..1.
    """
    window = _choose_window(rgb.shape, height, width, rng)
    half = cv2.resize(_cut(disparity, window), (width // 2, height // 2), interpolation=cv2.INTER_NEAREST)
    return resize(_cut(rgb, window), height, width), np.asarray(half, np.float32) / np.float32(65535)


def _choose_window(
    shape: tuple[int, ...], height: int, width: int, rng: np.random.Generator
) -> tuple[slice, slice, bool]:
    rows, columns = shape[:2]
    aspect = width / height * np.exp(rng.uniform(-0.1, 0.1))
    wide = min(columns, rows * aspect) * (1 - 0.55 * rng.uniform() ** 2)
    tall = wide / aspect
    top, left = int(rng.uniform(0, rows - tall + 1e-3)), int(rng.uniform(0, columns - wide + 1e-3))
    rows_cut, columns_cut = slice(top, top + max(8, int(tall))), slice(left, left + max(8, int(wide)))
    return rows_cut, columns_cut, bool(rng.uniform() < 0.5)


def _cut(image: Image, window: tuple[slice, slice, bool]) -> Image:
    rows, columns, is_mirrored = window
    piece = image[rows, columns]
    return np.ascontiguousarray(piece[:, ::-1]) if is_mirrored else piece


def vary_colour(image: Image, rng: np.random.Generator) -> Image:
    """Change exposure, gamma, contrast and white balance mildly: a different picture of the same scene."""
    level = np.linspace(0, 1, 256)
    if rng.uniform() < 0.7:
        at_night = rng.uniform() < 0.2
        curve = level ** np.exp(rng.uniform(0.4, 1.0) if at_night else rng.uniform(-0.4, 0.4)) * rng.uniform(0.75, 1.2)
        table = np.clip(curve[:, None] * (1 + rng.uniform(-0.12, 0.12, 3)), 0, 1) * 255 + 0.5
        image = cv2.LUT(np.ascontiguousarray(image), table.astype(np.uint8)[None])
    if rng.uniform() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        colourful = rng.uniform(0, 1.6)
        image = cv2.addWeighted(image, colourful, grey, 1 - colourful, 0)
    return image


def degrade(image: Image, rng: np.random.Generator) -> Image:
    """Add what cameras and codecs add (noise, blur, JPEG): the student sees it, the teacher does not."""
    if rng.uniform() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.9))
    if rng.uniform() < 0.3:
        noise = rng.normal(0, rng.uniform(1, 8), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.uniform() < 0.3:
        quality = int(rng.uniform(35, 90))
        packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return image


def _write_small(path: Path, image: Image) -> None:
    scale = SHORT_SIDE / min(image.shape[:2])
    if scale < 1:
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
