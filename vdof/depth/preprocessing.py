"""What a transformers model wants to see, read from the files beside its weights and done in torch.

Its own image processors are not used: several need torchvision.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.depth.resize import IMAGENET_MEAN, IMAGENET_STD, working_size
from vdof.errors import ConfigError, ModelError

_IMAGENET = (IMAGENET_MEAN, IMAGENET_STD)
_HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_NONE = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Size and scaling of a network's input."""

    height: int
    """px; with `width` 0, the shorter side; with both 0, the frame's own size."""
    width: int
    multiple: int
    """Both sides are rounded to a multiple of this."""
    keeps_aspect: bool
    """False: every frame is squeezed into height x width."""
    mean: tuple[float, float, float]
    """Input = (rgb_0_to_1 - mean) / std."""
    std: tuple[float, float, float]

    def choose_size(self, height: int, width: int, long_side: int | None) -> tuple[int, int]:
        """The network's (height, width) for a frame. Raises ConfigError: `long_side` for a network of one size."""
        if long_side is not None:
            if not self.keeps_aspect:
                size = f"{self.width}x{self.height}"
                raise ConfigError(f"depth.long_side: this model sees {size} only; leave depth.long_side out")
            return working_size(height, width, long_side, self.multiple)
        if not self.keeps_aspect:
            return self.height, self.width
        return self._round(height, self._ratio(height, width)), self._round(width, self._ratio(height, width))

    def apply(self, rgb: Tensor, long_side: int | None) -> Tensor:
        """Display-encoded `rgb` (B,3,H,W) in 0..1 -> the network's input (B,3,h,w)."""
        size = self.choose_size(rgb.shape[-2], rgb.shape[-1], long_side)
        if tuple(rgb.shape[-2:]) != size:
            rgb = F.interpolate(rgb, size=size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
        mean, std = (torch.tensor(values, device=rgb.device).view(1, 3, 1, 1) for values in (self.mean, self.std))
        return (rgb - mean) / std

    def _ratio(self, height: int, width: int) -> float:
        if not self.height:
            return 1.0
        if not self.width:
            return self.height / min(height, width)
        ratios = self.height / height, self.width / width
        return min(ratios, key=lambda ratio: abs(1 - ratio))  # as little change as possible, as the DPT models do

    def _round(self, side: int, ratio: float) -> int:
        return max(self.multiple, round(side * ratio / self.multiple) * self.multiple)


def read_preprocessing(folder: Path, model: Mapping[str, Any]) -> Preprocessing:
    """What the model in `folder` wants; `model` is its config.json.

    From preprocessor_config.json where there is one, else what the kind of model was made for. Raises ModelError.
    """
    path = folder / "preprocessor_config.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return _parse_preprocessing(stored, model)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"depth.model: {path} cannot be used: {error!r}; get the model's files again") from error


def _parse_preprocessing(stored: Mapping[str, Any], model: Mapping[str, Any]) -> Preprocessing:
    kind = model["model_type"]
    mean, std = _find_scaling(stored, kind)
    if kind == "depth_pro":
        side = round(model["patch_size"] / min(model["scaled_images_ratios"]))
        return Preprocessing(side, side, 1, False, mean, std)
    if "size_divisor" in stored or kind == "glpn":
        return Preprocessing(0, 0, stored.get("size_divisor", 32), True, mean, std)
    size = stored.get("size", model.get("image_size") or _backbone(model).get("image_size", 518))
    multiple = stored.get("ensure_multiple_of") or model.get("patch_size") or _backbone(model).get("patch_size", 32)
    if isinstance(size, int):
        return Preprocessing(size, size, multiple, True, mean, std)
    if "shortest_edge" in size:
        return Preprocessing(size["shortest_edge"], 0, multiple, True, mean, std)
    keeps_aspect = bool(stored.get("keep_aspect_ratio", False))
    return Preprocessing(size["height"], size["width"], multiple, keeps_aspect, mean, std)


def _find_scaling(stored: Mapping[str, Any], kind: str) -> tuple[Any, Any]:
    if kind == "glpn" or stored.get("do_normalize") is False:
        return _NONE
    mean, std = _HALF if kind in ("depth_pro", "dpt", "zoedepth") else _IMAGENET
    return tuple(stored.get("image_mean", mean)), tuple(stored.get("image_std", std))


def _backbone(model: Mapping[str, Any]) -> Mapping[str, Any]:
    return model.get("backbone_config") or {}
