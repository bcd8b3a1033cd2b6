"""What every source of depth is to the pipeline, whether it takes frames or streams."""

from dataclasses import replace

import pytest
import torch

from vdof.depth import FrameEstimator, StreamEstimator, estimate_stream, open_estimator
from vdof.depth.contract import BATCH_ON_CUDA, take_groups
from vdof.errors import ConfigError
from vdof.shots import AnalysisFrame

CPU = torch.device("cpu")


class Indices:
    """Each frame's index in the source as its disparity."""

    kind = "disparity_relative"

    def describe(self):
        return {"estimator": "indices"}

    def estimate(self, rgb, indices):
        assert rgb.shape[0] == len(indices)
        return torch.tensor(indices, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 1, 2, 3)


class Backwards(Indices):
    """Needs to see all frames before it gives the first."""

    def estimate_stream(self, frames):
        frames = list(frames)
        for frame in frames:
            yield replace(frame, disparity=torch.full((1, 1, 2, 3), float(len(frames) - frame.index)), fov_deg=50.0)


def make_frames(count):
    return (AnalysisFrame(i, i, torch.zeros(1, 3, 4, 6)) for i in range(count))


def test_frame_estimators_get_source_indices():
    frames = list(estimate_stream(Indices(), make_frames(3), CPU, first_index=100))
    assert [frame.disparity.unique().item() for frame in frames] == [100, 101, 102]
    assert all(frame.disparity.shape == (1, 1, 2, 3) and frame.fov_deg is None for frame in frames)


def test_stream_estimators_see_the_whole_shot():
    assert isinstance(Backwards(), StreamEstimator)
    assert not isinstance(Indices(), StreamEstimator)
    frames = list(estimate_stream(Backwards(), make_frames(3), CPU))
    assert [frame.disparity.unique().item() for frame in frames] == [3, 2, 1]
    assert frames[0].fov_deg == 50


def test_frames_are_taken_as_they_are_needed():
    taken = []
    source = (taken.append(frame.index) or frame for frame in make_frames(5))
    stream = estimate_stream(Indices(), source, CPU)
    next(stream)
    assert taken == [0]


@pytest.mark.parametrize(("device", "sizes"), [("cpu", [1] * 19), ("cuda", [BATCH_ON_CUDA, BATCH_ON_CUDA, 3])])
def test_groups_are_as_large_as_the_device_works_on(device, sizes):
    groups = list(take_groups(make_frames(19), torch.device(device)))
    assert [len(group) for group in groups] == sizes
    assert [frame.index for group in groups for frame in group] == list(range(19))


def test_unknown_estimators_are_refused():
    with pytest.raises(ConfigError, match="depth: got dict"):
        open_estimator({}, CPU)


def test_packaged_estimators_keep_the_contract():
    from vdof.depth import EmbeddedConfig

    estimator: FrameEstimator = open_estimator(EmbeddedConfig(), CPU)
    assert estimator.kind == "disparity_relative"
    assert estimator.describe()["weights_sha256"]
