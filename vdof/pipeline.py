"""Composition only: pass 1 (`vdof.analysis.first_pass`), the plan between the passes, pass 2 `render`.

Live frames: `MAX_LIVE_FRAMES` bounds how many full-size frames pass 2 ever holds, whatever the clip's length.
"""

import logging
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from vdof.analysis.cache import find_cache
from vdof.analysis.first_pass import analyse, read_small
from vdof.analysis.store import Analysis
from vdof.bokeh import render_coc
from vdof.check.of_render import RenderCheck, log_verdict
from vdof.config import VdofConfig, as_plain
from vdof.device import choose_device
from vdof.errors import VdofError
from vdof.export.frames import Exporter, FrameFacts
from vdof.export.lens_metadata import choose_track, opentrackio_samples, write_opentrackio
from vdof.files import hash_file
from vdof.focus.eyes import raise_head
from vdof.focus.upright import straighten
from vdof.notebook import append_run, find_notebook
from vdof.optics import coc_from_disparity
from vdof.outputs import Picture, choose_outputs, make_preview, write_previews, write_run_record
from vdof.plan import FramePlan, Plan, check_wishes, plan_shots
from vdof.shotlog import read_shot_log, write_shot_log
from vdof.stabilise import upsample_guided
from vdof.stream import QUEUE_FRAMES, StageClock, prefetch
from vdof.video import (
    Frame,
    VideoInfo,
    Writer,
    parse_frame_range,
    probe,
    read_frames,
    to_display,
    to_linear,
    turn_back,
    turn_upright,
)

log = logging.getLogger(__name__)

LARGEST_COC = 1.0
"""Share of the frame's width: a disc that large is the same everywhere in the frame, and larger ones cost memory only."""
MAX_LIVE_FRAMES = 2 * (QUEUE_FRAMES + 2) + 2
"""Two queues, the frame in the hands of each thread, and the pair being turned into one another."""


def run(config: VdofConfig, run_folder: Path) -> None:
    """One job: a clip in, the clip through a lens out, with its log, record and previews beside it."""
    device = choose_device(config.device)
    info = probe(Path(config.input), config.video)
    if info.sample_aspect_ratio not in (None, 1):
        log.warning(
            "pixels are not square (%s): discs come out that much wider on screen; scale the clip to square pixels first",
            info.sample_aspect_ratio,
        )
    outputs = choose_outputs(config.output, info, config.encode, run_folder, overwrite=config.overwrite)
    source_log = Path(config.shot_log) if config.shot_log else None
    entries = read_shot_log(source_log, info.path.name, info.frame_rate) if source_log else []
    entries = [entry.give_way(config.given) for entry in entries]
    check_wishes(config, entries)
    exporter = Exporter(config.export, outputs.clip, outputs.prefix, info.frame_rate, overwrite=config.overwrite)
    track = choose_track(config.export.opentrackio, outputs.clip, outputs.prefix, overwrite=config.overwrite)
    clock = StageClock()
    source_sha256 = hash_file(info.path)
    cache = find_cache(config.cache, outputs.clip)
    try:
        analysis = analyse(config, info, entries, device, cache, source_sha256, clock)
        with clock.measure("focus"):
            plan = plan_shots(config, info, analysis, entries, lambda: read_small(config, info))
        check = (
            RenderCheck(config.check, config.focus, plan, find_width(config, info)) if config.check.enabled else None
        )
        previews = render(config, info, analysis, plan, outputs.clip, exporter, device, clock, check)
    finally:
        if not config.cache.enabled:
            shutil.rmtree(cache, ignore_errors=True)
    write_previews(outputs, previews)
    for stale in (outputs.check, outputs.report):
        stale.unlink(missing_ok=True)
    with clock.measure("check"):
        result = check.finish(outputs.clip) if check is not None else None
    write_shot_log(outputs.shot_log, info.path.name, plan.reports, info.frame_rate, source_log)
    record = write_run_record(
        outputs.run_record, as_plain(config), source_sha256, analysis, device, clock.seconds(), len(plan.frames)
    )
    if track is not None:
        steps = zip(analysis.records, plan.frames, strict=True)
        frames = ((record.index, step.lens, step.focus_distance_m) for record, step in steps)
        size = (info.height, info.width) if info.rotation_deg % 180 else (info.width, info.height)
        write_opentrackio(track, opentrackio_samples(frames, info.frame_rate, size, info.path.name))
    warn_of_short_clip(config, len(plan.frames))
    try:
        append_run(find_notebook(config.notebook, run_folder), info.path, outputs.clip, len(plan.frames), plan.reports)
    except (VdofError, UnicodeError) as error:
        log.warning("the clip is written, but the notebook has no line of it: %s", error)
    if check is not None and result is not None:
        check.write(result, outputs, info, analysis.records[0].index, config.video, record)
    log.info("wrote %s", outputs.clip)
    if result is not None:
        log_verdict(result)


