"""The contact sheet as a page whose columns can be sorted."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vdof.check.ranking.order import Run
from vdof.check.ranking.pictures import cut
from vdof.check.report.page import MOST_BYTES
from vdof.check.report.pictures import LADDER, Picture, Quality, show
from vdof.check.report.template import fill_template
from vdof.errors import OutputError
from vdof.files import write_text

log = logging.getLogger(__name__)

COLUMNS = (
    ("softness", "Transition", "% of width", "more is softer", True),
    ("breathing", "Breathing", "stops RMS", "less is stiller", False),
    ("halo", "Halo", "score", "less is cleaner", False),
    ("frames_per_second", "Speed", "frames/s", "pass 2", True),
)
"""Attribute of `Run`, heading, unit, how to read it, and whether larger is better."""
DECIMALS = {"softness": 1, "breathing": 3, "halo": 2, "frames_per_second": 1}
"""Digits that tell runs apart; more would promise more than is measured."""
MOST_LABELS = 6


def write_page(
    path: Path,
    runs: Sequence[Run],
    labels: Sequence[Sequence[tuple[str, str]]],
    pictures: Sequence[Picture],
    part: tuple[float, float, float, float],
    frame: int,
) -> None:
    """Write `rank.html`: runs in their order; pictures get smaller until the page is at most 5 MB."""
    box = [round(100 * value, 2) for value in (part[0], part[1], part[2] - part[0], part[3] - part[1])]
    facts = {"title": path.parent.resolve().name, "columns": COLUMNS, "frame": frame, "box": box}
    for quality in LADDER:
        rows = [
            describe(place, run, label, path.parent) | show_both(picture, part, quality)
            for place, (run, label, picture) in enumerate(zip(runs, labels, pictures, strict=True))
        ]
        text = fill_template("rank.html.j2", {**facts, "rows": rows})
        if len(text.encode()) <= MOST_BYTES:
            write_text(path, text)
            return
    raise OutputError(f"{path}: got {len(runs)} runs, more than one page holds; rank them in several folders")


def show_both(picture: Picture, part: tuple[float, float, float, float], quality: Quality) -> dict[str, Any]:
    width = quality.width // 2
    return {
        "whole": show(picture, width, quality.jpeg),
        "detail": show(cut(picture, part), width, quality.jpeg),
    }


def describe(place: int, run: Run, label: Sequence[tuple[str, str]], folder: Path) -> dict[str, Any]:
    """One row: its name, what differs, and its figures as text and as numbers to sort by."""
    figures = [
        (attribute, heading, unit, say_figure(attribute, value), "" if value is None else f"{value:.6g}")
        for attribute, heading, unit, *_ in COLUMNS
        for value in [getattr(run, attribute)]
    ]
    return {
        "place": place,
        "name": run.name,
        "labels": list(label[:MOST_LABELS]),
        "more": max(0, len(label) - MOST_LABELS),
        "figures": figures,
        "verdict": run.result.breathing[0].verdict if run.result else "not checked",
        "report": link(run.report, folder) if run.report else "",
    }


def say_figure(attribute: str, value: float | None) -> str:
    """A figure of a run, or a dash where there is none."""
    return "\u2013" if value is None else f"{value:.{DECIMALS[attribute]}f}"


def link(path: Path, folder: Path) -> str:
    """A relative link that a browser follows from disk."""
    return quote(Path(os.path.relpath(path, folder)).as_posix())
