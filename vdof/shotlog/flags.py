"""What a script supervisor would call out between shots: which shots, by how many stops, and what to change.

Stops are of aperture: one stop is a factor of the square root of two in blur.
"""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from vdof.lens import Lens
from vdof.shotlog.look import Look, count_stops, find_blur

SAME_STOPS = 1 / 3
"""Blur that differs by less is the same blur."""
FOLLOW_STOPS = 0.5
"""Blur is expected to follow a subject's move this well."""
SAME_PLACE = 0.08
"""Distances that differ by less, relatively, are the same set-up."""
MOVED = 0.15
"""Relative change from which a subject has moved."""
WIDE_MM, FASTEST_WIDE = 28.0, 1.2
"""A wide lens (full-frame equivalent), and the smallest f-number that such lenses are made with."""
ISOLATION, CLOSE_UP_M = 0.02, 0.6
"""Background blur (share of the width) that is a portrait lens' own, and the distance from which a wide lens has none."""
_REASON = re.compile(r"\blens\b|\bmm\b|\d\s*mm\b", re.IGNORECASE)


def list_flags(looks: Sequence[Look]) -> list[str]:
    """All that does not go together, a sentence each."""
    return [
        *flag_mixed(looks),
        *(flag for pair in pairwise(looks) for flag in flag_lens_change(*pair)),
        *(flag for pair in pairwise(looks) for flag in flag_move(*pair)),
        *(flag for look in looks for flag in flag_wide(look)),
        *(flag for look in looks for flag in flag_within(look)),
        *flag_same_set_up(looks),
    ]


def describe_lens(lens: Lens) -> str:
    """`85 mm f/1.8`, with what is unusual."""
    anamorphic = f" {lens.squeeze:g}x anamorphic" if lens.squeeze > 1 else ""
    return f"{lens.focal_length_mm:g} mm f/{lens.f_number:g}{anamorphic}"


def say_stops(stops: float, more: str = "more", less: str = "less") -> str:
    """`1.3 stops more`."""
    return f"{abs(stops):.1f} stop{'' if 0.95 <= abs(stops) < 1.05 else 's'} {more if stops > 0 else less}"


def flag_mixed(looks: Sequence[Look]) -> Iterator[str]:
    """Spherical and anamorphic in one sequence."""
    oval = [look.name for look in looks if look.lens.squeeze > 1]
    if oval and len(oval) < len(looks):
        few, kind = (oval, "anamorphic") if 2 * len(oval) <= len(looks) else (
            [look.name for look in looks if look.lens.squeeze == 1], "spherical",
        )  # fmt: skip
        yield (
            f"{list_names(few)}: {kind}, while the other {len(looks) - len(few)} shots are not; bokeh and flares will not "
            f"cut together. Set lens.squeeze alike in all shots"
        )


def flag_lens_change(before: Look, after: Look) -> Iterator[str]:
    """Another lens with no reason given."""
    old, new = before.lens, after.lens
    is_same = all(
        math.isclose(a, b, rel_tol=0.02)
        for a, b in ((old.focal_length_mm, new.focal_length_mm), (old.f_number, new.f_number),
                     (old.sensor_width_mm, new.sensor_width_mm))
    )  # fmt: skip
    if is_same or after.entry.lens_reason or _REASON.search(after.entry.notes):
        return
    effect = ""
    if before.blur and after.blur:
        effect = f"; background blur {say_stops(count_stops(after.blur, before.blur))}"
    sensor = (
        ""
        if math.isclose(old.sensor_width_mm, new.sensor_width_mm, rel_tol=0.02)
        else (f" on {new.sensor_width_mm:g} mm instead of {old.sensor_width_mm:g} mm")
    )
    yield (
        f"{before.name} -> {after.name}: {describe_lens(old)} becomes {describe_lens(new)}{sensor} and no reason is "
        f"given{effect}. Write lens_reason at {after.name}, or give it the lens of {before.name}"
    )


