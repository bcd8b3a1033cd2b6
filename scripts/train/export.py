"""Write a trained network in the two files that the package carries."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from vdof.depth.network import DepthNet


def write_weights(net: DepthNet, path: Path) -> None:
    """Write the tensors of `net` (batch norms folded): convolutions as half floats, biases as floats."""
    arrays = {
        name: value.numpy().astype(np.float16 if value.ndim == 4 else np.float32)
        for name, value in net.state_dict().items()
    }
    np.savez_compressed(path, **arrays)


def write_graph(net: DepthNet, path: Path) -> None:
    """Write the operations of `net` as ONNX whose initialisers have names and shapes but no values."""
    file: Any = io.BytesIO()  # torch's types ask for a path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _WithoutTaps(net),
            (torch.zeros(1, 3, 64, 96),),
            file,
            input_names=["rgb"],
            output_names=["disparity"],
            dynamic_axes={"rgb": {0: "batch", 2: "height", 3: "width"}},
            opset_version=17,
            do_constant_folding=False,
            dynamo=False,
        )
    model = onnx.load_from_string(file.getvalue())
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="embedded.npz")
        tensor.name = tensor.name.removeprefix("net.")
    for node in model.graph.node:
        node.input[:] = [name.removeprefix("net.") for name in node.input]
    path.write_bytes(model.SerializeToString())


class _WithoutTaps(nn.Module):
    def __init__(self, net: DepthNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, rgb: Tensor) -> Tensor:
        return self.net(rgb, at_tap=lambda name, feature: feature)
