"""The check of breathing: what pulses is flagged, what is meant or caused is not, and what cannot be told is said."""

import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from vdof.check.config import CheckConfig
from vdof.check.look import LensState, Look
from vdof.check.measure.bands import split_bands
from vdof.check.measure.curves import common_power, fit_common
from vdof.check.measure.judge import Stretch, judge
from vdof.check.measure.lens_gauge import LensGauge
from vdof.check.measure.pixel_gauge import PixelGauge
from vdof.check.measure.pulse import Region
from vdof.check.measure.tracks import Follower, is_crowded
from vdof.check.measure.transitions import find_intended, find_pulled, find_runs, find_turns, fit_rising
from vdof.check.of_clip import list_pulls
from vdof.check.verdict import CANNOT_JUDGE, FINE, FLAGGED
from vdof.errors import ConfigError
from vdof.focus.pulls import ease
from vdof.shotlog.entry import FocusKey, ShotEntry, ShotFocus, Target

RATE = 12
SIZE = (96, 160)


def make_texture(seed=0, size=SIZE):
    """Noise with structure of several sizes, 0..1."""
    rng = np.random.default_rng(seed)
    import cv2

    layers = [cv2.GaussianBlur(rng.standard_normal(size), (0, 0), sigma) * sigma for sigma in (0.7, 2, 6)]
    texture = sum(layers)
    return (0.5 + 0.12 * texture / texture.std()).clip(0, 1).astype(np.float32)


def look_at(index, picture, **more):
    return Look(index, index / RATE, 0, np.repeat(picture[..., None], 3, axis=2), **more)


def run_lens(gain=0.0, hertz=2.0, seconds=3.0, pull=False):
    """A wall behind the focus whose disparity wobbles; focus is planned."""
    gauge, texture = LensGauge(0.012, 0.4), make_texture()
    for index in range(round(seconds * RATE)):
        time = index / RATE
        focus = 0.5 - (0.3 * float(ease(np.array((time - 1) / 0.8))) if pull else 0.0)
        near = np.full(SIZE, 0.1 * (1 + gain * math.sin(2 * math.pi * hertz * time)), np.float32)
        near[:, :80] += 0.2
        coc = (40 * (focus - near)).astype(np.float32)
        gauge.add(look_at(index, texture, coc=coc, lens=LensState(40.0, focus, is_planned=True)))
    return gauge.finish()


def test_bands_add_up_and_follow_real_time():
    seconds = np.sort(np.random.default_rng(1).uniform(0, 5, 140))
    curve = 0.3 * np.sin(2 * np.pi * 2 * seconds) + 0.1 * seconds
    drift, pulse, flicker = split_bands(curve, seconds, 2)
    assert np.allclose(drift + pulse + flicker, curve)
    assert np.abs(pulse - 0.3 * np.sin(2 * np.pi * 2 * seconds))[10:-10].max() < 0.1
    assert drift[-1] - drift[0] == pytest.approx(0.1 * (seconds[-1] - seconds[0]), abs=0.1)


@pytest.mark.parametrize(("hertz", "band"), [(0.1, 0), (1.0, 1), (9.0, 2)])
def test_a_sine_lands_in_its_band(hertz, band):
    seconds = np.arange(240) / 24
    parts = split_bands(np.sin(2 * np.pi * hertz * seconds), seconds, 2)
    assert int(np.argmax([part.std() for part in parts])) == band


def test_common_curve_of_tracks_that_come_and_go():
    rng = np.random.default_rng(0)
    seconds = np.arange(60) / 12
    truth = 0.2 * np.sin(2 * np.pi * seconds)
    values = truth + rng.uniform(-3, 3, (40, 1)) + rng.uniform(-0.1, 0.1, (40, 1)) * seconds
    for row in range(40):
        start = int(rng.integers(0, 30))
        values[row, :start] = values[row, start + 30 :] = np.nan
    values[5] += rng.standard_normal(60)
    found = fit_common(values, np.ones_like(values), seconds)
    assert np.nanmax(np.abs(split_bands(found - truth, seconds, 2)[1])) < 0.03


def test_common_power_leaves_noise_out():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4, 4000))
    assert abs(common_power(noise).mean()) < 0.05
    assert common_power(noise + 2).mean() == pytest.approx(4, abs=0.1)


