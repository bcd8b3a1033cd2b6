"""`task=check` and `vdof.breathing`: any clip of any tool, against its sharp reference or by its own pixels."""

from __future__ import annotations

import logging
import math
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vdof.analysis.first_pass import place_cuts, take_cuts
from vdof.check.config import CheckConfig
from vdof.check.diagnostics import all_gauges
from vdof.check.look import LONG_SIDE, Look
from vdof.check.measure.key_frames import find_key_stamps
from vdof.check.measure.pixel_gauge import PixelGauge
from vdof.check.of_render import log_verdict, shrink
from vdof.check.report import ReportContext, ReportGauge, write_report
from vdof.check.result_file import write_result
from vdof.check.verdict import Breathing, CheckResult
from vdof.errors import InputError, OutputError
from vdof.focus.config import FocusConfig
from vdof.outputs import list_versions
from vdof.shotlog import ShotEntry, read_shot_log
from vdof.shots import AnalysisFrame, ShotsConfig, split_shots
from vdof.stream import prefetch
from vdof.video import Frame, VideoConfig, VideoInfo, parse_frame_range, probe, read_frames, turn_upright

if TYPE_CHECKING:
    from vdof.config import VdofConfig

log = logging.getLogger(__name__)

SETTINGS = ("input", "reference", "shot_log", "frames", "video", "shots", "check", "given")
"""What a check depends on, of the whole configuration."""


def judge_clip(video: Path, reference: Path | None, shot_log: Path | None) -> Breathing:
    """`vdof.breathing`."""
    info = probe(video)
    entries = read_shot_log(shot_log, info.path.name, info.frame_rate) if shot_log else []
    gauge = open_gauge(CheckConfig(), list_pulls(entries, info), has_reference=reference is not None)
    for look in iter_looks(info, reference, entries):
        gauge.add(look)
    return gauge.finish()


def run(config: VdofConfig, run_folder: Path) -> int:
    """`task=check`: the verdict as exit code, `check.json` and `report.html` in the run folder or as `output` says."""
    began = perf_counter()
    info = probe(Path(config.input), config.video)
    reference = Path(config.reference) if config.reference else None
    json_path, report_path = choose_files(config.output, run_folder, overwrite=config.overwrite)
    entries = read_shot_log(Path(config.shot_log), info.path.name, info.frame_rate) if config.shot_log else []
    pulls = list_pulls(entries, info, config.focus.pull_s)
    gauge = open_gauge(config.check, pulls, has_reference=reference is not None)
    diagnostics = all_gauges() if config.check.diagnostics else []
    traces = ReportGauge(info.height if info.rotation_deg % 180 else info.width)
    frames, start = parse_frame_range(config.frames), config.check.reference_start
    for look in iter_looks(info, reference, entries, config.video, config.shots, frames, start):
        gauge.add(look)
        traces.add(look)
        for diagnostic in diagnostics:
            diagnostic.add(look)
    seen = traces.finish()
    result = CheckResult(
        str(info.path), [gauge.finish()], [diagnostic.finish() for diagnostic in diagnostics], dict(seen.figures)
    )
    write_result(json_path, result)
    if config.check.report:
        context = ReportContext(
            clip=info.path,
            sharp=reference,
            sharp_start=start,
            video=config.video,
            traces=seen,
            record=describe_job(config, perf_counter() - began),
        )
        write_report(report_path, result, context)
    log.info("wrote %s", json_path)
    log_verdict(result)
    return result.exit_code


def describe_job(config: VdofConfig, seconds: float) -> dict[str, Any]:
    """For the report: as `run.json` of a render, without what a check has nothing to do with."""
    from vdof.config import as_plain

    plain = as_plain(config)
    return {
        "config": {key: plain[key] for key in SETTINGS},
        "seconds": {"check": round(seconds, 3)},
        "versions": list_versions(),
    }


def open_gauge(config: CheckConfig, pulls: Sequence[range] = (), *, has_reference: bool) -> PixelGauge:
    """The gauge for a clip with or without its sharp reference."""
    if has_reference:
        return PixelGauge("reference", config.reference_stops, pulls)
    return PixelGauge("blind", config.blind_stops, pulls)


def list_pulls(entries: Sequence[ShotEntry], info: VideoInfo, pull_s: float | None = None) -> list[range]:
    """Frames in which the log pulls focus, from each keyframe but a shot's first one back."""
    usual = FocusConfig().pull_s if pull_s is None else pull_s
    pulls = []
    for entry in entries:
        for key in entry.focus.keys[1:] if entry.focus is not None else ():
            length = math.ceil((usual if key.pull_s is None else key.pull_s) * info.frame_rate)
            pulls.append(range(key.frame - length - 1, key.frame + 2))
    return pulls


