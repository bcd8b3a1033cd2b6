"""Between the passes: for every frame its lens, its focus distance and how its disparity turns into metres."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from torch import Tensor

from vdof.analysis.store import Analysis, FrameRecord
from vdof.aperture_image import check_apertures
from vdof.calibrate import (
    IDENTITY,
    Distances,
    Framing,
    MetricScale,
    assume_distances,
    check_framing,
    check_metric,
    require_order,
    solve_scale,
)
from vdof.config import VdofConfig
from vdof.errors import InputError
from vdof.focus.eyes import choose_face
from vdof.focus.faces import Head
from vdof.focus.follow import find_framing, follow, follow_eyes, list_heads, read_faces, upright_width
from vdof.focus.observe import Observation
from vdof.focus.open_faces import open_face_finder
from vdof.focus.pulls import Track
from vdof.focus.shot import (
    FARTHEST_FOCUS_M,
    Followed,
    check_focus,
    choose_focus,
    needs_eyes,
    needs_pictures,
    observe_shot,
    set_focus,
)
from vdof.focus.subject import PackedMask, vote
from vdof.focus.upright import Lean
from vdof.lens import Lens
from vdof.optics import coc_at_infinity, coc_scale
from vdof.shotlog import OPEN_END, ShotEntry, ShotFocus, ShotReport
from vdof.shots import AnalysisFrame
from vdof.video import VideoInfo

log = logging.getLogger(__name__)

ReadSmall = Callable[[], Iterator[AnalysisFrame]]


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How one frame is taken."""

    lens: Lens
    scale: MetricScale
    focus_distance_m: float
    lean: Lean
    """What is taken out of the subject's disparity, in the analysis' units."""
    figure: PackedMask | None
    """Where the subject is; None: nothing is taken out."""
    head: Head | None = None
    """In focus, and to be brought to the depth of its figure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the clip is taken."""

    frames: tuple[FramePlan, ...]
    """One a frame, in order."""
    reports: list[ShotReport]
    """One a shot, for the log."""
    preview_frames: tuple[int, int]
    """Source indices of the two frames shown before and after."""


def check_wishes(config: VdofConfig, entries: list[ShotEntry]) -> None:
    """Before pass 1: raise what would only be found out after it."""
    check_focus(config.focus, entries)
    check_apertures([config.lens, *(entry.apply_lens(config.lens) for entry in entries)])


