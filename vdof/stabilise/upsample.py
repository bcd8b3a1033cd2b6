"""Disparity to frame size, its edges taken from the frame.

Joint bilateral upsampling (Kopf et al., SIGGRAPH 2007), worked only where disparity has an edge: there each pixel takes
the disparity of those neighbours whose colour it shares and that lie on no ramp themselves. Elsewhere plain
interpolation is the answer, so texture of the frame cannot enter. Every result is a mean of nearby disparities: it
cannot ring.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.errors import ShapeError
from vdof.flow.images import resize_array

_EDGE = 0.05
"""Share of the frame's range of disparity: a step that is taken for an edge."""
_RAMP = 0.02
"""The same share: a step between neighbours at which a place counts half."""
_REACH = 3
"""px of the disparity's grid on each side that a result may be made of: how wide and how wrong an edge may be."""
_SPACE_SIGMA = 1.5
"""px of the disparity's grid."""
_COLOUR_SIGMA = 0.05
"""display-encoded, per channel."""
_MOST_COST = 40.0
"""Of a difference of colour: where nothing nearby is alike, nearness decides."""
_SETTINGS = (_REACH, _SPACE_SIGMA, _COLOUR_SIGMA, _MOST_COST)


def upsample_guided(disparity: Tensor, rgb: Tensor) -> Tensor:
    """Return the disparity (B,1,H,W) at the size of its frame.

    disparity: (B,1,h,w); rgb: (B,3,H,W) display-encoded 0..1. Raises ShapeError.
    """
    if disparity.ndim != 4 or disparity.shape[1] != 1:
        raise ShapeError(f"disparity must be (B,1,h,w), got {tuple(disparity.shape)}")
    if rgb.ndim != 4 or rgb.shape[1] != 3 or rgb.shape[0] != disparity.shape[0]:
        raise ShapeError(f"rgb must be ({disparity.shape[0]},3,H,W), got {tuple(rgb.shape)}")
    if disparity.device.type == "cpu" and rgb.device.type == "cpu":
        full = torch.stack([_upsample_on_cpu(d[0], image)[None] for d, image in zip(disparity, rgb, strict=True)])
        return full.to(disparity.dtype)
    pairs = zip(disparity.split(1), rgb.split(1), strict=True)
    refined = torch.cat([_upsample_on_device(d.float(), image.float()) for d, image in pairs])
    return refined.to(disparity.dtype)


def _upsample_on_cpu(disparity: Tensor, rgb: Tensor) -> Tensor:
    """Return disparity (H,W) of disparity (h,w) and rgb (3,H,W), on the CPU."""
    from vdof.stabilise.upsample_numba import refine_edges as refine_compiled

    d = np.ascontiguousarray(disparity.detach().float().numpy())
    planes = rgb.detach().float().numpy()
    size = choose_size(d.shape, planes.shape[1:])
    result = resize_array(d, size).copy()
    is_edge, doubt = (edge[0, 0].numpy() for edge in find_edges(disparity.detach().float()[None, None]))
    if is_edge.any():
        fine = np.stack([resize_array(plane, size) for plane in planes])
        coarse = np.stack([resize_array(plane, d.shape) for plane in fine])
        refine_compiled(d, is_edge, doubt, coarse, fine, result, *_SETTINGS)
    return torch.from_numpy(resize_array(result, planes.shape[1:]))


def _upsample_on_device(disparity: Tensor, rgb: Tensor) -> Tensor:
    """The same in torch: disparity (1,1,h,w), rgb (1,3,H,W)."""
    size = choose_size(disparity.shape[-2:], rgb.shape[-2:])
    result = F.interpolate(disparity, size=size, mode="bilinear", align_corners=False)
    is_edge, doubt = find_edges(disparity)
    if is_edge.any():
        fine = F.interpolate(rgb, size=size, mode="area")
        coarse = F.interpolate(fine, size=disparity.shape[-2:], mode="area")
        refine_edges(disparity, is_edge, doubt, coarse, fine, result)
    return F.interpolate(result, size=rgb.shape[-2:], mode="bilinear", align_corners=False)


def choose_size(coarse: Sequence[int], full: Sequence[int]) -> tuple[int, int]:
    """Return the size at which edges are placed: half the frame's, but no less than the disparity's."""
    return max(coarse[0], full[0] // 2), max(coarse[1], full[1] // 2)


def refine_edges(
    disparity: Tensor, is_edge: Tensor, doubt: Tensor, coarse: Tensor, fine: Tensor, result: Tensor
) -> None:
    """Overwrite `result` (1,1,H,W) where `is_edge` (1,1,h,w) holds with the mean of disparity over like-coloured places.

    disparity: (1,1,h,w); doubt: (1,1,h,w) >= 0, cost of believing a place; coarse: (1,3,h,w), fine: (1,3,H,W), the frame
    at both sizes.
    """
    h, w = disparity.shape[-2:]
    height, width = result.shape[-2:]
    at_y = (torch.arange(height, device=result.device) + 0.5) * (h / height) - 0.5
    at_x = (torch.arange(width, device=result.device) + 0.5) * (w / width) - 0.5
    near_y, near_x = at_y.round().long(), at_x.round().long()
    is_chosen = is_edge[0, 0][near_y.clamp(0, h - 1)[:, None], near_x.clamp(0, w - 1)]
    place_y, place_x = torch.nonzero(is_chosen, as_tuple=True)
    reach = torch.arange(-_REACH, _REACH + 1, device=result.device)
    tap_y = (near_y[place_y][None] + reach[:, None]).clamp(0, h - 1)
    tap_x = (near_x[place_x][None] + reach[:, None]).clamp(0, w - 1)
    tap = (tap_y[:, None] * w + tap_x[None]).flatten(0, 1)
    far = ((tap_y - at_y[place_y]) ** 2)[:, None] + ((tap_x - at_x[place_x]) ** 2)[None]
    cost = far.flatten(0, 1) / (2 * _SPACE_SIGMA**2) + doubt.flatten()[tap]
    colour = torch.zeros_like(cost)
    for channel in range(3):
        colour += (coarse[0, channel].flatten()[tap] - fine[0, channel][place_y, place_x]) ** 2
    cost += (colour / (2 * _COLOUR_SIGMA**2)).clamp(max=_MOST_COST)
    weight = torch.softmax(-cost, dim=0)
    result[0, 0][place_y, place_x] = (weight * disparity.flatten()[tap]).sum(dim=0)


def find_edges(disparity: Tensor) -> tuple[Tensor, Tensor]:
    """Return (1,1,h,w) bool: within reach of a step between neighbours; and float: how far the place is on a ramp.

    Networks blur their edges: what lies on the ramp between near and far belongs to neither, and is believed little.
    """
    values = disparity.flatten()[:: max(1, disparity.numel() // 20000)]
    low, high = torch.quantile(values, torch.tensor([0.02, 0.98], device=values.device))
    step = F.max_pool2d(disparity, 3, stride=1, padding=1) + F.max_pool2d(-disparity, 3, stride=1, padding=1)
    step = step / (high - low).clamp_min(1e-9)
    is_near_edge = F.max_pool2d((step > _EDGE).float(), 2 * _REACH + 1, stride=1, padding=_REACH) > 0
    return is_near_edge, torch.log1p((step / _RAMP) ** 2)
