"""What a shot's numbers look like: blur of the background, depth of field, and how much of both two shots share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vdof.errors import ConfigError
from vdof.lens import Lens
from vdof.optics import coc_scale, depth_of_field_limits
from vdof.shotlog.entry import DISTANCES, ShotEntry, list_stand_ins

SHARP_SHARE = 1 / 1200
"""What counts as sharp: coc as a share of the sensor's width (.03 mm on 36 mm; Ray 2002)."""
FULL_FRAME_MM = 36.0


@dataclass(frozen=True, slots=True)
class Look:
    """One shot's optics, from the log alone."""

    entry: ShotEntry
    lens: Lens
    subject_m: float | None
    """Camera to subject."""
    background_m: float | None
    """Behind the subject."""
    is_assumed: bool
    """Whether one of the two was assumed."""
    blur: float | None
    """coc of the background with focus on the subject, as a share of the frame's width; None: distances not known."""
    sharp: tuple[float, float] | None
    """Nearest and farthest sharp distance, m."""

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def equivalent_mm(self) -> float:
        """Focal length with the same view on full frame."""
        return self.lens.focal_length_mm * FULL_FRAME_MM / self.lens.sensor_width_mm

    @property
    def equivalent_f_number(self) -> float:
        """f-number with the same blur on full frame."""
        return self.lens.f_number * FULL_FRAME_MM / self.lens.sensor_width_mm

    @property
    def rendered_blur(self) -> float | None:
        """What the last run rendered there, as a share of the frame's width."""
        pixels, width = self.entry.measured.get("coc_background_px"), self.entry.measured.get("width_px")
        is_known = isinstance(pixels, int | float) and isinstance(width, int | float)
        return abs(pixels) / width if is_known and width else None  # type: ignore[arg-type]


def look_at(entry: ShotEntry, lens: Lens) -> Look:
    """The look of one shot; `lens` is the run's, of which the log may change fields."""
    used = entry.apply_lens(lens)
    subject, background = (entry.find_distance(key) for key in DISTANCES)
    is_assumed = any(getattr(entry, key) is None and key in list_stand_ins(entry.measured) for key in DISTANCES)
    blur = sharp = None
    if subject is not None:
        try:
            sharp = depth_of_field_limits(used, subject, SHARP_SHARE * used.sensor_width_mm)
        except ConfigError as error:
            raise ConfigError(f"shot {entry.name!r}: {error}") from error
        blur = None if background is None else find_blur(used, subject, background)
    return Look(entry, used, subject, background, is_assumed, blur, sharp)


def find_blur(lens: Lens, subject_m: float, background_m: float) -> float:
    """coc of the background with focus on the subject, as a share of the frame's width."""
    return coc_scale(lens, subject_m, 1) * (1 / subject_m - 1 / (subject_m + background_m))


def count_stops(more: float, less: float) -> float:
    """Aperture stops between two blurs: one stop is a factor of the square root of two."""
    return 2 * math.log2(max(more, 1e-9) / max(less, 1e-9))


@dataclass(frozen=True, slots=True)
class Match:
    """What would give a shot the background blur of another; None: nothing within a lens' reach does."""

    look: Look
    stops: float
    """How much more blur the shot has now, in aperture stops."""
    f_number: float | None
    subject_m: float | None
    """Camera to subject, with the background as far behind as before."""
    background_m: float | None
    """Behind the subject, with the subject where it is."""


def match_blur(look: Look, wanted: float) -> Match:
    """Solve one number of a shot at a time for a background blur, a share of the frame's width."""
    assert look.blur is not None
    assert look.subject_m is not None
    assert look.background_m is not None
    f_number = look.lens.f_number * look.blur / wanted
    reach = 1 / look.subject_m - wanted / coc_scale(look.lens, look.subject_m, 1)
    background = 1 / reach - look.subject_m if reach > 0 else None
    return Match(
        look,
        count_stops(look.blur, wanted),
        f_number if 0.5 <= f_number <= 64 else None,
        solve_subject(look.lens, look.background_m, wanted),
        background,
    )


def solve_subject(lens: Lens, background_m: float, wanted: float) -> float | None:
    """Subject distance, m, that gives this blur to a background so far behind it; blur falls with distance."""
    low, high = 2 * lens.focal_length_mm / 1000, 1000.0
    if not find_blur(lens, high, background_m) < wanted < find_blur(lens, low, background_m):
        return None
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if find_blur(lens, middle, background_m) > wanted else (low, middle)
    return low


def find_look(looks: Sequence[Look], name: str) -> Look:
    """A shot by its name or, where no shot is called so, by its number from 0. Raises ConfigError."""
    for look in looks:
        if look.name == name:
            return look
    if name.isdigit() and int(name) < len(looks):
        return looks[int(name)]
    raise ConfigError(f"match: no shot is called {name!r}; known: {', '.join(look.name for look in looks)}")
