"""The report's table of shots, from what was rendered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vdof.check.report.words import say_metres, say_number
from vdof.check.verdict import CheckResult
from vdof.errors import ConfigError
from vdof.notebook import find_distance
from vdof.optics import depth_of_field_limits
from vdof.shotlog.entry import DISTANCES, OPEN_END, ShotReport
from vdof.shotlog.flags import describe_lens
from vdof.shotlog.look import SHARP_SHARE


@dataclass(frozen=True, slots=True)
class ShotRow:
    """One shot in words; `cells` are (column, text), in order."""

    name: str
    cells: list[tuple[str, str]]
    is_flagged: bool


def list_shots(shots: Sequence[ShotReport], result: CheckResult, start: int, width_px: int) -> list[ShotRow]:
    """A row a shot. `start` is the frame of the source that is frame 0 of the file checked, which is `width_px` wide."""
    return [describe_shot(shot, result, start, width_px) for shot in shots]


def describe_shot(shot: ShotReport, result: CheckResult, start: int, width_px: int) -> ShotRow:
    entry, measured = shot.entry, shot.measured
    end = "end" if entry.last_frame == OPEN_END else str(entry.last_frame)
    subject, background = (find_distance(shot, key) for key in DISTANCES)
    mark = "~" if "assumed" in shot.distances else ""
    pixels, width = read_number(measured, "coc_background_px"), read_number(measured, "width_px")
    is_flagged = any(
        span.first_frame + start <= entry.last_frame and span.last_frame + start >= entry.first_frame
        for span in result.breathing[0].spans
    )
    cells = [
        ("Frames", f"{entry.first_frame}\u2013{end}"),
        ("Lens", describe_lens(shot.lens)),
        ("Subject", f"{mark}{say_metres(subject)} m"),
        ("Background", f"{mark}{say_metres(background)} m behind"),
        ("Focus", say_focus(measured)),
        ("Sharp", say_sharp(shot)),
        ("Background blur", say_blur(pixels, width, width_px)),
        ("Breathing", say_breathing(measured, is_flagged)),
    ]
    return ShotRow(entry.name, [(column, tie_units(text)) for column, text in cells], is_flagged)


def tie_units(text: str) -> str:
    """Numbers and their units stay on one line."""
    return re.sub(r"(?<=[\d\u221e]) (?=(mm|m|px|%|stops)\b|%)", "\u00a0", text)


def read_number(measured: dict[str, Any], key: str) -> float | None:
    value = measured.get(key)
    return float(value) if isinstance(value, int | float) else None


def say_blur(pixels: float | None, width: float | None, width_px: int) -> str:
    """In % of the frame's width, which `pixels` count `width` of, and in pixels of a clip `width_px` wide."""
    if pixels is None or not width:
        return say_number(None)
    share = abs(pixels) / width
    return f"{share * width_px:.1f} px \u00b7 {100 * share:.2f} %"


def say_focus(measured: dict[str, Any]) -> str:
    """One distance, or from where to where it moves."""
    ends = measured.get("focus_distance_m")
    if not isinstance(ends, dict) or "first" not in ends or "last" not in ends:
        return say_number(None)
    first, last = say_metres(float(ends["first"])), say_metres(float(ends["last"]))
    return f"{first} m" if first == last else f"{first} \u2192 {last} m"


def say_sharp(shot: ShotReport) -> str:
    """Depth of field about the focus distance: nearest and farthest sharp distance, from where to where they move."""
    ends = shot.measured.get("focus_distance_m")
    if not isinstance(ends, dict) or "first" not in ends or "last" not in ends:
        return say_number(None)
    limit = SHARP_SHARE * shot.lens.sensor_width_mm
    try:
        ranges = [depth_of_field_limits(shot.lens, float(ends[end]), limit) for end in ("first", "last")]
    except ConfigError:
        return say_number(None)
    said = dict.fromkeys(f"{say_metres(near)}\u2013{say_metres(far)}" for near, far in ranges)
    return " \u2192 ".join(said) + " m"


def say_breathing(measured: dict[str, Any], is_flagged: bool) -> str:
    value = read_number(measured, "breathing")
    number = "" if value is None else f"{value:.3f} stops"
    if is_flagged:
        return f"{number} flagged".strip()
    return number or say_number(None)
