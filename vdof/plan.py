"""Between the passes: for every frame its lens, its focus distance and how its disparity turns into metres."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from torch import Tensor

from vdof.analysis import Analysis, FrameRecord
from vdof.calibrate import IDENTITY, Distances, Framing, MetricScale, assume_distances, solve_scale
from vdof.config import VdofConfig
from vdof.errors import InputError
from vdof.focus import Observation, Track, observe_point, observe_subject, smooth_track
from vdof.lens import Lens
from vdof.optics import coc_at_infinity, coc_scale
from vdof.shotlog import ShotEntry, ShotReport
from vdof.shots import AnalysisFrame
from vdof.subject import PackedMask
from vdof.upright import UPRIGHT, Lean
from vdof.video import VideoInfo

_NEAREST_FOCUS = 1.5
"""Focus never comes nearer than this many focal lengths."""
_FARTHEST_FOCUS_M = 1e4

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


@dataclass(frozen=True, slots=True)
class Plan:
    """How the clip is taken."""

    frames: tuple[FramePlan, ...]
    """One a frame, in order."""
    reports: list[ShotReport]
    """One a shot, for the log."""
    preview_frames: tuple[int, int]
    """Source indices of the two frames shown before and after."""


def plan_shots(
    config: VdofConfig, info: VideoInfo, analysis: Analysis, entries: list[ShotEntry], read_small: ReadSmall
) -> Plan:
    """Observe focus in every shot, tie its disparity to metres, and set focus for each of its frames."""
    check_entries(entries, analysis, config)
    maps = (disparity for _, disparity in analysis.disparities())
    images = (frame.rgb for frame in read_small()) if config.focus.point is not None else None
    frames: list[FramePlan] = []
    reports: list[ShotReport] = []
    for number, records in enumerate(analysis.shots):
        shot_maps = islice(maps, len(records))
        observed = list(observe(config, shot_maps, None if images is None else islice(images, len(records))))
        steps, report = plan_shot(config, info, analysis.kind, number, records, observed, find_entry(entries, records))
        frames += steps
        reports.append(report)
    first, count = analysis.records[0].index, len(analysis.records)
    return Plan(tuple(frames), reports, (first + count // 3, first + 2 * count // 3))


def observe(config: VdofConfig, maps: Iterator[Tensor], images: Iterator[Tensor] | None) -> Iterator[Observation]:
    """Focus of one shot's frames, by subject or by point."""
    if images is None or config.focus.point is None:
        return observe_subject(maps)
    x, y = config.focus.point
    return observe_point(maps, images, (x, y), config.stabilise.flow)


def plan_shot(
    config: VdofConfig,
    info: VideoInfo,
    kind: str,
    number: int,
    records: list[FrameRecord],
    observed: list[Observation],
    entry: ShotEntry | None,
) -> tuple[list[FramePlan], ShotReport]:
    """One shot: lens, distances, metres, and focus that follows smoothly."""
    lens = entry.apply_lens(config.lens) if entry else config.lens
    seconds = np.array([float(record.pts * info.time_base) for record in records])
    track, leans = follow(config, observed, seconds, is_metric=kind == "disparity_metric")
    subject, background = float(np.median(track)), float(np.median([item.background for item in observed]))
    if kind == "disparity_metric":
        scale, distances = IDENTITY, measure_distances(subject, background)
    else:
        distances = assume_distances(
            lens,
            find_framing(observed, info),
            pick(entry, "subject_distance_m", config.calibrate.subject_distance_m),
            pick(entry, "background_distance_m", config.calibrate.background_distance_m),
        )
        spread = float(np.median([item.high - item.low for item in observed]))
        scale = solve_scale(distances, subject, background, spread, number)
    focus = focus_distances(config, lens, scale, track)
    steps = [
        FramePlan(lens, scale, float(distance), lean, item.figure)
        for distance, lean, item in zip(focus, leans, observed, strict=True)
    ]
    measured = measure(lens, info, scale, subject, background, focus)
    report = report_shot(number, records, entry, lens, distances, kind, measured)
    return steps, report


def follow(
    config: VdofConfig, observed: list[Observation], seconds: Track, *, is_metric: bool
) -> tuple[Track, list[Lean]]:
    """Focus disparity and lean of each frame of a shot, smooth in time."""

    def smooth(values: list[float]) -> Track:
        return smooth_track(np.array(values), seconds, config.focus.smoothing_s)

    focus = smooth([item.focus for item in observed])
    if is_metric or not config.focus.upright:
        return focus, [UPRIGHT] * len(observed)
    slopes = np.maximum(0, smooth([item.slope for item in observed]))
    rows = smooth([item.row for item in observed])
    feet = fill_feet(observed)
    references = rows if feet is None else smooth(feet)
    ends = [1.0] * len(observed) if feet is None else references
    leans = [Lean(*map(float, values)) for values in zip(slopes, references, ends, strict=True)]
    raised = [lean.raise_to_reference(*at) for lean, *at in zip(leans, focus, rows, strict=True)]
    return np.array(raised), leans


