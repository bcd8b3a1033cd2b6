"""depth=embedded: the packaged network and its weights."""

import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vdof.depth.embedded import (
    EmbeddedEstimator,
    open_in_onnxruntime,
    open_in_torch,
    read_weights,
    working_size,
)
from vdof.depth.network import DepthNet, fold_batch_norm
from vdof.errors import ModelError, ShapeError

WEIGHTS = resources.files("vdof.depth") / "weights"


@pytest.fixture(scope="module")
def estimator() -> EmbeddedEstimator:
    return EmbeddedEstimator(torch.device("cpu"))


def draw_street(subject_column: float, height: int = 180, width: int = 320) -> Tensor:
    """A grey road that lightens to the horizon, a blue sky, and a dark figure that stands in the road."""
    y = torch.linspace(0, 1, height)[:, None].expand(height, width)
    sky = torch.stack([0.55 + 0.2 * y, 0.7 + 0.1 * y, 0.95 - 0.1 * y])
    grain = 0.06 * torch.rand(height, width, generator=torch.Generator().manual_seed(0)) * y
    road = (0.75 - 0.45 * y + grain).expand(3, -1, -1)
    picture = torch.where(y < 0.4, sky, road).clone()
    for colour, top, bottom, half_width in FIGURE:
        columns = slice(int((subject_column - half_width) * width), int((subject_column + half_width) * width))
        picture[:, int(top * height) : int(bottom * height), columns] = torch.tensor(colour)[:, None, None]
    return picture[None]


FIGURE = (
    ((0.8, 0.6, 0.5), 0.12, 0.28, 0.04),
    ((0.5, 0.1, 0.1), 0.28, 0.62, 0.08),
    ((0.1, 0.1, 0.25), 0.62, 0.98, 0.06),
)
"""Head, coat, legs: colour, top and bottom as shares of the height, half width as share of the width."""


def test_weights_are_small_and_match_their_provenance(estimator: EmbeddedEstimator) -> None:
    packed = (WEIGHTS / "embedded.npz").read_bytes()
    assert len(packed) <= 5_000_000
    assert estimator.weights_sha256 == hashlib.sha256(packed).hexdigest()
    assert estimator.weights_sha256 in (WEIGHTS / "PROVENANCE.md").read_text()
    assert estimator.describe()["weights_sha256"] == estimator.weights_sha256


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ((720, 1280), (176, 320)),
        ((480, 640), (240, 320)),
        ((1280, 720), (320, 176)),
        ((1, 1), (320, 320)),
        ((7, 901), (32, 320)),
    ],
)
def test_working_size_keeps_the_aspect(frame: tuple[int, int], expected: tuple[int, int]) -> None:
    assert working_size(*frame, long_side=320) == expected


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (61, 47), (241, 321)])
def test_any_frame_size_gives_finite_disparity(estimator: EmbeddedEstimator, size: tuple[int, int]) -> None:
    disparity = estimator(torch.rand(1, 3, *size))
    assert disparity.shape == (1, 1, *working_size(*size, estimator.long_side))
    assert disparity.dtype == torch.float32
    assert torch.isfinite(disparity).all()


def test_same_frame_gives_same_disparity(estimator: EmbeddedEstimator) -> None:
    rgb = draw_street(0.5)
    assert torch.equal(estimator(rgb), estimator(rgb))


def test_batch_equals_loop(estimator: EmbeddedEstimator) -> None:
    frames = torch.cat([draw_street(column) for column in (0.3, 0.5, 0.7)])
    one_by_one = torch.cat([estimator(frame[None]) for frame in frames])
    torch.testing.assert_close(estimator.estimate(frames, indices=[0, 1, 2]), one_by_one, rtol=1e-4, atol=1e-4)


def test_onnxruntime_and_torch_agree() -> None:
    weights = read_weights((WEIGHTS / "embedded.npz").read_bytes())
    rgb = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        in_torch = open_in_torch(weights, torch.device("cpu"))(rgb)
    torch.testing.assert_close(open_in_onnxruntime(weights)(rgb), in_torch, rtol=1e-4, atol=1e-4)


def test_folding_batch_norm_changes_nothing() -> None:
    torch.manual_seed(0)
    net = DepthNet()
    rgb = torch.rand(2, 3, 32, 48)
    net(rgb)  # running means and variances leave 0 and 1
    net.eval()
    with torch.inference_mode():
        before = net(rgb)
        torch.testing.assert_close(fold_batch_norm(net)(rgb), before, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())


@pytest.mark.parametrize("column", [0.3, 0.5, 0.7])
def test_figure_is_nearer_than_what_stands_beside_it_in_the_same_rows(
    estimator: EmbeddedEstimator, column: float
) -> None:
    disparity = estimator(draw_street(column))[0, 0]
    rows = slice(int(0.32 * disparity.shape[0]), int(0.58 * disparity.shape[0]))
    at = lambda share: int(share * disparity.shape[1])  # noqa: E731
    figure = disparity[rows, at(column - 0.04) : at(column + 0.04)].mean()
    beside = torch.cat([disparity[rows, : at(column - 0.16)], disparity[rows, at(column + 0.16) :]], dim=1)
    assert figure > beside.mean() + beside.std()


def test_brightness_does_not_shift_the_depth_much(estimator: EmbeddedEstimator) -> None:
    rgb = draw_street(0.5)
    bright, dim = estimator(rgb), estimator(0.9 * rgb)
    assert (bright - dim).abs().mean() < 0.1 * bright.std()


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (0, 3, 64, 64)])
def test_wrong_shape_is_refused(estimator: EmbeddedEstimator, shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"rgb must be \(B,3,H,W\)"):
        estimator(torch.zeros(shape))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", unknown=np.zeros(3, dtype=np.float32))
    with pytest.raises(ModelError, match="reinstall"):
        EmbeddedEstimator(torch.device("cpu"), packed=(tmp_path / "other.npz").read_bytes())


def test_taps_see_every_stage_once() -> None:
    seen: list[str] = []
    DepthNet()(torch.zeros(2, 3, 32, 48), at_tap=lambda name, feature: (seen.append(name), feature)[1])
    assert seen == ["encode2", "encode4", "encode8a", "encode8b", "encode16", "decode8", "decode4", "decode2"]
