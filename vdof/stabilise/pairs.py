"""Two frames -> the affine map that carries the disparity of the one to the disparity of the other.

A depth network's answer is right only up to a scale and a shift, and both change from frame to frame. On the pixels
that flow carries there and back, `y = scale x + shift` holds for whatever stands still between the two frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LARGEST_SAMPLE = 1500
_HYPOTHESES = 64
_REWEIGHTINGS = 5
_TUKEY = 4.7
"""sigmas beyond which a pixel counts nothing."""
_SCALE_LIMITS = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class AffinePair:
    """`disparity[second] = scale * disparity[first] + shift`, found on what both frames show."""

    first: int
    """Index of the earlier frame."""
    second: int
    """Index of the later frame."""
    scale: float
    """> 0."""
    shift: float
    """In units of disparity, for disparities measured from the shot's reference level."""
    scale_weight: float
    """Trust in the scale, 0..1."""
    shift_weight: float
    """Trust in the shift, 0..1."""


def fit_affine(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return (scale, shift, correlation) of the robust symmetric fit `y = scale x + shift`; x, y: (n,) with n >= 8.

    Two-point RANSAC with a soft score finds the dominant layer; iteratively reweighted by Tukey's biweight after that.
    Both variables carry noise, so the scale is the ratio of their spreads (reduced major axis): ordinary least squares
    would shrink it. Flat disparity has no scale: the answer is then 1 with correlation 0.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    spread = float(x.std())
    if spread < 1e-9 or float(y.std()) < 1e-9:
        return 1.0, float(np.median(y - x)), 0.0
    scale, shift = _find_dominant(x, y, spread)
    correlation = 0.0
    for _ in range(_REWEIGHTINGS):
        residual = np.abs(y - scale * x - shift) / np.sqrt(1 + scale * scale)
        limit = _TUKEY * (1.4826 * float(np.median(residual)) + 1e-6 * spread)
        weight = np.where(residual < limit, (1 - (residual / limit) ** 2) ** 2, 0.0)
        total = weight.sum() + 1e-12
        mean_x, mean_y = (weight * x).sum() / total, (weight * y).sum() / total
        var_x, var_y = (weight * (x - mean_x) ** 2).sum() / total, (weight * (y - mean_y) ** 2).sum() / total
        covariance = (weight * (x - mean_x) * (y - mean_y)).sum() / total
        if min(var_x, var_y) < 1e-12 * spread**2:
            return 1.0, float(mean_y - mean_x), 0.0
        scale = float(np.clip(np.sqrt(var_y / var_x), *_SCALE_LIMITS))
        shift = float(mean_y - scale * mean_x)
        correlation = float(covariance / np.sqrt(var_x * var_y))
    return scale, shift, max(correlation, 0.0)


def fit_pair(
    first: int, second: int, x: np.ndarray, y: np.ndarray, is_trusted: np.ndarray, least_share: float = 0.15
) -> AffinePair | None:
    """Return the map from x to y, or None if too little of the frame is shared.

    x: disparity (h,w) of `first`; y: that of `second` fetched onto x's grid; is_trusted: (h,w) bool.
    """
    share = float(is_trusted.mean())
    chosen_x, chosen_y = x[is_trusted], y[is_trusted]
    if share < least_share or chosen_x.size < 8:
        return None
    step = max(1, -(-chosen_x.size // _LARGEST_SAMPLE))
    scale, shift, correlation = fit_affine(chosen_x[::step], chosen_y[::step])
    falloff = share / (1 + 0.3 * (second - first - 1))
    return AffinePair(first, second, scale, shift, correlation**4 * falloff, falloff)


def _find_dominant(x: np.ndarray, y: np.ndarray, spread: float) -> tuple[float, float]:
    """Return the line through two samples that most samples lie near."""
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, x.size, (2, _HYPOTHESES))
    run = x[i] - x[j]
    is_far = np.abs(run) > 0.3 * spread
    i, j, run = i[is_far], j[is_far], run[is_far]
    scales = np.concatenate([[1.0], (y[i] - y[j]) / run])
    shifts = np.concatenate([[np.median(y - x)], y[i] - scales[1:] * x[i]])
    is_plausible = (scales > _SCALE_LIMITS[0]) & (scales < _SCALE_LIMITS[1])
    scales, shifts = scales[is_plausible], shifts[is_plausible]
    width = 0.15 * max(1.4826 * float(np.median(np.abs(y - np.median(y)))), 1e-3 * spread)
    step = max(1, x.size // 500)
    residual = (y[None, ::step] - scales[:, None] * x[None, ::step] - shifts[:, None]) / width
    best = int(np.argmax((1 / (1 + residual**2)).sum(axis=1)))
    return float(scales[best]), float(shifts[best])
