"""The report's three plots: blur, focus distance and breathing over time."""

import math
from itertools import pairwise

import numpy as np

from vdof.check.report.context import ReportContext
from vdof.check.report.gauge import Traces
from vdof.check.report.plot import Curve, Plot, draw
from vdof.check.verdict import Breathing, CheckResult, Span
from vdof.optics import coc_at_infinity

NO_TRACES = Traces()
STYLES = {"subject": 1, "background": 2}
LAST_STYLE = 4
"""What has its own line style in all plots, and how many styles there are; further curves share the quiet one, 0."""


def draw_plots(result: CheckResult, context: ReportContext, width_px: int) -> list[Plot]:
    """Those that have data."""
    traces = context.traces or NO_TRACES
    cuts = find_cuts(traces)
    breathing = result.breathing[0]
    found = [
        draw_coc(context, traces, cuts, width_px),
        draw_focus(context, traces, cuts),
        draw_breathing(breathing, traces, cuts),
    ]
    return [plot for plot in found if plot is not None]


def find_cuts(traces: Traces) -> list[float]:
    """Seconds at which a new shot begins."""
    pairs = pairwise(zip(traces.shots, traces.seconds, strict=True))
    return [seconds for (shot, _), (following, seconds) in pairs if following != shot]


def draw_coc(context: ReportContext, traces: Traces, cuts: list[float], width_px: int) -> Plot | None:
    """Blur diameter of subject, background and infinity."""
    curves = [
        Curve("subject", traces.coc_subject, 1),
        Curve("background", traces.coc_background, 2),
    ]
    if has_lenses(context, traces):
        infinity = [abs(float(coc_at_infinity(lens, focus, width_px))) for lens, focus in context.lenses]
        curves.append(Curve("infinity", infinity, 3))
    return draw("coc", "Circle of confusion", "px", traces.seconds, curves, cuts=cuts, at_least=4.0)


def draw_focus(context: ReportContext, traces: Traces, cuts: list[float]) -> Plot | None:
    if not has_lenses(context, traces):
        return None
    distances = [float(focus) for _, focus in context.lenses]
    curves = [Curve("focus", distances, 1)]
    return draw("focus", "Focus distance", "m", traces.seconds, curves, may_be_log=True, cuts=cuts, at_least=1.0)


def draw_breathing(breathing: Breathing, traces: Traces, cuts: list[float]) -> Plot | None:
    """The residual of each region, what was flagged, and the threshold."""
    names = sorted(breathing.curves, key=lambda name: -find_rms(breathing.curves[name]))
    free = iter([style for style in range(1, LAST_STYLE + 1) if style not in {STYLES.get(name) for name in names}])
    curves = [Curve(name, breathing.curves[name], STYLES.get(name) or next(free, 0)) for name in names]
    seconds = traces.seconds or breathing.times
    ranges = merge([ends for span in breathing.spans if (ends := find_ends(span, list_times(breathing, traces)))])
    threshold = breathing.threshold
    levels = [threshold, -threshold] if math.isfinite(threshold) else []
    return draw(
        "breathing",
        "Blur, what is left unexplained",
        "stops",
        breathing.times,
        curves,
        levels=levels,
        ranges=ranges,
        cuts=cuts,
        at_least=2.5 * threshold if levels else 0.1,
        reach=(float(seconds[0]), float(seconds[-1])) if len(seconds) > 1 else None,
    )


def has_lenses(context: ReportContext, traces: Traces) -> bool:
    """Whether every frame has its lens."""
    return bool(context.lenses) and len(context.lenses) == len(traces.seconds)


def list_times(breathing: Breathing, traces: Traces) -> dict[int, float]:
    """Seconds of each frame of the file checked."""
    frames = traces.frames or range(len(breathing.times))
    return dict(zip(frames, traces.seconds or breathing.times, strict=True))


def find_ends(span: Span, times: dict[int, float]) -> tuple[float, float] | None:
    """From its first frame to the end of its last; None where it lies outside what was seen."""
    if span.first_frame not in times or span.last_frame not in times:
        return None
    return times[span.first_frame], times.get(span.last_frame + 1, times[span.last_frame])


def merge(ranges: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Ranges that overlap as one."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def find_rms(values: list[float]) -> float:
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return float(np.sqrt(np.mean(known**2))) if known.size else 0.0
