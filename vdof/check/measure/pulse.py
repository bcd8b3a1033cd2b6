"""How much the common blur of one region pulses, with what has a cause taken out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vdof.check.measure.bands import BANDS, rms, slide, split_bands
from vdof.check.measure.curves import common_power
from vdof.check.measure.transitions import find_intended, find_one_way

SHORTEST_REST_S = 1.0
"""Between two pulls less than the shortest shot must do."""
WORST_S = 4.0
"""The score is that of the worst so many seconds of a shot, or of the whole shot where it is shorter."""
SPAN_S = 1.0
"""Seconds over which a frame range is judged."""
_ROUNDS = 30
"""Passes over the causes in which their shares settle."""

Array = NDArray[np.float64]


@dataclass
class Region:
    """One part of the picture over one stretch of a shot.

    `curves` (k,t): what independent groups of points have in common, in log2 of blur, or, where `size` is given, in
    pixels beside it. `causes` maps a name to a curve (t,) in the same unit that explains some of it, with the least and
    the largest share that it may.
    """

    name: str
    curves: Array
    share: float
    """Of the points watched."""
    causes: dict[str, tuple[Array, float, float]] = field(default_factory=dict)
    size: Array | None = None
    """(t,) px: |coc| as planned."""
    sharp: float = 1.0
    """px: coc that looks sharp."""
    shown: Array | None = None
    """(k,t) px: the blur itself, as rendered, where `curves` is its departure from a plan."""

    def to_stops(self, change: Array) -> Array:
        """What a change (t,) of the curves' unit does to the blur that is seen, in stops.

        Blur that shows is the coc and the smallest one that looks sharp, added as independent blurs add.
        """
        if self.size is None:
            return change
        before = np.square(self.size) + self.sharp**2
        return 0.5 * np.log2((np.square(self.size + change) + self.sharp**2) / before)

    def to_power(self, power: Array, seconds: Array) -> Array:
        """Power (t,) of the curves' unit, signed as noise makes it, in squared stops."""
        if self.size is None:
            return power
        amplitude = np.sqrt(np.maximum(slide(power, seconds, SPAN_S), 1e-12))
        return np.asarray(power * np.square(self.to_stops(amplitude) / amplitude))


@dataclass
class Pulse:
    """What was found in a region."""

    region: str
    band: str
    """breathing, or flicker where that is more and the coc is known: in pixels the codec's own beat lies there."""
    score: float
    bands: dict[str, float]
    breathing: Array
    """(t,) stops, nan where not judged: the breathing band of its curve, causes taken out, as far as the groups agree on it."""
    power: Array
    """(t,) power of `band`, squared stops: what the groups share, and of that as much as they agree on."""
    explained: float
    """Share of the breathing band's power that the causes took."""
    noise: float
    """RMS in which one group's curve differs from another's."""


def find_pulse(region: Region, seconds: Array, trend_order: int) -> Pulse | None:
    """Measure one region; None where its blur changes on purpose nearly all the time."""
    curves, is_judged = set_aside_intended(region.curves, seconds, has_plan=region.size is not None)
    if seconds[is_judged].size < 2 or np.mean(is_judged) * (seconds[-1] - seconds[0]) < SHORTEST_REST_S:
        return None
    drift, breathing, flicker = split_curves(curves, seconds, is_judged, trend_order)
    before = rms(breathing.mean(axis=0))
    breathing = breathing - explain(breathing.mean(axis=0), region, seconds, is_judged, trend_order)
    layers = {"breathing": breathing} | ({"flicker": flicker} if region.size is not None else {})
    powers = {name: find_power(layer, region, seconds, is_judged) for name, layer in layers.items()}
    if region.shown is not None:
        powers = limit_to_shown(powers, region, seconds, is_judged, trend_order)
    scores = {name: float(np.sqrt(max(slide(power, seconds, WORST_S).max(), 0))) for name, power in powers.items()}
    band = max(scores, key=lambda name: scores[name])
    after = rms(breathing.mean(axis=0))
    return Pulse(
        region.name,
        band,
        scores[band],
        {name: find_rms(region, amount) for name, amount in zip(BANDS, (drift, breathing, flicker), strict=True)},
        keep_shared(region.to_stops(breathing.mean(axis=0)), powers["breathing"], seconds, is_judged),
        powers[band],
        1 - min(1.0, after**2 / before**2) if before > 0 else 0.0,
        float(region.to_stops(np.asarray(breathing.std(axis=0))).mean()),
    )


