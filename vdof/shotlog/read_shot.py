"""One shot of a log out of its YAML node, checked as it is read, errors with file and line."""

from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from typing import Any, cast

import yaml

from vdof.errors import ConfigError, InputError
from vdof.lens import Lens
from vdof.shotlog.entry import OPEN_END, ShotEntry, list_stand_ins
from vdof.shotlog.nodes import Place, describe, find_line, to_plain
from vdof.shotlog.read_focus import read_focus, read_frame
from vdof.shotlog.timecode import parse_timecode

TEXT_KEYS = ("name", "clip", "lens_reason", "background", "atmosphere", "notes")
NUMBER_KEYS: dict[str, tuple[float, float, str]] = {
    "subject_distance_m": (0, 1e5, "metres"),
    "background_distance_m": (0, 1e5, "metres"),
    "camera_height_m": (0, 1e5, "metres"),
    "horizon": (-10, 10, "share of the frame's height"),
}
SHOT_KEYS = (
    *TEXT_KEYS, *NUMBER_KEYS, "first_frame", "last_frame", "first_timecode", "last_timecode", "lens", "focus",
    "rating", "measured",
)  # fmt: skip


def read_rate(place: Place, node: yaml.Node) -> Fraction:
    """Frames per second: 24, 23.976 or 24000/1001."""
    try:
        rate = Fraction(str(to_plain(node)))
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise place.refuse(node, f"frame_rate: got {describe(node)}, expected frames a second, as 24 or 24000/1001")
    whole = round(rate)
    is_ntsc = rate.denominator != 1 and abs(rate - Fraction(whole * 1000, 1001)) < Fraction(1, 500)
    return Fraction(whole * 1000, 1001) if is_ntsc else rate


def read_shot(place: Place, node: yaml.Node, number: int, rate: Fraction | None, *, is_only: bool = False) -> ShotEntry:
    """One shot; the only one of its log may leave its frames out: it is the whole clip."""
    values = place.read_mapping(node, SHOT_KEYS)
    words = {key: place.read_text(values[key], key) for key in TEXT_KEYS if key in values}
    numbers = {
        key: place.read_number(values[key], key, *limits)
        for key, limits in NUMBER_KEYS.items()
        if key in values and to_plain(values[key]) is not None
    }
    measured = to_plain(values["measured"]) if "measured" in values else {}
    measured = measured if isinstance(measured, dict) else {}
    stood_in = list_stand_ins(measured)
    given = {key: value for key, value in numbers.items() if stood_in.get(key) != value}
    first, last = read_range(place, values, node, rate, may_be_open=is_only or bool(words.get("clip")))
    return ShotEntry(
        words.get("name") or f"shot {number}",
        first,
        last,
        lens=read_lens(place, values["lens"]) if "lens" in values else {},
        notes=words.get("notes", ""),
        clip=words.get("clip") or None,
        lens_reason=words.get("lens_reason", ""),
        background=words.get("background", ""),
        atmosphere=words.get("atmosphere", ""),
        focus=read_focus(place, values["focus"], first, last, rate) if "focus" in values else None,
        rating=read_rating(place, values["rating"]) if "rating" in values else None,
        measured=measured,
        line=find_line(node),
        **cast("dict[str, Any]", given),
    )


def read_range(
    place: Place, values: dict[str, yaml.Node], node: yaml.Node, rate: Fraction | None, *, may_be_open: bool
) -> tuple[int, int]:
    """First and last frame, from frames, timecodes, or both where they agree; a whole clip may leave them out."""
    bounds: dict[str, int] = {}
    for end in ("first", "last"):
        frame, timecode = values.get(f"{end}_frame"), values.get(f"{end}_timecode")
        if frame is not None:
            bounds[end] = read_frame(place, frame, f"{end}_frame")
        if timecode is not None and (frame is None or rate is not None):
            at = read_timecode(place, timecode, f"{end}_timecode", rate)
            if bounds.setdefault(end, at) != at:
                raise place.refuse(
                    timecode, f"{end}_timecode: is frame {at}, but {end}_frame says {bounds[end]}; remove one of them"
                )
    if not may_be_open and len(bounds) < 2:
        missing = next(end for end in ("first", "last") if end not in bounds)
        raise place.refuse(node, f"{missing}_frame: got None, expected a frame number from 0, or {missing}_timecode")
    first, last = bounds.get("first", 0), bounds.get("last", OPEN_END)
    if last < first:
        what = values.get("last_frame", values.get("last_timecode", node))
        raise place.refuse(what, f"last_frame: got {last}, expected at least first_frame ({first})")
    return first, last


def read_timecode(place: Place, node: yaml.Node, key: str, rate: Fraction | None) -> int:
    """Frame number of a timecode."""
    if rate is None:
        raise place.refuse(node, f"{key}: timecodes need frame_rate at the top of the log, as frame_rate: 24")
    try:
        return parse_timecode(str(node.value), rate)
    except InputError as error:
        raise place.refuse(node, f"{key}: {error}") from error


def read_rating(place: Place, node: yaml.Node) -> int | None:
    """1 to 5, or nothing."""
    value = to_plain(node)
    if value is None:
        return None
    if value not in (1, 2, 3, 4, 5) or isinstance(value, bool):
        raise place.refuse(node, f"rating: got {describe(node)}, expected 1 to 5, or nothing")
    return int(value)


def read_lens(place: Place, node: yaml.Node) -> dict[str, Any]:
    """The fields of `Lens` that a shot sets."""
    if isinstance(node, yaml.ScalarNode) and to_plain(node) is None:
        return {}
    values = place.read_mapping(node, [entry.name for entry in fields(Lens)], "lens: ")
    plain = {key: to_plain(value) for key, value in values.items()}
    for key, value in plain.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if key == "aperture_image":
            if value is not None and not isinstance(value, str):
                raise place.refuse(values[key], f"lens.{key}: got {value!r}, expected the path of a picture")
        elif not is_number:
            raise place.refuse(values[key], f"lens.{key}: got {value!r}, expected a number")
        else:
            check: Callable[..., Lens] = Lens
            try:
                check(**{key: value})
            except ConfigError as error:
                raise place.refuse(values[key], str(error)) from error
    return plain


def check_order(place: Place, shots: list[ShotEntry], nodes: list[yaml.Node]) -> None:
    """Shots of one clip follow one another; names are there once."""
    names: set[str] = set()
    previous: dict[str | None, ShotEntry] = {}
    for shot, node in zip(shots, nodes, strict=True):
        if shot.name in names:
            raise place.refuse(node, f"two shots are called {shot.name!r}; give each its own name")
        names.add(shot.name)
        before = previous.get(shot.clip)
        if before is not None and shot.first_frame <= before.last_frame:
            raise place.refuse(
                node, f"shot {shot.name!r} begins at {shot.first_frame}, before {before.name!r} has ended"
            )
        previous[shot.clip] = shot
