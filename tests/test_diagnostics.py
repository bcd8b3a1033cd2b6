"""The diagnostics as gauges: what is asked of each, whatever it looks for."""

import numpy as np
import pytest

from vdof.check.diagnostics import all_gauges
from vdof.check.look import Look


def make_look(index: int = 0, **known: np.ndarray) -> Look:
    rng = np.random.default_rng(index)
    image = rng.uniform(0, 1, (48, 64, 3)).astype(np.float32)
    return Look(index, index / 25, 0, image, **known)


def test_every_gauge_answers_without_a_frame() -> None:
    for gauge in all_gauges():
        found = gauge.finish()
        assert found.found is None
        assert np.isnan(found.score)
        assert found.reason
        assert found.action


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_nothing_is_found_in_an_empty_picture(value: float) -> None:
    gauges = all_gauges()
    for index in range(4):
        flat = np.full((48, 64, 3), value, np.float32)
        for gauge in gauges:
            gauge.add(Look(index, index / 25, 0, flat, flat, np.zeros((48, 64), np.float32)))
    assert not [gauge.finish().name for gauge in gauges if gauge.finish().found]


def test_names_are_unique() -> None:
    names = [gauge.finish().name for gauge in all_gauges()]
    assert len(set(names)) == len(names)
