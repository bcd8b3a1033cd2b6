"""Depth that somebody else made: a folder of EXR, 16-bit PNG or NPZ, or a grey video."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdof.depth.config import FilesConfig
from vdof.depth.contract import Kind
from vdof.errors import InputError
from vdof.files import hash_file
from vdof.video.grey import read_grey

NEAREST_M = 0.05
"""Metric disparity that puts half of a frame nearer than this, metres, is in other units."""
FAR_M = 1e4
"""Depth at or beyond this many metres, or not finite, counts as infinitely far: disparity 0."""

Map = NDArray[np.float32]


class FilesEstimator:
    """Disparity read from files; map number n belongs to frame `first_frame + n` of the clip.

    Raises:
        InputError: nothing usable at the path, a map that cannot be read, or fewer maps than frames.
    """

    def __init__(self, config: FilesConfig) -> None:
        self._config = config
        self._path = Path(config.path)
        self._folder = list_maps(self._path) if self._path.is_dir() else None
        if self._folder is None and not self._path.is_file():
            raise InputError(
                f"depth.path: no such file or folder {self._path}; expected a folder of maps or a grey video"
            )
        self._video: Iterator[Map] | None = None
        self._next = 0
        self.kind: Kind = "disparity_relative" if config.convention == "inverse" else "disparity_metric"

    def describe(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for path in self._folder or [self._path]:
            digest.update(hash_file(path).encode())
        config = self._config
        return {
            "estimator": "files",
            "sha256": digest.hexdigest(),
            "convention": config.convention,
            "scale": config.scale,
            "first_frame": config.first_frame,
        }

    def estimate(self, rgb: Tensor, indices: Sequence[int]) -> Tensor:
        """See `DepthEstimator.estimate`. `indices` must not go backwards."""
        maps = [self._to_disparity(self._load(index), index) for index in indices]
        if len({value.shape for value in maps}) != 1:
            raise InputError(
                f"depth.path: maps of different sizes near frame {indices[0]} in {self._path}; make them one size"
            )
        return torch.from_numpy(np.stack(maps)).unsqueeze(1).to(rgb.device)

    def _load(self, index: int) -> Map:
        number = index - self._config.first_frame
        if number < 0:
            first = self._config.first_frame
            raise InputError(f"depth.path: frame {index} has no map, the first is of depth.first_frame={first}")
        if self._folder is None:
            return self._load_from_video(number)
        if number >= len(self._folder):
            raise self._miss_map(number, len(self._folder))
        return read_map(self._folder[number])

    def _load_from_video(self, number: int) -> Map:
        if self._video is None or number < self._next:
            self._video, self._next = read_grey(self._path), 0
        for value in self._video:
            self._next += 1
            if self._next > number:
                return value
        raise self._miss_map(number, self._next)

    def _miss_map(self, number: int, count: int) -> InputError:
        frame = number + self._config.first_frame
        return InputError(f"depth.path: frame {frame} has no map, {self._path} holds {count}; expected one a frame")

    def _to_disparity(self, stored: Map, index: int) -> Map:
        if self._config.convention == "depth_m":
            depth = stored * np.float32(self._config.scale)
            is_far = ~np.isfinite(depth) | (depth >= FAR_M)
            if not bool((depth[~is_far] > 0).all()):
                raise InputError(
                    f"depth.path: depth of 0 m or less at frame {index} in {self._path}; check depth.convention"
                )
            return np.where(is_far, np.float32(0), 1 / np.where(is_far, np.float32(1), depth)).astype(np.float32)
        if not bool(np.isfinite(stored).all()):
            raise InputError(f"depth.path: NaN or infinite disparity at frame {index} in {self._path}; fill it first")
        disparity = stored * np.float32(self._config.scale)
        if self._config.convention == "disparity" and disparity.min() < 0:
            raise InputError(
                f"depth.path: negative disparity at frame {index} in {self._path}; use depth.convention=inverse"
            )
        if self._config.convention == "disparity" and float(np.median(disparity)) > 1 / NEAREST_M:
            raise InputError(
                f"depth.path: half of frame {index} in {self._path} would be nearer than {100 * NEAREST_M:.0f} cm; say what a "
                "stored value is with depth.scale, or use depth.convention=inverse for relative values"
            )
        return disparity


def count_naturally(path: Path) -> list[tuple[str, int]]:
    """Sorting key by which 2 comes before 10."""
    return [(text, int(part or 0)) for text, part in re.findall(r"(\D*)(\d*)", path.name)]


def list_maps(folder: Path) -> list[Path]:
    """The depth maps of a folder in order of the numbers in their names, all of one kind."""
    for suffix in (".exr", ".png", ".npz"):
        paths = sorted((path for path in folder.iterdir() if path.suffix.lower() == suffix), key=count_naturally)
        if paths:
            return paths
    raise InputError(f"depth.path: no .exr, .png or .npz in {folder}; expected one map a frame")


def read_map(path: Path) -> Map:
    """One stored map as (H,W) float32, in stored units."""
    try:
        value = {".exr": _read_exr, ".png": _read_png, ".npz": _read_npz}[path.suffix.lower()](path)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise InputError(f"depth.path: {path} cannot be read as a depth map: {str(error).splitlines()[0]}") from error
    if value.ndim != 2 or value.size == 0:
        raise InputError(f"depth.path: {path} holds {value.shape}, expected one channel (H,W)")
    return np.ascontiguousarray(value, np.float32)


def _read_exr(path: Path) -> NDArray[Any]:
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = file.channels()
        for name in ("Z", "Y", "depth", "disparity", "R"):
            if name in channels:
                return np.array(channels[name].pixels)
        raise ValueError(f"channels {sorted(channels)}, expected Z, Y or R")


def _read_png(path: Path) -> NDArray[Any]:
    value = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if value is None:
        raise ValueError("not a PNG")
    if value.dtype != np.uint16:
        raise ValueError(f"{value.dtype} pixels, expected 16 bit")
    return value if value.ndim == 2 else value[..., 0]


def _read_npz(path: Path) -> NDArray[Any]:
    with np.load(path) as archive:
        return np.squeeze(archive[archive.files[0]])
