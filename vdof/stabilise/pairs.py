"""Two frames -> the affine map that carries the disparity of the one to the disparity of the other.

A depth network's answer is right only up to a scale and a shift, and both change from frame to frame. On the pixels
that flow carries there and back, `y = scale x + shift` holds for whatever stands still between the two frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vdof.flow.images import resize_array
from vdof.flow.warp import is_consistent_array, to_target, warp_array
from vdof.stabilise.growth import measure_growth

_LARGEST_SAMPLE = 1500
_HYPOTHESES = 64
_REWEIGHTINGS = 5
_TUKEY = 4.7
"""sigmas beyond which a pixel counts nothing."""
_SCALE_LIMITS = (0.5, 2.0)
_THIN = 3
"""Every third pixel in each direction is looked at."""
_LEAST_SHARE = 0.15
"""Of the frame that both frames must show."""
_BLANK = 2.0
"""codes: a frame of smaller standard deviation shows nothing."""
_MOVED = 0.01
"""Of disparity's range: less is no change."""
_EXACT = 0.03
"""Of the spread of what is compared: fits are never better than this, soft edges alone leave as much."""
_SAME_GREY = 30
"""codes."""
_REST = 0.3
"""px: a shorter flow is rest."""
_TEXTURE = 6
"""codes between neighbours: flow can be trusted to see motion there."""


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
    centre: float
    """Disparity of the first frame, in the middle of those compared: where the map is known best."""
    scale_weight: float
    """Trust in the scale, 0..1."""
    shift_weight: float
    """Trust in the shift, 0..1."""
    left: float
    """What the map leaves of the mean change between the two, over all that both show: small where all changed alike."""
    moved: float
    """Share of what both show whose disparity changed."""
    apart: float
    """What the map leaves, mean, in units of disparity."""
    is_rest: bool
    """Found on what stood still in front of a camera that stood still, shift only; else on all that both frames show."""


@dataclass(frozen=True, slots=True)
class Small:
    """A frame at the size at which pairs are compared."""

    grey: np.ndarray
    """(h,w) uint8."""
    disparity: np.ndarray
    """(h,w) float32, measured from the shot's reference level."""
    spread: float
    """Range of disparity, 2nd to 98th percentile of the frame."""
    far: float
    """Disparity of what is infinitely far, about."""


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
        limit = _TUKEY * (1.4826 * float(np.median(residual)) + _EXACT * spread)
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
    first: int, second: int, a: Small, b: Small, there: np.ndarray, back: np.ndarray, growth: np.ndarray | None = None
) -> list[AffinePair]:
    """Return the map from frame a to frame b found on all that both show and, if the camera stands still, on the rest.

    there: flow (h,w,2) px from a to b; back: from b to a; growth: (h",w") over a, how many times nearer things are in b,
    which is no error of the network's; None: measured here. Empty if the frames share too little.
    """
    thin = (slice(None, None, _THIN), slice(None, None, _THIN))
    if min(float(a.grey[thin].std()), float(b.grey[thin].std())) < _BLANK:
        return []
    target = to_target(there)
    is_trusted = is_consistent_array(there, back) & looks_the_same(a.grey, warp_array(b.grey, target))
    x, y = a.disparity[thin], warp_array(b.disparity, np.ascontiguousarray(target[thin]))
    is_at_rest = is_trusted & ((there**2).sum(axis=-1) < _REST**2)
    if growth is None:
        growth = measure_growth(a.disparity, there, is_trusted.astype(np.float32), a.spread)
    nearer = resize_array(growth, a.disparity.shape)[thin]
    pairs = [_fit_chosen(first, second, a.far + nearer * (x - a.far), y, is_trusted[thin], a.spread, is_rest=False)]
    if camera_is_still(a.grey, is_at_rest):
        pairs.append(_fit_chosen(first, second, x, y, is_at_rest[thin], a.spread, is_rest=True))
    return [pair for pair in pairs if pair is not None]


def _fit_chosen(
    first: int, second: int, x: np.ndarray, y: np.ndarray, is_chosen: np.ndarray, spread: float, is_rest: bool
) -> AffinePair | None:
    share = float(is_chosen.mean())
    x, y = x[is_chosen], y[is_chosen]
    if share < _LEAST_SHARE or x.size < 8:
        return None
    falloff = share / (1 + 0.3 * (second - first - 1))
    centre = float(np.median(x))
    if is_rest:
        return AffinePair(first, second, 1.0, float(np.median(y - x)), centre, 1.0, falloff, 1.0, 0.0, 0.0, is_rest)
    step = max(1, -(-x.size // _LARGEST_SAMPLE))
    x, y = x[::step], y[::step]
    scale, shift, correlation = fit_affine(x, y)
    apart = float(np.abs(y - scale * x - shift).mean())
    moved = float((np.abs(y - x) > _MOVED * spread).mean())
    left = apart / max(float(np.abs(y - x).mean()), 1e-12)
    return AffinePair(
        first, second, scale, shift, centre, correlation**4 * falloff, falloff, left, moved, apart, is_rest
    )


def looks_the_same(grey: np.ndarray, fetched: np.ndarray) -> np.ndarray:
    """Return (h,w) bool: the two uint8 frames agree, apart from a change of brightness of the whole."""
    difference = grey.astype(np.int16) - fetched
    return np.abs(difference - int(np.median(difference[::4, ::4]))) < _SAME_GREY


def camera_is_still(grey: np.ndarray, is_at_rest: np.ndarray) -> bool:
    """Tell whether the background stayed where it was: nearly all texture near the top and the sides is at rest.

    grey: (h,w) uint8; is_at_rest: (h,w) bool. A frame without texture there proves nothing. The identity is the one
    homography that only a still camera makes; others are left to the kept trend.
    """
    h, w = grey.shape
    texture = np.zeros((h, w), bool)
    values = grey.astype(np.int16)
    texture[:, 1:] = np.abs(np.diff(values, axis=1)) > _TEXTURE
    texture[1:] |= np.abs(np.diff(values, axis=0)) > _TEXTURE
    texture[h // 5 :, w // 5 : w - w // 5] = False
    sides = [texture[:, : w // 5], texture[:, w - w // 5 :], texture[: h // 5]]
    rest = [is_at_rest[:, : w // 5], is_at_rest[:, w - w // 5 :], is_at_rest[: h // 5]]
    shares = [r[t].mean() for t, r in zip(sides, rest, strict=True) if t.sum() > 0.02 * t.size and t.sum() >= 20]
    return len(shares) >= 2 and min(shares) > 0.5 and float(np.mean(shares)) > 0.8


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
