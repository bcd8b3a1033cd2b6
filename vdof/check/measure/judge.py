"""From evidence to a verdict: the common blur of each region over time, its causes taken out, its pulse measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vdof.check.measure.bands import BANDS, rms, slide, split_bands
from vdof.check.measure.curves import common_power
from vdof.check.measure.transitions import find_intended
from vdof.check.verdict import CANNOT_JUDGE, FINE, FLAGGED, Breathing, Span

SHORTEST_S = 1.5
"""A shorter shot cannot show a pulse apart from a change."""
SHORTEST_REST_S = 1.0
"""Between two pulls less must do."""
WORST_S = 4.0
"""The score is that of the worst so many seconds of a shot, or of the whole shot where it is shorter."""
_SURE_S = 3.0
"""A shorter shot shows too few pulses to tell them surely from a change."""
_SPAN_S = 1.0
"""Seconds over which a frame range is judged."""

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
        amplitude = np.sqrt(np.maximum(slide(power, seconds, _SPAN_S), 1e-12))
        return np.asarray(power * np.square(self.to_stops(amplitude) / amplitude))


@dataclass
class Stretch:
    """All regions of a stretch of a shot."""

    shot: int
    frames: NDArray[np.int64]
    seconds: Array
    regions: list[Region]
    reason: str = ""
    """Why there are none, or why that their blur holds still would prove nothing."""


@dataclass
class Pulse:
    """What was found in a region."""

    region: str
    score: float
    bands: dict[str, float]
    breathing: Array
    """(t,) the breathing band of its curve, causes taken out."""
    power: Array
    """(t,) its power, squared stops: what the groups share, and of that as much as they agree on."""
    explained: float
    """Share of the breathing band's power that the causes took."""
    noise: float
    """RMS in which one group's curve differs from another's."""


def find_pulse(region: Region, seconds: Array, trend_order: int) -> Pulse | None:
    """Measure one region; None where its blur changes on purpose nearly all the time."""
    curves, is_judged = set_aside_intended(region, seconds)
    if seconds[is_judged].size < 2 or np.mean(is_judged) * (seconds[-1] - seconds[0]) < SHORTEST_REST_S:
        return None
    parts = [split_bands(np.where(is_judged, curve, np.nan), seconds, trend_order) for curve in curves]
    drift, breathing, flicker = (np.stack(layer) for layer in zip(*parts, strict=True))
    before = rms(breathing.mean(axis=0))
    breathing = breathing - explain(breathing.mean(axis=0), region, seconds, is_judged, trend_order)
    shared = slide(common_power(breathing), seconds, WORST_S)
    whole = slide(np.square(breathing).mean(axis=0), seconds, WORST_S)
    coherence = np.clip(shared / np.maximum(whole, 1e-12), 0, 1)
    power = np.where(is_judged, coherence * region.to_power(common_power(breathing), seconds), 0.0)
    worst = float(slide(power, seconds, WORST_S).max())
    after = rms(breathing.mean(axis=0))
    return Pulse(
        region.name,
        float(np.sqrt(max(worst, 0.0))),
        {name: find_rms(region, amount) for name, amount in zip(BANDS, (drift, breathing, flicker), strict=True)},
        np.where(is_judged, region.to_stops(breathing.mean(axis=0)), np.nan),
        power,
        1 - min(1.0, after**2 / before**2) if before > 0 else 0.0,
        float(region.to_stops(np.asarray(breathing.std(axis=0))).mean()),
    )


def explain(breathing: Array, region: Region, seconds: Array, is_judged: NDArray[np.bool_], trend_order: int) -> Array:
    """(t,) as much of a region's breathing as its causes together may account for, by least squares."""
    if not region.causes:
        return np.zeros_like(breathing)
    curves, low, high = zip(*region.causes.values(), strict=True)
    bands = [split_bands(np.where(is_judged, curve, np.nan), seconds, trend_order)[1] for curve in curves]
    basis = np.stack(bands, axis=1)
    size = np.linalg.norm(basis, axis=0)
    is_there = size > 1e-9
    shares = np.zeros(len(bands))
    if is_there.any():
        found, *_ = np.linalg.lstsq(basis[:, is_there] / size[is_there], breathing, rcond=0.1)
        shares[is_there] = found / size[is_there]
    return np.asarray(basis @ np.clip(shares, low, high))


def set_aside_intended(region: Region, seconds: Array) -> tuple[Array, NDArray[np.bool_]]:
    """The curves without what the blur was meant to do, and the frames in which their pulse can be told."""
    known = np.asarray(np.isfinite(region.curves).all(axis=0))
    if region.size is not None or known.sum() < 2:
        return region.curves, known
    mean = np.interp(seconds, seconds[known], region.curves[:, known].mean(axis=0))
    found = find_intended(mean, seconds)
    if found is None:
        return region.curves, known
    trend, is_fast = found
    return region.curves - trend, known & ~is_fast


