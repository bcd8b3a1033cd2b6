"""What is sharp in one shot: the shot log's focus, else the configuration's, as a distance for every frame."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import tee

import numpy as np
from torch import Tensor

from vdof.analysis.store import FrameRecord
from vdof.calibrate import MetricScale
from vdof.errors import ConfigError, InputError
from vdof.flow.config import FlowConfig
from vdof.flow.open import open_flow
from vdof.focus.config import FocusConfig
from vdof.focus.eyes import observe_faces
from vdof.focus.faces import FaceFinder
from vdof.focus.observe import Observation, PointTarget, observe_subject, observe_targets, steady_track
from vdof.focus.open_faces import open_face_finder
from vdof.focus.pulls import Pull, Track, limit_speed, pull_focus
from vdof.focus.upright import Lean
from vdof.lens import LIMITS, Lens
from vdof.optics import f_number_for_two_distances
from vdof.shotlog import ShotEntry, ShotFocus, Target

NEAREST_FOCUS = 1.5
"""Focus never comes nearer than this many focal lengths."""
FARTHEST_FOCUS_M = 1e4


@dataclass(frozen=True, slots=True)
class Followed:
    """What focus may follow in each frame of one shot, in the analysis' units."""

    observed: Sequence[Observation]
    leans: Sequence[Lean]
    subject: Track
    """(n,) disparity of the subject, smooth."""
    eyes: Track | None
    """(n,) disparity of the eyes in focus; None: no face was looked for or found, and eyes are the subject."""
    seconds: Track
    """(n,) presentation time."""
    first_frame: int
    """Of the source."""


def choose_focus(config: FocusConfig, entry: ShotEntry | None) -> ShotFocus:
    """The log's focus of a shot, else the configuration's."""
    if entry is not None and entry.focus is not None:
        return entry.focus
    if config.distance_m is not None:
        return ShotFocus("distance", Target(distance_m=config.distance_m))
    point = None if config.point is None else (config.point[0], config.point[1])
    if config.mode == "eyes":
        return ShotFocus("eyes", Target(point=point, on_eyes=True))
    return ShotFocus("subject") if point is None else ShotFocus("point", Target(point=point))


def check_focus(config: FocusConfig, entries: Sequence[ShotEntry]) -> None:
    """Before pass 1: raise BackendError or ModelError where focus is wanted on eyes and faces cannot be found here."""
    if any(needs_eyes(choose_focus(config, entry)) for entry in [*entries, None]):
        open_face_finder(config.face_models)


def list_targets(focus: ShotFocus) -> list[Target]:
    """All that focus may be on in a shot."""
    return [focus.target, *(key.target for key in focus.keys), *(item.target for item in focus.subjects)]


def needs_pictures(focus: ShotFocus) -> bool:
    """Whether something must be followed through the frames themselves."""
    return needs_eyes(focus) or any(target.point is not None for target in list_targets(focus))


def needs_eyes(focus: ShotFocus) -> bool:
    """Whether faces must be found."""
    return any(target.on_eyes for target in list_targets(focus))


def list_points(focus: ShotFocus, records: Sequence[FrameRecord]) -> list[PointTarget]:
    """The points to follow beside the subject, in the order of keys or subjects."""
    first = records[0].index
    if focus.mode == "point" and focus.target.point is not None:
        return [PointTarget(focus.target.point, 0)]
    keyed = [(key.target, max(0, key.frame - first)) for key in focus.keys]
    pairs = keyed + [(item.target, 0) for item in focus.subjects]
    return [PointTarget(target.point, start) for target, start in pairs if target.point is not None]


def observe_shot(
    focus: ShotFocus,
    records: Sequence[FrameRecord],
    maps: Iterable[Tensor],
    pictures: Iterable[Tensor] | None,
    flow: FlowConfig,
    finder: FaceFinder | None = None,
) -> Iterator[Observation]:
    """What is seen in each frame of one shot; `maps` (1,1,h,w) disparity, `pictures` (1,3,H,W) display-encoded.

    `finder` is needed where focus is on eyes.
    """
    if pictures is None or not needs_pictures(focus):
        return observe_subject(maps)
    if not needs_eyes(focus):
        return observe_targets(maps, pictures, list_points(focus, records), flow)
    assert finder is not None
    (maps, maps_again), (pictures, pictures_again) = tee(maps), tee(pictures)
    observed = observe_targets(maps_again, pictures_again, list_points(focus, records), flow)
    return observe_faces(observed, maps, pictures, finder, open_flow(flow))


