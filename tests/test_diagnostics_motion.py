"""The diagnostics in which time is the subject."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vdof.check.diagnostics import all_gauges
from vdof.check.look import LensState, Look
from vdof.check.verdict import Diagnostic

SIZE = (96, 160)
FRAMES = 14
Map = NDArray[np.float32]


def judge(name: str, looks: list[Look]) -> Diagnostic:
    gauge = next(gauge for gauge in all_gauges() if gauge.finish().name == name)
    for look in looks:
        gauge.add(look)
    return gauge.finish()


def make_looks(gains: NDArray[np.float64], mode: str, lens: list[LensState] | None = None) -> list[Look]:
    """A textured wall whose blur has these relative sizes."""
    rng = np.random.default_rng(0)
    sharp = cv2.GaussianBlur(rng.uniform(0, 1, (*SIZE, 3)).astype(np.float32), (0, 0), 0.8)
    looks = []
    for index, gain in enumerate(gains):
        image = cv2.GaussianBlur(sharp, (0, 0), 2.0 * gain)
        coc = np.full(SIZE, 8 * gain, np.float32)
        state = None if lens is None else lens[index]
        known = {"pipeline": (sharp, coc), "reference": (sharp, None), "blind": (None, None)}[mode]
        looks.append(Look(index, index / 24, 0, image, *known, lens=state))
    return looks


@pytest.mark.parametrize("mode", ["pipeline", "reference", "blind"])
def test_a_jump_of_blur_pops(mode: str) -> None:
    gains = np.ones(FRAMES)
    gains[8:] = 1.4
    found = judge("popping", make_looks(gains, mode))
    assert found.found
    assert found.frames[0] == 8


@pytest.mark.parametrize("mode", ["pipeline", "reference", "blind"])
def test_blur_that_grows_does_not_pop(mode: str) -> None:
    assert judge("popping", make_looks(np.linspace(1, 2.5, FRAMES), mode)).found is False


def test_a_planned_jump_of_focus_does_not_pop() -> None:
    gains = np.ones(FRAMES)
    gains[8:] = 1.4
    lenses = [LensState(20.0, 0.5 * gain, True) for gain in gains]  # of a wall at infinity: coc = 20 * 0.5 * gain
    looks = make_looks(gains * 10 / 8, "pipeline", lenses)
    assert judge("popping", looks).found is False


def test_a_cut_does_not_pop() -> None:
    gains = np.ones(FRAMES)
    gains[8:] = 2
    looks = make_looks(gains, "pipeline")
    cut = [Look(look.index, look.seconds, int(look.index >= 8), look.image, look.sharp, look.coc) for look in looks]
    assert judge("popping", cut).found is False


def make_grid(phases: list[float], *, filtered: bool) -> list[Look]:
    """Vertical lines 2.9 px apart that move by these phases; sampled at points, or averaged."""
    fine = 8 if filtered else 1
    columns = (np.arange(SIZE[1] * fine) + 0.5) / fine
    looks = []
    for index, phase in enumerate(phases):
        line = ((columns + phase) % 2.9 < 1.0).astype(np.float32)
        soft = cv2.GaussianBlur(line[None], (0, 0), 0.5 * fine) if filtered else line[None]
        row = soft.reshape(SIZE[1], fine).mean(axis=1)
        picture = np.repeat(np.repeat(0.3 + 0.4 * row[None, :, None], SIZE[0], 0), 3, 2).astype(np.float32)
        looks.append(Look(index, index / 24, 0, picture))
    return looks


@pytest.mark.parametrize(("filtered", "expected"), [(True, False), (False, True)])
def test_a_pattern_that_changes_shape_vibrates(filtered: bool, expected: bool) -> None:
    found = judge("vibrating_grid", make_grid([0.0, 0.35, 0.7, 1.05], filtered=filtered))
    assert found.found is expected


def test_a_still_pattern_and_no_pattern() -> None:
    assert judge("vibrating_grid", make_grid([0.0] * 4, filtered=False)).found is False
    assert judge("vibrating_grid", make_looks(np.ones(4), "blind")).found is None


def test_memory_is_bounded() -> None:
    gauges = all_gauges()
    for index in range(1200):
        look = Look(index, index / 24, index // 10, np.zeros((32, 32, 3), np.float32))
        for gauge in gauges[-3:]:
            gauge.add(look)
    tallies = [gauge._tally for gauge in gauges]  # type: ignore[attr-defined]
    assert all(len(tally.worst) <= 5 and len(tally._scores) <= 256 for tally in tallies)
