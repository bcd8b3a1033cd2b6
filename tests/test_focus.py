import numpy as np
import pytest
import torch

from vdof.errors import ConfigError
from vdof.flow.config import FlowConfig
from vdof.focus.choice import choose_over_time
from vdof.focus.config import FocusConfig
from vdof.focus.observe import PointTarget, observe_subject, observe_targets, smooth_track, steady_track
from vdof.focus.subject import Candidate, PackedMask, search_subject, vote

SECONDS = np.arange(60) / 24


def paint(center=(0.5, 0.5), floor=False, subject=2.0):
    """A standing figure of disparity `subject` before a wall of 0.5, optionally on a floor that comes nearer."""
    height, width = 90, 160
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    disparity = np.full((height, width), 0.5, np.float32)
    if floor:
        disparity = np.maximum(disparity, 0.5 + 3.0 * (y / height - 0.5))
    mask = (np.abs(x / width - center[0]) < 0.09) & (np.abs(y / height - center[1]) < 0.3)
    return np.where(mask, np.float32(subject), disparity), mask


def test_subject_is_found_before_a_wall():
    disparity, mask = paint()
    found = search_subject(disparity).measure(0)
    assert found.disparity == pytest.approx(2.0, abs=0.02)
    assert found.background == pytest.approx(0.5, abs=0.02)
    assert found.share == pytest.approx(mask.mean(), rel=0.2)


def test_subject_is_found_on_a_floor_that_is_nearer_than_itself():
    disparity, _ = paint(center=(0.4, 0.4), floor=True, subject=1.2)
    assert disparity.max() > 1.9
    assert search_subject(disparity).measure(0).disparity == pytest.approx(1.2, abs=0.05)


def test_scale_and_shift_of_the_estimate_change_nothing_but_units():
    disparity, _ = paint(floor=True)
    plain, scaled = search_subject(disparity).measure(0), search_subject(disparity * 7 - 3).measure(0)
    assert (plain.mask == scaled.mask).all()
    assert scaled.disparity == pytest.approx(plain.disparity * 7 - 3, rel=1e-4)


def test_flat_map_takes_the_middle_and_says_so():
    found = search_subject(np.ones((90, 160), np.float32)).measure(0)
    assert found.share == 0.0
    assert found.disparity == 1.0


def test_observe_subject_gives_one_observation_a_frame():
    maps = [torch.from_numpy(paint(center=(0.4 + 0.01 * i, 0.5))[0])[None, None] for i in range(5)]
    assert [round(item.focus, 1) for item in observe_subject(maps)] == [2.0] * 5


def name_candidates(ratings):
    """Candidates by the columns that each begins at, with their ratings."""
    found = []
    for column, rating in ratings.items():
        mask = np.zeros((30, 60), bool)
        mask[10:, column : column + 12] = True
        found.append(Candidate(mask, rating))
    return sorted(found, key=lambda item: -item.rating)


def choose_columns(frames):
    """The first column of the chosen candidate in each frame."""
    found = [name_candidates(ratings) for ratings in frames]
    chosen = choose_over_time(found)
    return [int(np.nonzero(few[number].mask)[1].min()) for few, number in zip(found, chosen, strict=True)]


def test_who_turns_aside_for_a_moment_stays_the_subject():
    turned = [{5: -1.0, 40: -1.6 if 30 <= i < 70 else -0.5} for i in range(150)]
    assert choose_columns(turned) == [40] * 150
    walking = [{5: -0.9, 30 + i: -1.0 + 0.5 * (i > 9)} for i in range(18)]
    assert choose_columns(walking) == [30 + i for i in range(18)]


def test_another_is_the_subject_once_the_first_has_left_or_is_worse_for_long():
    assert choose_columns([{5: -2.0, 40: -1.0}] * 40 + [{5: -2.0}] * 100) == [40] * 40 + [5] * 100
    assert choose_columns([{5: -2.0, 40: -1.0}] * 40 + [{5: -1.0, 40: -2.0}] * 100) == [40] * 40 + [5] * 100
    assert list(choose_over_time([[], *[name_candidates({5: -1.0})] * 2, []])) == [0] * 4


def test_point_follows_what_moves():
    rng = np.random.default_rng(0)
    texture = torch.nn.functional.interpolate(
        torch.tensor(rng.random((1, 3, 30, 60)), dtype=torch.float32), scale_factor=4
    )
    frames, maps = [], []
    for step in range(12):
        image = torch.full((1, 3, 120, 240), 0.2)
        left = 40 + 8 * step
        image[..., 30:90, left : left + 50] = texture[..., 30:90, 100:150]
        disparity = torch.full((1, 1, 120, 240), 0.5)
        disparity[..., 30:90, left : left + 50] = 2.0
        frames.append(image)
        maps.append(disparity)
    seen = list(observe_targets(maps, frames, [PointTarget((65 / 240, 0.5), 0)], FlowConfig()))
    assert [item.points[0].disparity for item in seen] == [2.0] * 12


def test_smoothing_keeps_a_straight_pull_to_its_ends():
    track = np.linspace(1.0, 3.0, 60)
    assert smooth_track(track, SECONDS, 0.4) == pytest.approx(track, abs=1e-6)


def test_smoothing_ignores_an_outlier_and_calms_noise():
    rng = np.random.default_rng(1)
    track = np.ones(60) + 0.05 * rng.standard_normal(60)
    track[30] = 9.0
    smooth = smooth_track(track, SECONDS, 0.4)
    assert np.abs(smooth - 1).max() < 0.06
    assert np.abs(np.diff(smooth)).max() < 0.01


def test_focus_does_not_follow_what_wavers_but_what_comes_near_or_steps():
    seconds = np.arange(144) / 24
    waver = 0.05 * np.sin(2 * np.pi * seconds / 2.5)
    assert np.ptp(steady_track(1 + waver, seconds, 0.4)[24:-24]) < 0.4 * np.ptp(waver)
    coming = np.where(seconds < 3, 1.0, 1.0 + 0.5 * (seconds - 3))
    assert steady_track(coming, seconds, 0.4) == pytest.approx(smooth_track(coming, seconds, 0.4), abs=0.01)
    step = np.where(seconds < 3, 1.0, 2.0)
    assert steady_track(step, seconds, 0.4) == pytest.approx(smooth_track(step, seconds, 0.4), abs=0.01)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_shots_are_smoothed_without_error(count):
    values = np.arange(count, dtype=float)
    assert len(smooth_track(values, SECONDS[:count], 0.4)) == count


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"distance_m": 2.0, "point": [0.5, 0.5]}, "both distance_m and point"),
        ({"distance_m": 0.0}, "focus.distance_m: got 0.0"),
        ({"point": [0.5, 1.5]}, r"focus.point: got \[0.5, 1.5\]"),
        ({"smoothing_s": -1.0}, "focus.smoothing_s: got -1.0"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        FocusConfig(**values)


def test_a_mask_that_drops_out_for_a_frame_is_voted_back():
    mask = np.zeros((90, 160), bool)
    mask[20:80, 60:100] = True
    without_hair = mask.copy()
    without_hair[20:40] = False
    masks = [mask] * 5 + [without_hair] + [mask] * 5
    voted = vote([PackedMask.pack(item) for item in masks])
    assert all((item.unpack() == mask).all() for item in voted)
    gone = vote([PackedMask.pack(item) for item in masks[:5]] + [None] + [PackedMask.pack(item) for item in masks[6:]])
    assert (gone[5].unpack() == mask).all()
    assert vote([None, None]) == [None, None]
