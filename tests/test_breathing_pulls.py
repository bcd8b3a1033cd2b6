"""Blur that pulses while focus is pulled, focus that comes to rest, and key frames that come as often as a pulse."""

import numpy as np
import pytest

from vdof.check.measure.evidence import Evidence
from vdof.check.measure.judge import judge
from vdof.check.measure.pixel_blur import LEVELS, NOTHING_BLURRED
from vdof.check.measure.pixel_gauge import find_jump, find_stretches, list_codec_beats
from vdof.check.measure.transitions import find_settling
from vdof.focus.pulls import ease

SECONDS = np.arange(108) / 24


def make_evidence(coc, is_key=None):
    """Points of a picture, told on every level that suits them, whose blur is |coc| (n,t) px."""
    rng = np.random.default_rng(0)
    count, length = coc.shape
    size = 0.5 * np.log2(np.square(coc / 2) + NOTHING_BLURRED**2) + 0.02 * rng.standard_normal(coc.shape)
    columns = {name: np.zeros(coc.shape) for name in ("growth", "speed", "light")}
    columns |= {"x": rng.random((count, 1)) + 0 * coc, "y": rng.random((count, 1)) + 0 * coc}
    columns |= {f"size{level}": size for level in range(LEVELS)} | {
        f"weight{level}": 0.5 + 0 * coc for level in range(4)
    }
    frames = np.arange(length)
    is_key = frames < 0 if is_key is None else is_key
    return Evidence(0, frames, SECONDS[:length], is_key, np.arange(count), columns | {"renewed": 1 + 0 * coc}, 0.5)


def pull(gain, tremor):
    """(n,t) coc of three planes while a hand pulls focus from the first to the last in three seconds."""
    focus = ease((SECONDS - 0.7) / 3) + tremor * np.sin(2 * np.pi * 2.5 * SECONDS)
    planes = np.repeat(np.array([0.0, 0.6, 1.0]), 60)[:, None]
    return 24 * (1 + gain * np.sin(2 * np.pi * 2.5 * SECONDS)) * (focus - planes)


@pytest.mark.parametrize(("gain", "tremor", "is_found"), [(0.0, 0.0, False), (0.0, 0.02, False), (0.1, 0.01, True)])
def test_a_pulse_while_focus_is_pulled_and_a_hand_that_trembles(gain, tremor, is_found):
    stretches = find_stretches(make_evidence(pull(gain, tremor)), "reference")
    pulled = [stretch for stretch in stretches if stretch.regions and stretch.regions[0].name.startswith("picture")]
    assert pulled
    found = judge("reference", pulled, 0.02, 3)
    assert found.flagged == is_found
    assert found.score == pytest.approx(0.1, rel=0.4) if is_found else found.score < 0.012


def test_focus_that_was_pulled_too_far_comes_back_once():
    seconds = np.arange(48) / 24
    back = 0.2 * (1 - ease(seconds / 0.35))
    assert np.std(back - find_settling(back, seconds)) < 0.3 * np.std(back)
    pulse = 0.1 * np.sin(2 * np.pi * 2 * seconds)
    assert np.std(pulse - find_settling(pulse, seconds)) > 0.7 * np.std(pulse)


@pytest.mark.parametrize("shape", ["pulse", "beat"])
def test_a_pulse_as_often_as_key_frames_is_none_of_theirs(shape):
    seconds, starts = SECONDS[:96], np.arange(0, 96, 12)
    is_key = np.isin(np.arange(96), starts)
    age = seconds - seconds[starts].repeat(12)
    curve = 0.1 * (np.sin(4 * np.pi * seconds) if shape == "pulse" else np.exp(-age / 0.1))
    evidence = make_evidence(np.ones((8, 96)), is_key)
    most = max(high for _, _, high in list_codec_beats(evidence, curve).values())
    assert most < 0.06 if shape == "pulse" else most > 0.1
    assert find_jump(curve, starts[:1]) == 0
    assert list_codec_beats(make_evidence(np.ones((8, 96))), curve) == {}
