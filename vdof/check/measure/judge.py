"""From evidence to a verdict: the pulse of every region of every shot, and what it amounts to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vdof.check.measure.bands import BANDS, slide
from vdof.check.measure.pulse import SPAN_S, Pulse, Region, find_pulse
from vdof.check.verdict import CANNOT_JUDGE, FINE, FLAGGED, Breathing, Span

SHORTEST_S = 1.5
"""A shorter shot cannot show a pulse apart from a change."""
_SURE_S = 3.0
"""A shorter shot shows too few pulses to tell them surely from a change."""
_MOST_NAMED = 4
"""Shots named with a reason."""

Array = NDArray[np.float64]


@dataclass
class Stretch:
    """All regions of a stretch of a shot."""

    shot: int
    frames: NDArray[np.int64]
    seconds: Array
    regions: list[Region]
    reason: str = ""
    """Why there are none, or why that their blur holds still would prove nothing."""


def find_spans(pulse: Pulse, stretch: Stretch, threshold: float) -> list[Span]:
    """The frame ranges in which this region pulses."""
    local = np.sqrt(np.maximum(slide(pulse.power, stretch.seconds, SPAN_S), 0))
    is_over = local >= threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_over, [False]])))
    spans = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if stretch.seconds[end - 1] - stretch.seconds[first] < SPAN_S / 4:
            continue
        size = float(np.sqrt(max(pulse.power[first:end].mean(), 0)))
        frames = int(stretch.frames[first]), int(stretch.frames[end - 1])
        spans.append(Span(*frames, pulse.band, pulse.region, round(size, 4)))
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
        reason = gather_reasons(stretches) if stretches else "no frame was seen"
        return Breathing(mode, math.nan, threshold, CANNOT_JUDGE, reason, 0.0, times=times, shot_scores=scores)
    place, worst = max(pulses, key=lambda pair: pair[1].score)
    proven = sum(len(stretch.seconds) for stretch in stretches if not stretch.reason)
    share = proven / sum(len(stretch.seconds) for stretch in stretches)
    verdict = FLAGGED if worst.score >= threshold else FINE if share > 0 else CANNOT_JUDGE
    reason = gather_reasons(stretches) if verdict == CANNOT_JUDGE else describe(worst, verdict, threshold, share)
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


def gather_reasons(stretches: Sequence[Stretch]) -> str:
    """Why nothing could be judged: each reason once, with its shots where there are several."""
    shots: dict[str, list[int]] = {}
    for stretch in stretches:
        if stretch.shot not in shots.setdefault(stretch.reason, []):
            shots[stretch.reason].append(stretch.shot)
    if len({shot for members in shots.values() for shot in members}) == 1:
        return "; ".join(shots)
    return "; ".join(f"{name_shots(members)}: {reason}" for reason, members in shots.items())


def name_shots(shots: list[int]) -> str:
    """The first few by number, the rest counted."""
    shown = ", ".join(str(shot) for shot in shots[:_MOST_NAMED])
    more = f" and {len(shots) - _MOST_NAMED} more" if len(shots) > _MOST_NAMED else ""
    return f"shot{'s' if len(shots) > 1 else ''} {shown}{more}"


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
