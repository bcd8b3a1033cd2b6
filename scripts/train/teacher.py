"""The teacher network: disparity and the features it passes between its stages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

TAPS = {
    "encode2": "/encoder/first_conv/first_conv.2/Relu_output_0",
    "encode4": "/encoder/stage1/features.3/Concat_output_0",
    "encode8a": "/encoder/stage2/features.7/Concat_output_0",
    "encode8b": "/encoder/stage2/features.11/Concat_output_0",
    "encode16": "/encoder/stage3/features.15/Concat_output_0",
    "decode8": "/decoder/decoder3/last_conv/last_conv.2/Relu_output_0",
    "decode4": "/decoder/decoder2/last_conv/last_conv.2/Relu_output_0",
    "decode2": "/decoder/decoder1/last_conv/last_conv.2/Relu_output_0",
    "disparity": "/decoder/relu/Relu_output_0",
}
"""Our tap -> the teacher's tensor of the same shape (after a ReLU, so never negative)."""

Features = dict[str, NDArray[np.float32]]


class Teacher:
    """TCMonoDepth's TCSmallNet under onnxruntime, with its inner tensors as extra outputs."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Open the model at `path`."""
        model = onnx.load(str(path))
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
        del model.graph.output[:]
        for name in TAPS.values():
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])

    def __call__(self, rgb: NDArray[np.uint8], taps: Sequence[str] = ("disparity",)) -> Features:
        """Return the features of `rgb` (B,H,W,3) at `taps`; sides multiples of 32 for the exact shapes."""
        pixels = np.ascontiguousarray(rgb.transpose(0, 3, 1, 2), dtype=np.float32)
        return dict(zip(taps, self._session.run([TAPS[name] for name in taps], {"input": pixels}), strict=True))
