"""Focus over time: no pops, whatever the tracks do."""

import logging

import numpy as np
import pytest

from vdof.focus.observe import smooth_track
from vdof.focus.pulls import PEAK_SPEED, Pull, ease, hold_dropouts, limit_speed, pull_focus

SECONDS = np.arange(96) / 24
NEAR, FAR = np.full(96, 1.0), np.full(96, 0.25)


def fastest(track):
    """Dioptres a second."""
    return float(np.abs(np.diff(track) / np.diff(SECONDS)).max())


def test_ease_starts_and_ends_at_rest():
    x = np.linspace(0, 1, 1001)
    slope = np.gradient(ease(x), x)
    assert (ease(x)[0], ease(x)[-1]) == (0, 1)
    assert slope[[0, -1]] == pytest.approx(0, abs=0.01)
    assert slope.max() == pytest.approx(PEAK_SPEED, abs=0.001)


def test_a_pull_begins_early_and_is_over_when_it_is_needed():
    focus = pull_focus(FAR, [Pull(2.0, NEAR, 0.5)], SECONDS, 10)
    assert focus[:36] == pytest.approx(FAR[:36])
    assert 0.25 < focus[42] < 1
    assert focus[48:] == pytest.approx(NEAR[48:])


def test_a_pull_is_no_faster_than_the_limit_and_begins_earlier_instead():
    focus = pull_focus(FAR, [Pull(2.0, NEAR, 0.1)], SECONDS, 1.0)
    assert fastest(focus) < 1.01
    assert focus[48] == pytest.approx(1.0, abs=1e-3)
    assert focus[int(24 * (2 - PEAK_SPEED * 0.75)) - 1] == pytest.approx(0.25, abs=1e-3)


def test_pulls_too_close_together_arrive_late_and_say_so(caplog):
    with caplog.at_level(logging.WARNING):
        focus = pull_focus(FAR, [Pull(1.5, NEAR, 1.0), Pull(1.8, FAR, 1.0)], SECONDS, 1.0)
    assert fastest(focus) < 1.01
    assert focus[-1] == pytest.approx(0.25, abs=1e-3)
    assert "arrives" in caplog.text
    assert "late" in caplog.text


def test_a_pull_between_moving_targets_follows_both():
    walking = np.linspace(0.3, 0.6, 96)
    focus = pull_focus(walking, [Pull(3.0, NEAR, 0.5)], SECONDS, 10)
    assert focus[:50] == pytest.approx(walking[:50])
    assert focus[72:] == pytest.approx(NEAR[72:])


def test_dropouts_are_held():
    seen = np.ones(96, bool)
    seen[20:60] = False
    track = np.where(seen, 0.5, 2.0)
    assert hold_dropouts(track, seen) == pytest.approx(np.full(96, 0.5))
    assert (hold_dropouts(track, ~np.ones(96, bool)) == track).all()


def test_no_focus_pops_with_dropouts_outliers_and_noise():
    rng = np.random.default_rng(3)
    truth = 0.5 + 0.1 * np.sin(SECONDS)
    track, seen = truth + 0.01 * rng.standard_normal(96), np.ones(96, bool)
    for start, length in ((10, 6), (40, 20), (80, 3)):
        seen[start : start + length] = False
        track[start : start + length] = rng.uniform(0, 3)
    track[70:75] = 2.5  # a passer-by for a fifth of a second, taken for the subject
    focus = limit_speed(smooth_track(hold_dropouts(track, seen), SECONDS, 0.4), SECONDS, 2.0)
    assert np.abs(focus - truth).max() < 0.03
    assert fastest(focus) < 0.25


def test_a_jump_is_spread_about_its_middle():
    jump = np.where(SECONDS < 2, 0.25, 1.0)
    calm = limit_speed(jump, SECONDS, 1.0)
    assert fastest(calm) <= 1.0 + 1e-9
    assert calm[47:49].mean() == pytest.approx(0.625, abs=0.03)
    assert (calm[0], calm[-1]) == (0.25, 1.0)


def test_what_keeps_the_limit_is_left_alone():
    slow = 0.5 + 0.1 * np.sin(SECONDS)
    assert limit_speed(slow, SECONDS, 1.0) == pytest.approx(slow)
