"""Changes of blur that somebody meant: it goes over to another size and stays there, or comes back after a while.

A pull, a dolly or an approach moves blur one way for as long as it lasts; only what goes to and fro without a rest pulses.
The intended part of a curve is the nearest one that rises and falls as seldom as the film does, piece by piece.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vdof.focus.observe import smooth_track

LARGE = 0.3
"""stops: smaller changes are not looked upon as intended ones."""
_FAST = 0.6
"""stops a second: while blur changes faster nothing is said about its pulse."""
_MARGIN_S = 0.08
_TREND_S = 0.3
"""Standard deviation of the window in which a slow intended part is looked for: what is faster is none of it."""
_SMOOTH_S = 0.12
"""The same for turns, and for a sudden change: the wider window would carry it into the rests on both sides."""
_STEP_S = 0.06
"""Standard deviation of the window in which the speed of an intended part is found."""
_REST = 1.6
"""How many times longer than the change the blur must rest for an intended one; a sine rests as long as it changes."""
_SHORTEST_REST_S = 0.4
_ONE_WAY_S = 0.12
"""The same for a change one way, which may be sudden; the median before it keeps steps and takes pulses out."""
_ONE_WAY = 0.25
"""Share of a slow change that may run against it where it goes one way only."""
_SETTLE_S = 0.4
"""How long focus may go on after a pull, once too far and back."""
_RESTLESS = 2
"""Most turns without a rest in an intended change: focus that passes through a plane makes one each way."""

Array = NDArray[np.float64]


def find_intended(curve: Array, seconds: Array) -> tuple[Array, NDArray[np.bool_]] | None:
    """(t,) the intended part of a curve in stops, and the frames in which it changes fast; None where nothing is meant.

    The curve must be known in every frame.
    """
    smooth = smooth_over(curve, seconds, _SMOOTH_S)
    turns = find_turns(smooth, LARGE)
    if len(turns) < 2 or not is_intended(smooth, seconds, turns):
        return None
    slow = smooth_track(curve, seconds, _TREND_S)
    trend = np.empty_like(curve)
    for first, last in zip(turns[:-1], turns[1:], strict=True):
        stretch = slice(first, last + 1)
        sign = 1 if smooth[last] > smooth[first] else -1
        sudden, gradual = (sign * fit_rising(sign * values[stretch]) for values in (smooth, slow))
        is_sudden = find_speed(sudden, seconds[stretch]).max() > _FAST
        trend[stretch] = sudden if is_sudden else gradual
    is_fast = find_speed(trend, seconds) > _FAST
    margin = max(1, round(_MARGIN_S / float(np.median(np.diff(seconds)))))
    is_fast = np.convolve(is_fast, np.ones(2 * margin + 1), mode="same") > 0
    return trend, is_fast


def find_speed(curve: Array, seconds: Array) -> Array:
    """(t,) stops a second, without the steps of a curve that rises piece by piece."""
    return np.abs(np.gradient(smooth_over(curve, seconds, _STEP_S), seconds))


def find_one_way(curve: Array, seconds: Array) -> Array:
    """(t,) the nearest slow curve that only rises or only falls; 0 where blur does more than go over to another size."""
    slow = smooth_track(curve, seconds, _ONE_WAY_S)
    ways = fit_rising(slow), -fit_rising(-slow)
    misfits = [float(np.square(slow - way).sum()) for way in ways]
    best = int(np.argmin(misfits))
    whole = float(np.square(slow - slow.mean()).sum())
    return ways[best] if misfits[best] < _ONE_WAY**2 * whole else np.zeros_like(curve)


def find_swell(curve: Array, seconds: Array) -> Array:
    """(t,) the nearest slow curve that rises and then falls, or falls and then rises."""
    slow = smooth_track(curve, seconds, _ONE_WAY_S)
    swells = []
    for sign in (1, -1):
        for turn in range(0, len(slow), max(1, len(slow) // 24)):
            rising, falling = fit_rising(sign * slow[: turn + 1]), -fit_rising(-sign * slow[turn:])
            swells.append(sign * np.concatenate([rising[:-1], falling]))
    return min(swells, key=lambda swell: float(np.square(slow - swell).sum()))


def find_settling(curve: Array, seconds: Array) -> Array:
    """(t,) focus that was pulled too far and comes back: the nearest swell of the curve's first moments, then at rest."""
    first = seconds - seconds[0] < _SETTLE_S
    swell = find_swell(curve[first], seconds[first])
    return np.concatenate([swell, np.full(int((~first).sum()), swell[-1])])


