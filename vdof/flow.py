"""Optical flow between two frames, warping along it, and the forward-backward check.

Flow is `(B,2,h,w)` pixels, x then y: the pixel `(x, y)` of frame a lies at `(x + u, y + v)` in frame b.
OpenCV is imported when flow is first asked for, so the rest of the package runs without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vdof.errors import BackendError, ConfigError, ShapeError

_METHODS = ("dis", "raft")
_NETWORKS = ("large", "small")
_PRESETS = ("ultrafast", "fast", "medium")
_SMALLEST_SIDE = 24
"""px: DIS needs a few patches of 8 px on its coarsest level; smaller frames are enlarged first."""


@dataclass
class FlowConfig:
    """How optical flow is found."""

    method: str = "dis"
    """`dis`: OpenCV's Dense Inverse Search (Kroeger et al. 2016). `raft`: torchvision's RAFT, on a CUDA device."""
    preset: str = "medium"
    """dis: ultrafast, fast or medium; 640x360 takes about 3, 6 and 18 ms on two cores."""
    long_side: int = 512
    """px: dis: larger frames are reduced to this for the search; flow comes back at the frame's own size."""
    network: str = "large"
    """raft: large or small."""
    weights: str | None = None
    """raft: torchvision's weights file; null: where torchvision itself keeps it. Never downloaded."""

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ConfigError(f"flow.method must be one of {', '.join(_METHODS)}, got {self.method!r}")
        if self.preset not in _PRESETS:
            raise ConfigError(f"flow.preset must be one of {', '.join(_PRESETS)}, got {self.preset!r}")
        if self.long_side < 64:
            raise ConfigError(f"flow.long_side must be >= 64 px, got {self.long_side}")
        if self.network not in _NETWORKS:
            raise ConfigError(f"flow.network must be one of {', '.join(_NETWORKS)}, got {self.network!r}")


class Flow(Protocol):
    """A method of finding flow. One object serves one thread."""

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the flow (1,2,h,w) px from a to b, (1,3,h,w) display-encoded 0..1 or (1,1,h,w) grey."""
        ...

    def between_grey(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the flow (h,w,2) px float32 from a to b, both (h,w) uint8."""
        ...


def open_flow(config: FlowConfig | None = None) -> Flow:
    """The method that `config` names. Raises BackendError or ModelError where it cannot work here."""
    config = config or FlowConfig()
    if config.method == "raft":
        from vdof.raft import RaftFlow

        return RaftFlow(config)
    return DisFlow(config)


class DisFlow:
    """Dense flow by OpenCV's DIS. Holds the solver, so one object serves one thread."""

    def __init__(self, config: FlowConfig | None = None) -> None:
        cv2 = _import_cv2()
        self.config = config or FlowConfig()
        self._solver = cv2.DISOpticalFlow_create(_PRESETS.index(self.config.preset))

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the flow (1,2,h,w) px from a to b.

        a, b: (1,3,h,w) display-encoded RGB 0..1, or (1,1,h,w) grey 0..1, of one size.
        """
        check_frames(a, b)
        flow = self.between_grey(to_grey(a), to_grey(b))
        return torch.from_numpy(flow).permute(2, 0, 1)[None].to(a.device)

    def between_grey(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the flow (h,w,2) px float32 from a to b, both (h,w) uint8."""
        h, w = a.shape
        scale = max(min(1.0, self.config.long_side / max(h, w)), _SMALLEST_SIDE / min(h, w))
        if scale == 1.0:
            return self._solver.calc(a, b, None)
        size = (round(h * scale), round(w * scale))
        flow = self._solver.calc(resize_array(a, size), resize_array(b, size), None)
        return resize_flow(flow, (h, w))


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
    cv2 = _import_cv2()
    shrinks = size[0] < image.shape[0] or size[1] < image.shape[1]
    return cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def resize_flow(flow: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return flow (h,w,2) resampled to `size` (height, width) with its vectors scaled to the new pixels."""
    h, w = flow.shape[:2]
    if (h, w) == size:
        return flow
    return resize_array(flow, size) * np.array([size[1] / w, size[0] / h], np.float32)


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
    cv2 = _import_cv2()
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
    target = to_target(forward)
    returned = warp_array(backward, target)
    h, w = forward.shape[:2]
    x, y = target[..., 0], target[..., 1]
    is_inside = (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)
    allowed = 0.01 * (_square(forward) + _square(returned)) + 0.5
    return np.where(is_inside, _square(forward + returned) / allowed, np.float32(np.inf))


def _square(vectors: np.ndarray) -> np.ndarray:
    return vectors[..., 0] ** 2 + vectors[..., 1] ** 2


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


def _import_cv2() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise BackendError("optical flow needs OpenCV: pip install opencv-python") from error
    return cv2
