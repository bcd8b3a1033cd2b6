"""flow.method=raft: what it says where it cannot work, and what it gives the network, here a stand-in with its names.

The real network is torchvision's and runs on CUDA; neither is needed here.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from vdof.errors import BackendError, ConfigError, ModelError, ShapeError
from vdof.flow.config import FlowConfig
from vdof.flow.dis import DisFlow
from vdof.flow.open import open_flow
from vdof.flow.raft import RaftFlow

CPU = torch.device("cpu")


class StandIn(torch.nn.Module):
    """Takes what RAFT takes; its flow is the brightness of both frames."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.zeros(1))

    def forward(self, a, b):
        assert a.shape == b.shape
        assert a.shape[1] == 3
        assert a.shape[2] % 8 == a.shape[3] % 8 == 0
        assert min(a.shape[2:]) >= 128
        flow = self.gain * torch.stack([a.mean(1), b.mean(1)], dim=1)
        return [torch.full_like(flow, 99), flow]


@pytest.fixture
def raft(monkeypatch, tmp_path):
    """A config whose weights fit the stand-in for torchvision's network."""
    optical_flow = ModuleType("torchvision.models.optical_flow")
    weights = SimpleNamespace(DEFAULT=SimpleNamespace(url="https://example.org/raft_large-1234.pth"))
    optical_flow.Raft_Large_Weights = weights
    optical_flow.raft_large = lambda weights: StandIn()
    models = ModuleType("torchvision.models")
    models.optical_flow = optical_flow
    for name, module in (("torchvision", ModuleType("torchvision")), ("torchvision.models", models)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "torchvision.models.optical_flow", optical_flow)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    torch.save({"gain": torch.full((1,), 2.0)}, tmp_path / "raft.pth")
    return FlowConfig(method="raft", weights=str(tmp_path / "raft.pth"))


@pytest.mark.parametrize("size", [(360, 640), (90, 161), (130, 127)])
def test_any_size_is_padded_and_cut_back(raft, size):
    a, b = torch.full((1, 3, *size), 0.75), torch.full((1, 3, *size), 0.25)
    flow = RaftFlow(raft, CPU)(a, b)
    assert flow.shape == (1, 2, *size)
    assert flow[0, 0].unique().item() == pytest.approx(1.0)
    assert flow[0, 1].unique().item() == pytest.approx(-1.0)


def test_grey_goes_into_all_channels(raft):
    a, b = np.full((90, 160), 255, np.uint8), np.zeros((90, 160), np.uint8)
    flow = RaftFlow(raft, CPU).between_grey(a, b)
    assert (flow.shape, flow.dtype) == ((90, 160, 2), np.float32)
    assert flow[40, 80].tolist() == [2, -2]


def test_two_frames_must_fit(raft):
    with pytest.raises(ShapeError, match="two frames"):
        RaftFlow(raft, CPU)(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))


def test_missing_package_device_and_weights_are_said(raft, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendError, match="needs a CUDA device and none is here"):
        open_flow(raft)
    with pytest.raises(ModelError, match="checkpoints/raft_large-1234.pth; download https://example.org/raft_large"):
        RaftFlow(FlowConfig(method="raft"), CPU)
    torch.save({"other": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match="does not fit flow.network=large"):
        RaftFlow(FlowConfig(method="raft", weights=str(tmp_path / "other.pth")), CPU)
    for name in list(sys.modules):
        if name.partition(".")[0] == "torchvision":
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendError, match="needs torchvision"):
        open_flow(raft)


def test_methods_are_chosen_by_name():
    assert isinstance(open_flow(), DisFlow)
    with pytest.raises(ConfigError, match="flow.method must be one of dis, raft, got 'farneback'"):
        FlowConfig(method="farneback")
    with pytest.raises(ConfigError, match="flow.network must be one of large, small"):
        FlowConfig(network="huge")
