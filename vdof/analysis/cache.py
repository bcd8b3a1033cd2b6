"""Which analyses are kept on disk: where, how many gigabytes, and `task=cache` to list and clear them."""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import dataclass
from pathlib import Path

from vdof.analysis.lease import take_over
from vdof.analysis.store import LOCK, PART, remove_folder
from vdof.errors import ConfigError
from vdof.users_cache import find_users_cache

log = logging.getLogger(__name__)

_KEY = re.compile(r"[0-9a-f]{32}")
_PART_OF_KEY = re.compile(r"\.[0-9a-f]{32}\..*" + re.escape(PART))


@dataclass
class CacheConfig:
    """Where pass 1 is kept for the next run of the same clip."""

    enabled: bool = True
    """false: pass 1 is kept in the run folder only while it runs."""
    dir: str | None = None
    """Folder; null: $XDG_CACHE_HOME/vdof or ~/.cache/vdof."""
    max_gb: float | None = 10.0
    """What was not used for longest goes when there is more, GB (1e9 bytes); null: no limit."""
    clear: bool = False
    """With task=cache: remove all that no process uses."""

    def __post_init__(self) -> None:
        if self.max_gb is not None and self.max_gb < 0:
            raise ConfigError(f"cache.max_gb: got {self.max_gb}, expected 0 or more, or null for no limit")


@dataclass(frozen=True, slots=True)
class Entry:
    """An analysis on disk, or what an interrupted run left of one."""

    folder: Path
    size_bytes: int
    used_s: float
    """When it was last used, seconds since 1970."""
    clip: str
    """Name of the clip's file; empty where that is not known."""
    frames: str
    """First and last frame; empty where the analysis is not whole."""
    estimator: str

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there."""
        return bool(self.frames)


def find_cache(config: CacheConfig, output: Path) -> Path:
    """The folder that holds analyses; without a cache, one beside `output` that lasts as long as the run."""
    if not config.enabled:
        return output.with_name(f".{output.stem}.analysis")
    if config.dir is not None:
        return Path(config.dir)
    return find_users_cache()


def list_entries(cache: Path) -> list[Entry]:
    """What the cache holds, least recently used first. Other files in the folder are none of ours."""
    if not cache.is_dir():
        return []
    ours = (path for path in cache.iterdir() if _KEY.fullmatch(path.name) or _PART_OF_KEY.fullmatch(path.name))
    found = [entry for path in ours if (entry := _read_entry(path)) is not None]
    return sorted(found, key=lambda entry: entry.used_s)


def _read_entry(folder: Path) -> Entry | None:
    """None: another process has just removed it."""
    try:
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        lock = folder / LOCK
        used_s = (lock if lock.exists() else folder).stat().st_mtime
    except FileNotFoundError:
        return None
    clip = frames = estimator = ""
    try:
        stored = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
        clip = stored["clip"]
        said = stored["estimator"]
        estimator = str(said.get("estimator") or said.get("name", ""))
        if (folder / "disparity.mkv").is_file() and not folder.name.endswith(PART):
            frames = f"{stored['frames'][0]['index']}-{stored['frames'][-1]['index']}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        pass  # damaged: listed as that
    return Entry(folder, sum(sizes), used_s, clip, frames, estimator)


def remove_unused(entry: Entry) -> bool:
    """Remove it unless a process uses it. Says whether it is gone."""
    with take_over(entry.folder / LOCK) as is_free:
        if is_free:
            remove_folder(entry.folder)
    return is_free


def trim(cache: Path, max_gb: float | None) -> None:
    """Remove what interrupted runs left, and then what was not used for longest, until `max_gb` are kept."""
    entries = list_entries(cache)
    whole = [entry for entry in entries if entry.is_whole]
    for entry in entries:
        if not entry.is_whole and time.time() - entry.used_s > 60:  # younger ones may just be on their way
            remove_unused(entry)
    excess = sum(entry.size_bytes for entry in whole) - (float("inf") if max_gb is None else max_gb * 1e9)
    for entry in whole:
        if excess <= 0:
            return
        if remove_unused(entry):
            log.info("cache.max_gb=%g: removed the analysis of %s", max_gb, entry.clip)
            excess -= entry.size_bytes