def test_a_pull_is_intended_and_a_pulse_is_not():
    seconds = np.arange(120) / 24
    pull = 2 * ease((seconds - 1.5) / 0.8)
    found = find_intended(pull, seconds)
    assert found is not None
    assert found[1][40]
    assert not found[1][:24].any()
    assert find_intended(0.4 * np.sin(2 * np.pi * 1.5 * seconds), seconds) is None
    assert find_intended(0.1 * seconds / 5, seconds) is None


def test_turns_and_rising():
    assert find_turns(np.array([0, 0.1, 1.0, 0.9, 0.0, 0.1, 1.0]), 0.5) == [0, 2, 4, 6]
    assert fit_rising(np.array([1.0, 3.0, 2.0, 4.0])).tolist() == [1, 2.5, 2.5, 4]


def test_lens_gauge_flags_a_wobble_and_no_planned_pull():
    assert run_lens().verdict == FINE
    assert run_lens(pull=True).verdict == FINE
    wobbled = run_lens(gain=0.1)
    assert wobbled.flagged
    assert wobbled.spans[0].region in ("background", "middle distance")
    assert wobbled.score > 5 * run_lens().score


def test_shots_are_judged_by_themselves():
    gauge, texture = LensGauge(0.012, 0.4), make_texture()
    for index in range(60):
        coc = np.full(SIZE, 6.0 if index < 30 else 3 + 0.3 * math.sin(index), np.float32)
        shot = int(index >= 30)
        picture = np.repeat(np.roll(texture, 40 * shot)[..., None], 3, axis=2)
        lens = LensState(40.0, 0.5, is_planned=True)
        gauge.add(Look(index, index / RATE, shot, picture, coc=coc, lens=lens))
    found = gauge.finish()
    assert found.shot_scores[0] < 0.005 < found.shot_scores[1]
    assert all(span.first_frame >= 30 for span in found.spans)


def test_growth_of_an_approaching_texture():
    import cv2

    follower, texture = Follower(), make_texture(size=(120, 160))
    for index in range(6):
        turn = cv2.getRotationMatrix2D((80, 60), 0, 1.02**index)
        seen = cv2.warpAffine(texture, turn, (160, 120), borderMode=cv2.BORDER_REFLECT)
        sight = follower.follow((seen * 255).astype(np.uint8))
    assert np.median(sight.growth[sight.growth != 0]) == pytest.approx(math.log2(1.02), rel=0.25)


def test_points_that_gather_are_thinned():
    assert is_crowded(np.array([3, 3, 5, 3, 5])).tolist() == [False, False, False, True, False]


def run_pixels(mode, wave, seconds=3.0, brightness=None):
    """A texture that slides, behind a blur that changes as `wave` says."""
    import cv2

    gauge, texture = PixelGauge(mode, 0.03), make_texture(size=(180, 400))
    for index in range(round(seconds * RATE)):
        sharp = texture[:, 2 * index : 2 * index + 320]
        if brightness is not None:
            sharp = sharp * brightness(index / RATE)
        image = cv2.GaussianBlur(sharp, (0, 0), 2.0 * wave(index / RATE))
        pictures = [np.repeat(picture[..., None], 3, axis=2) for picture in (image, sharp)]
        gauge.add(Look(index, index / RATE, 0, pictures[0], pictures[1] if mode == "reference" else None))
    return gauge.finish()


@pytest.mark.parametrize(("mode", "error"), [("reference", 0.6), ("blind", 1.0)])
def test_pixels_flag_a_pulse_and_not_its_steady_twin(mode, error):
    pulse = run_pixels(mode, lambda t: 1 + 0.15 * math.sin(2 * math.pi * 2 * t))
    assert pulse.flagged, pulse.reason
    assert pulse.score == pytest.approx(0.15, rel=error)
    steady = run_pixels(mode, lambda t: 1.0)
    assert steady.verdict == FINE
    assert steady.score < pulse.score / 10


