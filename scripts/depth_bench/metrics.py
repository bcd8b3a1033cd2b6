"""How far stabilised disparity is from the truth, and how still it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_bench.sequences import Sequence
from vdof.flow.warp import to_target, warp_array

_DEEPEST = 20.0
"""m: farther is not measured."""


@dataclass(frozen=True, slots=True)
class Score:
    """One row of the table."""

    abs_rel: float
    """Mean |z - z*| / z* after one scale and shift for the whole sequence."""
    tae: float
    """Temporal alignment error of Video Depth Anything (CVPR 2025), %."""
    opwd: float
    """Mean |warped d_{t-1} - d_t| / d_t along the true flow, %."""
    slope: float
    """Of the subject's predicted against its true disparity; nan without a subject."""
    jitter: float
    """Standard deviation of the second difference of the subject's disparity over its mean, %."""


def score(disparity: np.ndarray, truth: Sequence) -> Score:
    """Return the figures for disparity (T,H,W) relative."""
    depth = fit_to_truth(disparity, truth)
    is_measured = truth.depth < _DEEPEST
    abs_rel = float((np.abs(depth - truth.depth) / truth.depth)[is_measured].mean())
    slope, jitter = _measure_subject(1 / depth, truth)
    opwd = measure_opwd(1 / depth, truth.flow, truth.is_seen)
    return Score(abs_rel, _measure_tae(depth, truth), opwd, slope, jitter)


def fit_to_truth(disparity: np.ndarray, truth: Sequence) -> np.ndarray:
    """Return depth (T,H,W) m by the one scale and shift that fits the whole sequence best."""
    is_measured = truth.depth < _DEEPEST
    x, y = disparity[is_measured].astype(np.float64), 1 / truth.depth[is_measured].astype(np.float64)
    scale, shift = np.polyfit(x, y, 1)
    return np.clip(1 / np.clip(scale * disparity + shift, 1e-3, None), 1e-3, _DEEPEST)


def measure_opwd(disparity: np.ndarray, flow: np.ndarray, is_seen: np.ndarray) -> float:
    """Return OPWd in %; disparity (T,H,W) > 0, flow (T,H,W,2) px from t to t-1, is_seen (T,H,W)."""
    changes = []
    for t in range(1, len(disparity)):
        before = disparity[t - 1].astype(np.float32)
        warped = warp_array(before, to_target(flow[t]))
        changes.append((np.abs(warped - disparity[t]) / disparity[t])[is_seen[t]].mean())
    return 100 * float(np.mean(changes))


def _measure_tae(depth: np.ndarray, truth: Sequence) -> float:
    errors = []
    for t in range(len(depth) - 1):
        to_next = np.linalg.inv(truth.poses[t + 1]) @ truth.poses[t]
        for a, b, move in ((t, t + 1, to_next), (t + 1, t, np.linalg.inv(to_next))):
            is_still = ~truth.is_subject[a], ~truth.is_subject[b]
            moved = _reproject(depth[a], move, truth.intrinsics, is_still[0])
            is_measured = (moved > 0) & is_still[1]
            errors.append((np.abs(depth[b] - moved) / depth[b])[is_measured].mean())
    return 100 * float(np.mean(errors))


def _reproject(depth: np.ndarray, move: np.ndarray, intrinsics: np.ndarray, is_used: np.ndarray) -> np.ndarray:
    """Return depth (H,W) splatted into the other camera, nearest first, 0 where nothing lands."""
    h, w = depth.shape
    y, x = np.nonzero(is_used)
    z = depth[y, x].astype(np.float64)
    point = np.stack([x * z, y * z, z], -1) @ np.linalg.inv(intrinsics).T @ move[:3, :3].T + move[:3, 3]
    landed = point @ intrinsics.T
    u, v = (np.round(landed[:, i] / landed[:, 2]).astype(int) for i in range(2))
    is_inside = (u >= 0) & (u < w) & (v >= 0) & (v < h) & (point[:, 2] > 0)
    u, v, z = u[is_inside], v[is_inside], point[is_inside, 2]
    order = np.argsort(-z)
    result = np.zeros((h, w))
    result[v[order], u[order]] = z[order]
    return result


def _measure_subject(disparity: np.ndarray, truth: Sequence) -> tuple[float, float]:
    if not truth.is_subject.any():
        return float("nan"), float("nan")
    seen = [np.median(d[mask]) for d, mask in zip(disparity, truth.is_subject, strict=True)]
    true = [np.median(1 / z[mask]) for z, mask in zip(truth.depth, truth.is_subject, strict=True)]
    moves = float(np.ptp(true)) > 0.02 * float(np.mean(true))
    slope = float(np.polyfit(true, seen, 1)[0]) if moves else float("nan")
    return slope, 100 * float(np.std(np.diff(seen, 2)) / np.mean(true))
