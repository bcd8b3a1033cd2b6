"""depth=video_depth_anything against a small checkout made here, with the real one's names."""

import gc
import sys

import pytest
import torch

from vdof.depth import VideoDepthAnythingConfig, estimate_stream, open_estimator
from vdof.depth.video_depth_anything import WINDOW, choose_size, join_windows
from vdof.errors import BackendError, ConfigError, InputError, ModelError
from vdof.shots import AnalysisFrame

CPU = torch.device("cpu")
NETWORK = """
import torch
from utils.util import brightness

class VideoDepthAnything(torch.nn.Module):
    windows = 0

    def __init__(self, encoder="vitl", features=256, out_channels=(), metric=False):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(features))
        self.metric = metric

    def forward(self, x):
        assert x.shape[:3] == (1, 32, 3) and x.shape[3] % 14 == x.shape[4] % 14 == 0
        VideoDepthAnything.windows += 1
        level = 1 + 0.2 * VideoDepthAnything.windows  # every window has a scale and shift of its own
        depth = brightness(x) * self.gain[0]
        return depth if self.metric else depth * level + level
"""


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "Video-Depth-Anything"
    for name in ("video_depth_anything", "utils"):
        (folder / name).mkdir(parents=True)
    (folder / "video_depth_anything" / "video_depth.py").write_text(NETWORK)
    (folder / "utils" / "util.py").write_text("def brightness(x):\n    return x.mean(2)\n")
    torch.save({"gain": torch.ones(64)}, folder / "vits.pth")
    return folder


def open_checkout(folder, **values):
    values = {"repository": str(folder), "weights": str(folder / "vits.pth"), "short_side": 112} | values
    return open_estimator(VideoDepthAnythingConfig(**values), CPU)


def draw_frames(count):
    ramp = torch.linspace(0, 0.4, 160).expand(1, 3, 90, 160)
    for index in range(count):
        yield AnalysisFrame(index, index, ramp + 0.004 * index)


@pytest.mark.parametrize("count", [1, 7, 32, 33, 55])
def test_every_frame_comes_once_and_windows_are_level(checkout, count):
    frames = list(estimate_stream(open_checkout(checkout), draw_frames(count), CPU))
    assert [frame.index for frame in frames] == list(range(count))
    means = torch.stack([frame.disparity.mean() for frame in frames])
    assert frames[0].disparity.shape == (1, 1, 90, 160)
    steps = means.diff()
    if count > 1:
        torch.testing.assert_close(steps, steps[:1].expand_as(steps), rtol=0.02, atol=0)


def test_metric_windows_are_not_fitted(checkout):
    frames = list(open_checkout(checkout, metric=True).estimate_stream(draw_frames(60)))
    assert open_checkout(checkout, metric=True).kind == "disparity_metric"
    assert all((frame.disparity > 0).all() and (frame.disparity < 20.01).all() for frame in frames)


def test_windows_of_another_level_are_joined():
    first = torch.rand(WINDOW, 1, 14, 28, generator=torch.Generator().manual_seed(0))
    seen = first[:10]
    joined = join_windows(seen, 3 * first - 2, is_metric=False)
    torch.testing.assert_close(joined, first, rtol=1e-3, atol=1e-4)
    faded = join_windows(seen, first + 1, is_metric=True)
    torch.testing.assert_close(faded[10:], first[10:] + 1)
    assert (faded[2:10] - first[2:10]).mean(dim=(1, 2, 3)).tolist() == pytest.approx([n / 9 for n in range(1, 9)])


def test_one_window_of_frames_is_alive(checkout):
    most = 0
    for frame in open_checkout(checkout).estimate_stream(draw_frames(100)):
        if frame.index % 16 == 8:
            most = max(most, sum(type(thing) is AnalysisFrame for thing in gc.get_objects()))
    assert 0 < most <= WINDOW + 3


def test_size_keeps_the_aspect():
    assert choose_size(360, 640, 518) == (518, 924)
    assert choose_size(640, 360, 518) == (924, 518)
    assert choose_size(270, 640, 518) == (392, 924)


def test_modules_of_the_same_names_are_left_alone(checkout):
    marker = object()
    sys.modules["utils"] = marker
    try:
        open_checkout(checkout)
        assert sys.modules["utils"] is marker
        assert "video_depth_anything" not in sys.modules
    finally:
        del sys.modules["utils"]
    assert str(checkout) not in sys.path


def test_description_changes_with_the_weights(checkout):
    before = open_checkout(checkout).describe()
    torch.save({"gain": 2 * torch.ones(64)}, checkout / "vits.pth")
    assert open_checkout(checkout).describe() != before


def test_what_is_missing_or_does_not_fit_is_refused(checkout, tmp_path):
    with pytest.raises(InputError, match="depth.weights: no such file"):
        open_checkout(checkout, weights="none.pth")
    with pytest.raises(InputError, match="expected a checkout of github.com"):
        open_checkout(tmp_path / "nowhere", weights=str(checkout / "vits.pth"))
    with pytest.raises(ModelError, match="does not fit depth.encoder=vitb"):
        list(open_checkout(checkout, encoder="vitb").estimate_stream(draw_frames(1)))
    (checkout / "video_depth_anything" / "video_depth.py").write_text("import a_package_that_is_not_here\n")
    with pytest.raises(BackendError, match="a_package_that_is_not_here.*pip install what it requires"):
        open_checkout(checkout)


def test_nan_is_refused(checkout):
    torch.save({"gain": torch.full((64,), float("nan"))}, checkout / "vits.pth")
    with pytest.raises(ModelError, match="NaN or infinity"):
        list(open_checkout(checkout).estimate_stream(draw_frames(1)))


@pytest.mark.parametrize(
    ("values", "message"), [({"encoder": "vith"}, "depth.encoder"), ({"short_side": 50}, "depth.short_side: got 50")]
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        VideoDepthAnythingConfig(**values)