@pytest.mark.parametrize(("size", "verdict"), [(0.15, FLAGGED), (0.0, FINE)])
def test_copies_that_a_codec_makes_do_not_hide_a_pulse(size, verdict):
    import cv2

    gauge, texture, shown = PixelGauge("reference", 0.03), make_texture(size=(180, 320)), None
    rng = np.random.default_rng(0)
    for index in range(36):
        blur = cv2.GaussianBlur(texture, (0, 0), 2 * (1 + size * math.sin(2 * math.pi * 2 * index / RATE)))
        image = (blur + 0.004 * rng.standard_normal(blur.shape)).astype(np.float32)
        if shown is not None:
            image[:, :200] = shown[:, :200]
        shown = image
        pictures = [np.repeat(picture[..., None], 3, axis=2) for picture in (image, texture)]
        gauge.add(Look(index, index / RATE, 0, *pictures))
    assert gauge.finish().verdict == verdict


def test_exposure_is_no_blur():
    found = run_pixels("reference", lambda t: 1.0, brightness=lambda t: 0.9 + 0.1 * math.sin(9 * t))
    assert found.verdict == FINE
    assert found.score < 0.01


def test_what_cannot_be_judged_says_why():
    assert "too short" in run_pixels("blind", lambda t: 1.0, seconds=1.0).reason
    gauge = PixelGauge("blind", 0.03)
    for index in range(24):
        gauge.add(look_at(index, make_texture()))
    still = gauge.finish()
    assert still.verdict == CANNOT_JUDGE
    assert "stands still" in still.reason
    gauge = PixelGauge("blind", 0.03)
    for index in range(24):
        gauge.add(look_at(index, np.full(SIZE, 0.4 + 0.001 * index, np.float32)))
    assert "texture" in gauge.finish().reason


def test_frames_shown_several_times_do_not_stand_still_and_few_a_second_show_nothing():
    fast, slow, texture = PixelGauge("blind", 0.06), PixelGauge("blind", 0.06), make_texture(size=(96, 240))
    for index in range(120):
        sharp = np.repeat(texture[:, index // 3 : index // 3 + 160, None], 3, axis=2)
        fast.add(Look(index, index / 60, 0, sharp))
    for index in range(8):
        slow.add(Look(index, float(index), 0, np.repeat(texture[:, index : index + 160, None], 3, axis=2)))
    assert fast.finish().verdict == FINE
    assert slow.finish().reason.startswith("too few frames a second: 1,")


def test_verdict_of_several_shots():
    seconds = np.arange(60) / 12
    frames = np.arange(60)
    pulse = 0.1 * np.sin(2 * np.pi * seconds)[None].repeat(4, axis=0)
    flagged = Stretch(1, frames, seconds, [Region("background", pulse, 1.0)])
    quiet = Stretch(0, frames, seconds, [Region("background", 0 * pulse, 1.0)])
    unknown = Stretch(2, frames, seconds, [], "too short")
    assert judge("blind", [quiet, flagged, unknown], 0.03, 2).verdict == FLAGGED
    assert judge("blind", [quiet, unknown], 0.03, 2).verdict == FINE
    assert judge("blind", [unknown], 0.03, 2).verdict == CANNOT_JUDGE
    assert judge("blind", [], 0.03, 2).verdict == CANNOT_JUDGE


def test_pulls_of_a_log_are_left_out():
    focus = ShotFocus("keyframes", keys=(FocusKey(0, Target()), FocusKey(40, Target(3.0), 0.5)))
    info = SimpleNamespace(frame_rate=Fraction(24))
    assert list_pulls([ShotEntry("a", 0, 60, focus=focus), ShotEntry("b", 61, 90)], info) == [range(27, 42)]
    seconds = np.arange(72) / 24
    is_pulled = np.zeros(72, bool)
    is_pulled[40:50] = True
    is_fast = find_pulled(np.zeros((20, 72)), seconds, is_pulled)
    assert find_runs(~is_fast, seconds, 1.0) == [slice(0, 40)]


def test_bad_settings():
    with pytest.raises(ConfigError, match="blind_stops"):
        CheckConfig(blind_stops=0)
    with pytest.raises(ConfigError, match="reference_start"):
        CheckConfig(reference_start=-1)


def test_reasons_of_several_shots():
    seconds, frames = np.arange(4) / 12, np.arange(4)
    stretches = [
        Stretch(shot, frames, seconds, [], reason)
        for shot, reason in enumerate(["too short", "stands still", *["too short"] * 5])
    ]
    reason = judge("blind", stretches, 0.03, 2).reason
    assert reason == "shots 0, 2, 3, 4 and 2 more: too short; shot 1: stands still"
    assert judge("blind", stretches[:1], 0.03, 2).reason == "too short"
