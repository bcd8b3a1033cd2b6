"""A real clip with an estimator's disparity: what can be measured without a truth, and pictures to look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from depth_bench.metrics import measure_opwd
from vdof.depth import FrameEstimator
from vdof.flow.dis import DisFlow
from vdof.flow.images import resize_array, resize_flow, to_grey
from vdof.flow.warp import is_consistent_array
from vdof.video.reader import probe, read_frames

_SIDE = 640
_LEAST_SHARE = 0.05
"""Relative disparity may touch 0: OPWd divides by no less than this share of the clip's range above its least value."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of one shot."""

    name: str
    rgb: torch.Tensor
    """(T,3,H,W) display-encoded 0..1."""
    disparity: torch.Tensor
    """(T,1,h,w) relative, as estimated."""
    flow: np.ndarray
    """(T,h,w,2) px from frame t to t-1 on the disparity's grid."""
    is_seen: np.ndarray
    """(T,h,w) bool: consistent there and back."""


def read_clip(path: Path, estimator: FrameEstimator, start: int, count: int) -> Clip:
    """Return `count` frames from `start` at the analysis size with their estimated disparity and flow."""
    info = probe(path)
    ratio = min(1.0, _SIDE / max(info.width, info.height))
    size = (round(info.width * ratio), round(info.height * ratio))
    with read_frames(path, frames=range(start, start + count), size=size, info=info) as frames:
        rgb = torch.cat([frame.rgb for frame in frames])
    disparity = torch.cat([estimator.estimate(rgb[i : i + 1], [start + i]).cpu() for i in range(len(rgb))])
    shape = (disparity.shape[2], disparity.shape[3])
    solver = DisFlow()
    greys = [to_grey(rgb[i : i + 1]) for i in range(len(rgb))]
    flow, is_seen = np.zeros((len(rgb), *shape, 2), np.float32), np.zeros((len(rgb), *shape), bool)
    for t in range(1, len(rgb)):
        flow[t] = resize_flow(solver.between_grey(greys[t], greys[t - 1]), shape)
        is_seen[t] = is_consistent_array(flow[t], resize_flow(solver.between_grey(greys[t - 1], greys[t]), shape))
    return Clip(path.stem, rgb, disparity, flow, is_seen)


def measure_clip(disparity: torch.Tensor, clip: Clip) -> float:
    """Return OPWd in % of disparity (T,1,h,w); flow that is consistent there and back takes the truth's place."""
    low, high = np.percentile(clip.disparity.numpy()[:, 0, ::4, ::4], [1, 99])
    values = disparity.numpy()[:, 0]
    floored = np.maximum(values - min(low, 0.0), _LEAST_SHARE * (high - low))
    return measure_opwd(floored, clip.flow, clip.is_seen)


def write_pictures(folder: Path, clip: Clip, stable: torch.Tensor, frames: list[int]) -> Path:
    """Write one PNG: a row per frame with the frame, its disparity before and after; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    low, high = np.percentile(clip.disparity.numpy()[:, 0, ::4, ::4], [1, 99])
    rows = []
    for t in frames:
        columns = [clip.rgb[t].permute(1, 2, 0).numpy()[..., ::-1] * 255]
        for maps in (clip.disparity, stable):
            grey = np.clip((maps[t, 0].numpy() - low) / (high - low), 0, 1) * 255
            grey = resize_array(grey, columns[0].shape[:2]).round().astype(np.uint8)
            columns.append(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO).astype(np.float32))
        rows.append(np.hstack(columns))
    path = folder / f"{clip.name}.png"
    cv2.imwrite(str(path), np.vstack(rows).round().astype(np.uint8))
    return path