def find_pulled(values: Array, seconds: Array, is_told: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(t,) the frames in which tracks `values` (n,t), log2 of blur, change fast by intention.

    `is_told` (t,) are the frames in which somebody said that focus is pulled; other pulls are looked for in the first
    principal component, as a pull sharpens one part of the picture and blurs another.
    """
    seen = np.isfinite(values)
    lasting = seen.mean(axis=1) > 0.6
    if lasting.sum() < 8:
        return is_told
    level = np.nanmedian(values[lasting], axis=1, keepdims=True)
    filled = np.where(seen[lasting], values[lasting] - level, 0.0)
    loads, sizes, shapes = np.linalg.svd(filled, full_matrices=False)
    curve = shapes[0] * sizes[0] * float(np.percentile(np.abs(loads[:, 0]), 75))
    found = find_intended(curve, seconds)
    return is_told if found is None else is_told | found[1]


def find_runs(is_in: NDArray[np.bool_], seconds: Array, shortest_s: float) -> list[slice]:
    """The unbroken stretches of frames `is_in` (t,) that last `shortest_s` or more."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]]).astype(int)))
    runs = [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [run for run in runs if seconds[run.stop - 1] - seconds[run.start] >= shortest_s]


def find_turns(curve: Array, least: float) -> list[int]:
    """Ends and turning points between which the curve goes `least` or more one way; empty where it never does."""
    low = high = 0
    turns: list[int] = []
    direction = 0
    for place, value in enumerate(curve):
        if direction >= 0 and value > curve[high]:
            high = place
        if direction <= 0 and value < curve[low]:
            low = place
        if direction >= 0 and curve[high] - value >= least:
            turns.append(high)
            direction, low = -1, place
        elif direction <= 0 and value - curve[low] >= least:
            turns.append(low)
            direction, high = 1, place
    if not turns:
        return []
    return sorted({0, *turns, len(curve) - 1})


def is_intended(curve: Array, seconds: Array, turns: list[int]) -> bool:
    """Whether the blur rests at most of the turns between its changes."""
    restless = 0
    for before, at, after in zip(turns[:-2], turns[1:-1], turns[2:], strict=True):
        swing = min(abs(curve[at] - curve[before]), abs(curve[after] - curve[at]))
        is_there = np.abs(curve[before : after + 1] - curve[at]) < 0.15 * swing
        is_between = ~is_there & (np.abs(curve[before : after + 1] - curve[at]) < 0.85 * swing)
        step = np.gradient(seconds[before : after + 1])
        restless += (is_there * step).sum() < max(_SHORTEST_REST_S, _REST * (is_between * step).sum() / 2)
    return restless <= _RESTLESS


def fit_rising(values: Array) -> Array:
    """The nearest curve that never falls (pool adjacent violators; Ayer et al. 1955)."""
    means: list[float] = []
    counts: list[int] = []
    for value in values:
        means.append(float(value))
        counts.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            total = counts[-2] + counts[-1]
            means[-2] = (means[-2] * counts[-2] + means[-1] * counts[-1]) / total
            counts[-2] = total
            means.pop()
            counts.pop()
    return np.repeat(means, counts)


def smooth_over(curve: Array, seconds: Array, sigma_s: float) -> Array:
    """A Gaussian mean in real time."""
    first = np.searchsorted(seconds, seconds - 3 * sigma_s)
    last = np.searchsorted(seconds, seconds + 3 * sigma_s, side="right")
    out = np.empty_like(curve)
    for place, (a, b) in enumerate(zip(first, last, strict=True)):
        weight = np.exp(-0.5 * np.square((seconds[a:b] - seconds[place]) / sigma_s))
        out[place] = weight @ curve[a:b] / weight.sum()
    return out
