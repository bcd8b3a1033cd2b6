"""Files that say "in use": a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_UNLOCKABLE_FOR_S = 24 * 3600
"""Where there are no such locks, a file touched this recently counts as in use."""


class Lease:
    """A shared lock on a file, held until `release` or until nobody refers to it any more."""

    def __init__(self, path: Path) -> None:
        """Lock `path`, which must exist. Raises OSError."""
        self._descriptor: int | None = os.open(path, os.O_RDONLY)
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks: `take_over` goes by age there
                fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def release(self) -> None:
        """End the lease; a second time does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        if getattr(self, "_descriptor", None) is not None:
            self.release()


@contextlib.contextmanager
def take_over(path: Path) -> Iterator[bool]:
    """Say whether nobody, in this process or another, holds a lease on `path`; while the block runs nobody gets one."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    try:
        yield _lock_alone(descriptor)
    finally:
        os.close(descriptor)


def _lock_alone(descriptor: int) -> bool:
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # a file system without locks
        else:
            return True
    return time.time() - os.fstat(descriptor).st_mtime > _UNLOCKABLE_FOR_S
