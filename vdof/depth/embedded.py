"""`depth=embedded`: relative disparity from the network in this package; no download."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vdof.depth.network import MULTIPLE, DepthNet
from vdof.errors import ModelError, ShapeError

WEIGHTS = "embedded.npz"


class EmbeddedEstimator:
    """The packaged network at a fixed working size.

    Values are what the network gives: never normalised by a frame's own range, so that depth does not breathe.
    """

    kind = "disparity_relative"

    def __init__(self, device: torch.device, long_side: int = 320, packed: bytes | None = None) -> None:
        """Load the package's weights (or an .npz file's bytes, `packed`) onto `device`.

        The longer side of a frame becomes about `long_side` pixels before the network sees it.
        """
        if packed is None:
            packed = resources.files("vdof.depth").joinpath("weights", WEIGHTS).read_bytes()
        self.weights_sha256 = hashlib.sha256(packed).hexdigest()
        self.long_side = long_side
        self._device = device
        self._net = _fuse_batch_norm(load_network(packed)).to(device).to(memory_format=torch.channels_last)

    def describe(self) -> dict[str, Any]:
        """Return the name, the weights' hash and the working size."""
        return {"name": "embedded", "weights_sha256": self.weights_sha256, "long_side": self.long_side}

    def estimate(self, rgb: Tensor, indices: Sequence[int]) -> Tensor:
        """Return the disparity of `rgb`; where the frames stand in the clip (`indices`) does not matter."""
        return self(rgb)

    @torch.inference_mode()
    def __call__(self, rgb: Tensor) -> Tensor:
        """Return disparity (B,1,h,w), larger is nearer, of display-encoded `rgb` (B,3,H,W) in 0..1.

        h and w keep the frame's aspect to within half a multiple of 16. Raises ShapeError.
        """
        if rgb.ndim != 4 or rgb.shape[1] != 3 or 0 in rgb.shape:
            raise ShapeError(f"rgb must be (B,3,H,W) and not empty, got {tuple(rgb.shape)}")
        height, width = working_size(rgb.shape[2], rgb.shape[3], self.long_side)
        seen = _resize(rgb.to(self._device, torch.float32).clamp(0, 1), height, width)
        half = self._net(seen.contiguous(memory_format=torch.channels_last))
        return F.interpolate(half, scale_factor=2, mode="bilinear", align_corners=False).contiguous()


def working_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return the network's (height, width) for a frame: its aspect, sides rounded to a multiple of 16, at least 32."""
    scale = long_side / max(height, width)
    return _round_to_multiple(height * scale), _round_to_multiple(width * scale)


def load_network(packed: bytes) -> DepthNet:
    """Return the network with the weights of an .npz file's bytes. Raises ModelError when they do not fit."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        state = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}
    net = DepthNet()
    own = {name for name in net.state_dict() if not name.endswith("num_batches_tracked")}
    if own != state.keys():
        wrong = sorted(own ^ state.keys())
        raise ModelError(f"{WEIGHTS}: got other tensors than the network has ({wrong[0]}, …), reinstall vdof")
    net.load_state_dict(state, strict=False)
    return net.eval()


def _resize(rgb: Tensor, height: int, width: int) -> Tensor:
    if rgb.shape[2] >= height and rgb.shape[3] >= width:
        return F.interpolate(rgb, size=(height, width), mode="area")
    return F.interpolate(rgb, size=(height, width), mode="bilinear", align_corners=False)


def _round_to_multiple(side: float) -> int:
    return max(2 * MULTIPLE, round(side / MULTIPLE) * MULTIPLE)


def _fuse_batch_norm(net: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it: the same result, less work."""
    for module in net.modules():
        if isinstance(module, nn.Sequential):
            for index, (first, second) in enumerate(zip(module, list(module)[1:], strict=False)):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[index], module[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return net
