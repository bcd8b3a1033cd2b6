"""Write a shot log: a fresh one from scratch, or the user's own text with nothing but `measured` renewed."""

from fractions import Fraction
from pathlib import Path

from vdof.files import write_text
from vdof.shotlog.dump import HEADER, dump_rows, report_row
from vdof.shotlog.entry import ShotReport
from vdof.shotlog.renew import renew_text


def write_shot_log(path: Path, clip: str, shots: list[ShotReport], rate: Fraction, source: Path | None = None) -> None:
    """Write the log of a run, ready to be corrected; `source` is the log that the run was given, if any."""
    if source is not None and source.suffix.lower() in ("", ".yaml", ".yml"):
        renewed = renew_text(source.read_text(encoding="utf-8"), shots, rate)
        if renewed is not None:
            write_text(path, renewed)
            return
    write_text(path, HEADER + dump_rows(clip, rate, [report_row(shot, rate) for shot in shots]))
