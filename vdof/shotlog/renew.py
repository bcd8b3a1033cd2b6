"""Renew `measured` inside the text that a user wrote, and touch nothing else: comments and order stay."""

from fractions import Fraction
from typing import Any

import yaml

from vdof.shotlog.dump import dump_item, dump_pairs, fill_gaps, report_row
from vdof.shotlog.entry import OPEN_END, ShotReport, list_stand_ins


def renew_text(text: str, reports: list[ShotReport], rate: Fraction) -> str | None:
    """The text with `measured` of every reported shot renewed and what the user left out filled in.

    Shots are told by the line that their entry came from; reported shots that the log did not have are put in by their
    place in time. None where the list of shots is on one line, so that there are no lines to keep.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    shots = next(value for key, value in root.value if key.value == "shots")
    lines = text.splitlines()
    starts = [node.start_mark.line for node in shots.value]
    if shots.flow_style or len(set(starts)) < len(starts):
        return None
    dash = lines[starts[0]].index("-")
    by_line = {report.entry.line - 1: report for report in reports if report.entry.line}
    end = find_end(lines, starts[-1], shots.end_mark.line)
    blocks: list[list[str]] = []
    for node, start, stop in zip(shots.value, starts, [*starts[1:], end], strict=True):
        block = lines[start:stop]
        report = by_line.get(start)
        blocks.append(block if report is None else renew_block(block, node, report, rate, dash))
    place_new(blocks, [report for report in reports if not report.entry.line], by_line, starts, rate, dash)
    kept = [*lines[: starts[0]], *(line for block in blocks for line in block), *lines[end:]]
    return "\n".join(kept) + "\n"


def find_end(lines: list[str], first: int, stop: int) -> int:
    """Line after the last one with content in first..stop."""
    last = min(stop, len(lines) - 1)
    while last > first and (not lines[last].strip() or lines[last].lstrip().startswith("#") or last == stop):
        last -= 1
    if stop >= len(lines) and lines[-1].strip() and not lines[-1].lstrip().startswith("#"):
        return len(lines)
    return last + 1


def renew_block(lines: list[str], node: yaml.Node, report: ShotReport, rate: Fraction, dash: int) -> list[str]:
    """The lines of one shot with its `measured` replaced and its gaps filled."""
    assert isinstance(node, yaml.MappingNode)
    if node.flow_style:
        return dump_item(report_row(report, rate), dash).splitlines()
    first = node.start_mark.line
    indent = node.start_mark.column
    present = {str(key.value): (key, value) for key, value in node.value}
    kept = list(lines)
    values: dict[str, Any] = {}
    for key, value in fill_gaps(report).items():
        if key not in present:
            values[key] = value
        elif present[key][1].value in ("", "null", "~") or is_stand_in(report, key):
            line = present[key][0].start_mark.line - first
            kept[line] = " " * indent + dump_pairs({key: value}, 0).rstrip("\n") + read_comment(kept[line])
            kept[line] = kept[line] if line else " " * dash + "-" + kept[line][dash + 1 :]
    if report.entry.last_frame != OPEN_END and "last_frame" not in present and "last_timecode" not in present:
        values["last_frame"] = report.entry.last_frame
    if "measured" in present:
        cut = present["measured"][0].start_mark.line - first
        following = [key.start_mark.line - first for key, _ in node.value if key.start_mark.line - first > cut]
        stop = min(following, default=find_end(kept, cut, len(kept) - 1 if len(kept) - 1 > cut else len(kept)))
        stop = max(stop, cut + 1)
        while not following and stop < len(kept) and kept[stop].strip() and not kept[stop].lstrip().startswith("#"):
            stop += 1
        del kept[cut:stop]
    end = len(kept)
    while end > 1 and (not kept[end - 1].strip() or kept[end - 1].lstrip().startswith("#")):
        end -= 1
    values["measured"] = {"distances": report.distances, **report.measured}
    return kept[:end] + dump_pairs(values, indent).splitlines() + kept[end:]


def is_stand_in(report: ShotReport, key: str) -> bool:
    """Whether the number there is the last run's, and not the user's."""
    return getattr(report.entry, key, True) is None and key in list_stand_ins(report.entry.measured)


def read_comment(line: str) -> str:
    """The comment at a line's end, with the space before it."""
    at = line.find(" #")
    return line[at:] if at >= 0 else ""


def place_new(
    blocks: list[list[str]],
    new: list[ShotReport],
    by_line: dict[int, ShotReport],
    starts: list[int],
    rate: Fraction,
    dash: int,
) -> None:
    """Put shots that the log did not have among those that it has, by first frame."""
    order = [by_line[start].entry.first_frame if start in by_line else None for start in starts]
    for report in sorted(new, key=lambda item: item.entry.first_frame, reverse=True):
        later = [i for i, first in enumerate(order) if first is not None and first > report.entry.first_frame]
        at = later[0] if later else len(blocks)
        blocks.insert(at, dump_item(report_row(report, rate), dash).splitlines())
        order.insert(at, report.entry.first_frame)
