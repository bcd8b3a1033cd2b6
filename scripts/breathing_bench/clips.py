"""Real pictures with known blur: a clip's own frames behind a lens whose blur depends on the place in the frame only.

Real texture, noise, motion blur and camera shake, but no depth estimate whose own errors would be taken for injected ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from breathing_bench.codec import transcode
from breathing_bench.paths import Wobble, wobble_disparity
from vdof import Lens
from vdof.bokeh import render_coc
from vdof.check.look import Look
from vdof.check.measure.pixel_gauge import PixelGauge
from vdof.check.verdict import Breathing
from vdof.video import probe, read_frames, to_display, to_linear

LONG_SIDE = 480
BLUR = 0.03
"""Diameter of the largest disc as a share of the frame's width."""


def read_clip(path: Path, first: int, count: int) -> tuple[list[torch.Tensor], list[float]]:
    """Frames (1,3,h,w) display-encoded at working size, and their times; one shot is wanted."""
    info = probe(path)
    ratio = min(1.0, LONG_SIDE / max(info.width, info.height))
    size = 2 * round(info.width * ratio / 2), 2 * round(info.height * ratio / 2)
    with read_frames(path, frames=range(first, first + count), size=size, info=info) as reader:
        frames = list(reader)
    return [frame.rgb for frame in frames], [frame.time_s for frame in frames]


def place_blur(height: int, width: int) -> np.ndarray:
    """(h,w) coc, px: none in an oval in the lower middle, the largest in the upper corners."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    away = np.hypot((x - 0.5) / 0.7, (y - 0.75) / 0.9)
    return (BLUR * width * np.clip((away - 0.25) / 0.6, 0, 1)).astype(np.float32)


def run_clip(frames: list[torch.Tensor], times: list[float], mode: str, wobble: Wobble, crf: int) -> Breathing:
    """The score of one clip with one wobble, mode reference or blind."""
    height, width = frames[0].shape[-2:]
    still = place_blur(height, width)
    lens = Lens()
    cocs = []
    for seconds in times:
        gain, offset = wobble_disparity(wobble, seconds, 0.0)
        cocs.append((gain * still + offset * BLUR * width).astype(np.float32))
    blurred = []
    for frame, coc in zip(frames, cocs, strict=True):
        light = render_coc(to_linear(frame, "srgb"), torch.from_numpy(coc)[None, None], lens)
        blurred.append(to_display(light, "srgb").clamp(0, 1)[0].permute(1, 2, 0).contiguous().numpy())
    pixels = PixelGauge(mode, 1.0)
    for number, (picture, is_key) in enumerate(transcode(blurred, crf)):
        sharp = frames[number][0].permute(1, 2, 0).contiguous().numpy() if mode == "reference" else None
        pixels.add(Look(number, times[number], 0, picture, sharp, is_key=is_key))
    return pixels.finish()
