"""What comes near grows in the picture, and keeps its change of disparity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vdof.flow.dis import DisFlow
from vdof.flow.warp import is_consistent_array
from vdof.stabilise import stabilise
from vdof.stabilise.growth import measure_growth


def test_a_subject_that_rocks_keeps_its_slope() -> None:
    n = 45
    chance = torch.Generator().manual_seed(0)
    back, card = (
        F.interpolate(torch.rand((1, 3, 24, 42), generator=chance), size=size) for size in ((72, 128), (48, 48))
    )
    back = back[0]
    rgb, disparity = back.repeat(n, 1, 1, 1), torch.linspace(0.1, 0.5, 72)[:, None].repeat(n, 1, 1, 128)
    nearness = 1 + 0.2 * torch.sin(torch.arange(n) * (2 * torch.pi / 30))
    y, x = torch.meshgrid(torch.arange(72) - 35.5, torch.arange(128) - 63.5, indexing="ij")
    for t in range(n):
        place = torch.stack([x, y], -1)[None] / (24 * nearness[t])
        is_inside = (place.abs() < 1).all(dim=-1)
        rgb[t] = torch.where(is_inside, F.grid_sample(card, place, align_corners=False)[0], back)
        disparity[t, 0] = torch.where(is_inside[0], nearness[t], disparity[t, 0])
    scale = torch.exp(0.03 * torch.randn((n, 1, 1, 1), generator=chance))
    shift = 0.02 * torch.randn((n, 1, 1, 1), generator=chance)
    drift = F.interpolate(0.04 * torch.randn((n, 1, 5, 9), generator=chance), size=(72, 128), mode="bicubic")
    stable = stabilise(scale * disparity + shift + drift, rgb)
    inside = stable[:, 0, 28:44, 56:72].flatten(1).median(dim=1).values
    slope = float(((nearness - nearness.mean()) * inside).sum() / ((nearness - nearness.mean()) ** 2).sum())
    assert 0.62 < slope < 1.1, "it is .54 where what comes near is not told from what flickers"


def test_growth_on_a_slanted_floor_is_how_much_nearer_it_came() -> None:
    y, x = np.mgrid[10:154, -127.5:128.5].astype(np.float32)
    disparity = y / 200
    nearer = 1 / (1 - 0.03 * disparity)
    flow = (nearer - 1)[..., None] * np.stack([x, y], -1)
    growth = measure_growth(disparity, flow, np.ones_like(y), float(np.ptp(disparity)))
    assert growth == pytest.approx(nearer[2::4, 2::4], abs=1e-3)


@pytest.mark.parametrize("nearer", [0.94, 1.0, 1.06])
def test_growth_agrees_with_disparity_where_something_comes_near(nearer: float) -> None:
    chance = torch.Generator().manual_seed(1)
    back, card = (
        F.interpolate(torch.rand((1, 1, *size), generator=chance), scale_factor=6, mode="bilinear")
        for size in ((24, 42), (14, 14))
    )
    y, x = torch.meshgrid(torch.arange(144) - 71.5, torch.arange(252) - 125.5, indexing="ij")

    def paint(nearness: float) -> tuple[torch.Tensor, np.ndarray]:
        place = torch.stack([x, y], -1)[None] / (42 * nearness)
        is_card = (place.abs() < 1).all(dim=-1)[0]
        rgb = torch.where(is_card, F.grid_sample(card, place, align_corners=False), back)
        return rgb, np.where(is_card, nearness, 0.3).astype(np.float32)

    (before, disparity), (after, later) = paint(1.0), paint(nearer)
    flow = DisFlow()(before, after)[0].permute(1, 2, 0).contiguous().numpy()
    back_again = DisFlow()(after, before)[0].permute(1, 2, 0).contiguous().numpy()
    trust = is_consistent_array(flow, back_again).astype(np.float32)
    growth = measure_growth(disparity, flow, trust, float(np.ptp(disparity)))
    inside = (slice(12, 24), slice(26, 37))
    risen = (later / disparity)[2::4, 2::4][inside]
    assert np.median(growth[inside] / risen) == pytest.approx(1, abs=0.012)
    assert np.median(growth[:6]) == pytest.approx(1, abs=0.005)


def test_nothing_grows_where_flow_is_not_trusted() -> None:
    flow = np.random.default_rng(0).normal(size=(72, 128, 2)).astype(np.float32)
    growth = measure_growth(np.zeros((72, 128), np.float32), flow, np.zeros((72, 128), np.float32), 1.0)
    assert np.all(growth == 1)
