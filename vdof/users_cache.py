"""Where what can be made again is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def find_users_cache() -> Path:
    """$XDG_CACHE_HOME/vdof or ~/.cache/vdof."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vdof"
