"""`task=notebook`: which runs of the notebook worked best and worst, by rating and by score."""

import csv
import logging
from pathlib import Path

from vdof.config import VdofConfig
from vdof.errors import InputError
from vdof.notebook import NAME, find_notebook
from vdof.say import say

log = logging.getLogger(__name__)


SHOWN = 5
"""Best and worst runs that are shown."""


def run(config: VdofConfig, run_folder: Path) -> None:
    """`task=notebook`: the best and worst runs by rating and by breathing score."""
    found = list_notebooks(config.notebook, run_folder)
    rows = [row for path in found for row in read_rows(path)]
    if not rows:
        raise InputError("notebook: no run is recorded here yet; run a clip first, or say notebook=PATH")
    say(f"{len(rows)} runs in {', '.join(map(str, found))}")
    for column, title, is_high_best in (("rating", "rating", True), ("breathing", "breathing (less is better)", False)):
        scored = [(value, row) for row in rows if (value := to_number(row.get(column))) is not None]
        if not scored:
            say(f"\nby {title}: none yet" + ("; fill in the column `rating`" if column == "rating" else ""))
            continue
        scored.sort(key=lambda pair: pair[0], reverse=is_high_best)
        say(f"\nby {title}, best first")
        for line in [format_run(*pair) for pair in scored[:SHOWN]]:
            say(line)
        worst = scored[max(SHOWN, len(scored) - SHOWN) :]
        if worst:
            say("  ... worst")
            for line in [format_run(*pair) for pair in worst]:
                say(line)


def list_notebooks(setting: str, run_folder: Path) -> list[Path]:
    """The notebook named, or those of single runs and of sweeps."""
    path = find_notebook(setting, run_folder)
    if path is None:
        return []
    both = [path, path.parent.parent / "multirun" / NAME] if setting == "auto" else [path]
    return [item for item in dict.fromkeys(both) if item.is_file()]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The notebook's lines by column. Raises InputError where it is no such table."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"notebook: cannot read {path}: {error}") from error
    return [{key: value or "" for key, value in row.items() if isinstance(key, str)} for row in rows]


def to_number(text: str | None) -> float | None:
    try:
        return float((text or "").replace(",", "."))
    except ValueError:
        return None


def format_run(value: float, row: dict[str, str]) -> str:
    clip = Path(row.get("input", "")).name
    return (
        f"  {value:<6g} {clip}  {row.get('lens', '')}  subject {row.get('subject_m', '?')} m, background "
        f"{row.get('background_m', '?')} m behind ({row.get('distances', '')})  blur {row.get('blur_percent', '?')} %"
        + (f"  {row['notes']}" if row.get("notes") else "")
        + f"  -> {row.get('output', '')}"
    )
