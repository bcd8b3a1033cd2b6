"""Which frames the report shows, and the pictures of them and of what the diagnostics found."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from vdof.check.report.context import ReportContext
from vdof.check.report.pictures import Picture, Quality, Shown, crop, read_pictures, show
from vdof.check.verdict import CheckResult, Diagnostic
from vdof.video import probe

MOST_MOMENTS = 6
CROP_SHARE = 2 / 3
THUMB_SHARE = 1 / 4
"""Widths of crops and of the frames beside them, of a whole picture's."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame, after and, where there is one, before the blur."""

    name: str
    frame: int
    after: Shown
    before: Shown | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A diagnostic's worst frame: all of it small, and the place enlarged; `box` is left, top, width, height in %."""

    frame: int
    whole: Shown
    detail: Shown | None
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of a report as read, at most 1920 px: what is shown is made from them at any quality."""

    moments: list[tuple[str, int]]
    after: dict[int, Picture]
    before: dict[int, Picture]
    evidence: dict[str, int]
    """Name of a diagnostic -> its worst frame."""


def gather_frames(result: CheckResult, context: ReportContext) -> Frames:
    """Read what the page shows; each file is decoded once."""
    moments = choose_moments(context)
    evidence = {item.name: item.frames[0] for item in result.diagnostics if item.found and item.frames}
    after = read_pictures(context.clip, context.video, {frame for _, frame in moments} | set(evidence.values()))
    before: dict[int, Picture] = {}
    if context.sharp is not None:
        start = context.sharp_start
        found = read_pictures(context.sharp, context.video, {frame + start for _, frame in moments})
        before = {frame - start: picture for frame, picture in found.items()}
    return Frames(moments, after, before, evidence)


def choose_moments(context: ReportContext) -> list[tuple[str, int]]:
    """Names and frames: the middle of each shot, of six evenly chosen ones where there are more; of one shot two frames."""
    traces = context.traces
    if traces is None or not traces.frames:
        count = probe(context.clip, context.video).frame_count_hint or 1
        return split_shot(range(count), None)
    steps = zip(traces.shots, traces.frames, strict=True)
    shots = [[frame for _, frame in group] for _, group in groupby(steps, key=lambda step: step[0])]
    seconds = dict(zip(traces.frames, traces.seconds, strict=True))
    if len(shots) == 1:
        return split_shot(shots[0], seconds)
    chosen = range(len(shots))
    if len(shots) > MOST_MOMENTS:
        chosen = [round(k * (len(shots) - 1) / (MOST_MOMENTS - 1)) for k in range(MOST_MOMENTS)]  # type: ignore[assignment]
    names = [report.entry.name for report in context.shots]
    if len(names) != len(shots):
        names = [f"shot {number}" for number in range(len(shots))]
    return [(names[number], shots[number][len(shots[number]) // 2]) for number in chosen]


def split_shot(frames: Sequence[int], seconds: dict[int, float] | None) -> list[tuple[str, int]]:
    """A third and two thirds into a shot, as the previews are; one frame where it is short."""
    places = sorted({len(frames) // 3, 2 * len(frames) // 3}) if len(frames) > 2 else [0]
    chosen = [frames[place] for place in places]
    return [(f"{seconds[frame]:.2f} s" if seconds else f"frame {frame}", frame) for frame in chosen]


def show_moments(frames: Frames, quality: Quality) -> list[Moment]:
    """Those that the clip holds. Where one has a picture before the blur, both are of one size."""
    found = []
    for name, frame in frames.moments:
        if frame not in frames.after:
            continue
        after = show(frames.after[frame], quality.width, quality.jpeg)
        before = frames.before.get(frame)
        found.append(Moment(name, frame, after, None if before is None else show(before, after.width, quality.jpeg)))
    return found


def show_evidence(item: Diagnostic, frames: Frames, quality: Quality) -> Evidence | None:
    """The worst frame of a diagnostic that found something; None where it names no frame that is there."""
    frame = frames.evidence.get(item.name)
    picture = None if frame is None else frames.after.get(frame)
    if frame is None or picture is None:
        return None
    if item.box is None:
        return Evidence(frame, show(picture, round(CROP_SHARE * quality.width), quality.jpeg), None, None)
    detail, cut = crop(picture, item.box)
    box = tuple(round(100 * value, 2) for value in (cut[0], cut[1], cut[2] - cut[0], cut[3] - cut[1]))
    return Evidence(
        frame,
        show(picture, round(THUMB_SHARE * quality.width), quality.jpeg),
        show(detail, round(CROP_SHARE * quality.width), quality.jpeg),
        box,  # type: ignore[arg-type]
    )
