"""Iterators that overlap in threads, and a clock that says where the time went."""

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from typing import Any, TypeVar

Item = TypeVar("Item")

QUEUE_FRAMES = 2
"""Frames that wait between two threads; with the one in each thread's hands, what a stage adds to memory."""


class _Failure:
    """An exception on its way from the producing thread to the consuming one."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


_END = object()


def prefetch(source: Iterable[Item], capacity: int = QUEUE_FRAMES) -> Generator[Item, None, None]:
    """Run `source` in a thread of its own, at most `capacity` items ahead; order kept, errors raised here.

    Closing the generator stops the thread and closes `source`.
    """
    waiting: queue.Queue[Any] = queue.Queue(maxsize=capacity)
    stop = threading.Event()

    def offer(item: Any) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        iterator = iter(source)
        try:
            for item in iterator:
                if not offer(item):
                    return
                del item
            offer(_END)
        except BaseException as error:  # noqa: BLE001 - handed over whole and raised by the consumer
            offer(_Failure(error))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=produce, name="vdof-prefetch", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item
            del item
    finally:
        stop.set()
        thread.join()


class StageClock:
    """Seconds of its own that each stage used, whichever thread it ran in."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._local = threading.local()

    def watch(self, stage: str, source: Iterable[Item]) -> Iterator[Item]:
        """Pass `source` through, adding the time each item took, less what watched stages inside it took."""
        iterator = iter(source)
        try:
            while True:
                with self.measure(stage):
                    try:
                        item = next(iterator)
                    except StopIteration:
                        return
                yield item
                del item
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def measure(self, stage: str) -> "_Measurement":
        """A context whose time goes to `stage`."""
        return _Measurement(self, stage)

    def seconds(self) -> dict[str, float]:
        """Stage -> seconds, rounded to milliseconds."""
        return {stage: round(value, 3) for stage, value in self._seconds.items()}

    def _add(self, stage: str, own: float) -> None:
        with self._lock:
            self._seconds[stage] += own


class _Measurement:
    """One timed stretch; nested stretches of the same thread are taken out of it."""

    def __init__(self, clock: StageClock, stage: str) -> None:
        self._clock, self._stage, self._inner = clock, stage, 0.0

    def __enter__(self) -> None:
        self._outer: _Measurement | None = getattr(self._clock._local, "current", None)
        self._clock._local.current = self
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        elapsed = time.perf_counter() - self._start
        self._clock._local.current = self._outer
        if self._outer is not None:
            self._outer._inner += elapsed
        self._clock._add(self._stage, elapsed - self._inner)
