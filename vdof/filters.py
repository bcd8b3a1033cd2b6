"""Maps filtered: means and extremes of squares (OpenCV's on the CPU, torch's pooling elsewhere), sizes, ramps.

Borders repeat.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.flow.images import import_cv2, resize_array


def average(maps: Tensor, reach: int) -> Tensor:
    """Return the mean of `maps` (B,C,h,w) over the square of `reach` px on each side."""
    side = 2 * reach + 1
    if maps.device.type == "cpu":
        cv2 = import_cv2()
        return _on_planes(lambda plane: cv2.blur(plane, (side, side), borderType=cv2.BORDER_REPLICATE), maps)
    rows = F.avg_pool2d(F.pad(maps, (0, 0, reach, reach), mode="replicate"), (side, 1), stride=1)
    return F.avg_pool2d(F.pad(rows, (reach, reach, 0, 0), mode="replicate"), (1, side), stride=1)


def highest(maps: Tensor, reach: int) -> Tensor:
    """Return the maximum of `maps` (B,C,h,w) over the square of `reach` px on each side."""
    if maps.device.type == "cpu":
        return _on_planes(lambda plane: import_cv2().dilate(plane, _square(reach)), maps)
    side = 2 * reach + 1
    rows = F.max_pool2d(maps, (side, 1), stride=1, padding=(reach, 0))
    return F.max_pool2d(rows, (1, side), stride=1, padding=(0, reach))


def lowest(maps: Tensor, reach: int) -> Tensor:
    """Return the minimum of `maps` (B,C,h,w) over the square of `reach` px on each side."""
    if maps.device.type == "cpu":
        return _on_planes(lambda plane: import_cv2().erode(plane, _square(reach)), maps)
    return -highest(-maps, reach)


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return `maps` (B,C,h,w) at `size` (height, width): areas where it shrinks, else bilinear."""
    if tuple(maps.shape[-2:]) == size:
        return maps
    if maps.device.type == "cpu":
        return _on_planes(lambda plane: resize_array(plane, size), maps)
    if size[0] < maps.shape[-2] or size[1] < maps.shape[-1]:
        return F.interpolate(maps, size=size, mode="area")
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def ramp(value: Tensor, limits: tuple[float, float]) -> Tensor:
    """Return 0 below the first of two limits, 1 above the second, linear in between."""
    return ((value - limits[0]) / (limits[1] - limits[0])).clamp(0, 1)


def _on_planes(work: Callable[[np.ndarray], np.ndarray], maps: Tensor) -> Tensor:
    planes = maps.detach().float().contiguous().flatten(0, 1).numpy()
    worked = [work(plane) for plane in planes]
    return torch.from_numpy(worked[0][None] if len(worked) == 1 else np.stack(worked)).unflatten(0, maps.shape[:2])


def _square(reach: int) -> np.ndarray:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
