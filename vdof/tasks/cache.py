"""`task=cache`: list what pass 1 keeps on disk, or with cache.clear=true remove it."""

import logging
import time
from pathlib import Path

from vdof.analysis.cache import Entry, find_cache, list_entries, remove_unused
from vdof.config import VdofConfig

log = logging.getLogger(__name__)


def run(config: VdofConfig, run_folder: Path) -> None:
    """`task=cache`: list what is kept, or with cache.clear=true remove it."""
    cache = find_cache(config.cache, run_folder)
    entries = list_entries(cache)
    if config.cache.clear:
        removed = [entry for entry in entries if remove_unused(entry)]
        size = describe_size(sum(entry.size_bytes for entry in removed))
        log.info("%s: removed %d of %d analyses, %s", cache, len(removed), len(entries), size)
        return
    limit = "no limit" if config.cache.max_gb is None else f"cache.max_gb={config.cache.max_gb:g}"
    size = describe_size(sum(entry.size_bytes for entry in entries))
    log.info("%s: %d analyses, %s (%s)", cache, len(entries), size, limit)
    for entry in reversed(entries):
        log.info(describe_entry(entry, time.time()))


def describe_entry(entry: Entry, now_s: float) -> str:
    """One line: size, age, clip, frames, estimator, folder."""
    what = f"frames {entry.frames}, {entry.estimator}" if entry.is_whole else "not whole"
    age = describe_age(now_s - entry.used_s)
    return f"{describe_size(entry.size_bytes):>9}  used {age:>6} ago  {entry.clip or '?'}  {what}  {entry.folder.name}"


def describe_size(size_bytes: int) -> str:
    """The size in kB, MB or GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes / 1e3:.1f} kB"


def describe_age(seconds: float) -> str:
    """The age in its largest whole unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"
