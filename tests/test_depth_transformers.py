"""depth=transformers with tiny random models, saved and read back offline."""

import json
import math
import sys

import pytest
import torch

from vdof.depth import TransformersConfig, estimate_stream, open_estimator
from vdof.depth.preprocessing import read_preprocessing
from vdof.depth.resize import fit_to_frame
from vdof.depth.transformers import TransformersEstimator, find_model
from vdof.errors import BackendError, ConfigError, ModelError
from vdof.shots import AnalysisFrame

CPU = torch.device("cpu")
DPT_PROCESSOR = {
    "size": {"height": 70, "width": 70}, "keep_aspect_ratio": True, "ensure_multiple_of": 14, "do_normalize": True,
    "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3],
}  # fmt: skip


def save(model, folder, processor=None):
    model.save_pretrained(folder)
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def make_depth_anything(folder, *, metric):
    t = pytest.importorskip("transformers")
    backbone = t.Dinov2Config(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=70, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = t.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=32, neck_hidden_sizes=[8, 8, 16, 16], fusion_hidden_size=8,
        head_hidden_size=8, depth_estimation_type="metric" if metric else "relative", max_depth=20 if metric else 1,
    )  # fmt: skip
    torch.manual_seed(0)
    return save(t.DepthAnythingForDepthEstimation(config), folder, DPT_PROCESSOR)


def make_dpt(folder):
    t = pytest.importorskip("transformers")
    config = t.DPTConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=64, image_size=64, patch_size=16,
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 16, 16], fusion_hidden_size=8, is_hybrid=False,
    )  # fmt: skip
    torch.manual_seed(0)
    return save(t.DPTForDepthEstimation(config), folder, {"size": {"height": 64, "width": 64}})


def make_depth_pro(folder, fov_deg=55.0):
    t = pytest.importorskip("transformers")
    part = {
        "model_type": "dinov2", "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "mlp_ratio": 2,
        "patch_size": 4, "image_size": 16,
    }  # fmt: skip
    config = t.DepthProConfig(
        patch_size=16, fusion_hidden_size=16, intermediate_hook_ids=[1, 0], intermediate_feature_dims=[8, 8],
        scaled_images_ratios=[0.25, 0.5, 1.0], scaled_images_overlap_ratios=[0.0, 0.5, 0.25],
        scaled_images_feature_dims=[16, 16, 8], merge_padding_value=1, use_fov_model=True, num_fov_head_layers=2,
        image_model_config=dict(part), patch_model_config=dict(part), fov_model_config=dict(part),
    )  # fmt: skip
    torch.manual_seed(0)
    model = t.DepthProForDepthEstimation(config)
    biases = [
        value for name, value in model.named_parameters() if name.startswith("fov_model") and name.endswith("bias")
    ]
    torch.nn.init.constant_(biases[-1], fov_deg)  # a random network knows no angles
    return save(model, folder)


def open_model(folder, **values):
    return TransformersEstimator(TransformersConfig(model=str(folder), **values), CPU)


def draw_frames(count, height=90, width=160):
    generator = torch.Generator().manual_seed(1)
    return [AnalysisFrame(i, i, torch.rand(1, 3, height, width, generator=generator)) for i in range(count)]


def test_relative_model_gives_what_the_model_gives(tmp_path):
    folder = make_depth_anything(tmp_path, metric=False)
    estimator = open_model(folder)
    assert estimator.kind == "disparity_relative"
    frames = list(estimate_stream(estimator, draw_frames(2), CPU))
    assert [frame.index for frame in frames] == [0, 1]
    assert frames[0].disparity.shape == (1, 1, 70, 126)
    assert frames[0].fov_deg is None
    model = sys.modules["transformers"].AutoModelForDepthEstimation.from_pretrained(folder).eval()
    seen = torch.nn.functional.interpolate(frames[0].rgb, size=(70, 126), mode="bicubic", antialias=True).clamp(0, 1)
    seen = (seen - torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) / torch.tensor([0.2, 0.25, 0.3]).view(3, 1, 1)
    with torch.inference_mode():
        expected = model(pixel_values=seen).predicted_depth
    torch.testing.assert_close(frames[0].disparity[0], expected)


def test_metric_model_gives_one_over_metres(tmp_path):
    folder = make_depth_anything(tmp_path, metric=True)
    estimator = open_model(folder)
    assert estimator.kind == "disparity_metric"
    (frame,) = estimate_stream(estimator, draw_frames(1), CPU)
    forced = open_model(folder, output="disparity", metric=False)
    assert forced.kind == "disparity_relative"
    (raw,) = estimate_stream(forced, draw_frames(1), CPU)
    torch.testing.assert_close(frame.disparity, 1 / raw.disparity.clamp(min=0.05))


def test_dpt_squeezes_the_frame_and_gives_it_back(tmp_path):
    (frame,) = open_model(make_dpt(tmp_path)).estimate_stream(draw_frames(1))
    assert frame.disparity.shape == (1, 1, 90, 160)