def set_focus(
    config: FocusConfig, focus: ShotFocus, lens: Lens, scale: MetricScale, followed: Followed
) -> tuple[Track, Lens]:
    """Focus distance of each frame, metres, and the lens, stopped down where two subjects must both be sharp."""
    seconds = followed.seconds
    if focus.mode == "distance" and focus.target.distance_m is not None:
        require_focusable(focus.target.distance_m, lens)
        return clip_distance(np.full(len(seconds), focus.target.distance_m), lens), lens
    on_subject = np.array([scale.to_metric(value) for value in followed.subject])
    eyes = followed.eyes
    on_eyes = on_subject if eyes is None else np.array([scale.to_metric(value) for value in eyes])
    tracks = iter_tracks(config, focus, scale, followed, on_subject, on_eyes)
    if focus.mode == "keyframes":
        (_, first), *later = [(key, track) for key, track in zip(focus.keys, tracks, strict=True) if track is not None]
        pulls = [
            Pull(find_seconds(key.frame, followed), track, config.pull_s if key.pull_s is None else key.pull_s)
            for key, track in later
        ]
        dioptres = pull_focus(first, pulls, seconds, config.speed_dpt_s)
    elif focus.mode == "two_subjects":
        dioptres, lens = focus_on_two(config, focus, lens, [track for track in tracks if track is not None])
        dioptres = limit_speed(dioptres, seconds, config.speed_dpt_s)
    else:
        point = track_point(config, scale, followed, 0) if focus.mode == "point" else None
        plain = on_eyes if focus.mode == "eyes" else on_subject
        dioptres = limit_speed(plain if point is None else point, seconds, config.speed_dpt_s)
    return clip_distance(1 / np.maximum(dioptres, 1 / FARTHEST_FOCUS_M), lens), lens


def iter_tracks(
    config: FocusConfig, focus: ShotFocus, scale: MetricScale, followed: Followed, on_subject: Track, on_eyes: Track
) -> Iterator[Track | None]:
    """(n,) dioptres of every key's or subject's target in turn; None for a point that the frames never reach."""
    number = 0
    for target in [key.target for key in focus.keys] + [item.target for item in focus.subjects]:
        if target.distance_m is not None:
            yield np.full(len(followed.seconds), 1 / target.distance_m)
        elif target.on_eyes:
            yield on_eyes
        elif target.point is None:
            yield on_subject
        else:
            yield track_point(config, scale, followed, number)
            number += 1


def track_point(config: FocusConfig, scale: MetricScale, followed: Followed, number: int) -> Track | None:
    """Dioptres of a followed point, smooth; before its first frame it is where it is first seen."""
    sights = [(place, item.points[number]) for place, item in enumerate(followed.observed)]
    leans = followed.leans
    seen = [
        (place, leans[place].raise_to_reference(sight.disparity, sight.row) if sight.is_on_subject else sight.disparity)
        for place, sight in sights
        if sight is not None
    ]
    if not seen:
        return None
    places, values = zip(*seen, strict=True)
    filled = np.interp(np.arange(len(sights)), places, values)
    steady = steady_track(filled, followed.seconds, config.smoothing_s)
    return np.array([scale.to_metric(value) for value in steady])


def focus_on_two(config: FocusConfig, focus: ShotFocus, lens: Lens, tracks: list[Track]) -> tuple[Track, Lens]:
    """Focus on the one of two subjects that is to be sharp, or between them, stopped down as far as that needs.

    Raises:
        InputError: no aperture holds both sharp.
    """
    names = [item.name for item in focus.subjects]
    if focus.sharp != "both":
        return tracks[names.index(focus.sharp)], lens
    near, far = np.maximum(*tracks), np.maximum(np.minimum(*tracks), 1 / FARTHEST_FOCUS_M)
    limit_mm = config.sharp_coc * lens.sensor_width_mm
    wanted = max(f_number_for_two_distances(lens, 1 / a, 1 / b, limit_mm) for a, b in zip(near, far, strict=True))
    most = LIMITS["f_number"][1]
    if wanted > most:
        raise InputError(
            f"focus: {names[0]} at {1 / tracks[0].mean():.2f} m and {names[1]} at {1 / tracks[1].mean():.2f} m need "
            f"f/{wanted:.0f} to be sharp together, and f/{most:g} is the most; make one of them sharp, or pull focus"
        )
    return (near + far) / 2, replace(lens, f_number=max(lens.f_number, float(np.ceil(wanted * 100) / 100)))


def find_seconds(frame: int, followed: Followed) -> float:
    """Presentation time of a source frame, carried on at the shot's own rate beyond its ends."""
    seconds, place = followed.seconds, frame - followed.first_frame
    step = (seconds[-1] - seconds[0]) / (len(seconds) - 1) if len(seconds) > 1 else 1 / 24
    if 0 <= place < len(seconds):
        return float(seconds[place])
    return float(seconds[0] + place * step)


def require_focusable(distance_m: float, lens: Lens) -> None:
    """Raise ConfigError where somebody asks for a distance nearer than the lens can focus."""
    nearest = NEAREST_FOCUS * lens.focal_length_mm / 1000
    if distance_m < nearest:
        raise ConfigError(
            f"focus.distance_m: got {distance_m:g} m, but {lens.focal_length_mm:g} mm focuses from {nearest:.3f} m on; "
            "give a larger distance in metres, or a shorter lens"
        )


def clip_distance(distance: Track, lens: Lens) -> Track:
    """Within what the lens can focus on."""
    return np.clip(distance, NEAREST_FOCUS * lens.focal_length_mm / 1000, FARTHEST_FOCUS_M)
