"""`task=check` and `vdof.breathing`: any clip of any tool, against its sharp reference or by its own pixels."""

from __future__ import annotations

import logging
import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vdof.analysis.first_pass import place_cuts, take_cuts
from vdof.check.config import CheckConfig
from vdof.check.diagnostics import all_gauges
from vdof.check.look import Look
from vdof.check.measure.key_frames import find_key_stamps
from vdof.check.measure.pixel_gauge import PixelGauge
from vdof.check.of_render import log_verdict, shrink
from vdof.check.partners import Pair, open_pairs
from vdof.check.report import ReportContext, ReportGauge, write_report
from vdof.check.result_file import write_result
from vdof.check.verdict import Breathing, CheckResult
from vdof.errors import OutputError
from vdof.focus.config import FocusConfig
from vdof.outputs import list_versions
from vdof.shotlog import ShotEntry, read_shot_log
from vdof.shots import AnalysisFrame, ShotsConfig, split_shots
from vdof.video import Frame, VideoConfig, VideoInfo, parse_frame_range, probe, turn_upright

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
    require_folder(json_path)
    return paths


def require_folder(path: Path) -> None:
    """Raise OutputError where no folder for `path` could be made, before a long check rather than after it."""
    nearest = next(parent for parent in path.absolute().parents if parent.exists())
    if not nearest.is_dir():
        raise OutputError(f"output: {path} cannot be written: {nearest} is a file; choose another output")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"output: {path} cannot be written: {nearest} is read-only; choose another output")


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
    other = probe(reference, video, "reference") if reference is not None else None
    with ExitStack() as stack:
        pairs = open_pairs(stack, info, other, video, frames, reference_start)
        waiting: deque[Pair] = deque()

        def take() -> Iterator[AnalysisFrame]:
            for position, (picture, partner) in enumerate(pairs):
                waiting.append((picture, partner))
                yield AnalysisFrame(position, picture.pts, picture.rgb if partner is None else partner.rgb)

        apart = split_shots(take(), place_cuts(shots or ShotsConfig(), first))
        for shot, found in take_cuts(apart, entries, first):
            picture, partner = waiting.popleft()
            assert picture.index - first == found.index
            sharp = turn_upright(partner.rgb, other) if partner is not None and other is not None else None
            yield make_look(picture, sharp, shot, info, is_key=picture.pts in keys)


def make_look(picture: Frame, sharp: Tensor | None, shot: int, info: VideoInfo, *, is_key: bool) -> Look:
    """One frame as the gauges see it; the reference `sharp` (1,3,H,W), upright, at the clip's size."""
    image = turn_upright(picture.rgb, info)
    size = image.shape[-1], image.shape[-2]
    partner = None if sharp is None else shrink(sharp, size)
    return Look(picture.index, picture.time_s, shot, shrink(image, size), partner, is_key=is_key)
