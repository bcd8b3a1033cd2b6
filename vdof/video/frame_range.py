"""The part of a clip that a run is limited to: `frames=START:END`."""

import re
import sys

from vdof.errors import ConfigError

_PATTERN = re.compile(r"(\d*):(\d*)")


def parse_frame_range(text: str | None) -> range | None:
    """`START:END` as source frame indices, END not included; an empty side means the clip's own. None means all.

    An open end is `sys.maxsize`. Raises ConfigError for anything else.
    """
    if text is None:
        return None
    match = _PATTERN.fullmatch(str(text).strip())
    if match is None:
        raise ConfigError(f"frames must be START:END in whole frames such as 0:48, 10: or :50, got {text!r}")
    start, stop = int(match[1] or 0), int(match[2] or sys.maxsize)
    if start >= stop:
        raise ConfigError(f"frames must have START below END, got {text!r}")
    return range(start, stop)