def split_curves(
    curves: Array, seconds: Array, is_judged: NDArray[np.bool_], trend_order: int
) -> tuple[Array, Array, Array]:
    """Drift, breathing and flicker, (k,t) each, of curves (k,t) less what they change one way only."""
    mean = np.interp(seconds, seconds[is_judged], curves[:, is_judged].mean(axis=0))
    trend = find_one_way(mean, seconds)
    parts = [split_bands(np.where(is_judged, curve - trend, np.nan), seconds, trend_order) for curve in curves]
    drift, breathing, flicker = (np.stack(layer) for layer in zip(*parts, strict=True))
    return drift + trend - trend.mean(), breathing, flicker


def find_power(layer: Array, region: Region, seconds: Array, is_judged: NDArray[np.bool_]) -> Array:
    """(t,) squared stops that the groups' curves (k,t) of one band share, as much of it as they agree on."""
    shared = slide(common_power(layer), seconds, WORST_S)
    whole = slide(np.square(layer).mean(axis=0), seconds, WORST_S)
    coherence = np.clip(shared / np.maximum(whole, 1e-12), 0, 1)
    return np.where(is_judged, coherence * region.to_power(common_power(layer), seconds), 0.0)


def keep_shared(curve: Array, power: Array, seconds: Array, is_judged: NDArray[np.bool_]) -> Array:
    """The curve (t,) made so small that its power around every moment is at most `power`; nan where it is not judged."""
    whole = slide(np.where(is_judged, np.square(curve), 0.0), seconds, WORST_S)
    share = slide(power, seconds, WORST_S) / np.maximum(whole, 1e-12)
    return np.where(is_judged, curve * np.sqrt(np.clip(share, 0, 1)), np.nan)


def limit_to_shown(
    powers: dict[str, Array], region: Region, seconds: Array, is_judged: NDArray[np.bool_], trend_order: int
) -> dict[str, Array]:
    """Of each band's power as much as the rendered blur itself shows: what does not change in the picture is no pulse."""
    assert region.shown is not None
    _, *layers = split_curves(region.shown, seconds, is_judged, trend_order)
    limited = {}
    for (name, power), layer in zip(powers.items(), layers, strict=True):
        shown = find_power(layer, region, seconds, is_judged)
        is_less = slide(shown, seconds, WORST_S) < slide(power, seconds, WORST_S)
        limited[name] = np.where(is_less, shown, power)
    return limited


def explain(breathing: Array, region: Region, seconds: Array, is_judged: NDArray[np.bool_], trend_order: int) -> Array:
    """(t,) as much of a region's breathing as its causes together may account for, by least squares."""
    if not region.causes:
        return np.zeros_like(breathing)
    curves, low, high = zip(*region.causes.values(), strict=True)
    bands = [split_bands(np.where(is_judged, curve, np.nan), seconds, trend_order)[1] for curve in curves]
    basis = np.stack(bands, axis=1)
    return np.asarray(basis @ fit_within(basis, breathing, np.array(low), np.array(high)))


def fit_within(basis: Array, values: Array, low: Array, high: Array) -> Array:
    """(n,) the least-squares shares of the columns of `basis` (t,n) in `values` (t,) that lie between `low` and `high`."""
    shares = np.clip(np.zeros(basis.shape[1]), low, high)
    power = np.square(basis).sum(axis=0)
    rest = values - basis @ shares
    for _ in range(_ROUNDS):
        for column in np.flatnonzero(power > 1e-12):
            wanted = shares[column] + float(basis[:, column] @ rest) / power[column]
            step = float(np.clip(wanted, low[column], high[column])) - shares[column]
            shares[column] += step
            rest = rest - step * basis[:, column]
    return shares


def set_aside_intended(curves: Array, seconds: Array, *, has_plan: bool) -> tuple[Array, NDArray[np.bool_]]:
    """The curves (k,t) without what the blur was meant to do, and the frames in which their pulse can be told.

    Where there is a plan, the curves are what departs from it, and nothing of that was meant.
    """
    known = np.asarray(np.isfinite(curves).all(axis=0))
    if has_plan or known.sum() < 2:
        return curves, known
    mean = np.interp(seconds, seconds[known], curves[:, known].mean(axis=0))
    found = find_intended(mean, seconds)
    if found is None:
        return curves, known
    trend, is_fast = found
    return curves - trend, known & ~is_fast


def find_rms(region: Region, amount: Array) -> float:
    """RMS in stops of what the curves (k,t) share."""
    return rms(region.to_stops(np.sqrt(np.maximum(common_power(amount), 0))))
