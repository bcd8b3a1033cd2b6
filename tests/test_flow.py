"""Flow of a known shift, warping, and the forward-backward check at an occlusion."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.errors import ConfigError, ShapeError
from vdof.flow.config import FlowConfig
from vdof.flow.dis import DisFlow
from vdof.flow.warp import is_consistent, warp


def texture(h: int = 72, w: int = 128, seed: int = 0) -> Tensor:
    """Smooth coloured noise (1,3,h,w) in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = F.interpolate(torch.rand((1, 3, h // 8, w // 8), generator=generator), size=(h, w), mode="bicubic")
    fine = F.interpolate(torch.rand((1, 3, h // 3, w // 3), generator=generator), size=(h, w), mode="bicubic")
    return (0.6 * coarse + 0.4 * fine).clamp(0, 1)


@pytest.mark.parametrize("preset", ["fast", "medium"])
@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, 0), (-4, 2)])
def test_flow_finds_a_known_shift(preset: str, dx: int, dy: int) -> None:
    a = texture()
    flow = DisFlow(FlowConfig(preset=preset))(a, a.roll((dy, dx), dims=(2, 3)))
    assert flow.shape == (1, 2, 72, 128)
    inside = flow[0, :, 16:-16, 16:-16].reshape(2, -1)
    assert inside.median(dim=1).values.tolist() == pytest.approx([dx, dy], abs=0.15)


def test_warp_along_the_flow_brings_the_second_frame_onto_the_first() -> None:
    a = texture()
    b = a.roll((2, -3), dims=(2, 3))
    back = warp(b, DisFlow()(a, b))
    assert (back - a)[..., 12:-12, 12:-12].abs().mean() < 0.01


def test_warp_by_whole_pixels_is_exact_and_repeats_the_edge() -> None:
    image = torch.arange(20.0).reshape(1, 1, 4, 5)
    flow = torch.zeros(1, 2, 4, 5)
    flow[:, 0] = 1
    expected = torch.cat([image[..., 1:], image[..., -1:]], dim=-1)
    assert torch.equal(warp(image, flow), expected)
    five_channels = image.expand(1, 5, 4, 5)  # more channels than OpenCV's remap takes: the torch path
    assert torch.allclose(warp(five_channels, flow), expected.expand(1, 5, 4, 5), atol=1e-4)


def test_what_is_occluded_is_not_consistent() -> None:
    ground, card = texture(seed=1), texture(seed=2)
    a, b = ground.clone(), ground.clone()
    a[..., 20:52, 40:80] = card[..., 20:52, 40:80]
    b[..., 20:52, 46:86] = card[..., 20:52, 40:80]
    flow = DisFlow()
    mask = is_consistent(flow(a, b), flow(b, a))[0, 0]
    assert mask.dtype == torch.bool
    assert mask[24:48, 44:74].float().mean() > 0.9  # the card
    assert mask[:, :30].float().mean() > 0.95  # far from it
    assert mask[24:48, 81:85].float().mean() < 0.5  # covered by the card in b


def test_leaving_the_frame_is_not_consistent() -> None:
    forward = torch.full((1, 2, 8, 8), 3.0)
    mask = is_consistent(forward, -forward)[0, 0]
    assert mask[:5, :5].all()
    assert not mask[5:].any()
    assert not mask[:, 5:].any()


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (9, 16), (40, 11)])
def test_tiny_and_blank_frames_give_flow(size: tuple[int, int]) -> None:
    frame = torch.rand(1, 3, *size)
    assert DisFlow()(frame, frame).shape == (1, 2, *size)
    assert DisFlow()(frame * 0, frame * 0).abs().max() == 0


def test_bad_input_is_named() -> None:
    with pytest.raises(ConfigError, match="preset must be one of"):
        FlowConfig(preset="slow")
    with pytest.raises(ConfigError, match="method must be one of dis, raft"):
        FlowConfig(method="magic")
    with pytest.raises(ShapeError, match="one shape"):
        DisFlow()(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))
    with pytest.raises(ShapeError, match="warp needs"):
        warp(torch.zeros(1, 1, 8, 8), torch.zeros(1, 2, 8, 9))
