"""Fetch a picture along the flow, and tell where the flow can be believed: the forward-backward check."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vdof.errors import ShapeError
from vdof.flow.images import import_cv2
from vdof.threads import run_rows

_ROWS = 64
"""rows a thread computes at a time."""


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Return the image fetched along the flow: `out(x, y) = image(x + u, y + v)`, bilinear, edges repeated.

    image: (B,C,h,w) of frame b; flow: (B,2,h,w) px from a to b. The result lies on the grid of a.
    """
    if flow.shape[1] != 2 or image.shape[-2:] != flow.shape[-2:] or image.shape[0] != flow.shape[0]:
        shapes = f"{tuple(image.shape)}, {tuple(flow.shape)}"
        raise ShapeError(f"warp needs image (B,C,h,w) and flow (B,2,h,w), got {shapes}")
    if image.device.type == "cpu" and image.shape[1] <= 4:
        pairs = zip(image, flow, strict=True)
        return torch.stack([_warp_on_cpu(one, its_flow) for one, its_flow in pairs])
    return _warp_on_device(image, flow)


def warp_array(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return image (h,w) or (h,w,C<=4) fetched at `target` (h,w,2): absolute px positions, bilinear, edges repeated."""
    cv2 = import_cv2()
    return cv2.remap(image, target, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def to_target(flow: np.ndarray) -> np.ndarray:
    """Return the absolute positions (h,w,2) px that flow (h,w,2) points at."""
    h, w = flow.shape[:2]
    target = flow.copy()
    target[..., 0] += np.arange(w, dtype=np.float32)
    target[..., 1] += np.arange(h, dtype=np.float32)[:, None]
    return target


def is_consistent(forward: Tensor, backward: Tensor) -> Tensor:
    """Return a bool mask (B,1,h,w) on frame a: the flow there and back again returns to where it began.

    forward: (B,2,h,w) px a to b; backward: (B,2,h,w) px b to a. Pixels that leave the frame are not consistent.
    `|f + b|^2 < 0.01 (|f|^2 + |b|^2) + 0.5`, Sundaram, Brox and Keutzer, ECCV 2010, eq. 5.
    """
    if forward.shape != backward.shape or forward.ndim != 4 or forward.shape[1] != 2:
        shapes = f"{tuple(forward.shape)}, {tuple(backward.shape)}"
        raise ShapeError(f"is_consistent needs two flows (B,2,h,w), got {shapes}")
    there, back = (flow.detach().cpu().permute(0, 2, 3, 1).contiguous().numpy() for flow in (forward, backward))
    masks = [is_consistent_array(f, b) for f, b in zip(there, back, strict=True)]
    return torch.from_numpy(np.stack(masks))[:, None].to(forward.device)


def is_consistent_array(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Return the mask (h,w) bool of `is_consistent` for two flows (h,w,2)."""
    return measure_gap(forward, backward) < 1


def measure_gap(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Return (h,w) float32: the squared gap of the way there and back over what the check allows; inf outside."""
    from vdof.flow.warp_numba import gap_rows

    there, back = (np.ascontiguousarray(flow, np.float32) for flow in (forward, backward))
    gap = np.empty(there.shape[:2], np.float32)
    run_rows(gap_rows, 0, len(gap), there, back, gap, step=_ROWS)
    return gap


def _warp_on_cpu(image: Tensor, flow: Tensor) -> Tensor:
    array = np.ascontiguousarray(image.detach().permute(1, 2, 0).float().numpy())
    target = to_target(np.ascontiguousarray(flow.detach().permute(1, 2, 0).float().numpy()))
    warped = warp_array(array, target).reshape(array.shape)
    return torch.from_numpy(warped).permute(2, 0, 1)


def _warp_on_device(image: Tensor, flow: Tensor) -> Tensor:
    from kornia.geometry.transform import remap

    h, w = image.shape[-2:]
    x = torch.arange(w, device=image.device, dtype=image.dtype) + flow[:, 0]
    y = torch.arange(h, device=image.device, dtype=image.dtype)[:, None] + flow[:, 1]
    return remap(image, x, y, padding_mode="border", align_corners=True)
