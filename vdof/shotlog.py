"""The shot log: lens and distances per shot, as a YAML file that people read, correct and run again.

A user's fields are lens, distances, name and notes; `measured` is what a run found and is never read back as a wish.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from vdof.errors import ConfigError, InputError
from vdof.files import write_text
from vdof.lens import Lens

VERSION = 1
LOG_KEYS = {"version", "clip", "shots"}
SHOT_KEYS = {
    "name", "first_frame", "last_frame", "first_timecode", "last_timecode", "lens",
    "subject_distance_m", "background_distance_m", "notes", "measured",
}  # fmt: skip

HEADER = """\
# vdof shot log: what each shot was taken with, and how far away things are.
# Correct it and run again with shot_log=THIS_FILE. `measured` belongs to vdof; everything else is yours.
# Frames count from 0, last_frame is included. subject_distance_m: camera to subject.
# background_distance_m: subject to background, that is, how far the background lies behind the subject.
"""


@dataclass(frozen=True, slots=True)
class ShotEntry:
    """One shot of the log."""

    name: str
    first_frame: int
    """In the source clip, from 0."""
    last_frame: int
    """Included."""
    lens: dict[str, Any] = field(default_factory=dict)
    """Fields of `Lens` that this shot sets; the run's lens supplies the others."""
    subject_distance_m: float | None = None
    background_distance_m: float | None = None
    notes: str = ""

    def apply_lens(self, lens: Lens) -> Lens:
        """The run's lens with this shot's fields in place."""
        return replace(lens, **self.lens)


def read_shot_log(path: Path) -> list[ShotEntry]:
    """The shots of a log, in order.

    Raises:
        InputError: missing, not YAML, wrong version, unknown key, bad value, overlapping shots; says file and line.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise InputError(f"shot_log: cannot read {path}: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}:1: not YAML: {str(error).splitlines()[0]}") from error
    top = _read_mapping(root, LOG_KEYS, path)
    if "version" not in top or _scalar(top["version"]) != VERSION:
        raise _bad(path, top.get("version", root), f"version: expected {VERSION}; this vdof reads no other")
    if "shots" not in top or not isinstance(top["shots"], yaml.SequenceNode) or not top["shots"].value:
        raise _bad(path, top.get("shots", root), "shots: expected a list of at least one shot")
    entries = [_read_shot(node, number, path) for number, node in enumerate(top["shots"].value)]
    for before, after, node in zip(entries, entries[1:], top["shots"].value[1:], strict=False):
        if after.first_frame <= before.last_frame:
            raise _bad(
                path, node, f"shot {after.name!r} begins at {after.first_frame}, before {before.name!r} has ended"
            )
    return entries


def _read_shot(node: yaml.Node, number: int, path: Path) -> ShotEntry:
    values = _read_mapping(node, SHOT_KEYS, path)
    for key in ("first_frame", "last_frame"):
        value = _scalar(values[key]) if key in values else None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise _bad(path, values.get(key, node), f"{key}: got {value!r}, expected a frame number from 0")
    for key in ("subject_distance_m", "background_distance_m"):
        value = _scalar(values[key]) if key in values else None
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e5):
            raise _bad(path, values[key], f"{key}: got {value!r}, expected metres above 0, or nothing")
    first, last = _scalar(values["first_frame"]), _scalar(values["last_frame"])
    if last < first:
        raise _bad(path, values["last_frame"], f"last_frame: got {last}, expected at least first_frame ({first})")
    plain = {key: _scalar(value) for key, value in values.items() if key in ("name", "notes")}
    distances = {key: _scalar(values[key]) for key in ("subject_distance_m", "background_distance_m") if key in values}
    lens = _read_lens(values["lens"], path) if "lens" in values else {}
    name = str(plain.get("name") or f"shot {number}")
    return ShotEntry(name, first, last, lens, notes=str(plain.get("notes") or ""), **distances)


def _read_lens(node: yaml.Node, path: Path) -> dict[str, Any]:
    values = _read_mapping(node, {entry.name for entry in fields(Lens)}, path)
    plain = {key: _scalar(value) for key, value in values.items()}
    for key, value in plain.items():
        if type(value) is not type(getattr(Lens(), key)) and not isinstance(value, int | float):
            raise _bad(path, values[key], f"lens.{key}: got {value!r}, expected a number")
    try:
        Lens(**plain)
    except ConfigError as error:
        raise _bad(path, node, str(error)) from error
    return plain


def _read_mapping(node: yaml.Node | None, known: set[str], path: Path) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _bad(path, node, f"expected keys ({', '.join(sorted(known))})")
    for key, _ in node.value:
        if key.value not in known:
            raise _bad(path, key, f"unknown key {key.value!r}; known here: {', '.join(sorted(known))}")
    return {key.value: value for key, value in node.value}


def _scalar(node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        return None
    return yaml.safe_load(node.value) if node.style is None and node.value else node.value or None


def _bad(path: Path, node: yaml.Node | None, what: str) -> InputError:
    return InputError(f"{path}:{node.start_mark.line + 1 if node else 1}: {what}")


@dataclass(frozen=True, slots=True)
class ShotReport:
    """One shot as a run rendered it."""

    entry: ShotEntry
    lens: Lens
    distances: str
    """Where they come from: given, assumed, or metric depth."""
    measured: dict[str, Any]


def write_shot_log(path: Path, clip: str, shots: list[ShotReport], rate: Fraction) -> None:
    """Write the log of a run, ready to be corrected."""
    listed = []
    for shot in shots:
        entry = shot.entry
        row: dict[str, Any] = {
            "name": entry.name,
            "first_frame": entry.first_frame,
            "last_frame": entry.last_frame,
            "first_timecode": format_timecode(entry.first_frame, rate),
            "last_timecode": format_timecode(entry.last_frame, rate),
            "lens": asdict(shot.lens),
            "subject_distance_m": _round(entry.subject_distance_m),
            "background_distance_m": _round(entry.background_distance_m),
            "notes": entry.notes,
            "measured": {"distances": shot.distances, **shot.measured},
        }
        listed.append(row)
    body = yaml.safe_dump(
        {"version": VERSION, "clip": clip, "shots": listed}, sort_keys=False, allow_unicode=True, width=110
    )
    write_text(path, HEADER + body)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def format_timecode(frame: int, rate: Fraction) -> str:
    """Non-drop HH:MM:SS:FF from the start of the clip, at the nearest whole frame rate."""
    whole = max(1, round(rate))
    seconds, frames = divmod(frame, whole)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"
