"""Composition only: pass 1 (`vdof.analysis.first_pass`), the plan between the passes, pass 2 (`vdof.second_pass`)."""

import logging
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vdof.analysis.cache import find_cache
from vdof.analysis.first_pass import analyse, read_small
from vdof.analysis.store import Analysis
from vdof.check.of_render import RenderCheck, log_verdict
from vdof.config import VdofConfig, as_plain
from vdof.errors import VdofError
from vdof.export.frames import Exporter
from vdof.export.lens_metadata import choose_track, opentrackio_samples, write_opentrackio
from vdof.job import Job, open_job
from vdof.notebook import append_run, find_notebook
from vdof.outputs import write_previews, write_run_record
from vdof.plan import Plan, plan_shots
from vdof.second_pass import SecondPass
from vdof.shotlog import write_shot_log
from vdof.video import parse_frame_range

log = logging.getLogger(__name__)


def run(config: VdofConfig, run_folder: Path) -> None:
    """One job: a clip in, the clip through a lens out, with its log, record and previews beside it."""
    job = open_job(config, run_folder)
    outputs, clock = job.outputs, job.clock
    prefix, rate = outputs.prefix, job.info.frame_rate
    exporter = Exporter(config.export, outputs.clip, prefix, rate, overwrite=config.overwrite)
    track = choose_track(config.export.opentrackio, outputs.clip, prefix, overwrite=config.overwrite)
    with open_cache(job) as cache:
        analysis = analyse(config, job.info, job.entries, job.device, cache, job.source_sha256, clock)
        with clock.measure("focus"):
            plan = plan_shots(config, job.info, analysis, job.entries, lambda: read_small(config, job.info))
        check = RenderCheck(config.check, config.focus, plan, job.upright_size[0]) if config.check.enabled else None
        second = SecondPass(job, analysis, plan, exporter, check)
        second.run()
    for stale in (outputs.check, outputs.report):
        stale.unlink(missing_ok=True)
    with clock.measure("check"):
        result = check.finish(outputs.clip) if check is not None else None
    write_previews(outputs, second.previews)
    write_shot_log(outputs.shot_log, job.info.path.name, plan.reports, rate, job.source_log)
    if track is not None:
        write_track(track, job, analysis, plan)
    record = write_run_record(
        outputs.run_record, as_plain(config), job.source_sha256, analysis, job.device, clock.seconds(), len(plan.frames)
    )
    warn_of_short_clip(config, len(plan.frames))
    note_run(job, plan, run_folder)
    if check is not None and result is not None:
        check.write(result, outputs, job.info, analysis.records[0].index, config.video, record)
    log.info("wrote %s", outputs.clip)
    if result is not None:
        log_verdict(result)


@contextmanager
def open_cache(job: Job) -> Iterator[Path]:
    """The folder of pass 1; with the cache off it goes when the run ends."""
    folder = find_cache(job.config.cache, job.outputs.clip)
    try:
        yield folder
    finally:
        if not job.config.cache.enabled:
            shutil.rmtree(folder, ignore_errors=True)


def write_track(path: Path, job: Job, analysis: Analysis, plan: Plan) -> None:
    """Lens and focus of every frame for other programs."""
    steps = zip(analysis.records, plan.frames, strict=True)
    frames = ((record.index, step.lens, step.focus_distance_m) for record, step in steps)
    write_opentrackio(path, opentrackio_samples(frames, job.info.frame_rate, job.upright_size, job.info.path.name))


def note_run(job: Job, plan: Plan, run_folder: Path) -> None:
    """Add the run to the notebook; the clip is there whether or not that works."""
    try:
        notebook = find_notebook(job.config.notebook, run_folder)
        append_run(notebook, job.info.path, job.outputs.clip, len(plan.frames), plan.reports)
    except (VdofError, UnicodeError) as error:
        log.warning("the clip is written, but the notebook has no line of it: %s", error)


def warn_of_short_clip(config: VdofConfig, count: int) -> None:
    """Say it where the clip ended before the range that was asked for."""
    frames = parse_frame_range(config.frames)
    if frames is not None and frames.stop != sys.maxsize and count < len(frames):
        log.warning("frames=%s asked for %d frames; the clip ended after %d of them", config.frames, len(frames), count)
