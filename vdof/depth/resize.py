"""The size a network sees, its scaling, and the way back."""

import math

import torch.nn.functional as F
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of display-encoded RGB in 0..1: what most networks were trained with."""
NEAREST_M = 0.05
"""Estimated depth below this, zero and negatives among it, counts as this near."""


def working_size(height: int, width: int, long_side: float, multiple: int) -> tuple[int, int]:
    """(height, width) with the longer side near `long_side`, the aspect kept, both multiples of `multiple`."""
    ratio = long_side / max(height, width)

    def fit(side: int) -> int:
        return max(multiple, round(side * ratio / multiple) * multiple)

    return fit(height), fit(width)


def resize_to_multiple(rgb: Tensor, long_side: int, multiple: int, fixed: tuple[int, int] | None = None) -> Tensor:
    """`rgb` (B,3,H,W) resized without aliasing to `working_size`, or to `fixed` (height, width) where given."""
    size = fixed or working_size(rgb.shape[-2], rgb.shape[-1], long_side, multiple)
    if tuple(rgb.shape[-2:]) == size:
        return rgb
    return F.interpolate(rgb, size=size, mode="bilinear", align_corners=False, antialias=True).clamp(0.0, 1.0)


def fit_to_frame(value: Tensor, height: int, width: int) -> Tensor:
    """`value` (B,1,h,w) as it is, or at the frame's size where it is larger or squeezed."""
    h, w = value.shape[-2:]
    is_squeezed = abs(math.log((w / h) / (width / height))) > 0.2
    if h <= height and w <= width and not is_squeezed:
        return value
    return F.interpolate(value, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
