"""Several runs side by side: what was measured of each, in which order they stand, and in which arguments they differ."""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vdof.check.report.page import flatten
from vdof.check.result_file import read_result
from vdof.check.verdict import CheckResult
from vdof.errors import InputError
from vdof.video import probe

log = logging.getLogger(__name__)

STEP = 1.1
"""Softness within a factor of about this counts as equal, and the next column decides."""
PASS_2 = ("decode (pass 2)", "bokeh", "encode", "export")
"""Stages whose seconds are the speed: what every variant pays, not what the cache or the check may add."""
NOT_SHOWN = ("output", "given", "overwrite", "notebook", "dir", "task")
SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".m4v", ".avi")


@dataclass(frozen=True, slots=True)
class Run:
    """One output: its clip, what `run.json` and `check.json` beside it say; None or empty where there is none."""

    name: str
    """Its place below the folder that is ranked."""
    clip: Path
    result: CheckResult | None
    record: Mapping[str, Any]
    report: Path | None

    @property
    def softness(self) -> float | None:
        """Width of the transition from sharp to blurred, % of the frame's width: `TransitionGauge`."""
        return None if self.result is None else known(self.result.figures.get("transition_percent"))

    @property
    def breathing(self) -> float | None:
        """Stops RMS."""
        return None if self.result is None else known(self.result.breathing[0].score)

    @property
    def halo(self) -> float | None:
        """Score of the diagnostic of that name."""
        scores = [item.score for item in self.result.diagnostics if item.name == "halo"] if self.result else []
        return known(scores[0]) if scores else None

    @property
    def frames_per_second(self) -> float | None:
        """Of pass 2, its stages one after another."""
        seconds = dict(self.record.get("seconds") or {})
        total = sum(float(seconds.get(stage, 0)) for stage in PASS_2)
        frames = self.record.get("frames")
        return float(frames) / total if isinstance(frames, int | float) and total > 0 else None

    @property
    def is_flagged(self) -> bool:
        return self.result is not None and self.result.breathing[0].flagged


def known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def find_runs(folder: Path) -> list[Run]:
    """All outputs below a folder, by name, less those that cannot be read. Raises InputError where there are none."""
    if not folder.is_dir():
        raise InputError(f"dir: {folder} is no folder; give one that holds runs, such as multirun/2026-01-31/12-00-00")
    places = {split_name(path) for kind in ("run", "check") for path in folder.rglob(f"*{kind}.json")}
    runs = [run for place, prefix in sorted(places) if (run := read_run(folder, place, prefix)) is not None]
    if not runs:
        raise InputError(f"dir: no readable run.json or check.json with its clip in {folder}; render into it first")
    return runs


def split_name(path: Path) -> tuple[Path, str]:
    """Folder, and what the names of the run's files begin with: `run.json` has nothing, `a.run.json` has `a.`."""
    return path.parent, path.name.removesuffix("run.json").removesuffix("check.json")


def read_run(top: Path, folder: Path, prefix: str) -> Run | None:
    """One run; None where its clip is gone or no video, or its record is broken, which is said."""
    record_path, check_path = folder / f"{prefix}run.json", folder / f"{prefix}check.json"
    try:
        record = read_record(record_path) if record_path.is_file() else {}
        result = read_result(check_path) if check_path.is_file() else None
        clip = find_clip(folder, prefix, record, result)
        if clip is None:
            raise InputError(f"{folder}: the clip of this run is gone")
        probe(clip)
    except InputError as error:
        log.warning("%s; the run is left out", error)
        return None
    place = folder.relative_to(top)
    name = str(place / prefix.rstrip(".")) if prefix else str(place)
    report = folder / f"{prefix}report.html"
    return Run(clip.name if name == "." else name, clip, result, record, report if report.is_file() else None)


def read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a run record ({error})") from error
    is_whole = isinstance(record, dict) and all(isinstance(record.get(key, {}), dict) for key in ("config", "seconds"))
    if not is_whole or not all(isinstance(value, int | float) for value in record.get("seconds", {}).values()):
        raise InputError(f"{path}: is no run record that vdof wrote")
    return dict(record)


def find_clip(folder: Path, prefix: str, record: Mapping[str, Any], result: CheckResult | None) -> Path | None:
    """The run's clip: beside its files, wherever the folder was moved to, else where it was checked."""
    names = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    said = [
        Path(str(value)) for value in (result and result.input, dict(record.get("config") or {}).get("output")) if value
    ]
    for path in said:
        if folder / path.name in names:
            return folder / path.name
    source = Path(str(dict(record.get("config") or {}).get("input", ""))).stem
    stem = prefix.removesuffix(".") or f"{source}_vdof"
    fitting = (path for path in names if path.stem == stem)
    return next(fitting, None) or next((path for path in said if path.is_file()), None)


def order(runs: Sequence[Run]) -> list[Run]:
    """Runs that breathe last, the stillest of them first; the others by softest transition, least breathing, least halo, speed.

    A transition counts as equally soft within steps of 10 %; what was not measured comes after what was.
    """

    def rank(run: Run) -> tuple[float, ...]:
        softness = run.softness
        steps = math.inf if softness is None else -float(round(math.log(max(softness, 0.01), STEP)))
        steps = 0.0 if run.is_flagged else steps
        rest = (run.breathing, run.halo, None if run.frames_per_second is None else -run.frames_per_second)
        return (float(run.is_flagged), steps, *(math.inf if value is None else round(value, 3) for value in rest))

    return sorted(runs, key=rank)


def list_differences(runs: Sequence[Run]) -> list[list[tuple[str, str]]]:
    """For every run the arguments in which the runs differ, with those that the command line set first.

    File paths are shortened to names where these differ too.
    """
    tables = [dict(flatten(dict(run.record.get("config") or {}))) for run in runs]
    keys = list(dict.fromkeys(key for table in tables for key in table))
    differing = [
        key
        for key in keys
        if key not in NOT_SHOWN and not key.startswith("cache.") and len({table.get(key) for table in tables}) > 1
    ]
    given = {key for run in runs for key in dict(run.record.get("config") or {}).get("given") or ()}
    differing.sort(key=lambda key: key not in given)
    return [[(key, shorten(key, table, tables)) for key in differing if key in table] for table in tables]


def shorten(key: str, table: Mapping[str, str], tables: Sequence[Mapping[str, str]]) -> str:
    """A value; of paths the file's name, where that is enough to tell them apart."""
    values = {item[key] for item in tables if key in item}
    names = {Path(value).name for value in values}
    return Path(table[key]).name if len(names) == len(values) and "/" in table[key] else table[key]
