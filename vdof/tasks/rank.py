"""`task=rank dir=FOLDER`: the outputs of several runs on one contact sheet, best first."""

import logging
from pathlib import Path

import cv2

from vdof.check.ranking.order import Run, find_runs, list_differences, order
from vdof.check.ranking.page import COLUMNS, say_figure, write_page
from vdof.check.ranking.pictures import draw_sheet, find_part, read_moment
from vdof.check.report.words import count
from vdof.config import VdofConfig
from vdof.errors import ConfigError, OutputError
from vdof.files import replace_when_whole
from vdof.say import say

log = logging.getLogger(__name__)


def run(config: VdofConfig, run_folder: Path) -> None:
    """Rank the runs below `dir`, print the order, and write `rank.html` and `rank.png` there."""
    del run_folder
    if config.dir is None:
        raise ConfigError("dir: not given; task=rank compares the runs in a folder: dir=multirun/2026-01-31/12-00-00")
    folder = Path(config.dir)
    page, sheet = folder / "rank.html", folder / "rank.png"
    runs = order(find_runs(folder))
    for path in (page, sheet):
        if path.exists() and not config.overwrite:
            raise OutputError(f"dir: {path} exists; say overwrite=true to rank again")
    labels = list_differences(runs)
    frame, pictures = read_moment(runs, config.video)
    part = find_part(pictures)
    write_page(page, runs, labels, pictures, part, frame)
    lines = [describe(place, *pair) for place, pair in enumerate(zip(runs, labels, strict=True), 1)]
    cells = [(picture, text, ranked.is_flagged) for picture, text, ranked in zip(pictures, lines, runs, strict=True)]
    title = f"{folder.resolve().name}: {count(len(runs), 'run')}, frame {frame}"
    with replace_when_whole(sheet) as temporary:
        if not cv2.imwrite(str(temporary), draw_sheet(title, cells, part)[..., ::-1]):
            raise OutputError(f"{sheet}: the picture could not be written; free space")
    say("\n".join("  ".join(text) for text in lines))
    log.info("wrote %s and %s", page, sheet)


def describe(place: int, ranked: Run, label: list[tuple[str, str]]) -> list[str]:
    """Place and name, the arguments that differ, and the figures: a line each."""
    arguments = ", ".join(f"{key}={value}" for key, value in label[:4]) or ranked.name
    if len(label) > 4:
        arguments += f" and {len(label) - 4} more"
    figures = [
        f"{heading.lower()} {say_figure(attribute, value)} {unit}"
        if value is not None
        else f"{heading.lower()} not measured"
        for attribute, heading, unit, *_ in COLUMNS
        for value in [getattr(ranked, attribute)]
    ]
    breathes = ", flagged" if ranked.is_flagged else ""
    return [f"{place}. {arguments}", ", ".join(figures[:2]) + breathes, ", ".join(figures[2:])]
