"""A shot log as YAML text, made from scratch."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

import yaml

from vdof.lens import Lens
from vdof.shotlog.entry import DISTANCES, OPEN_END, VERSION, ShotEntry, ShotFocus, ShotLog, ShotReport
from vdof.shotlog.timecode import format_timecode

HEADER = """\
# vdof shot log: what each shot was taken with, and how far away things are.
# Correct it and run again with shot_log=THIS_FILE. `measured` belongs to vdof; everything else is yours and stays.
# Frames count from 0, last_frame is included. subject_distance_m: camera to subject.
# background_distance_m: subject to background, that is, how far the background lies behind the subject.
# A distance that `measured.assumed` repeats was assumed, not measured: write the true one over it.
# More keys and the focus modes: docs/shot_log.md
"""
MAIN_LENS_KEYS = ("focal_length_mm", "f_number", "sensor_width_mm", "squeeze")


def dump_log(log: ShotLog) -> str:
    """A log as YAML text; `measured` is kept."""
    rows = [entry_row(entry, log.frame_rate) for entry in log.shots]
    return HEADER + dump_rows(log.clip, log.frame_rate, rows)


def dump_rows(clip: str | None, rate: Fraction | None, rows: Sequence[dict[str, Any]]) -> str:
    """The text below the header."""
    top: dict[str, Any] = {"version": VERSION}
    if clip is not None:
        top["clip"] = clip
    if rate is not None:
        top["frame_rate"] = format_rate(rate)
    return dump_pairs(top, 0) + "shots:\n" + "\n".join(dump_item(row, 0) for row in rows)


def dump_item(row: dict[str, Any], indent: int) -> str:
    """One shot as an item of a block list, its dash at column `indent`."""
    text = dump_pairs(row, indent + 2)
    return " " * indent + "- " + text[indent + 2 :]


def dump_pairs(row: dict[str, Any], indent: int) -> str:
    """Keys in block style at column `indent`; short mappings inside on one line, `measured` one key a line."""
    lines: list[str] = []
    for key, value in row.items():
        if key == "measured":
            lines += ["measured:", *("  " + line for line in dump_pairs(value, 0).splitlines())]
        else:
            style = None if isinstance(value, dict | list) else False
            text = yaml.safe_dump(
                {key: value}, sort_keys=False, allow_unicode=True, width=110, default_flow_style=style
            )
            lines += text.splitlines()
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def format_rate(rate: Fraction) -> int | str:
    """24, or 24000/1001."""
    return int(rate) if rate.denominator == 1 else f"{rate.numerator}/{rate.denominator}"


def report_row(shot: ShotReport, rate: Fraction) -> dict[str, Any]:
    """The row of one rendered shot: what the user wrote, what was missing filled in, and `measured`."""
    filled = fill_gaps(shot)
    distances = {key: filled[key] for key in DISTANCES if key in filled}
    lens = shorten_lens(shot.lens) | shot.entry.lens
    measured = {"distances": shot.distances, **shot.measured}
    return entry_row(replace(shot.entry, lens=lens, measured=measured, **distances), rate)


def fill_gaps(shot: ShotReport) -> dict[str, Any]:
    """What a run can say where the user said nothing: lens and distances."""
    filled: dict[str, Any] = {"lens": shorten_lens(shot.lens)} if not shot.entry.lens else {}
    known = shot.measured.get("assumed", {}) | shot.measured.get("from_depth", {})
    for key in DISTANCES:
        if getattr(shot.entry, key) is None and key in known:
            filled[key] = known[key]
    return filled


def shorten_lens(lens: Lens) -> dict[str, Any]:
    """The fields that people ask for, and those that are not as usual."""
    usual = asdict(Lens())
    return {key: value for key, value in asdict(lens).items() if key in MAIN_LENS_KEYS or value != usual[key]}


def entry_row(entry: ShotEntry, rate: Fraction | None) -> dict[str, Any]:
    """A shot as the log's keys, in the order in which people read them; what is not known is left out."""
    row: dict[str, Any] = {"name": entry.name, "clip": entry.clip, "first_frame": entry.first_frame}
    row["last_frame"] = None if entry.last_frame == OPEN_END else entry.last_frame
    if rate is not None:
        row["first_timecode"] = format_timecode(entry.first_frame, rate)
        row["last_timecode"] = None if entry.last_frame == OPEN_END else format_timecode(entry.last_frame, rate)
    row["lens"] = dict(entry.lens) or None
    row["lens_reason"] = entry.lens_reason or None
    row |= {key: round_metres(entry.find_distance(key)) for key in DISTANCES}
    row |= {"camera_height_m": entry.camera_height_m, "horizon": entry.horizon}
    row["focus"] = None if entry.focus is None else focus_row(entry.focus)
    row |= {"background": entry.background or None, "atmosphere": entry.atmosphere or None}
    row |= {"notes": entry.notes, "rating": entry.rating, "measured": dict(entry.measured) or None}
    kept = ("notes", "rating", *DISTANCES)
    return {key: value for key, value in row.items() if value is not None or key in kept}


def focus_row(focus: ShotFocus) -> str | dict[str, Any]:
    """A shot's focus as the log's keys."""
    if focus.mode == "subject" or (focus.mode == "eyes" and focus.target.point is None):
        return focus.mode
    row: dict[str, Any] = {"mode": focus.mode}
    if focus.mode in ("distance", "point", "eyes"):
        row["at"] = focus.target.as_plain()
    if focus.mode == "keyframes":
        row["keys"] = [
            {"frame": key.frame, "at": key.target.as_plain()} | ({"pull_s": key.pull_s} if key.pull_s else {})
            for key in focus.keys
        ]
    if focus.mode == "two_subjects":
        row["subjects"] = [{"name": item.name, "at": item.target.as_plain()} for item in focus.subjects]
        row["sharp"] = focus.sharp
    return row


def round_metres(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
