"""Frame numbers and SMPTE timecodes (ST 12-1): HH:MM:SS:FF, and HH:MM:SS;FF for drop-frame."""

import re
from fractions import Fraction

from vdof.errors import InputError

_PATTERN = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;])(\d{2,3})")


def format_timecode(frame: int, rate: Fraction) -> str:
    """Non-drop HH:MM:SS:FF from the start of the clip, at the nearest whole frame rate."""
    whole = max(1, round(rate))
    seconds, frames = divmod(frame, whole)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def parse_timecode(text: str, rate: Fraction) -> int:
    """Frame number, from 0, of a timecode that counts from the start of the clip; `;` means drop-frame.

    Raises InputError for anything that is no timecode at this rate.
    """
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise InputError(f"got {text!r}, expected a timecode HH:MM:SS:FF")
    hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
    whole = max(1, round(rate))
    if minutes > 59 or seconds > 59 or frames >= whole:
        raise InputError(f"got {text!r}, expected minutes and seconds below 60 and frames below {whole}")
    number = ((hours * 60 + minutes) * 60 + seconds) * whole + frames
    if match[4] == ":":
        return number
    dropped = whole // 15
    if whole not in (30, 60) or (seconds == 0 and frames < dropped and minutes % 10):
        raise InputError(f"got {text!r}, but drop-frame has no such number at {float(rate):g} frames a second")
    every_minute = hours * 60 + minutes
    return number - dropped * (every_minute - every_minute // 10)
