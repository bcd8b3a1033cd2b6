"""Disparity to frame size, its edges taken from the frame.

Joint bilateral upsampling (Kopf et al., SIGGRAPH 2007), worked only where disparity has an edge: elsewhere the bilinear
value is the answer, so the frame's texture cannot enter. Every result is a mean of nearby disparities: it cannot ring.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.errors import ShapeError

_EDGE = 0.04
"""Share of the frame's range of disparity within 5x5 px from which a place is an edge."""
_COLOUR_SIGMA = 0.06
_REACH = 2
"""px of the disparity's grid on each side that a result may be made of."""


def upsample_guided(disparity: Tensor, rgb: Tensor) -> Tensor:
    """Return the disparity (B,1,H,W) at the size of its frame.

    disparity: (B,1,h,w); rgb: (B,3,H,W) display-encoded 0..1. Raises ShapeError.
    """
    if disparity.ndim != 4 or disparity.shape[1] != 1:
        raise ShapeError(f"disparity must be (B,1,h,w), got {tuple(disparity.shape)}")
    if rgb.ndim != 4 or rgb.shape[1] != 3 or rgb.shape[0] != disparity.shape[0]:
        raise ShapeError(f"rgb must be ({disparity.shape[0]},3,H,W), got {tuple(rgb.shape)}")
    pairs = zip(disparity, rgb, strict=True)
    return torch.stack([_upsample_one(d[None], image[None])[0] for d, image in pairs])


def _upsample_one(disparity: Tensor, rgb: Tensor) -> Tensor:
    size = rgb.shape[-2:]
    coarse = F.interpolate(disparity, size=size, mode="bilinear", align_corners=False)
    is_edge = F.interpolate(_find_edges(disparity).float(), size=size, mode="nearest")[0, 0] > 0
    y, x = torch.nonzero(is_edge, as_tuple=True)
    if y.numel() == 0:
        return coarse
    h, w = disparity.shape[-2:]
    guide = F.interpolate(rgb, size=(h, w), mode="area")
    own = rgb[0, :, y, x]
    at_y, at_x = (y + 0.5) * (h / size[0]) - 0.5, (x + 0.5) * (w / size[1]) - 0.5
    near_y, near_x = at_y.round().long(), at_x.round().long()
    total, weight = torch.zeros_like(own[0]), torch.zeros_like(own[0])
    flat_guide, flat_disparity = guide.reshape(3, -1), disparity.reshape(-1)
    for dy in range(-_REACH, _REACH + 1):
        for dx in range(-_REACH, _REACH + 1):
            tap_y, tap_x = (near_y + dy).clamp(0, h - 1), (near_x + dx).clamp(0, w - 1)
            tap = tap_y * w + tap_x
            colour = ((flat_guide[:, tap] - own) ** 2).sum(dim=0)
            distance = (tap_y - at_y) ** 2 + (tap_x - at_x) ** 2
            share = torch.exp(-colour / (2 * _COLOUR_SIGMA**2) - distance / 4) + 1e-8
            total += share * flat_disparity[tap]
            weight += share
    result = coarse.clone()
    result[0, 0, y, x] = (total / weight).to(result.dtype)
    return result


def _find_edges(disparity: Tensor) -> Tensor:
    flat = disparity.flatten()
    step = max(1, flat.numel() // 20000)
    low, high = torch.quantile(flat[::step].float(), torch.tensor([0.02, 0.98], device=flat.device))
    highest = F.max_pool2d(disparity, 5, stride=1, padding=2)
    lowest = -F.max_pool2d(-disparity, 5, stride=1, padding=2)
    return highest - lowest > _EDGE * (high - low).clamp_min(1e-9)