def test_depth_pro_measures_the_field_of_view(tmp_path):
    estimator = open_model(make_depth_pro(tmp_path))
    assert estimator.kind == "disparity_metric"
    (frame,) = estimator.estimate_stream(draw_frames(1))
    assert frame.disparity.shape == (1, 1, 90, 160)
    rgb = draw_frames(1)[0].rgb
    seen = torch.nn.functional.interpolate(rgb, size=(64, 64), mode="bicubic", antialias=True).clamp(0, 1)
    with torch.inference_mode():
        output = estimator._model(pixel_values=(seen - 0.5) / 0.5)
    assert frame.fov_deg == pytest.approx(output.field_of_view.item(), rel=1e-4)
    gain = 2 * math.tan(math.radians(frame.fov_deg) / 2)
    expected = fit_to_frame(output.predicted_depth[None].clamp(1e-4, 1e4) * gain, 90, 160)
    torch.testing.assert_close(frame.disparity, expected)


def test_an_impossible_field_of_view_is_refused(tmp_path):
    with pytest.raises(ModelError, match="gave a field of view of -9"):
        list(open_model(make_depth_pro(tmp_path, fov_deg=-90.0)).estimate_stream(draw_frames(1)))


def test_batch_equals_loop(tmp_path):
    estimator = open_model(make_depth_anything(tmp_path, metric=False))
    rgb = torch.cat([frame.rgb for frame in draw_frames(3)])
    together, _ = estimator.infer(rgb)
    one_by_one = torch.cat([estimator.infer(frame[None])[0] for frame in rgb])
    torch.testing.assert_close(together, one_by_one, rtol=1e-4, atol=1e-5)


def test_description_changes_with_the_weights(tmp_path):
    (tmp_path / "a").mkdir()
    described = open_model(make_depth_anything(tmp_path / "a", metric=False)).describe()
    assert len(described["weights_sha256"]) == 64
    other = open_model(make_depth_anything(tmp_path / "b", metric=True)).describe()
    assert described["weights_sha256"] != other["weights_sha256"]
    assert described["model_type"] == "depth_anything"


def test_working_size_can_be_chosen(tmp_path):
    folder = make_depth_anything(tmp_path / "da", metric=False)
    (frame,) = open_model(folder, long_side=112).estimate_stream(draw_frames(1))
    assert frame.disparity.shape == (1, 1, 56, 112)
    pro = open_model(make_depth_pro(tmp_path / "pro"), long_side=112)
    with pytest.raises(ConfigError, match="this model sees 64x64 only"):
        list(pro.estimate_stream(draw_frames(1)))


def test_missing_weights_say_what_to_do_at_once(tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"nobody/none is not on this machine; say depth.download=true, or run: hf"):
        find_model(TransformersConfig(model="nobody/none"))
    with pytest.raises(ModelError, match="holds no config.json"):
        find_model(TransformersConfig(model=str(tmp_path)))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"holds no \*.safetensors"):
        find_model(TransformersConfig(model=str(tmp_path)))


def test_a_model_that_is_none_is_refused(tmp_path):
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="what a bert gives is not known; say depth.output="):
        open_model(tmp_path)
    with pytest.raises(ModelError, match="cannot be loaded as a depth model"):
        list(open_model(tmp_path, output="depth", metric=True).estimate_stream(draw_frames(1)))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="is not a depth model's"):
        open_model(tmp_path)


def test_a_run_that_needs_no_depth_loads_no_network(tmp_path, monkeypatch):
    folder = make_depth_anything(tmp_path, metric=False)
    monkeypatch.setattr(sys.modules["transformers"], "AutoModelForDepthEstimation", None)
    assert open_model(folder).describe()["model_type"] == "depth_anything"


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BackendError, match=r"pip install 'vdof\[transformers\]'"):
        open_estimator(TransformersConfig(), CPU)


@pytest.mark.parametrize(
    ("stored", "model", "frame", "expected"),
    [
        (
            DPT_PROCESSOR | {"size": {"height": 518, "width": 518}},
            {"model_type": "depth_anything"},
            (360, 640),
            (294, 518),
        ),
        ({"size": {"height": 384, "width": 384}}, {"model_type": "dpt"}, (360, 640), (384, 384)),
        ({"size": {"shortest_edge": 384}}, {"model_type": "x", "patch_size": 16}, (360, 640), (384, 688)),
        ({"size_divisor": 32, "do_normalize": False}, {"model_type": "glpn"}, (360, 640), (352, 640)),
        ({}, {"model_type": "x", "image_size": 280, "patch_size": 14}, (360, 640), (280, 504)),
        ({}, {"model_type": "depth_pro", "patch_size": 384, "scaled_images_ratios": [0.25, 1]}, (9, 16), (1536, 1536)),
    ],
)
def test_size_is_as_the_models_own_preprocessor_says(tmp_path, stored, model, frame, expected):
    if stored:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(stored))
    preprocessing = read_preprocessing(tmp_path, model)
    assert preprocessing.choose_size(*frame, long_side=None) == expected
    if stored.get("do_normalize") is False:
        assert preprocessing.mean == (0, 0, 0)


def test_a_broken_preprocessor_is_refused(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text('{"size": {"depth": 3}}')
    with pytest.raises(ModelError, match=r"preprocessor_config.json cannot be used"):
        read_preprocessing(tmp_path, {"model_type": "dpt"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"long_side": 8}, "depth.long_side: got 8"),
        ({"output": "metres"}, "depth.output: got 'metres'"),
        ({"output": "depth"}, "depth.output, depth.metric: give both or neither"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        TransformersConfig(**values)


def test_a_folder_that_is_not_there_is_no_name() -> None:
    with pytest.raises(ModelError, match=r"depth.model: no such folder /nowhere/model; give a local folder"):
        find_model(TransformersConfig(model="/nowhere/model"))
