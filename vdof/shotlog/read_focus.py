"""Read a shot's `focus`: a mode, keyframes by frame or timecode, two subjects."""

from fractions import Fraction

import yaml

from vdof.errors import InputError
from vdof.shotlog.entry import EYES, FOCUS_MODES, SUBJECT, FocusKey, NamedTarget, ShotFocus, Target
from vdof.shotlog.nodes import Place, describe, to_plain
from vdof.shotlog.timecode import parse_timecode

KEYS_OF_MODE: dict[str, tuple[str, ...]] = {
    "subject": ("mode",),
    "eyes": ("mode", "at"),
    "distance": ("mode", "at"),
    "point": ("mode", "at"),
    "keyframes": ("mode", "keys"),
    "two_subjects": ("mode", "subjects", "sharp"),
}
KEY_KEYS = ("frame", "timecode", "at", "pull_s")


def read_focus(place: Place, node: yaml.Node, first: int, last: int, rate: Fraction | None) -> ShotFocus | None:
    """What is sharp in the shot of frames first..last; None where the log leaves it to the run."""
    if isinstance(node, yaml.ScalarNode):
        if to_plain(node) is None:
            return None
        if node.value == "subject":
            return ShotFocus("subject")
        if node.value == "eyes":
            return ShotFocus("eyes", EYES)
        raise place.refuse(node, f"focus: got {describe(node)}, expected subject, or mode: {' | '.join(FOCUS_MODES)}")
    every = sorted({key for keys in KEYS_OF_MODE.values() for key in keys})
    values = place.read_mapping(node, every, "focus: ")
    mode = place.read_text(values["mode"], "focus.mode") if "mode" in values else guess_mode(values)
    if mode not in FOCUS_MODES:
        raise place.refuse(
            values.get("mode", node), f"focus.mode: got {mode!r}, expected one of {', '.join(FOCUS_MODES)}"
        )
    place.read_mapping(node, KEYS_OF_MODE[mode], f"focus of mode {mode}: ")
    if mode in ("distance", "point"):
        target = read_target(place, values.get("at", node), "focus.at")
        if (target.point is not None) != (mode == "point") or target in (SUBJECT, EYES):
            wanted = "metres" if mode == "distance" else "[x, y]"
            raise place.refuse(values.get("at", node), f"focus.at: expected {wanted} for mode {mode}")
        return ShotFocus(mode, target)
    if mode == "eyes":
        face = read_target(place, values["at"], "focus.at") if "at" in values else EYES
        if face != EYES and face.point is None:
            raise place.refuse(values["at"], "focus.at: expected [x, y] on the face for mode eyes")
        return ShotFocus(mode, Target(point=face.point, on_eyes=True))
    if mode == "keyframes":
        return ShotFocus(mode, keys=read_keys(place, values.get("keys", node), first, last, rate))
    if mode == "two_subjects":
        return read_two_subjects(place, values, node)
    return ShotFocus(mode)


def guess_mode(values: dict[str, yaml.Node]) -> str:
    """The mode that the other keys mean."""
    if "keys" in values:
        return "keyframes"
    if "subjects" in values:
        return "two_subjects"
    return "point" if isinstance(values.get("at"), yaml.SequenceNode) else "distance" if "at" in values else "subject"


def read_target(place: Place, node: yaml.Node, key: str) -> Target:
    """`subject`, `eyes`, metres, or [x, y]."""
    value = to_plain(node)
    if value in ("subject", "eyes"):
        return SUBJECT if value == "subject" else EYES
    if isinstance(value, list):
        if len(value) != 2 or not all(isinstance(part, int | float) and 0 <= part <= 1 for part in value):
            raise place.refuse(node, f"{key}: got {value}, expected [x, y] with both in 0..1 from the top left")
        return Target(point=(float(value[0]), float(value[1])))
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e6:
        raise place.refuse(node, f"{key}: got {describe(node)}, expected subject, eyes, metres above 0, or [x, y]")
    return Target(distance_m=float(value))


def read_keys(place: Place, node: yaml.Node, first: int, last: int, rate: Fraction | None) -> tuple[FocusKey, ...]:
    """Keyframes, in order and within the shot."""
    keys: list[FocusKey] = []
    for item in place.read_items(node, "focus.keys: expected a list of {frame, at}"):
        values = place.read_mapping(item, KEY_KEYS, "focus.keys: ")
        if "at" not in values or ("frame" in values) == ("timecode" in values):
            raise place.refuse(item, "focus.keys: expected `at`, and either `frame` or `timecode`")
        if "frame" in values:
            frame = read_frame(place, values["frame"], "focus.keys.frame")
        elif rate is None:
            raise place.refuse(item, "focus.keys.timecode: timecodes need frame_rate at the top of the log")
        else:
            try:
                frame = parse_timecode(str(values["timecode"].value), rate)
            except InputError as error:
                raise place.refuse(values["timecode"], f"focus.keys.timecode: {error}") from error
        if not first <= frame <= last:
            raise place.refuse(item, f"focus.keys: frame {frame} is outside the shot's {first} to {last}")
        if keys and frame <= keys[-1].frame:
            raise place.refuse(item, f"focus.keys: frame {frame} comes after {keys[-1].frame}; put keys in order")
        pull = place.read_number(values["pull_s"], "pull_s", 0, 60, "seconds") if "pull_s" in values else None
        keys.append(FocusKey(frame, read_target(place, values["at"], "focus.keys.at"), pull))
    return tuple(keys)


def read_two_subjects(place: Place, values: dict[str, yaml.Node], node: yaml.Node) -> ShotFocus:
    """Two names with their places, and who is sharp."""
    subjects: list[NamedTarget] = []
    for item in place.read_items(values.get("subjects", node), "focus.subjects: expected two of {name, at}"):
        parts = place.read_mapping(item, ("name", "at"), "focus.subjects: ")
        if len(parts) < 2:
            raise place.refuse(item, "focus.subjects: expected `name` and `at`")
        name = place.read_text(parts["name"], "focus.subjects.name")
        subjects.append(NamedTarget(name, read_target(place, parts["at"], "focus.subjects.at")))
    names = [subject.name for subject in subjects]
    if len(set(names)) != 2 or len(names) != 2 or "both" in names:
        raise place.refuse(values["subjects"], f"focus.subjects: got {names}, expected two different names")
    sharp = place.read_text(values["sharp"], "focus.sharp") if "sharp" in values else "both"
    if sharp not in ("both", *names):
        raise place.refuse(values["sharp"], f"focus.sharp: got {sharp!r}, expected both, {names[0]} or {names[1]}")
    return ShotFocus("two_subjects", subjects=tuple(subjects), sharp=sharp)


def read_frame(place: Place, node: yaml.Node, key: str) -> int:
    """A frame number, from 0."""
    value = to_plain(node)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise place.refuse(node, f"{key}: got {value!r}, expected a frame number from 0")
    return value
