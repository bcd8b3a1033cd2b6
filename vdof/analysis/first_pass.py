"""Pass 1: decode small, find shots, estimate depth, stabilise it, and keep it on disk."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import torch
from tqdm import tqdm

from vdof.analysis.cache import trim
from vdof.analysis.store import Analysis, AnalysisWriter, load, make_key
from vdof.config import VdofConfig
from vdof.depth import DepthEstimator, estimate_stream, open_estimator
from vdof.shotlog import ShotEntry
from vdof.shots import AnalysisFrame, ShotsConfig, split_shots
from vdof.stabilise import stabilise_stream
from vdof.stream import StageClock, prefetch
from vdof.video import VideoInfo, parse_frame_range, read_frames, turn_upright

log = logging.getLogger(__name__)

ANALYSIS_LONG_SIDE = 640
"""Longer side of the frames that pass 1 sees, pixels."""


def analyse(
    config: VdofConfig,
    info: VideoInfo,
    entries: list[ShotEntry],
    device: torch.device,
    cache: Path,
    source_sha256: str,
    clock: StageClock,
) -> Analysis:
    """Pass 1, or its result from the cache."""
    estimator = open_estimator(config.depth, device)
    description = estimator.describe()
    stabilise = replace(config.stabilise, edges=True)  # pass 2 alone reads it
    key = make_key(
        source=source_sha256, frames=config.frames, video=vars(config.video), depth=description,
        shots=vars(config.shots), log=[(entry.first_frame, entry.last_frame) for entry in entries],
        stabilise=asdict(stabilise), long_side=ANALYSIS_LONG_SIDE,
    )  # fmt: skip
    folder = cache / key
    found = load(folder)
    if found is not None:
        log.info("pass 1 comes from the cache: %s", folder)
        return found
    with AnalysisWriter(folder, estimator.kind, description, info.path.name) as writer:
        with closing(prefetch(clock.watch("decode (pass 1)", read_small(config, info)))) as frames:
            start = first_index(config)
            apart = clock.watch("shots", split_shots(frames, place_cuts(config.shots, start)))
            shots_apart = take_cuts(apart, entries, start)
            stable = stabilise_shots(shots_apart, estimator, config, device, clock)
            for shot, frame in tqdm(
                stable, desc="analyse", unit="frame", total=count_frames(config, info), dynamic_ncols=True
            ):
                assert frame.disparity is not None
                assert frame.pts is not None
                writer.write(frame.index + first_index(config), frame.pts, shot, frame.disparity, frame.fov_deg)
        analysis = writer.finish()
    if config.cache.enabled:
        trim(cache, config.cache.max_gb)
    return analysis


def place_cuts(shots: ShotsConfig, start: int) -> ShotsConfig:
    """The configured cuts, which are frames of the clip, as places in the part that begins at frame `start`."""
    return replace(shots, cuts=[cut - start for cut in shots.cuts if cut > start])


def take_cuts(
    shots: Iterable[tuple[int, AnalysisFrame]], entries: list[ShotEntry], start: int
) -> Iterator[tuple[int, AnalysisFrame]]:
    """Number shots as the log has them as far as it goes, and as they are found after that.

    `start` is the source index of the first frame. A log of the clip's beginning ends no shot where it ends.
    """
    cuts = {entry.first_frame for entry in entries} | {entry.last_frame + 1 for entry in entries[:-1]}
    last = entries[-1].last_frame if entries else -1
    number, before = 0, 0
    for place, (found, frame) in enumerate(shots):
        index = start + frame.index
        number += place > 0 and (index in cuts if index <= last else found != before)
        before = found
        yield number, frame


def read_small(config: VdofConfig, info: VideoInfo) -> Iterator[AnalysisFrame]:
    """The clip's frames upright at analysis size."""
    ratio = min(1.0, ANALYSIS_LONG_SIDE / max(info.width, info.height))
    size = (max(16, round(info.width * ratio)), max(16, round(info.height * ratio)))
    with read_frames(info.path, config.video, frames=parse_frame_range(config.frames), size=size, info=info) as frames:
        for position, frame in enumerate(frames):
            yield AnalysisFrame(position, frame.pts, turn_upright(frame.rgb, info))


def stabilise_shots(
    frames: Iterator[tuple[int, AnalysisFrame]],
    estimator: DepthEstimator,
    config: VdofConfig,
    device: torch.device,
    clock: StageClock,
) -> Iterator[tuple[int, AnalysisFrame]]:
    """Each shot's frames through depth and stabiliser; nothing crosses a cut."""
    waiting = next(frames, None)
    while waiting is not None:
        shot, first = waiting
        waiting = None

        def take_shot(first: AnalysisFrame = first, shot: int = shot) -> Iterator[AnalysisFrame]:
            nonlocal waiting
            yield first
            for number, frame in frames:
                if number != shot:
                    waiting = (number, frame)
                    return
                yield frame

        with_depth = clock.watch("depth", estimate_stream(estimator, take_shot(), device, first_index(config)))
        for frame in clock.watch("stabilise", stabilise_stream(with_depth, config.stabilise)):
            yield shot, frame


def first_index(config: VdofConfig) -> int:
    """Source index of the first frame of the job."""
    frames = parse_frame_range(config.frames)
    return frames.start if frames else 0


def count_frames(config: VdofConfig, info: VideoInfo) -> int | None:
    """How many frames the job has, for the progress bar; None where the container does not say."""
    total = info.frame_count_hint
    frames = parse_frame_range(config.frames)
    if total is None or frames is None:
        return total
    return max(0, min(total, frames.stop) - frames.start)
