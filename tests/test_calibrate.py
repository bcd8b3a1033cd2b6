import pytest

from vdof.calibrate import CalibrateConfig, Distances, assume_distances, solve_scale
from vdof.errors import ConfigError, InputError

GIVEN = Distances(2.0, 6.0, is_assumed=False)


@pytest.mark.parametrize(("gain", "shift"), [(1.0, 0.0), (0.5, 3.0), (2.0, -1.0), (40.0, 100.0)])
def test_logged_distances_undo_any_scale_and_shift(gain, shift):
    scale = solve_scale(GIVEN, gain / 2 + shift, gain / 8 + shift, gain * 0.6, shot=0)
    assert scale.to_metric(gain / 2 + shift) == pytest.approx(1 / 2)
    assert scale.to_metric(gain / 8 + shift) == pytest.approx(1 / 8)
    assert scale.to_metric(gain / 4 + shift) == pytest.approx(1 / 4)


def test_behind_infinity_is_infinity():
    scale = solve_scale(GIVEN, 0.5, 0.125, 0.5, shot=0)
    assert scale.to_metric(-5.0) == 0.0


def test_background_nearer_than_subject_is_an_error_when_distances_were_given():
    with pytest.raises(InputError, match="shot 3.*background nearer than the subject.*shot log"):
        solve_scale(GIVEN, 0.2, 0.4, 0.5, shot=3)


def test_flat_picture_with_assumed_distances_does_not_explode():
    scale = solve_scale(assume_distances(85, None, None), 0.500, 0.499, 1.0, shot=0)
    assert scale.scale == pytest.approx((1 / 2 - 1 / 8) / 0.12)


def test_assumed_subject_distance_follows_the_focal_length():
    assert assume_distances(85, None, None) == Distances(2.0, 6.0, is_assumed=True)
    assert assume_distances(42.5, None, None).subject_m == pytest.approx(1.0)
    assert assume_distances(85, 1.8, 4.0) == Distances(1.8, 4.0, is_assumed=False)


def test_negative_distance_is_refused():
    with pytest.raises(ConfigError, match="subject_distance_m: got -1"):
        CalibrateConfig(subject_distance_m=-1)
