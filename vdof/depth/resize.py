"""The size a network sees."""

import torch.nn.functional as F
from torch import Tensor


def working_size(height: int, width: int, long_side: int, multiple: int) -> tuple[int, int]:
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
