"""Row-parallel execution of compiled kernels on our own threads.

The kernels release the GIL, so plain threads share the rows. numba's own parallel layers are not used: the one that is
always there (workqueue) aborts when two threads enter it at once, as a pipeline with a render thread does. Every output
row is computed by one call in a fixed order, so the result does not depend on the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

ROWS_PER_CALL = 16

_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}


def run_rows(kernel: Callable[..., None], first: int, last: int, *args: Any, step: int = ROWS_PER_CALL) -> None:
    """Call `kernel(y0, y1, *args)` until the rows first..last-1 are covered, on as many threads as torch uses."""
    chunks = [(y, min(y + step, last)) for y in range(first, last, step)]
    threads = torch.get_num_threads()
    if threads == 1 or len(chunks) < 2:
        for y0, y1 in chunks:
            kernel(y0, y1, *args)
        return
    futures = [_pool(threads).submit(kernel, y0, y1, *args) for y0, y1 in chunks]
    for future in futures:
        future.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    with _lock:
        if threads not in _pools:
            _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="vdof-bokeh")
        return _pools[threads]
