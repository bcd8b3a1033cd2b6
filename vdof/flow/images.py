"""Frames and flow fields as flow methods take them: sizes and grey levels."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from vdof.errors import BackendError, ShapeError


def check_frames(a: Tensor, b: Tensor) -> None:
    """Raise ShapeError unless a and b are two frames (1,C,h,w) of one shape."""
    if a.shape != b.shape or a.ndim != 4 or a.shape[0] != 1:
        raise ShapeError(f"flow needs two frames (1,C,h,w) of one shape, got {tuple(a.shape)} and {tuple(b.shape)}")


def to_grey(rgb: Tensor) -> np.ndarray:
    """Return luma (h,w) uint8 of one frame (1,3,h,w) or (1,1,h,w) in 0..1 (values outside are clipped)."""
    planes = rgb.detach().to("cpu", torch.float32)[0].numpy()
    luma = planes[0] if len(planes) == 1 else 0.299 * planes[0] + 0.587 * planes[1] + 0.114 * planes[2]
    return np.clip(luma * 255 + 0.5, 0, 255).astype(np.uint8)


def resize_array(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return image (h,w) or (h,w,C) resampled to `size` (height, width): area when shrinking, else bilinear."""
    if image.shape[:2] == size:
        return image
    cv2 = import_cv2()
    shrinks = size[0] < image.shape[0] or size[1] < image.shape[1]
    return cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def resize_flow(flow: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return flow (h,w,2) resampled to `size` (height, width) with its vectors scaled to the new pixels."""
    h, w = flow.shape[:2]
    if (h, w) == size:
        return flow
    resized = resize_array(flow, size)
    across, down = np.float32(size[1] / w), np.float32(size[0] / h)
    resized *= across if across == down else np.array([across, down])
    return resized


def import_cv2() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise BackendError("optical flow needs OpenCV: pip install opencv-python") from error
    return cv2
