"""One log out of a file, or out of all logs in a folder, such as the run folders of a folder of clips."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from vdof.errors import InputError
from vdof.shotlog.entry import ShotEntry, ShotLog
from vdof.shotlog.read import read_log


def gather_log(path: Path, rate: Fraction | None = None) -> ShotLog:
    """The log of a file, or the logs of a folder one after another. Raises InputError as `read_log`."""
    if not path.is_dir():
        return read_log(path, rate)
    found = sorted(path.rglob("*shot_log.yaml"))
    if not found:
        raise InputError(f"shot_log: no *shot_log.yaml in {path}; give a log, or a folder of run folders")
    logs = [read_log(file, rate) for file in found]
    shots = merge_runs([replace(shot, clip=shot.clip or log.clip) for log in logs for shot in log.shots])
    names = [shot.name for shot in shots]
    unique = [name_apart(shot, names) for shot in shots]
    return ShotLog(tuple(unique), None, logs[0].frame_rate, path)


def merge_runs(shots: list[ShotEntry]) -> list[ShotEntry]:
    """Each shot once, although the log of a folder of clips is in every clip's run; the last that was measured counts."""
    kept: dict[tuple[str | None, str, int], ShotEntry] = {}
    for shot in shots:
        key = (shot.clip, shot.name, shot.first_frame)
        if key not in kept or shot.measured:
            kept[key] = shot
    return list(kept.values())


def name_apart(shot: ShotEntry, names: list[str]) -> ShotEntry:
    """The shot with its clip's name before its own, where several have that name."""
    if names.count(shot.name) == 1 or shot.clip is None:
        return shot
    return replace(shot, name=f"{Path(shot.clip).stem}: {shot.name}")
