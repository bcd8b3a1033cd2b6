"""What a shot log says, as values: shots, their lens and distances, and their focus."""

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from vdof.lens import Lens

VERSION = 1
OPEN_END = sys.maxsize
"""`last_frame` of a shot that lasts as long as its clip."""
FOCUS_MODES = ("subject", "eyes", "distance", "point", "keyframes", "two_subjects")
DISTANCES = ("subject_distance_m", "background_distance_m")


@dataclass(frozen=True, slots=True)
class Target:
    """What focus can be on: a distance, a point of the picture, eyes, or, with none of them, the tracked subject."""

    distance_m: float | None = None
    point: tuple[float, float] | None = None
    """(x,y) 0..1 from the top left, in the first frame in which it is wanted."""
    on_eyes: bool = False
    """The nearer eye of the face at `point`, or of the largest."""

    def as_plain(self) -> float | list[float] | str:
        """As the log writes it after `at:`."""
        return (
            list(self.point) if self.point is not None else self.distance_m or ("eyes" if self.on_eyes else "subject")
        )


SUBJECT, EYES = Target(), Target(on_eyes=True)


@dataclass(frozen=True, slots=True)
class FocusKey:
    """From this frame on, focus is on this; the pull there is over when the frame comes."""

    frame: int
    """In the source clip, from 0."""
    target: Target
    pull_s: float | None = None
    """How long the pull takes, seconds; None: as the configuration says."""


@dataclass(frozen=True, slots=True)
class NamedTarget:
    """One of two subjects."""

    name: str
    target: Target


@dataclass(frozen=True, slots=True)
class ShotFocus:
    """What is sharp in a shot."""

    mode: str
    """One of `FOCUS_MODES`."""
    target: Target = SUBJECT
    """Of mode distance, point and eyes."""
    keys: tuple[FocusKey, ...] = ()
    subjects: tuple[NamedTarget, ...] = ()
    """Two, of mode two_subjects."""
    sharp: str = "both"
    """Of mode two_subjects: `both`, or the name of one."""


@dataclass(frozen=True, slots=True)
class ShotEntry:
    """One shot of the log."""

    name: str
    first_frame: int
    """In the source clip, from 0."""
    last_frame: int
    """Included; `OPEN_END`: as long as the clip."""
    lens: dict[str, Any] = field(default_factory=dict)
    """Fields of `Lens` that this shot sets; the run's lens supplies the others."""
    subject_distance_m: float | None = None
    background_distance_m: float | None = None
    """Behind the subject."""
    notes: str = ""
    clip: str | None = None
    """File name of the clip, where one log serves several."""
    lens_reason: str = ""
    """Why this shot's lens differs from the one before."""
    camera_height_m: float | None = None
    """Above the ground."""
    horizon: float | None = None
    """Row of the horizon, 0 (top) to 1 (bottom); it may lie outside the frame."""
    focus: ShotFocus | None = None
    background: str = ""
    """What is seen there, in words."""
    atmosphere: str = ""
    """Air and light, in words."""
    rating: int | None = None
    """1 to 5."""
    measured: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What the last run found; never read as a wish."""
    line: int = field(default=0, compare=False)
    """Where in its file it stands; 0: in none."""

    def apply_lens(self, lens: Lens) -> Lens:
        """The run's lens with this shot's fields in place."""
        return replace(lens, **self.lens)

    def give_way(self, given: Collection[str]) -> "ShotEntry":
        """The entry without what the command line sets (`given` keys): there the command line wins."""
        is_replaced = "lens" in given
        lens = {key: value for key, value in self.lens.items() if not is_replaced and f"lens.{key}" not in given}
        keeps_focus = not {"focus", "focus.mode", "focus.point", "focus.distance_m"} & set(given)
        return replace(self, lens=lens, focus=self.focus if keeps_focus else None)

    def find_distance(self, name: str) -> float | None:
        """`subject_distance_m` or `background_distance_m` as given, else as the last run assumed or measured it."""
        given = getattr(self, name)
        return given if given is not None else list_stand_ins(self.measured).get(name)


def list_stand_ins(measured: Mapping[str, Any]) -> dict[str, float]:
    """The distances that the last run put where nobody had given any: assumed, or read off metric depth."""
    parts = [measured.get(key) for key in ("assumed", "from_depth")]
    return {key: float(value) for part in parts if isinstance(part, dict) for key, value in part.items()}


@dataclass(frozen=True, slots=True)
class ShotLog:
    """A whole log."""

    shots: tuple[ShotEntry, ...]
    clip: str | None = None
    frame_rate: Fraction | None = None
    path: Path | None = None

    def list_shots(self, clip: str) -> list[ShotEntry]:
        """The shots of one clip, by its file name; a log that names no clip at its shots is all this clip's."""
        if all(shot.clip is None for shot in self.shots):
            return list(self.shots)
        return [shot for shot in self.shots if (shot.clip or self.clip) == clip]


@dataclass(frozen=True, slots=True)
class ShotReport:
    """One shot as a run rendered it."""

    entry: ShotEntry
    lens: Lens
    distances: str
    """Where they come from: given, assumed, or metric depth."""
    measured: dict[str, Any]
