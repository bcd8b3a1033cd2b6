"""Clipped lights recovered: 8-bit video stops at 1, so a lamp blurred over a disc would turn into grey mud."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.bokeh.config import HighlightsConfig

WINDOW_SHARE = 1 / 16
"""Side of the window over which surroundings are judged, relative to the longer side of the picture."""

SHARP_COC, BLEND_COC = 2.0, 6.0
"""px of coc: up to the first nothing is recovered, and all of it after the second more."""


def recover_highlights(rgb: Tensor, coc: Tensor, config: HighlightsConfig) -> Tensor:
    """Raise what is clipped and small: rgb (B,3,H,W) scene-linear, clipped at 1 -> up to `1 + gain` times as bright.

    The gain rises from 0 at the threshold to 1 at the clipping point with the power `roll_off`, and fades with the mean of
    the surroundings, to nothing at one half: a lamp outshines what is around it, a sky, a shirt or a white shelf before a
    pale wall does not. The hue is kept. What is in focus keeps its values: the gain comes in over the first pixels of coc
    (B,1,H,W), so that skin and eyes do not glare.
    """
    if config.gain == 0:
        return rgb
    peak = rgb.amax(1, keepdim=True)
    ramp = ((peak - config.threshold) / (1 - config.threshold)).clamp(0, 1) ** config.roll_off
    half = max(1, round(max(rgb.shape[2:]) * WINDOW_SHARE / 2))
    window = 2 * half + 1
    padded = F.pad(peak.clamp(0, 1), (half,) * 4, mode="replicate")
    around = _mean_along(_mean_along(padded, window, 2), window, 3)
    is_blurred = ((coc.abs() - SHARP_COC) / BLEND_COC).clamp(0, 1)
    return rgb * (1 + config.gain * ramp * is_blurred * (1 - 2 * around).clamp(0, 1))


def _mean_along(values: Tensor, window: int, axis: int) -> Tensor:
    """Means of `window` neighbours along an axis: differences of running sums, so that a wide window costs no more."""
    sums = torch.cat([torch.zeros_like(values.narrow(axis, 0, 1)), values.cumsum(axis)], axis)
    count = sums.shape[axis] - window
    return (sums.narrow(axis, window, count) - sums.narrow(axis, 0, count)) / window


def darken_corners(rgb: Tensor, stops: float) -> Tensor:
    """Vignetting: rgb (B,3,H,W) times `2^(-stops rho^2)`, rho the distance from the centre, 1 in the corners."""
    if stops == 0:
        return rgb
    height, width = rgb.shape[2:]
    x = (torch.arange(width, device=rgb.device) + 0.5) / width * 2 - 1
    y = (torch.arange(height, device=rgb.device) + 0.5) / height * 2 - 1
    rho_square = ((x * width) ** 2 + (y * height)[:, None] ** 2) / (width**2 + height**2)
    return rgb * torch.exp2(-stops * rho_square)
