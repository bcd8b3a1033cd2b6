"""Read a shot log: YAML, checked as it is read, errors with file and line; other kinds of file by `vdof.shotlog.exchange`."""

from fractions import Fraction
from pathlib import Path

from vdof.errors import InputError
from vdof.shotlog.entry import VERSION, ShotEntry, ShotLog
from vdof.shotlog.exchange import import_log
from vdof.shotlog.nodes import Place, to_plain
from vdof.shotlog.read_shot import check_order, read_rate, read_shot

LOG_KEYS = ("version", "clip", "frame_rate", "shots")


def read_shot_log(path: Path, clip: str | None = None, rate: Fraction | None = None) -> list[ShotEntry]:
    """The shots of a log, in order: all, or those of the clip of this file name. See `read_log`."""
    found = read_log(path, rate)
    if clip is None:
        return list(found.shots)
    shots = found.list_shots(clip)
    if not shots:
        raise InputError(f"{path}:1: no shot of {clip!r}; name the clip at its shots as its file is called")
    return shots


def read_log(path: Path, rate: Fraction | None = None) -> ShotLog:
    """A whole log.

    Args:
        path: a YAML file, or a table or timeline that `vdof.shotlog.exchange` reads.
        rate: frames per second for timecodes, where the log itself does not say.

    Raises:
        InputError: missing, not YAML, wrong version, unknown key, bad value, overlapping shots; says file and line.
    """
    if path.suffix.lower() not in ("", ".yaml", ".yml"):
        return import_log(path, rate)
    place = Place(path)
    root = place.compose()
    top = place.read_mapping(root, LOG_KEYS)
    if "version" not in top or to_plain(top["version"]) != VERSION:
        raise place.refuse(top.get("version", root), f"version: expected {VERSION}; this vdof reads no other")
    rate = read_rate(place, top["frame_rate"]) if "frame_rate" in top else rate
    nodes = place.read_items(top.get("shots", root), "shots: expected a list of at least one shot")
    shots = [read_shot(place, node, number, rate, is_only=len(nodes) == 1) for number, node in enumerate(nodes)]
    check_order(place, shots, nodes)
    clip = place.read_text(top["clip"], "clip") or None if "clip" in top else None
    return ShotLog(tuple(shots), clip, rate, path)
