"""A curve over real time split into drift, breathing and flicker, and what is left of it when a cause is taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRIFT_HZ = 0.25
FLICKER_HZ = 6.0
BANDS = ("drift", "breathing", "flicker")

Array = NDArray[np.float64]


def split_bands(curve: Array, seconds: Array, trend_order: int) -> tuple[Array, Array, Array]:
    """Drift, breathing and flicker (t,) each, of a curve (t,) at presentation times `seconds`; they add up to the curve.

    The curve is resampled evenly in time, a polynomial trend is taken off (drift), and the rest is split by its cosine
    transform (even continuation: no jump at the ends). Frames where the curve is nan are bridged.
    """
    known = np.isfinite(curve)
    if known.sum() < trend_order + 3:
        return np.zeros_like(curve), np.zeros_like(curve), np.zeros_like(curve)
    even = spread_evenly(seconds)
    values = np.interp(even, seconds[known], curve[known])
    trend = fit_trend(values, trend_order)
    rest = values - trend
    step = even[1] - even[0]
    mirrored = np.concatenate([rest, rest[::-1]])
    spectrum = np.fft.rfft(mirrored)
    rate = np.fft.rfftfreq(len(mirrored), step)
    kept = np.where((rate >= DRIFT_HZ) & (rate <= FLICKER_HZ), spectrum, 0)
    slow = np.where(rate < DRIFT_HZ, spectrum, 0)
    breathing = np.fft.irfft(kept, len(mirrored))[: len(even)]
    drift = trend + np.fft.irfft(slow, len(mirrored))[: len(even)]
    back = [np.interp(seconds, even, part) for part in (drift, breathing)]
    filled = np.interp(seconds, seconds[known], curve[known])
    return back[0], back[1], filled - back[0] - back[1]


def spread_evenly(seconds: Array) -> Array:
    """Times from the first to the last, as close together as most frames are."""
    step = float(np.median(np.diff(seconds)))
    count = max(2, round((seconds[-1] - seconds[0]) / step) + 1)
    return np.linspace(seconds[0], seconds[-1], count)


def fit_trend(values: Array, order: int) -> Array:
    """(t,) the least-squares polynomial of evenly spaced values."""
    place = np.linspace(-1, 1, len(values))
    basis = np.polynomial.legendre.legvander(place, min(order, len(values) - 1))
    weights, *_ = np.linalg.lstsq(basis, values, rcond=None)
    return np.asarray(basis @ weights)


def rms(values: Array) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")


def slide(power: Array, seconds: Array, span_s: float) -> Array:
    """(t,) mean of `power` over the `span_s` seconds around each time, cut at the ends."""
    total = np.concatenate([[0.0], np.cumsum(power)])
    first = np.searchsorted(seconds, seconds - span_s / 2)
    last = np.searchsorted(seconds, seconds + span_s / 2, side="right")
    return (total[last] - total[first]) / np.maximum(last - first, 1)