def fill_feet(observed: list[Observation]) -> list[float] | None:
    """Row of the feet in every frame of a shot; None where most frames do not show them: the subject is cut off."""
    places = [place for place, item in enumerate(observed) if item.feet is not None]
    if 2 * len(places) < len(observed):
        return None
    rows = [item.feet for item in observed if item.feet is not None]
    return [float(row) for row in np.interp(np.arange(len(observed)), places, rows)]


def find_framing(observed: list[Observation], info: VideoInfo) -> Framing:
    """The shot's usual framing."""
    is_turned = info.rotation_deg % 180 != 0
    aspect = info.height / info.width if is_turned else info.width / info.height
    found = [item for item in observed if item.subject_height > 0]
    if 2 * len(found) < len(observed):
        return Framing(0.0, False, aspect)
    height = float(np.median([item.subject_height for item in found]))
    return Framing(height, fill_feet(observed) is None, aspect)


def measure_distances(subject: float, background: float) -> Distances:
    """What a metric estimate says of subject and background, disparities in 1/m."""
    near = 1 / max(subject, 1 / _FARTHEST_FOCUS_M)
    far = 1 / max(background, 1 / _FARTHEST_FOCUS_M)
    return Distances(near, max(0.0, far - near), is_assumed=False)


def focus_distances(config: VdofConfig, lens: Lens, scale: MetricScale, track: Track) -> Track:
    """Focus distance of each frame, metres."""
    nearest = _NEAREST_FOCUS * lens.focal_length_mm / 1000
    if config.focus.distance_m is not None:
        distance = np.full(len(track), config.focus.distance_m)
    else:
        distance = 1 / np.maximum([scale.to_metric(value) for value in track], 1 / _FARTHEST_FOCUS_M)
    return np.clip(distance, nearest, _FARTHEST_FOCUS_M)


def measure(
    lens: Lens, info: VideoInfo, scale: MetricScale, subject: float, background: float, focus: Track
) -> dict[str, Any]:
    """The part of the log that vdof owns."""
    middle = float(np.median(focus))
    background_coc = coc_scale(lens, middle, info.width) * (1 / middle - scale.to_metric(background))
    return {
        "subject_disparity": round(subject, 6),
        "background_disparity": round(background, 6),
        "scale": round(scale.scale, 8),
        "offset_per_m": round(scale.offset, 8),
        "focus_distance_m": {"first": round(float(focus[0]), 3), "last": round(float(focus[-1]), 3)},
        "coc_background_px": round(background_coc, 2),
        "coc_infinity_px": round(float(coc_at_infinity(lens, middle, info.width)), 2),
    }


def report_shot(
    number: int,
    records: list[FrameRecord],
    entry: ShotEntry | None,
    lens: Lens,
    distances: Distances,
    kind: str,
    measured: dict[str, Any],
) -> ShotReport:
    """The shot's line in the log that this run writes; the user's own words stay."""
    base = entry or ShotEntry(f"shot {number}", records[0].index, records[-1].index)
    filled = replace(
        base,
        first_frame=records[0].index,
        last_frame=records[-1].index,
        subject_distance_m=base.subject_distance_m or distances.subject_m,
        background_distance_m=base.background_distance_m or distances.background_m,
    )
    source = "metric depth" if kind == "disparity_metric" else "assumed" if distances.is_assumed else "given"
    return ShotReport(filled, lens, source, measured)


def pick(entry: ShotEntry | None, name: str, default: float | None) -> float | None:
    """The log's distance, else the configuration's."""
    value = getattr(entry, name) if entry else None
    return default if value is None else value


def find_entry(entries: list[ShotEntry], records: list[FrameRecord]) -> ShotEntry | None:
    """The log's shot that holds these frames."""
    return next((entry for entry in entries if entry.first_frame <= records[0].index <= entry.last_frame), None)


def check_entries(entries: list[ShotEntry], analysis: Analysis, config: VdofConfig) -> None:
    """A log that goes past the clip's end is another clip's log."""
    last = analysis.records[-1].index
    for entry in entries:
        if config.frames is None and entry.last_frame > last:
            raise InputError(
                f"{config.shot_log}: shot {entry.name!r} ends at frame {entry.last_frame}, but the clip's last frame is {last}"
            )
