"""What has a cause does not pulse: changes one way, a subject that moves, and how much a cause may account for."""

import numpy as np
import pytest

from vdof.check.measure.bands import split_bands
from vdof.check.measure.curves import fit_common
from vdof.check.measure.evidence import Evidence
from vdof.check.measure.growth import measure_growth
from vdof.check.measure.motion import follow_subject
from vdof.check.measure.pixel_blur import LEVELS
from vdof.check.measure.pixel_gauge import find_regions
from vdof.check.measure.pulse import Region, find_pulse, fit_within
from vdof.check.measure.slips import part_slips
from vdof.check.measure.transitions import find_intended, find_one_way
from vdof.focus.pulls import ease


def make_evidence(seconds, places, is_subject, **more):
    """Points at `places` (2,n,t)."""
    columns = {"x": places[0], "y": places[1], "weight": np.ones(is_subject.shape), "is_subject": is_subject}
    frames, ids = np.arange(len(seconds)), np.arange(len(is_subject))
    return Evidence(0, frames, seconds, frames < 0, ids, columns | more, 0.5)


def scatter(count, sizes):
    """(2,n,t) places in a picture half as high as it is wide, of something whose size is `sizes` (t,)."""
    return 0.5 + np.random.default_rng(0).uniform(-0.3, 0.3, (2, count, 1)) * sizes


def test_blur_that_goes_over_to_another_size_does_not_pulse():
    seconds = np.arange(48) / 24
    step = 2 / (1 + np.exp(-8 * (seconds - 1.2)))
    assert np.allclose(find_one_way(step, seconds), step, atol=0.1)
    assert not find_one_way(np.sin(2 * np.pi * seconds), seconds).any()
    region = Region("plane of focus", np.repeat(step[None], 4, axis=0), 1.0, size=np.full(48, 0.5), sharp=1.3)
    assert find_pulse(region, seconds, 2).score < 0.02


def test_shares_stay_within_their_limits():
    basis = np.stack([np.ones(10), np.arange(10.0)], axis=1)
    values = basis @ np.array([2.0, -1.0])
    free = fit_within(basis, values, np.array([-9.0, -9.0]), np.array([9.0, 9.0]))
    assert free == pytest.approx([2, -1], abs=0.05)
    held = fit_within(basis, values, np.array([0.0, 0.0]), np.array([9.0, 9.0]))
    assert held.tolist() == [0, 0]


@pytest.mark.parametrize("speed", [0.0, 0.06])
def test_focus_may_follow_a_walking_subject_out_and_back_once(speed):
    seconds = np.arange(96) / 24
    rng = np.random.default_rng(0)
    places = rng.uniform(0.1, 0.5, (2, 60, 1)) + np.zeros(96)
    is_subject = np.zeros((60, 96))
    is_subject[:20] = 1
    places[0, :20] += speed * seconds
    evidence = make_evidence(seconds, places, is_subject)
    swell = 0.5 + 0.05 * np.sin(np.pi * seconds / 4) ** 2
    found = follow_subject(evidence, swell, np.zeros(60, bool), 0.4)
    assert ("subject's way" in found) == (speed > 0)
    if speed:
        assert np.abs(found["subject's way"][0] - swell).max() < 0.01
        pulse = 0.5 + 0.05 * np.sin(2 * np.pi * 1.5 * seconds)
        assert np.ptp(follow_subject(evidence, pulse, np.zeros(60, bool), 0.4)["subject's way"][0]) < 0.06


def test_focus_that_follows_slowly_follows_size_slowly():
    seconds = np.arange(48) / 24
    evidence = make_evidence(seconds, scatter(60, 1 + 0.4 * (seconds >= 1)), np.ones((60, 48)))
    slow, fast = (
        follow_subject(evidence, np.ones(48), np.ones(60, bool), smoothing_s)["subject's size, smoothed"][0]
        for smoothing_s in (0.5, 0.02)
    )
    assert np.abs(np.diff(slow)).max() < 0.3 * np.abs(np.diff(fast)).max()


def test_what_groups_do_not_agree_on_is_not_plotted():
    seconds = np.arange(96) / 24
    pulse = 0.1 * np.sin(2 * np.pi * seconds)
    noise = np.stack([0.3 * np.sin(2 * np.pi * (k + 1.5) * seconds) for k in range(4)])
    alone, shared = (
        find_pulse(Region("background", curves, 1.0), seconds, 2) for curves in (noise, pulse + 0.2 * noise)
    )
    assert alone.score < 0.02
    assert np.abs(alone.breathing).max() < 0.05
    assert np.sqrt(np.square(shared.breathing).mean()) == pytest.approx(shared.score, rel=0.15)