def choose_files(output: str | None, run_folder: Path, *, overwrite: bool) -> tuple[Path, Path]:
    """Where JSON and page go. Raises OutputError where one exists that may not be replaced."""
    json_path = run_folder / "check.json" if output is None else Path(output)
    if json_path.suffix != ".json":
        raise OutputError(f"output: got {output}, expected a file name that ends in .json for task=check")
    prefix = "" if json_path.stem == "check" else json_path.stem.removesuffix(".check") + "."
    name = f"{prefix}report.html"
    paths = json_path, json_path.with_name(name)
    for path in paths:
        if path.is_dir():
            raise OutputError(f"output: {path} is a folder; choose another output")
        if path.exists() and not overwrite:
            raise OutputError(f"output: {path} exists; choose another output or say overwrite=true")
    return paths


def iter_looks(
    info: VideoInfo,
    reference: Path | None,
    entries: list[ShotEntry],
    video: VideoConfig | None = None,
    shots: ShotsConfig | None = None,
    frames: range | None = None,
    reference_start: int = 0,
) -> Iterator[Look]:
    """Every frame at working size with its reference, shots told apart."""
    video = video or VideoConfig()
    keys = find_key_stamps(info)
    first = frames.start if frames else 0
    with ExitStack() as stack:
        pictures = open_small(stack, info, video, frames)
        partners: Iterator[Frame] | None = None
        other = info
        if reference is not None:
            other = probe(reference, video)
            require_same_shape(info, other)
            last = min(frames.stop + reference_start, sys.maxsize) if frames else sys.maxsize
            partners = open_small(stack, other, video, range(first + reference_start, last))
        waiting: deque[tuple[Frame, Frame | None]] = deque()

        def take() -> Iterator[AnalysisFrame]:
            for position, picture in enumerate(pictures):
                partner = next(partners, None) if partners is not None else None
                if partners is not None and partner is None:
                    raise InputError(
                        f"reference: {reference} ends after {position} frames, {info.path} goes on; give the clip that it "
                        "was made from, and check.reference_start if it was cut"
                    )
                waiting.append((picture, partner))
                yield AnalysisFrame(position, picture.pts, picture.rgb if partner is None else partner.rgb)

        apart = split_shots(take(), place_cuts(shots or ShotsConfig(), first))
        for shot, found in take_cuts(apart, entries, first):
            picture, partner = waiting.popleft()
            assert picture.index - first == found.index
            sharp = None if partner is None else turn_upright(partner.rgb, other)
            yield make_look(picture, sharp, shot, info, is_key=picture.pts in keys)


def open_small(stack: ExitStack, info: VideoInfo, video: VideoConfig, frames: range | None) -> Iterator[Frame]:
    """The frames of a file at working size, decoded in a thread of their own."""
    ratio = min(1.0, LONG_SIDE / max(info.width, info.height))
    size = (max(16, round(info.width * ratio)), max(16, round(info.height * ratio)))
    reader = stack.enter_context(read_frames(info.path, video, frames=frames, size=size, info=info))
    return stack.enter_context(closing(prefetch(reader)))


def require_same_shape(info: VideoInfo, other: VideoInfo) -> None:
    """Raise InputError where the reference cannot be the clip's."""
    shapes = [
        (item.height, item.width) if item.rotation_deg % 180 else (item.width, item.height) for item in (info, other)
    ]
    (width, height), (other_width, other_height) = shapes
    if abs(width * other_height / (height * other_width) - 1) > 0.02:
        raise InputError(
            f"reference: {other.path} is {other_width}x{other_height}, {info.path} is {width}x{height}; give the clip that "
            "it was made from"
        )
    if abs(info.frame_rate / other.frame_rate - 1) > 0.01:
        log.warning(
            "reference: %s has %.5g frames a second, %s has %.5g; they are compared frame by frame, whatever their times",
            other.path, float(other.frame_rate), info.path, float(info.frame_rate),
        )  # fmt: skip


def make_look(picture: Frame, sharp: Tensor | None, shot: int, info: VideoInfo, *, is_key: bool) -> Look:
    """One frame as the gauges see it; the reference `sharp` (1,3,H,W), upright, at the clip's size."""
    image = turn_upright(picture.rgb, info)
    size = image.shape[-1], image.shape[-2]
    partner = None if sharp is None else shrink(sharp, size)
    return Look(picture.index, picture.time_s, shot, shrink(image, size), partner, is_key=is_key)
