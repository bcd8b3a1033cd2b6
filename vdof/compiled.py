"""How CPU kernels are compiled: without the GIL, cached on disk, with float liberties that keep nan and inf meaningful."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from vdof.users_cache import find_users_cache

f4 = np.float32
u8 = np.uint64
LIBERTIES = {"nsz", "arcp", "contract", "reassoc"}
_settings: Any = numba.config


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel, and keep what was compiled on disk for as long as nothing changes in its room.

    Numba looks at a kernel's own file alone: by that it would go on with the constants and callees of other files as they
    were before an update.
    """
    kept = _settings.CACHE_DIR
    _settings.CACHE_DIR = str(_find_folder(_find_room(function)))
    try:
        return numba.njit(nogil=True, cache=True, fastmath=LIBERTIES)(function)
    finally:
        _settings.CACHE_DIR = kept


def _find_room(function: Callable[..., Any]) -> Path:
    """The folder of the package below the top one that a function is in; its file where it is in the top one itself."""
    file, depth = Path(function.__code__.co_filename), function.__module__.count(".")
    return file if depth < 2 else file.parents[depth - 2]


@lru_cache
def _find_folder(room: Path) -> Path:
    """Where the kernels of a room are kept: beside it or, where that cannot be written, in the user's cache. What was
    compiled before a change goes."""
    files = sorted(room.rglob("*.py")) if room.is_dir() else [room]
    stamp = hashlib.sha256(b"\0".join(file.read_bytes() for file in (Path(__file__), *files))).hexdigest()[:16]
    beside = os.access(room.parent, os.W_OK)
    folder = room.parent / "__pycache__" if beside else find_users_cache() / "kernels"
    folder /= f"{room.stem}-{stamp}"
    if not folder.exists():
        for stale in folder.parent.glob(f"{room.stem}-{'?' * len(stamp)}"):
            shutil.rmtree(stale, ignore_errors=True)
    return folder


inlined = numba.njit(nogil=True, forceinline=True, fastmath=LIBERTIES)
"""For what is called millions of times: a call hands every array over in pieces, which costs more than the work."""


@compiled
def ramp(value, limits):
    """0 below the first of two limits, 1 above the second, linear in between."""
    return min(max((value - f4(limits[0])) / f4(limits[1] - limits[0]), f4(0)), f4(1))
