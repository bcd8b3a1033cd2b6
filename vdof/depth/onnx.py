"""Any ONNX depth model, with its scaling, sign and size multiple declared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vdof.depth.config import OnnxConfig
from vdof.depth.contract import Kind
from vdof.depth.resize import resize_to_multiple
from vdof.errors import BackendError, InputError, ModelError
from vdof.files import hash_file


class OnnxEstimator:
    """Disparity from an ONNX file through onnxruntime.

    Raises:
        InputError: the file is missing.
        ModelError: onnxruntime cannot load it, or its input or output is not an image and a map.
        BackendError: a CUDA device was asked for and this onnxruntime has no CUDA provider.
    """

    def __init__(self, config: OnnxConfig, device: torch.device) -> None:
        self._config = config
        path = Path(config.path)
        if not path.is_file():
            raise InputError(f"depth.path: no such file {path}; expected an ONNX model")
        self._session = _open_session(path, device)
        self._input = self._session.get_inputs()[0]
        if len(self._session.get_inputs()) != 1 or len(self._input.shape) != 4:
            shapes = [entry.shape for entry in self._session.get_inputs()]
            raise ModelError(f"depth.path: {path} takes inputs {shapes}, expected one image input (N,3,H,W)")
        self._sha256 = hash_file(path)
        self.kind: Kind = "disparity_metric" if config.metric else "disparity_relative"

    def describe(self) -> dict[str, Any]:
        return {"estimator": "onnx", "file": Path(self._config.path).name, "sha256": self._sha256, **vars(self._config)}

    def estimate(self, rgb: Tensor, indices: Sequence[int]) -> Tensor:
        """See `DepthEstimator.estimate`."""
        config = self._config
        image = resize_to_multiple(rgb, config.long_side, config.multiple, self._fixed_size())
        mean = torch.tensor(config.mean).view(1, 3, 1, 1)
        std = torch.tensor(config.std).view(1, 3, 1, 1)
        image = ((image.cpu() * config.scale - mean) / std).contiguous()
        maps = [self._run(image[i : i + 1]) for i in range(image.shape[0])]
        value = torch.cat(maps).to(rgb.device)
        if not bool(torch.isfinite(value).all()):
            raise ModelError(
                f"depth.path: {config.path} gave NaN or infinity at frame {indices[0]}; check scale, mean, std"
            )
        return 1.0 / value.clamp(min=1e-3) if config.output == "depth" else value

    def _fixed_size(self) -> tuple[int, int] | None:
        height, width = self._input.shape[2:]
        return (height, width) if isinstance(height, int) and isinstance(width, int) else None

    def _run(self, image: Tensor) -> Tensor:
        try:
            output = torch.from_numpy(self._session.run(None, {self._input.name: image.numpy()})[0]).float()
        except Exception as error:  # onnxruntime raises its own untyped classes
            line = str(error).splitlines()[0]
            raise ModelError(f"depth.path: {self._config.path} failed on {tuple(image.shape)}: {line}") from error
        shape = tuple(output.shape)
        if output.numel() != shape[-1] * shape[-2]:
            raise ModelError(f"depth.path: {self._config.path} gave {shape}, expected one map (1,1,h,w) or (1,h,w)")
        return output.reshape(1, 1, shape[-2], shape[-1])


def _open_session(path: Path, device: torch.device) -> Any:
    import onnxruntime

    wanted = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    if wanted not in onnxruntime.get_available_providers():
        raise BackendError(
            f"depth=onnx on {device}: this onnxruntime has no {wanted}; install onnxruntime-gpu or use device=cpu"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[wanted])
    except Exception as error:  # onnxruntime raises its own untyped classes
        raise ModelError(
            f"depth.path: {path} is not a model onnxruntime can load: {str(error).splitlines()[0]}"
        ) from error
