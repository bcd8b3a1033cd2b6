import threading
import time

import pytest

from vdof.stream import StageClock, prefetch


def test_prefetch_keeps_order_and_ends():
    assert list(prefetch(range(50))) == list(range(50))


def test_prefetch_raises_the_producers_error_after_the_items_before_it():
    def broken():
        yield 1
        raise ValueError("decoder broke")

    items = prefetch(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="decoder broke"):
        next(items)


def test_prefetch_runs_at_most_its_capacity_ahead():
    made = []

    def count():
        for number in range(100):
            made.append(number)
            yield number

    items = prefetch(count(), capacity=2)
    next(items)
    time.sleep(0.3)
    assert len(made) <= 5  # one taken, two queued, one offered, one being made
    items.close()


def test_closing_stops_the_thread_and_closes_the_source():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    items = prefetch(endless())
    next(items)
    items.close()
    assert closed.wait(2)
    assert not [thread for thread in threading.enumerate() if thread.name == "vdof-prefetch"]


def test_clock_gives_each_stage_its_own_time_only():
    clock = StageClock()

    def slow_source():
        for number in range(3):
            time.sleep(0.02)
            yield number

    def slow_stage(source):
        for item in source:
            time.sleep(0.05)
            yield item

    assert list(clock.watch("stage", slow_stage(clock.watch("source", slow_source())))) == [0, 1, 2]
    seconds = clock.seconds()
    assert 0.05 < seconds["source"] < 0.12
    assert 0.14 < seconds["stage"] < 0.25