def plan_shots(
    config: VdofConfig, info: VideoInfo, analysis: Analysis, entries: list[ShotEntry], read_small: ReadSmall
) -> Plan:
    """Observe focus in every shot, tie its disparity to metres, and set focus for each of its frames."""
    check_entries(entries, analysis, config)
    maps = (disparity for _, disparity in analysis.disparities())
    found = [find_entry(entries, records) for records in analysis.shots]
    wishes = [choose_focus(config.focus, entry) for entry in found]
    pictures = (frame.rgb for frame in read_small()) if any(map(needs_pictures, wishes)) else None
    finder = open_face_finder(config.focus.face_models) if any(map(needs_eyes, wishes)) else None
    maps_again = (disparity for _, disparity in analysis.disparities()) if finder is not None else iter(())
    frames: list[FramePlan] = []
    reports: list[ShotReport] = []
    for records, entry, focus in zip(analysis.shots, found, wishes, strict=True):
        shot_maps = islice(maps, len(records))
        shot_pictures = None if pictures is None else islice(pictures, len(records))
        observed = list(observe_shot(focus, records, shot_maps, shot_pictures, config.stabilise.flow, finder))
        if shot_pictures is not None:
            deque(shot_pictures, maxlen=0)
        entry = entry or name_shot(entries, len(reports), records)
        shot_again = islice(maps_again, len(records))
        steps, report = plan_shot(config, info, analysis.kind, records, observed, shot_again, entry, focus)
        deque(shot_again, maxlen=0)
        frames += steps
        reports.append(report)
    first, count = analysis.records[0].index, len(analysis.records)
    return Plan(tuple(frames), reports, (first + count // 3, first + 2 * count // 3))


def plan_shot(
    config: VdofConfig,
    info: VideoInfo,
    kind: str,
    records: list[FrameRecord],
    observed: list[Observation],
    maps: Iterator[Tensor],
    entry: ShotEntry,
    focus: ShotFocus,
) -> tuple[list[FramePlan], ShotReport]:
    """One shot: lens, distances, metres, and focus that follows smoothly; `maps` (1,1,h,w) are read for faces only."""
    lens = entry.apply_lens(config.lens)
    seconds = np.array([float(record.pts * info.time_base) for record in records])
    track, leans = follow(config, observed, seconds, is_metric=kind == "disparity_metric")
    faces = choose_face(observed, focus.target.point) if needs_eyes(focus) else []
    figures = vote([item.figure for item in observed])
    own = read_faces(faces, maps, figures, leans) if faces else track
    eyes = follow_eyes(config.focus, faces, own, track, seconds) if faces else None
    if faces and eyes is None:
        log.warning("shot %s: no face was found; focus is on the subject", entry.name.removeprefix("shot "))
    if eyes is not None and focus.mode == "eyes":
        track = eyes
    subject, background = float(np.median(track)), float(np.median([item.background for item in observed]))
    framing = find_framing(observed, faces, info)
    scale, distances = tie_to_metres(config, kind, entry, lens, framing, observed, subject, background)
    followed = Followed(observed, leans, track, eyes, seconds, records[0].index)
    focused, used = set_focus(config.focus, focus, lens, scale, followed)
    heads = [None] * len(observed) if eyes is None else list_heads(faces, eyes)
    steps = [
        FramePlan(used, scale, float(distance), lean, figure, head)
        for distance, lean, figure, head in zip(focused, leans, figures, heads, strict=True)
    ]
    measured = stand_in(entry, distances, kind) | measure(used, info, scale, subject, background, focused)
    measured["subject_moves_m"] = measure_ends(scale, track)
    if used is not lens:
        measured["f_number"] = used.f_number
        log.info("shot %s: f/%g holds both subjects sharp (f/%g wanted)", entry.name, used.f_number, lens.f_number)
    source = "metric depth" if kind == "disparity_metric" else distances.source
    return steps, ShotReport(complete_range(config, entry, records), lens, source, measured)


def tie_to_metres(
    config: VdofConfig,
    kind: str,
    entry: ShotEntry,
    lens: Lens,
    framing: Framing,
    observed: list[Observation],
    subject: float,
    background: float,
) -> tuple[MetricScale, Distances]:
    """Scale and distances of a shot whose subject and background have these disparities."""
    given = (
        pick(entry.subject_distance_m, config.calibrate.subject_distance_m),
        pick(entry.background_distance_m, config.calibrate.background_distance_m),
    )
    label = f"{entry.name} ({config.shot_log}:{entry.line})" if entry.line else entry.name.removeprefix("shot ")
    if kind == "disparity_metric":
        distances = measure_distances(subject, background)
        if None not in given:
            require_order(subject, background, label)
        check_metric(distances, *given, label)
        return IDENTITY, distances
    distances = assume_distances(lens, framing, *given)
    check_framing(lens, framing, distances, label)
    spread = float(np.median([item.high - item.low for item in observed]))
    return solve_scale(distances, subject, background, spread, label), distances


def measure_distances(subject: float, background: float) -> Distances:
    """What a metric estimate says of subject and background, disparities in 1/m."""
    near = 1 / max(subject, 1 / FARTHEST_FOCUS_M)
    far = 1 / max(background, 1 / FARTHEST_FOCUS_M)
    return Distances(near, max(0.0, far - near))


def measure(
    lens: Lens, info: VideoInfo, scale: MetricScale, subject: float, background: float, focus: Track
) -> dict[str, Any]:
    """The part of the log that vdof owns."""
    middle, width = float(np.median(focus)), upright_width(info)

    def find_coc(distance: float) -> float:
        return round(coc_scale(lens, distance, width) * (1 / distance - scale.to_metric(background)), 2)

    return {
        "subject_disparity": round(subject, 6),
        "background_disparity": round(background, 6),
        "scale": round(scale.scale, 8),
        "offset_per_m": round(scale.offset, 8),
        "focus_distance_m": {"first": round(float(focus[0]), 3), "last": round(float(focus[-1]), 3)},
        "coc_background_px": find_coc(middle),
        "coc_background_from_to_px": {"first": find_coc(float(focus[0])), "last": find_coc(float(focus[-1]))},
        "coc_infinity_px": round(float(coc_at_infinity(lens, middle, width)), 2),
        "width_px": width,
    }


def measure_ends(scale: MetricScale, track: Track) -> dict[str, float]:
    """How far the subject is in the first and in the last frame, metres."""
    ends = {"first": track[0], "last": track[-1]}
    return {
        end: round(1 / max(scale.to_metric(float(disparity)), 1 / FARTHEST_FOCUS_M), 3)
        for end, disparity in ends.items()
    }


def stand_in(entry: ShotEntry, distances: Distances, kind: str) -> dict[str, Any]:
    """Distances that the log did not give, and what metric depth says of those that it did."""
    found = {
        "subject_distance_m": round(distances.subject_m, 4),
        "background_distance_m": round(distances.background_m, 4),
    }
    if kind != "disparity_metric":
        assumed = {key: value for key, value in found.items() if key in distances.assumed}
        return {"assumed": assumed} if assumed else {}
    given = {key for key in found if getattr(entry, key) is not None}
    parts = {
        "from_depth": {key: value for key, value in found.items() if key not in given},
        "depth_says": {key: value for key, value in found.items() if key in given},
    }
    return {key: part for key, part in parts.items() if part}


def complete_range(config: VdofConfig, entry: ShotEntry, records: list[FrameRecord]) -> ShotEntry:
    """The entry with its end, where the log left that to the clip."""
    if entry.last_frame == OPEN_END and config.frames is None:
        return replace(entry, last_frame=records[-1].index)
    return entry


def name_shot(entries: list[ShotEntry], number: int, records: list[FrameRecord]) -> ShotEntry:
    """An entry for frames that no log describes."""
    first, last = records[0].index, records[-1].index
    taken = {entry.name for entry in entries}
    name = f"shot {number}" if f"shot {number}" not in taken else f"shot {number} (frames {first}-{last})"
    return ShotEntry(name, first, last)


def pick(value: float | None, default: float | None) -> float | None:
    """The log's distance, else the configuration's."""
    return default if value is None else value


def find_entry(entries: list[ShotEntry], records: list[FrameRecord]) -> ShotEntry | None:
    """The log's shot that holds these frames."""
    return next((entry for entry in entries if entry.first_frame <= records[0].index <= entry.last_frame), None)


def check_entries(entries: list[ShotEntry], analysis: Analysis, config: VdofConfig) -> None:
    """A log that goes past the clip's end is another clip's log."""
    last = analysis.records[-1].index
    for entry in entries:
        end = entry.first_frame if entry.last_frame == OPEN_END else entry.last_frame
        if config.frames is None and end > last:
            raise InputError(
                f"{config.shot_log}:{entry.line}: shot {entry.name!r} ends at frame {end}, but the clip's last frame is "
                f"{last}; correct last_frame"
            )
