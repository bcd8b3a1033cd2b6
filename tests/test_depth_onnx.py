import onnx
import pytest
import torch
from onnx import TensorProto, helper

from vdof.depth import OnnxConfig
from vdof.depth.onnx import OnnxEstimator
from vdof.errors import ConfigError, InputError, ModelError

CPU = torch.device("cpu")


@pytest.fixture
def model(tmp_path):
    """A 'network' whose output is the mean of the channels of what it is given."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])
    output = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 1, "h", "w"])
    node = helper.make_node("ReduceMean", ["image"], ["out"], axes=[1], keepdims=1)
    graph = helper.make_graph([node], "mean", [image], [output])
    path = tmp_path / "mean.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    return path


def estimate(model, rgb, **values):
    return OnnxEstimator(OnnxConfig(path=str(model), **values), CPU).estimate(rgb, [0] * rgb.shape[0])


def test_scaling_mean_and_std_are_applied(model):
    rgb = torch.full((2, 3, 90, 160), 0.5)
    rgb[1] = 0.25
    value = estimate(model, rgb, long_side=160, scale=255, mean=[27.5] * 3, std=[2.0] * 3)
    assert value.shape == (2, 1, 96, 160)
    assert value[0].mean() == pytest.approx(50.0)
    assert value[1].mean() == pytest.approx(18.125)


def test_sides_are_multiples_and_aspect_is_near(model):
    assert estimate(model, torch.rand(1, 3, 480, 854), long_side=384, multiple=32).shape[-2:] == (224, 384)
    assert estimate(model, torch.rand(1, 3, 101, 57), long_side=128, multiple=14).shape[-2:] == (126, 70)


def test_depth_output_is_inverted(model):
    assert estimate(
        model, torch.full((1, 3, 64, 64), 0.5), scale=8, output="depth", metric=True
    ).mean() == pytest.approx(0.25)


def test_description_holds_the_weights_hash(model):
    described = OnnxEstimator(OnnxConfig(path=str(model)), CPU).describe()
    assert len(described["sha256"]) == 64


def test_nan_missing_and_broken_models_are_refused(model, tmp_path):
    with pytest.raises(ModelError, match="NaN or infinity"):
        estimate(model, torch.full((1, 3, 64, 64), float("nan")))
    with pytest.raises(InputError, match="no such file"):
        estimate(tmp_path / "none.onnx", torch.zeros(1, 3, 64, 64))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not a model onnxruntime can load"):
        estimate(broken, torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"long_side": 8}, "depth.long_side: got 8"),
        ({"multiple": 0}, "depth.multiple: got 0"),
        ({"std": [0.0, 1.0, 1.0]}, "depth.mean, depth.std"),
        ({"output": "metres"}, "depth.output: got 'metres'"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        OnnxConfig(**values)
