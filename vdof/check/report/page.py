"""The report as one HTML file: everything inside it, nothing fetched, at most 5 MB."""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vdof.check.report import words
from vdof.check.report.context import ReportContext
from vdof.check.report.curves import NO_TRACES, draw_plots, find_ends, list_times
from vdof.check.report.moments import Frames, gather_frames, show_evidence, show_moments
from vdof.check.report.pictures import LADDER, Quality
from vdof.check.report.shots import list_shots
from vdof.check.report.template import fill_template
from vdof.check.verdict import CheckResult, Diagnostic
from vdof.errors import OutputError
from vdof.files import write_text
from vdof.video import VideoInfo, probe

log = logging.getLogger(__name__)

MOST_BYTES = 5_000_000
MOST_SPANS = 24
"""Flagged ranges in the table; all are in check.json."""


def write_report(path: Path, result: CheckResult, context: ReportContext, most_bytes: int = MOST_BYTES) -> None:
    """Write the page; pictures get smaller until it fits.

    Raises:
        InputError: the clip, or the sharp one, cannot be read.
        OutputError: the page cannot be written, or is too large even with the smallest pictures.
    """
    info = probe(context.clip, context.video)
    frames = gather_frames(result, context)
    facts = describe(result, context, info)
    for quality in LADDER:
        text = fill_template("report.html.j2", facts | show(result, frames, quality))
        if len(text.encode()) <= most_bytes:
            write_text(path, text)
            log.debug("report: %d kB with pictures of %d px", len(text) // 1000, quality.width)
            return
    raise OutputError(
        f"{path}: got {len(text) // 1000} kB of text, expected {most_bytes // 1000}; cut the clip in parts"
    )


def show(result: CheckResult, frames: Frames, quality: Quality) -> dict[str, Any]:
    """What depends on the size of pictures."""
    found = [item for item in result.diagnostics if item.found]
    return {
        "moments": show_moments(frames, quality),
        "found": [describe_finding(item) | {"evidence": show_evidence(item, frames, quality)} for item in found],
    }


def describe(result: CheckResult, context: ReportContext, info: VideoInfo) -> dict[str, Any]:
    """Everything else on the page, in words and shapes."""
    breathing = result.breathing[0]
    traces = context.traces or NO_TRACES
    turned = bool(info.rotation_deg % 180)
    width, height = (info.height, info.width) if turned else (info.width, info.height)
    plots = draw_plots(result, context, width)
    times = list_times(breathing, traces)
    return {
        "title": context.clip.name,
        "facts": describe_clip(info, width, height, context),
        "verdict": breathing.verdict,
        "sentence": words.say_verdict(breathing),
        "breathing": breathing,
        "reason": words.as_sentence(breathing.reason),
        "mode": words.MODES.get(breathing.mode, breathing.mode),
        "bands": [
            (name, words.BANDS.get(name, ""), words.say_number(value, 2)) for name, value in breathing.bands.items()
        ],
        "others": result.breathing[1:],
        "mode_names": words.MODE_NAMES,
        "say_number": words.say_number,
        "spans": [words.say_span(span, find_ends(span, times)) for span in breathing.spans[:MOST_SPANS]],
        "more_spans": max(0, len(breathing.spans) - MOST_SPANS),
        "plots": plots,
        "readout": [{"name": plot.name, "times": plot.times, "curves": name_curves(plot.curves)} for plot in plots],
        "shots": list_shots(context.shots, result, context.sharp_start, width),
        "fine": [describe_finding(item) for item in result.diagnostics if item.found is False],
        "unjudged": [describe_finding(item) for item in result.diagnostics if item.found is None],
        **describe_run(context.record),
    }


def name_curves(curves: list[Any]) -> list[dict[str, Any]]:
    return [{"name": curve.name, "values": curve.values} for curve in curves]


def describe_clip(info: VideoInfo, width: int, height: int, context: ReportContext) -> list[str]:
    """Size, length and rate, as far as they are known."""
    seconds = context.traces.seconds if context.traces else []
    count = len(seconds) or info.frame_count_hint
    length = info.duration_s or (seconds[-1] - seconds[0] if len(seconds) > 1 else None)
    facts = [f"{width} \u00d7 {height}", f"{float(info.frame_rate):.5g} fps"]
    facts += [words.count(count, "frame")] if count else []
    return facts + ([words.say_seconds(length)] if length else [])


def describe_finding(item: Diagnostic) -> dict[str, Any]:
    """One line of the diagnostics. The bar ends at twice the threshold."""
    share = item.score / item.threshold if item.threshold > 0 and math.isfinite(item.score) else 0.0
    return {
        "title": item.title,
        "score": words.say_number(item.score, 2),
        "threshold": words.say_number(item.threshold, 2),
        "bar": round(min(100.0, 50 * max(share, 0.0)), 1),
        "reason": words.as_sentence(item.reason),
        "action": words.as_sentence(item.action),
        "frames": item.frames,
    }


def describe_run(record: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration, versions and seconds per stage; each empty where nobody knows."""
    config = dict(record.get("config") or {})
    flat = flatten(config)
    seconds = {stage: float(value) for stage, value in dict(record.get("seconds") or {}).items()}
    longest = max(seconds.values(), default=0.0) or 1.0
    given = set(config.get("given") or ())
    facts = {key: record[key] for key in ("device", "depth", "camera", "input_sha256") if record.get(key)}
    return {
        "config": [(key, value) for key, value in flat if key != "given"],
        "given": [(key, value) for key, value in flat if key in given],
        "stages": [
            (stage, words.say_seconds(value), round(100 * value / longest, 1)) for stage, value in seconds.items()
        ],
        "total_seconds": words.say_seconds(sum(seconds.values())),
        "versions": list(dict(record.get("versions") or {}).items()),
        "run_facts": flatten(facts),
    }


def flatten(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """`a.b = text` of every leaf."""
    rows: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            rows += flatten(value, f"{name}.")
        else:
            rows.append((name, write_value(value)))
    return rows


def write_value(value: Any) -> str:
    """As one types it on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{','.join(write_value(item) for item in value)}]" if isinstance(value, list | tuple) else str(value)