def find_rms(region: Region, amount: Array) -> float:
    """RMS in stops of what the curves (k,t) share."""
    return rms(region.to_stops(np.sqrt(np.maximum(common_power(amount), 0))))


def find_spans(pulse: Pulse, stretch: Stretch, threshold: float) -> list[Span]:
    """The frame ranges in which this region pulses."""
    local = np.sqrt(np.maximum(slide(pulse.power, stretch.seconds, _SPAN_S), 0))
    is_over = local >= threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_over, [False]])))
    spans = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if stretch.seconds[end - 1] - stretch.seconds[first] < _SPAN_S / 4:
            continue
        size = float(np.sqrt(max(pulse.power[first:end].mean(), 0)))
        frames = int(stretch.frames[first]), int(stretch.frames[end - 1])
        spans.append(Span(*frames, "breathing", pulse.region, round(size, 4)))
    return spans


def judge(mode: str, stretches: Sequence[Stretch], threshold: float, trend_order: int) -> Breathing:
    """The verdict over all stretches; the worst region of the worst shot decides."""
    pulses: list[tuple[Stretch, Pulse]] = []
    for stretch in stretches:
        found = [find_pulse(region, stretch.seconds, trend_order) for region in stretch.regions]
        pulses += [(stretch, pulse) for pulse in found if pulse is not None]
        if stretch.regions and not any(owner is stretch for owner, _ in pulses):
            stretch.reason = "blur changes on purpose nearly all the time"
    times, curves = plot(stretches, pulses)
    scores = score_shots(stretches, pulses)
    if not pulses:
        reason = stretches[0].reason if stretches else "no frame was seen"
        return Breathing(mode, math.nan, threshold, CANNOT_JUDGE, reason, 0.0, times=times, shot_scores=scores)
    place, worst = max(pulses, key=lambda pair: pair[1].score)
    proven = sum(len(stretch.seconds) for stretch in stretches if not stretch.reason)
    share = proven / sum(len(stretch.seconds) for stretch in stretches)
    verdict = FLAGGED if worst.score >= threshold else FINE if share > 0 else CANNOT_JUDGE
    reason = stretches[0].reason if verdict == CANNOT_JUDGE else describe(worst, verdict, threshold, share)
    confidence = find_confidence(worst, threshold, place.seconds) * (1.0 if verdict == FLAGGED else share)
    spans = [
        span for stretch, pulse in pulses if pulse.score >= threshold for span in find_spans(pulse, stretch, threshold)
    ]
    return Breathing(
        mode,
        round(worst.score, 5),
        threshold,
        verdict,
        reason,
        round(confidence, 3),
        {name: round(max(pulse.bands[name] for _, pulse in pulses), 5) for name in BANDS},
        sorted(spans, key=lambda span: (span.first_frame, -span.stops)),
        times,
        curves,
        scores,
    )


def describe(worst: Pulse, verdict: str, threshold: float, share: float) -> str:
    """The reason in one sentence."""
    if verdict == FLAGGED:
        return f"blur pulses by {worst.score:.3f} stops RMS in the {worst.region}, {threshold:g} or more is flagged"
    text = f"blur holds still: {worst.score:.3f} stops RMS at most ({worst.region}), {threshold:g} or more is flagged"
    return text if share == 1 else f"{text}; {100 * (1 - share):.0f} % of the frames could not be judged"


def find_confidence(worst: Pulse, threshold: float, seconds: Array) -> float:
    """0..1: how far the score lies from the threshold, compared with what its groups differ by; less for short shots."""
    error = worst.noise / np.sqrt(2) + 0.1 * threshold
    length = min(1.0, float(seconds[-1] - seconds[0]) / _SURE_S)
    return float(np.clip(abs(worst.score - threshold) / error / 2, 0.05, 1.0)) * length


def score_shots(stretches: Sequence[Stretch], pulses: Sequence[tuple[Stretch, Pulse]]) -> list[float]:
    """The score of every shot, nan where it could not be judged."""
    shots = sorted({stretch.shot for stretch in stretches})
    scores = {shot: [pulse.score for stretch, pulse in pulses if stretch.shot == shot] for shot in shots}
    return [round(max(scores[shot]), 5) if scores[shot] else float("nan") for shot in shots]


def plot(
    stretches: Sequence[Stretch], pulses: Sequence[tuple[Stretch, Pulse]]
) -> tuple[list[float], dict[str, list[float]]]:
    """Times of all frames, and the breathing of each region in them."""
    count = sum(len(stretch.seconds) for stretch in stretches)
    times = [round(float(time), 5) for stretch in stretches for time in stretch.seconds]
    curves: dict[str, list[float]] = {}
    begin = 0
    for stretch in stretches:
        end = begin + len(stretch.seconds)
        for owner, pulse in pulses:
            if owner is stretch:
                curve = curves.setdefault(pulse.region, [float("nan")] * count)
                curve[begin:end] = [round(float(value), 5) for value in pulse.breathing]
        begin = end
    return times, curves
