"""What one run works with, settled and checked before its first frame is decoded."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from vdof.config import VdofConfig
from vdof.device import choose_device
from vdof.files import hash_file
from vdof.outputs import Outputs, choose_outputs
from vdof.plan import check_wishes
from vdof.shotlog import ShotEntry, read_shot_log
from vdof.stream import StageClock
from vdof.video import VideoInfo, probe

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One clip, how it is to be taken, and where its files go."""

    config: VdofConfig
    info: VideoInfo
    source_sha256: str
    source_log: Path | None
    """The shot log that was given."""
    entries: list[ShotEntry]
    """What it says, less what the command line says otherwise."""
    outputs: Outputs
    device: torch.device
    clock: StageClock

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) of the coded frames; None: as the source."""
        return cap_size(self.info, self.config.resolution)

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) of the clip written, as a player shows it."""
        width, height = self.size or (self.info.width, self.info.height)
        return (height, width) if self.info.rotation_deg % 180 else (width, height)


def open_job(config: VdofConfig, run_folder: Path) -> Job:
    """Look at the clip and the log, and choose device and files.

    Raises:
        VdofError: anything that would stop the run later on and can be known now.
    """
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
    return Job(config, info, hash_file(info.path), source_log, entries, outputs, device, StageClock())


def cap_size(info: VideoInfo, resolution: int | None) -> tuple[int, int] | None:
    """(width, height), even, with the longer side at most `resolution`; None: as the source."""
    if resolution is None or max(info.width, info.height) <= resolution:
        return None
    ratio = resolution / max(info.width, info.height)
    return 2 * max(1, round(info.width * ratio / 2)), 2 * max(1, round(info.height * ratio / 2))