def render(
    config: VdofConfig,
    info: VideoInfo,
    analysis: Analysis,
    plan: Plan,
    output: Path,
    exporter: Exporter,
    device: torch.device,
    clock: StageClock,
    check: RenderCheck | None = None,
) -> list[Picture]:
    """Pass 2: decode, blur and encode overlap in threads; order and time stamps are kept. Returns the previews."""
    previews: list[Picture] = []
    frames = parse_frame_range(config.frames)
    size = cap_size(info, config.resolution)
    reader = read_frames(info.path, config.video, frames=frames, size=size, info=info)
    writer = Writer(output, info, config.encode, frames=frames, size=size, overwrite=config.overwrite)
    with exporter, reader, writer, closing(prefetch(clock.watch("decode (pass 2)", reader))) as decoded:
        rendered = clock.watch(
            "bokeh", render_frames(decoded, analysis, plan, info, config, exporter, device, clock, previews, check)
        )
        with closing(prefetch(rendered)) as finished:
            for frame in tqdm(finished, desc="render", unit="frame", total=len(plan.frames), dynamic_ncols=True):
                with clock.measure("encode"):
                    writer.write(frame)
    return previews


def render_frames(
    frames: Iterable[Frame],
    analysis: Analysis,
    plan: Plan,
    info: VideoInfo,
    config: VdofConfig,
    exporter: Exporter,
    device: torch.device,
    clock: StageClock,
    previews: list[Picture],
    check: RenderCheck | None = None,
) -> Iterator[Frame]:
    """Each frame through its lens; before/after pictures of the plan's two frames are added to `previews`."""
    for frame, step, (record, disparity) in zip(frames, plan.frames, analysis.disparities(), strict=True):
        sharp = turn_upright(frame.rgb.to(device), info)
        metric, coc = find_coc(
            sharp, disparity.to(device), step, has_edges=analysis.estimator.get("estimator") == "files"
        )
        with clock.measure("export"):
            seconds = float(record.pts * info.time_base)
            exporter.write(FrameFacts(frame.index, seconds, step.lens, step.focus_distance_m), metric, coc)
        image = to_display(blur(sharp, coc, step, info, config), info.colour.transfer).clamp(0, 1)
        if check is not None:
            with clock.measure("check"):
                check.add(float(record.pts * info.time_base), record.shot, step, sharp, image, coc)
        previews += [make_preview(sharp, image)] * plan.preview_frames.count(frame.index)
        yield replace(frame, rgb=turn_back(image, info).cpu())


def find_coc(sharp: Tensor, disparity: Tensor, step: FramePlan, *, has_edges: bool = False) -> tuple[Tensor, Tensor]:
    """Metric disparity (1,1,H,W) 1/m and coc (1,1,H,W) px of a frame (1,3,H,W).

    `disparity` is (1,1,h,w) in the analysis' units. Where it comes at the frame's own size with edges that somebody
    else has placed (`has_edges`), they stay as they are.
    """
    if step.figure is not None:
        upright = straighten(disparity[0, 0].cpu().numpy(), step.figure.unpack(), step.lean)
        disparity = torch.from_numpy(upright)[None, None].to(sharp.device)
    if step.head is not None:
        disparity = torch.from_numpy(raise_head(disparity[0, 0].cpu().numpy(), step.head))[None, None].to(sharp.device)
    is_fine = has_edges and disparity.shape[-2:] == sharp.shape[-2:]
    fine = disparity if is_fine else upsample_guided(disparity, sharp)
    metric = (step.scale.scale * fine + step.scale.offset).clamp(min=0)
    coc = coc_from_disparity(metric, step.lens, step.focus_distance_m, sharp.shape[-1])
    limit = LARGEST_COC * sharp.shape[-1]
    return metric, coc.clamp(-limit, limit)


def blur(sharp: Tensor, coc: Tensor, step: FramePlan, info: VideoInfo, config: VdofConfig) -> Tensor:
    """One display-encoded frame (1,3,H,W) -> scene-linear (1,3,H,W) through the lens; `coc` is (1,1,H,W) px."""
    return render_coc(to_linear(sharp, info.colour.transfer), coc, step.lens, config.bokeh)


def cap_size(info: VideoInfo, resolution: int | None) -> tuple[int, int] | None:
    """(width, height), even, with the longer side at most `resolution`; None: as the source."""
    if resolution is None or max(info.width, info.height) <= resolution:
        return None
    ratio = resolution / max(info.width, info.height)
    return 2 * max(1, round(info.width * ratio / 2)), 2 * max(1, round(info.height * ratio / 2))


def find_width(config: VdofConfig, info: VideoInfo) -> int:
    """Pixels across the clip written, as a player shows it."""
    width, height = cap_size(info, config.resolution) or (info.width, info.height)
    return height if info.rotation_deg % 180 else width


def warn_of_short_clip(config: VdofConfig, count: int) -> None:
    """Say it where the clip ended before the range that was asked for."""
    frames = parse_frame_range(config.frames)
    if frames is not None and frames.stop != sys.maxsize and count < len(frames):
        log.warning("frames=%s asked for %d frames; the clip ended after %d of them", config.frames, len(frames), count)