def test_points_whose_growth_nobody_knows_are_no_cause():
    seconds = np.arange(24) / 24
    evidence = make_evidence(seconds, np.full((2, 60, 24), np.nan), np.ones((60, 24)))
    assert follow_subject(evidence, np.ones(24), np.ones(60, bool), 0.4) == {}


def test_a_sudden_pull_leaves_its_rests_alone():
    seconds = np.arange(120) / 24
    there_and_back = 1.4 * (ease((seconds - 1.5) / 0.5) - ease((seconds - 3.2) / 0.5))
    trend, is_fast = find_intended(there_and_back + 0.1 * np.sin(4 * np.pi * seconds), seconds)
    rests = np.flatnonzero(np.diff(np.concatenate([[1], is_fast, [1]]).astype(int)))
    lengths = (rests[1::2] - rests[::2]) / 24
    assert len(lengths) == 3
    assert min(lengths) > 0.9
    assert np.abs(there_and_back - trend)[~is_fast].max() < 0.12


def test_a_track_that_strays_counts_less():
    seconds = np.arange(72) / 24
    rng = np.random.default_rng(3)
    values = 0.1 * np.sin(2 * np.pi * seconds) + 0.02 * rng.standard_normal((30, 72))
    values[:9] += 0.15 * np.cos(3 * np.pi * seconds)
    errors = [
        np.std(fit_common(values, np.ones_like(values), seconds, has_strays=strays) - values[9:].mean(axis=0))
        for strays in (False, True)
    ]
    assert errors[1] < 0.75 * errors[0]


def test_distances_tell_growth_while_a_third_of_the_points_slides():
    seconds = np.arange(72) / 24
    rng = np.random.default_rng(1)
    growth = 0.02 * np.sin(2 * np.pi * 1.5 * seconds)
    places = scatter(40, np.exp2(growth)) + 3e-4 * rng.standard_normal((2, 40, 72))
    places[:, :13] += rng.uniform(-0.1, 0.1, (2, 13, 1)) * seconds
    places[:, 20:, 40:] = np.nan
    found = measure_growth(make_evidence(seconds, places, np.ones((40, 72))), np.ones(40, bool))
    assert np.abs(split_bands(found - growth, seconds, 2)[1]).max() < 0.004


def test_a_point_that_slips_to_another_depth_is_another_point():
    seconds = np.arange(48) / 24
    coc = np.repeat(np.array([0.0, 0.0, 0.0, 8.0, 8.0])[:, None], 48, axis=1)
    coc[:3] += np.sin(8 * seconds)
    coc[0, 20:] = 8
    coc[4, :2] = np.nan
    evidence = make_evidence(seconds, scatter(5, np.ones(48)), np.ones((5, 48)), coc=coc)
    usual = np.nanmedian(coc, axis=1)
    parted = part_slips(evidence, [usual < 4, usual >= 4], 0.6)
    assert parted.ids.tolist() == [0, 1, 2, 3, 4, 0]
    assert np.isfinite(parted.columns["coc"]).sum(axis=1).tolist() == [20, 48, 48, 48, 46, 28]
    assert np.nanmax(np.abs(parted.columns["coc"][0])) <= 1


@pytest.mark.parametrize(("gain", "is_found"), [(0.0, False), (0.06, True)])
def test_points_that_shake_across_blur_that_hangs_on_the_frame(gain, is_found):
    rng = np.random.default_rng(0)
    seconds = np.arange(96) / 24
    shake = 0.03 * np.sin(2 * np.pi * 1.7 * seconds)
    x, y = rng.uniform(0.1, 0.9, (240, 1)) + shake, rng.uniform(0.1, 0.9, (240, 1)) + 0 * shake
    known = np.zeros(x.shape)
    size = 2.5 + 1.5 * x + 0.5 * y**2 + gain * np.sin(2 * np.pi * 1.1 * seconds)
    columns = {"growth": known, "speed": known, "light": known, "renewed": 1 + known}
    columns |= {f"size{level}": size for level in range(LEVELS)} | {
        f"weight{level}": 0.5 + known for level in range(LEVELS)
    }
    stretch = find_regions(make_evidence(seconds, (x, y), known[:, 0] > 0, **columns), "reference")
    assert stretch.regions
    worst = max(find_pulse(region, seconds, 3).score for region in stretch.regions)
    assert worst == pytest.approx(gain / np.sqrt(2), rel=0.2) if is_found else worst < 0.008
