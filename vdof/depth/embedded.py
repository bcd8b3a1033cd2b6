"""`depth=embedded`: relative disparity from the network in this package; no download."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vdof.depth.contract import Kind
from vdof.depth.detail import take_detail
from vdof.depth.network import MULTIPLE, DepthNet, fold_batch_norm
from vdof.depth.resize import working_size as fit_to_multiple
from vdof.errors import ModelError, ShapeError
from vdof.filters import resize

WEIGHTS = "embedded.npz"
GRAPH = "embedded_graph.onnx"
"""The network's operations for onnxruntime, without weights: those come from WEIGHTS for it and for torch alike."""

Infer = Callable[[Tensor], Tensor]
"""rgb (B,3,H,W), sides multiples of 16 -> disparity (B,1,H/2,W/2)."""


class EmbeddedEstimator:
    """The packaged network at fixed working sizes: onnxruntime on the CPU, where it is the faster, else torch.

    Values are what the network gives: never normalised by a frame's own range, so that depth does not breathe.
    """

    kind: Kind = "disparity_relative"

    def __init__(
        self, device: torch.device, long_side: int = 320, detail: float = 1, packed: bytes | None = None
    ) -> None:
        """Load the package's weights (or an .npz file's bytes, `packed`) onto `device`.

        The longer side of a frame becomes about `long_side` pixels before the network sees it, and `detail` times that when it
        looks once more, for the edges only (1: it does not).
        """
        if packed is None:
            packed = _read_packaged(WEIGHTS)
        self.weights_sha256 = hashlib.sha256(packed).hexdigest()
        self.long_side, self.detail = long_side, detail
        self._device = device
        weights = read_weights(packed)
        self._infer = open_in_onnxruntime(weights) if device.type == "cpu" else open_in_torch(weights, device)

    def describe(self) -> dict[str, Any]:
        """Return the name, the weights' hash and the working sizes."""
        sizes = {"long_side": self.long_side, "detail": self.detail}
        return {"name": "embedded", "weights_sha256": self.weights_sha256, **sizes}

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
        rgb = rgb.to(self._device, torch.float32)
        disparity = self._look(rgb, self.long_side)
        if self.detail > 1:
            disparity = take_detail(disparity, self._look(rgb, self.long_side * self.detail))
        return F.interpolate(disparity, scale_factor=2, mode="bilinear", align_corners=False)

    def _look(self, rgb: Tensor, long_side: float) -> Tensor:
        """Return disparity at half the size at which the network sees the frame."""
        return self._infer(resize(rgb, working_size(rgb.shape[2], rgb.shape[3], long_side)).clamp(0, 1))


def working_size(height: int, width: int, long_side: float) -> tuple[int, int]:
    """Return the network's (height, width) for a frame: its aspect, sides rounded to a multiple of 16, at least 32."""
    rows, columns = fit_to_multiple(height, width, long_side, MULTIPLE)
    return max(2 * MULTIPLE, rows), max(2 * MULTIPLE, columns)


def read_weights(packed: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of an .npz file's bytes. Raises ModelError when they are not this network's."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        weights = {name: arrays[name].astype(np.float32) for name in arrays.files}
    own = {name: tuple(value.shape) for name, value in fold_batch_norm(DepthNet().eval()).state_dict().items()}
    got = {name: value.shape for name, value in weights.items()}
    if own != got:
        wrong = sorted({name for name, _ in own.items() ^ got.items()})
        raise ModelError(f"{WEIGHTS}: got other tensors than the network has ({wrong[0]}, …), reinstall vdof")
    return weights


def open_in_onnxruntime(weights: dict[str, NDArray[np.float32]]) -> Infer:
    """Return the network as an onnxruntime session on the CPU."""
    options = onnxruntime.SessionOptions()
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
    options.add_external_initializers(list(weights), values)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # decoding and encoding need the cores too
    session = onnxruntime.InferenceSession(_read_packaged(GRAPH), options, ["CPUExecutionProvider"])
    return lambda rgb: torch.from_numpy(session.run(None, {"rgb": rgb.contiguous().numpy()})[0])


def open_in_torch(weights: dict[str, NDArray[np.float32]], device: torch.device) -> Infer:
    """Return the network as a torch module on `device`."""
    net: Any = fold_batch_norm(DepthNet().eval())  # torch's types lack Module.to(memory_format=)
    net.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    net.to(device).to(memory_format=torch.channels_last)
    return lambda rgb: net(rgb.contiguous(memory_format=torch.channels_last)).contiguous()


def _read_packaged(name: str) -> bytes:
    return resources.files("vdof.depth").joinpath("weights", name).read_bytes()
