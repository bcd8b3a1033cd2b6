"""The notebook: one line a run in a CSV that people rate, and `task=notebook`, which shows what worked.

It lies above the run folders: `outputs/notebook.csv` for single runs and `multirun/notebook.csv` for sweeps, in the folder
that the command is run from. Lines are only ever appended; a rating is the user's to fill in.
"""

import csv
import io
import logging
import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from vdof.errors import OutputError
from vdof.shotlog.entry import DISTANCES, ShotReport
from vdof.shotlog.flags import describe_lens

log = logging.getLogger(__name__)

COLUMNS = (
    "date", "input", "frames", "shots", "lens", "subject_m", "background_m", "distances", "blur_percent", "focus",
    "breathing", "output", "rating", "notes",
)  # fmt: skip
NAME = "notebook.csv"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def find_notebook(setting: str, run_folder: Path) -> Path | None:
    """Where the notebook is; None where none is kept."""
    if setting == "off":
        return None
    if setting != "auto":
        return Path(setting)
    days = [folder for folder in run_folder.parents if _DAY.fullmatch(folder.name)]
    return (days[0].parent if days else run_folder.parent) / NAME


def append_run(path: Path | None, source: Path, output: Path, frames: int, reports: Sequence[ShotReport]) -> None:
    """Add a run's line; the file and its header are made where there are none.

    Raises OutputError where the notebook cannot be written.
    """
    if path is None:
        return
    row = describe_run(source, output, frames, reports)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = read_columns(path)
        with path.open("a+b") as file:
            file.write((end_line(path) + format_line(columns, row, has_header=path.stat().st_size > 0)).encode())
    except OSError as error:
        raise OutputError(
            f"notebook: cannot write {path}: {error.strerror}; say notebook=off or another path"
        ) from error


def describe_run(source: Path, output: Path, frames: int, reports: Sequence[ShotReport]) -> dict[str, Any]:
    """A run's line, by column; what differs between its shots is joined by semicolons."""
    measured = [report.measured for report in reports]
    distances = [[find_distance(report, key) for report in reports] for key in DISTANCES]
    blurs = [100 * abs(item["coc_background_px"]) / item["width_px"] for item in measured if item.get("width_px")]
    modes = [report.entry.focus.mode if report.entry.focus else "as run" for report in reports]
    breathing = [float(item["breathing"]) for item in measured if isinstance(item.get("breathing"), int | float)]
    return {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "input": str(source),
        "frames": frames,
        "shots": len(reports),
        "lens": join_different(describe_lens(report.lens) for report in reports),
        "subject_m": join_different(f"{value:.3g}" for value in distances[0] if value is not None),
        "background_m": join_different(f"{value:.3g}" for value in distances[1] if value is not None),
        "distances": join_different(report.distances for report in reports),
        "blur_percent": join_different(f"{value:.2f}" for value in blurs),
        "focus": join_different(modes),
        "breathing": f"{max(breathing):.4g}" if breathing else "",
        "output": str(output),
    }


def find_distance(report: ShotReport, key: str) -> float | None:
    """As given, else as the run assumed or measured it."""
    for known in (
        {key: getattr(report.entry, key)},
        report.measured.get("assumed", {}),
        report.measured.get("from_depth", {}),
    ):
        if known.get(key) is not None:
            return float(known[key])
    return None


def join_different(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def read_columns(path: Path) -> list[str]:
    """The notebook's own columns, which people may have moved or added to; ours where it is new."""
    if not path.exists() or path.stat().st_size == 0:
        return list(COLUMNS)
    with path.open(newline="", encoding="utf-8-sig") as file:
        columns = next(csv.reader(file), [])
    if "input" not in columns or "rating" not in columns:
        raise OutputError(f"notebook: {path} has no columns `input` and `rating`; choose another file, or notebook=off")
    return columns


def end_line(path: Path) -> str:
    """The line break that the last line lacks."""
    if not path.exists() or path.stat().st_size == 0:
        return ""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return "" if file.read(1) == b"\n" else "\n"


def format_line(columns: Sequence[str], row: dict[str, Any], *, has_header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    if not has_header:
        writer.writeheader()
    writer.writerow(row)
    return text.getvalue()
