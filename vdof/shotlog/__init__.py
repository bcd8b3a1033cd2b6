"""The shot log: lens and distances per shot, as a YAML file that people read, correct and run again.

`measured` is what a run found: it belongs to vdof, is written anew by every run, and is never read back as a wish.
Everything else is the user's and stays as it was written, comments included.
"""

from vdof.shotlog.dump import dump_log
from vdof.shotlog.entry import OPEN_END, FocusKey, NamedTarget, ShotEntry, ShotFocus, ShotLog, ShotReport, Target
from vdof.shotlog.read import read_log, read_shot_log
from vdof.shotlog.timecode import format_timecode, parse_timecode
from vdof.shotlog.write import write_shot_log

__all__ = [
    "OPEN_END", "FocusKey", "NamedTarget", "ShotEntry", "ShotFocus", "ShotLog", "ShotReport", "Target",
    "dump_log", "format_timecode", "parse_timecode", "read_log", "read_shot_log", "write_shot_log",
]  # fmt: skip
