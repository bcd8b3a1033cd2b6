"""Between a frame as it is coded and as a player shows it."""

import torch
from torch import Tensor

from vdof.video.info import VideoInfo


def turn_upright(rgb: Tensor, info: VideoInfo) -> Tensor:
    """As a player shows it: networks know people upright, and lenses have an up."""
    return torch.rot90(rgb, round(info.rotation_deg / 90) % 4, dims=(-2, -1))


def turn_back(rgb: Tensor, info: VideoInfo) -> Tensor:
    """As it is coded."""
    return torch.rot90(rgb, -round(info.rotation_deg / 90) % 4, dims=(-2, -1)).contiguous()