def flag_move(before: Look, after: Look) -> Iterator[str]:
    """The subject moved and its background blur did not follow, or the reverse."""
    if not (before.blur and after.blur and before.subject_m and after.subject_m and after.background_m):
        return
    if not math.isclose(before.lens.focal_length_mm, after.lens.focal_length_mm, rel_tol=0.02):
        return
    has_moved = abs(after.subject_m / before.subject_m - 1) > MOVED
    move = f"{before.name} -> {after.name}: the subject goes from {before.subject_m:.3g} to {after.subject_m:.3g} m"
    expected = count_stops(find_blur(before.lens, after.subject_m, after.background_m), before.blur)
    planned = count_stops(after.blur, before.blur)
    if has_moved and abs(planned) < SAME_STOPS and abs(expected) > 2 * FOLLOW_STOPS:
        yield (
            f"{move}, and the background should have {say_stops(expected)} blur, but f/{after.lens.f_number:g} keeps it as "
            f"it was. Set f_number of {after.name} to {before.lens.f_number:g}"
        )
    old, new = before.rendered_blur, after.rendered_blur
    if not old or not new:
        return
    rendered = count_stops(new, old)
    off = rendered - planned
    if abs(off) <= FOLLOW_STOPS:
        return
    what = move if has_moved else f"{before.name} -> {after.name}: the subject stays at {after.subject_m:.3g} m"
    yield (
        f"{what}; by the log the background blur changes by {planned:+.1f} stops, as rendered by {rendered:+.1f}: "
        f"{say_stops(off, 'too much', 'too little')}. Run {after.name} again with this log, or correct its distances"
    )


def flag_wide(look: Look) -> Iterator[str]:
    """A wide lens that blurs as only a long one does."""
    if look.equivalent_mm > WIDE_MM or not look.blur or not look.subject_m:
        return
    what = f"{look.name}: {describe_lens(look.lens)}"
    full_frame = look.equivalent_f_number
    if full_frame < FASTEST_WIDE * 0.99:
        stops = 2 * math.log2(FASTEST_WIDE / full_frame)
        crop = look.lens.sensor_width_mm / 36
        yield (
            f"{what} is {stops:.1f} stops faster than any lens so wide: such a wide lens cannot isolate as "
            f"an 85 mm does. Set f_number to {FASTEST_WIDE * crop:.2g} or more, or take a longer lens from farther away"
        )
    elif look.blur > ISOLATION and look.subject_m > CLOSE_UP_M:
        yield (
            f"{what} at {look.subject_m:.3g} m blurs the background by {100 * look.blur:.1f} % of the width, an 85 mm's "
            f"isolation, {count_stops(look.blur, ISOLATION):.1f} stops above what it should. Set f_number to "
            f"{look.lens.f_number * look.blur / ISOLATION:.2g} or take a longer lens"
        )
    rendered = look.rendered_blur
    if rendered and count_stops(rendered, look.blur) > 1:
        yield (
            f"{what} was rendered with {say_stops(count_stops(rendered, look.blur))} blur than such a lens has there, as if "
            f"it were longer. Run it again with this log, or log the lens that it shall look like"
        )


def flag_within(look: Look) -> Iterator[str]:
    """A subject that walks while focus, and with it the background blur, stays (from the last run)."""
    subject, focus = (look.entry.measured.get(key) for key in ("subject_moves_m", "focus_distance_m"))
    if not isinstance(subject, dict) or not isinstance(focus, dict):
        return
    try:
        walked = math.log(float(subject["last"]) / float(subject["first"]))
        pulled = math.log(float(focus["last"]) / float(focus["first"]))
    except (KeyError, ValueError, ZeroDivisionError, TypeError):
        return
    is_planned = look.entry.focus is not None and look.entry.focus.mode in ("keyframes", "two_subjects")
    if abs(walked) > math.log(1 + 2 * MOVED) and abs(pulled) < 0.3 * abs(walked) and not is_planned:
        yield (
            f"{look.name}: the subject goes from {subject['first']} to {subject['last']} m and focus stays at "
            f"{focus['last']} m, so the background keeps its blur where {say_stops(2 * -walked / math.log(2))} were due. "
            f"Set focus: subject, or keyframes"
        )


def flag_same_set_up(looks: Sequence[Look]) -> Iterator[str]:
    """The same set-up with another blur."""
    for number, one in enumerate(looks):
        for other in looks[number + 1 :]:
            if not is_same_set_up(one, other) or not one.blur or not other.blur or other.entry.lens_reason:
                continue
            stops = count_stops(other.blur, one.blur)
            if abs(stops) >= SAME_STOPS:
                yield (
                    f"{one.name}, {other.name}: the same set-up, but the background of {other.name} has "
                    f"{say_stops(stops)} blur. Set f_number of {other.name} to "
                    f"{other.lens.f_number * other.blur / one.blur:.2g}, as {one.name} has, or write its lens_reason"
                )


def is_same_set_up(one: Look, other: Look) -> bool:
    """Whether two shots have the same view, subject and background."""
    pairs = (
        (one.equivalent_mm, other.equivalent_mm),
        (one.subject_m, other.subject_m),
        (one.background_m, other.background_m),
    )
    return all(a is not None and b is not None and math.isclose(a, b, rel_tol=SAME_PLACE) for a, b in pairs)


def list_names(names: Sequence[str]) -> str:
    return ", ".join(names)
