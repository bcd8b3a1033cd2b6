"""Edges of disparity: made steep where they are soft, where the frame has them; everything else stays."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.test_stabilise import texture
from vdof import filters
from vdof.stabilise import edges, edges_numba, upsample_guided

HEIGHT, WIDTH = 96, 128


def card(left: int = 40, right: int = 90) -> tuple[Tensor, Tensor]:
    """A frame with a light card before a dark wall, and its true disparity."""
    rgb = 0.2 + 0.05 * torch.rand((1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(0))
    truth = torch.full((1, 1, HEIGHT, WIDTH), 0.1)
    rgb[..., 20:80, left:right] += 0.5
    truth[..., 20:80, left:right] = 0.9
    return rgb, truth


def blur(disparity: Tensor, sigma: float) -> Tensor:
    return torch.from_numpy(cv2.GaussianBlur(disparity[0, 0].numpy(), (0, 0), sigma))[None, None]


def error(disparity: Tensor, truth: Tensor) -> float:
    return float((disparity - truth).abs().mean())


def slope(height: int, width: int) -> Tensor:
    return torch.linspace(0, 1, width).expand(1, 1, height, width).contiguous()


@pytest.mark.parametrize("sigma", [1.0, 1.5, 3.0])
def test_soft_edges_become_steep(sigma: float) -> None:
    rgb, truth = card()
    soft = blur(truth, sigma)
    result = upsample_guided(soft, rgb)
    assert error(result, truth) < 0.25 * error(soft, truth)
    assert 0.1 - 1e-5 <= float(result.min()) <= float(result.max()) <= 0.9 + 1e-5


def test_the_edge_goes_where_the_frame_has_it() -> None:
    rgb, truth = card()
    shifted = blur(truth.roll(2, 3), 1.0)
    assert error(upsample_guided(shifted, rgb), truth) < 0.6 * error(shifted, truth)


def test_a_networks_size_is_brought_to_the_frames() -> None:
    rgb, truth = card()
    small = F.interpolate(truth, size=(HEIGHT // 4, WIDTH // 4), mode="area")
    result = upsample_guided(small, rgb)
    assert result.shape == truth.shape
    assert error(result, truth) < 0.5 * error(filters.resize(small, (HEIGHT, WIDTH)), truth)


def test_steep_edges_and_strands_stay_as_they_are() -> None:
    rgb, truth = card()
    truth[..., :, 110] = 0.5
    assert torch.equal(upsample_guided(truth, rgb), truth)


def test_a_soft_strand_is_not_lost() -> None:
    rgb, truth = card(60, 62)
    soft = blur(truth, 1.0)
    result = upsample_guided(soft, rgb)
    assert float(result[..., 30:70, 60:62].min()) > 0.9 * float(soft[..., 50, 60:62].max())


@pytest.mark.parametrize("size", [(18, 32), (72, 128)])
def test_slopes_and_flat_things_take_nothing_from_the_frames_texture(size: tuple[int, int]) -> None:
    rgb = texture(0)
    expected = filters.resize(slope(*size), (rgb.shape[-2], rgb.shape[-1]))
    assert torch.allclose(upsample_guided(slope(*size), rgb), expected, atol=1e-5)
    assert torch.allclose(upsample_guided(torch.full((1, 1, *size), 0.4), rgb), torch.tensor(0.4), atol=1e-6)


def test_a_small_step_fades_in() -> None:
    rgb, truth = card()
    changes = []
    for height in (0.05, 0.15, 0.5):
        soft = blur(0.1 + height * (truth - 0.1) / 0.8, 1.5)
        soft[..., :8] = 1.1  # what else there is decides how much a step matters
        changes.append(error(upsample_guided(soft, rgb), soft) / height)
    assert changes[0] < 1e-4
    assert changes[0] < changes[1] < changes[2]


def test_a_batch_is_its_frames_whatever_the_layout() -> None:
    rgb, truth = card()
    soft = torch.cat([blur(truth, 1.5), blur(truth, 3.0)])
    frames = torch.cat([rgb, 0.5 * rgb]).contiguous(memory_format=torch.channels_last)
    single = [upsample_guided(d, image.contiguous()) for d, image in zip(soft.split(1), frames.split(1), strict=True)]
    assert torch.equal(upsample_guided(soft, frames), torch.cat(single))


def test_compiled_and_torch_agree() -> None:
    rgb, truth = card()
    soft = blur(truth, 1.5)
    found = edges.find_edges(soft, rgb)
    share = found[:, 3:4].sigmoid()
    noise = (edges._COLOUR_REACH, edges._COLOUR_NOISE, edges._LEAST_BELIEF)
    fitted = edges_numba.fit_to_colour(share[0, 0].numpy(), rgb[0].numpy(), *noise)
    assert np.allclose(fitted, edges.solve_windows(share, rgb)[0].numpy(), atol=5e-3)
    counted = edges_numba.count_ramps(soft[0, 0].numpy(), edges._SOFT)
    assert np.allclose(counted, edges.count_ramps(soft)[0].numpy(), atol=1e-6)
    for softness in (None, torch.rand_like(soft)):
        soft_array = None if softness is None else softness[0, 0].numpy()
        placed = edges_numba.place(soft[0, 0].numpy(), rgb[0].numpy(), soft_array, found[0].numpy(), edges._GAIN)
        assert np.allclose(placed, edges.place(soft, rgb, softness, found)[0, 0].numpy(), atol=1e-4)


def test_squares_are_the_same_on_every_device() -> None:
    maps = torch.rand((1, 2, 20, 30))
    elsewhere = maps.to("meta")  # shapes alone
    for work in (filters.average, filters.highest, filters.lowest):
        assert work(maps, 3).shape == work(elsewhere, 3).shape == maps.shape
    brute = F.avg_pool2d(F.pad(maps, (3, 3, 3, 3), mode="replicate"), 7, stride=1)
    assert torch.allclose(filters.average(maps, 3), brute, atol=1e-6)
    assert torch.equal(filters.highest(maps, 3), F.max_pool2d(maps, 7, stride=1, padding=3))
    assert torch.equal(filters.lowest(maps, 3), -F.max_pool2d(-maps, 7, stride=1, padding=3))
