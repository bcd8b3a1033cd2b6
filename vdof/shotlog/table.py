"""The shot log as CSV, a row a shot, for spreadsheets. Loses `measured` and comments, nothing else."""

import csv
import io
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from vdof.errors import InputError
from vdof.lens import Lens
from vdof.shotlog.dump import MAIN_LENS_KEYS, entry_row, format_rate
from vdof.shotlog.entry import ShotLog
from vdof.shotlog.nodes import Place
from vdof.shotlog.read_shot import SHOT_KEYS, TEXT_KEYS, check_order, read_rate, read_shot

LENS_KEYS = tuple(field.name for field in fields(Lens))
LEADING = ("name", "clip", "frame_rate", "first_frame", "last_frame", "first_timecode", "last_timecode")
_UNWRITTEN = ("lens", "measured")


def write_table(log: ShotLog) -> str:
    """The log as CSV text."""
    used = {key for shot in log.shots for key in shot.lens}
    lens_keys = [key for key in LENS_KEYS if key in MAIN_LENS_KEYS or key in used]
    rest = [key for key in SHOT_KEYS if key not in LEADING and key not in _UNWRITTEN and key != "notes"]
    columns = [*LEADING, *lens_keys, *rest, "notes"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for shot in log.shots:
        row: dict[str, Any] = {"clip": log.clip, **entry_row(shot, log.frame_rate), **shot.lens}
        if log.frame_rate is not None:
            row["frame_rate"] = format_rate(log.frame_rate)
        if isinstance(row.get("focus"), dict):
            row["focus"] = yaml.safe_dump(row["focus"], default_flow_style=True, sort_keys=False, width=10**6).strip()
        writer.writerow({key: "" if value is None else value for key, value in row.items()})
    return text.getvalue()


def read_table(path: Path, rate: Fraction | None) -> ShotLog:
    """A log out of a CSV; commas or semicolons, columns in any order. Raises InputError with file and line."""
    place = Place(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"shot_log: cannot read {path}: {error}") from error
    header = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if header.count(";") > header.count(",") else ",")
    known = {*SHOT_KEYS, *LENS_KEYS, "frame_rate"} - set(_UNWRITTEN)
    for name in reader.fieldnames or []:
        if name not in known:
            raise InputError(f"{path}:1: unknown column {name!r}; known: {', '.join(sorted(known))}")
    rows = [(reader.line_num - 1, row) for row in reader if any(row.values())]
    if not rows:
        raise InputError(f"{path}:1: expected a header and at least one shot")
    cells = next(
        (make_node("frame_rate", row["frame_rate"], line) for line, row in rows if row.get("frame_rate")), None
    )
    rate = rate if cells is None else read_rate(place, cells)
    nodes = [make_row(place, row, line) for line, row in rows]
    shots = [read_shot(place, node, number, rate, is_only=len(nodes) == 1) for number, node in enumerate(nodes)]
    check_order(place, shots, nodes)
    clips = {shot.clip for shot in shots}
    if len(clips) == 1:
        return ShotLog(tuple(replace(shot, clip=None) for shot in shots), clips.pop(), rate, path)
    return ShotLog(tuple(shots), None, rate, path)


def make_row(place: Place, row: dict[str, Any], line: int) -> yaml.Node:
    """A row as the YAML mapping that it stands for, at the row's line."""
    if None in row:
        raise InputError(f"{place.path}:{line + 1}: more cells than columns; quote cells that hold commas")
    values = {key: value for key, value in row.items() if key != "frame_rate" and value not in ("", None)}
    pairs = [(key, make_node(key, value, line)) for key, value in values.items() if key not in LENS_KEYS]
    lens = [(key, make_node(key, value, line)) for key, value in values.items() if key in LENS_KEYS]
    if lens:
        pairs.append(("lens", make_mapping(lens, line)))
    return make_mapping(pairs, line)


def make_mapping(pairs: list[tuple[str, yaml.Node]], line: int) -> yaml.MappingNode:
    mark = yaml.Mark("", 0, line, 0, None, 0)
    keys = [(yaml.ScalarNode("tag:yaml.org,2002:str", key, mark, mark), value) for key, value in pairs]
    return yaml.MappingNode("tag:yaml.org,2002:map", keys, mark, mark)


def make_node(key: str, text: str, line: int) -> yaml.Node:
    """A cell as a YAML node: words stay words, all else is read as the log would read it."""
    mark = yaml.Mark("", 0, line, 0, None, 0)
    node = None
    if key not in TEXT_KEYS and "timecode" not in key:
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError:
            node = None
    if node is None:
        return yaml.ScalarNode("tag:yaml.org,2002:str", text, mark, mark)
    move_node(node, mark)
    return node


def move_node(node: yaml.Node, mark: yaml.Mark) -> None:
    """Give a node and all in it the place of its cell."""
    node.start_mark = node.end_mark = mark
    children = node.value if isinstance(node, yaml.SequenceNode | yaml.MappingNode) else []
    for child in children:
        for part in child if isinstance(child, tuple) else (child,):
            move_node(part, mark)
