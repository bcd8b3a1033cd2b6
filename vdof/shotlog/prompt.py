"""The geometry sentence: a shot in the words that an image-to-video model needs, and such words back into a shot.

The sentence carries focal length, f-number, lens family, camera angle, distances, depth of field and bokeh; it loses the
sensor (full frame is meant), keyframes, and everything else that only the log holds.
"""

import re
from dataclasses import dataclass, replace

from vdof.lens import LIMITS, Lens
from vdof.shotlog.entry import OPEN_END, ShotEntry
from vdof.shotlog.look import FULL_FRAME_MM, Look

SHALLOW, DEEP = 0.012, 0.004
"""Background blur, as a share of the frame's width, from which depth of field is called shallow, and below which deep."""
EYE_LEVEL_M = (1.2, 1.9)
"""Camera heights that are eye level."""
LEVEL_HORIZON = (0.3, 0.7)
"""Rows of the horizon, 0..1, that are eye level where the height is not known."""
HEIGHTS = {"low angle": 0.6, "eye level": 1.6, "high angle": 2.6}
"""Camera height that a word stands for, m."""
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254}
_UNIT = r"(m|metres?|meters?|cm|ft|feet|foot|inch(?:es)?)\b"
_NUMBER = r"(\d+(?:\.\d+)?)"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One shot in words."""

    sentence: str
    negative: str
    missing: tuple[str, ...]
    """What the log does not say, so that the sentence leaves it out."""


def write_prompt(look: Look) -> Prompt:
    """The sentence for one shot, and what it must not be."""
    parts = [
        f"{look.equivalent_mm:.3g}mm f/{look.equivalent_f_number:.2g} {name_family(look.lens)}",
        name_angle(look.entry),
    ]
    if look.subject_m is not None:
        parts.append(f"subject {look.subject_m:.3g} m from camera")
    if look.background_m is not None:
        parts.append(f"{look.entry.background or 'background'} {look.background_m:.3g} m behind")
    depth = name_depth(look.blur)
    parts += [depth, "smooth falloff" if depth == "shallow depth of field" else "", name_bokeh(look.lens)]
    parts.append(look.entry.atmosphere)
    missing = {
        "camera height or horizon": not name_angle(look.entry),
        "subject_distance_m": look.subject_m is None,
        "background_distance_m": look.background_m is None,
        "background (what is seen there)": not look.entry.background,
    }
    negative = list_negatives(look, depth)
    return Prompt(
        ", ".join(part for part in parts if part),
        ", ".join(negative),
        tuple(name for name, is_missing in missing.items() if is_missing),
    )


def name_family(lens: Lens) -> str:
    return f"{lens.squeeze:g}x anamorphic" if lens.squeeze > 1 else "spherical"


def name_angle(entry: ShotEntry) -> str:
    """Eye level, low or high angle; nothing where neither height nor horizon is known."""
    for value, (low, high), below, above in (
        (entry.camera_height_m, EYE_LEVEL_M, "low angle", "high angle"),
        (entry.horizon, LEVEL_HORIZON, "high angle", "low angle"),
    ):
        if value is not None:
            return below if value < low else above if value > high else "eye level"
    return ""


def name_depth(blur: float | None) -> str:
    if blur is None:
        return ""
    return f"{'shallow' if blur >= SHALLOW else 'deep' if blur < DEEP else 'moderate'} depth of field"


def name_bokeh(lens: Lens) -> str:
    if lens.squeeze > 1:
        return "oval bokeh"
    if lens.blades >= 3 and lens.blade_curvature < 0.7:
        return f"{lens.blades}-sided bokeh"
    return "round bokeh, cat-eye towards the corners" if lens.cat_eye > 0.3 else "round bokeh"


def list_negatives(look: Look, depth: str) -> list[str]:
    """What models fall back on when the sentence asks for the opposite."""
    words: list[str] = []
    if depth == "shallow depth of field":
        words += ["deep focus", "everything sharp", "sharp background"]
    if depth == "deep depth of field":
        words += ["blurred background", "bokeh", "tilt-shift miniature"]
    if look.equivalent_mm >= 60:
        words += ["wide-angle distortion", "stretched perspective"]
    if look.equivalent_mm <= 28:
        words += ["telephoto compression", "portrait-lens isolation"]
    words += ["oval bokeh", "anamorphic flares"] if look.lens.squeeze == 1 else ["round bokeh"]
    return [*words, "focus hunting", "pulsing blur", "cut-out edges", "smeared hair", "zoom"]


@dataclass(frozen=True, slots=True)
class FromPrompt:
    """What a sentence says of a shot."""

    entry: ShotEntry
    missing: tuple[str, ...]
    """What it does not say."""
    unread: tuple[str, ...]
    """Phrases that mean nothing to the log; they are in its notes."""


def from_prompt(sentence: str, name: str = "shot 0", clip: str | None = None) -> FromPrompt:
    """Read a sentence into a shot that lasts as long as its clip."""
    entry = ShotEntry(name, 0, OPEN_END, clip=clip)
    unread: list[str] = []
    for phrase in (part.strip(" .") for part in re.split(r"[;\n]|,(?!\d)|\.(?!\d)", sentence)):
        if not phrase:
            continue
        read = read_phrase(entry, phrase)
        if read is None:
            unread.append(phrase)
        else:
            entry = read
    lens = {"sensor_width_mm": FULL_FRAME_MM, **entry.lens} if entry.lens else {}
    wanted = {
        "focal length (as 85mm)": "focal_length_mm" not in lens,
        "f-number (as f/1.8)": "f_number" not in lens,
        "spherical or anamorphic": "squeeze" not in lens,
        "camera angle (as eye level)": entry.camera_height_m is None,
        "subject distance (as subject 1.8 m from camera)": entry.subject_distance_m is None,
        "background distance (as shelves 4 m behind)": entry.background_distance_m is None,
    }
    missing = tuple(what for what, is_missing in wanted.items() if is_missing)
    return FromPrompt(replace(entry, lens=lens, notes=", ".join(unread)), missing, tuple(unread))


def read_phrase(entry: ShotEntry, phrase: str) -> ShotEntry | None:
    """The shot with what one phrase says; None where it says nothing that a log holds."""
    behind = re.search(
        rf"^(.*?)\s*\b(?:about |around |~)?{_NUMBER}\s*{_UNIT}\s+(?:behind|further back|farther back)", phrase, re.I
    )
    if behind:
        words = re.sub(r"^(with|and)\s+|\s+(is|are|about)$", "", behind[1], flags=re.I).strip()
        words = "" if words.lower() in ("background", "the background") else words
        return replace(entry, background_distance_m=to_metres(behind[2], behind[3]), background=words)
    place = re.search(rf"{_NUMBER}\s*{_UNIT}\s+(?:from|away|in front of)", phrase, re.I)
    if place:
        return replace(entry, subject_distance_m=to_metres(place[1], place[2]))
    for angle, height in HEIGHTS.items():
        if re.search(angle.replace(" ", "[ -]"), phrase, re.I):
            return replace(entry, camera_height_m=height)
    lens = read_lens_words(phrase)
    if lens:
        return replace(entry, lens={**entry.lens, **lens})
    follows = re.search(r"depth of field|falloff|bokeh|shallow focus", phrase, re.I)
    return entry if follows else None


def read_lens_words(phrase: str) -> dict[str, float]:
    """Fields of `Lens` that a phrase names, where they are within what a lens can be."""
    found: dict[str, float] = {}
    focal = re.search(rf"{_NUMBER}\s*-?mm\b", phrase, re.I)
    stop = re.search(rf"\b(?:f\s*/?\s*|t)(?=\d){_NUMBER}", phrase, re.I)
    squeeze = re.search(rf"{_NUMBER}\s*x\s+anamorphic", phrase, re.I)
    blades = re.search(r"(\d+)[ -](?:sided|bladed?)", phrase, re.I)
    if focal:
        found["focal_length_mm"] = float(focal[1])
    if stop:
        found["f_number"] = float(stop[1])
    if re.search("anamorphic|oval bokeh", phrase, re.I):
        found["squeeze"] = float(squeeze[1]) if squeeze else 2.0
    elif re.search("spherical", phrase, re.I):
        found["squeeze"] = 1.0
    if blades:
        found["blades"] = int(blades[1])
    return {key: value for key, value in found.items() if LIMITS[key][0] <= value <= LIMITS[key][1]}


def to_metres(number: str, unit: str) -> float:
    """A length in words, m."""
    short = {"me": "m", "m": "m", "cm": "cm", "ft": "ft", "fe": "ft", "fo": "ft", "in": "in"}[unit.lower()[:2]]
    return round(float(number) * METRES[short], 4)
