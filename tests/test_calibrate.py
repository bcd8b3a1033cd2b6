import pytest

from vdof.calibrate import (
    CalibrateConfig,
    Distances,
    Framing,
    assume_distances,
    assume_subject_distance,
    check_framing,
    check_metric,
    solve_scale,
)
from vdof.errors import ConfigError, InputError
from vdof.lens import Lens

GIVEN = Distances(2.0, 6.0)


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
    scale = solve_scale(Distances(2.0, 6.0, ("subject_distance_m",)), 0.500, 0.499, 1.0, shot=0)
    assert scale.scale == pytest.approx((1 / 2 - 1 / 8) / 0.12)


WIDE = 16 / 9


def test_a_close_shot_is_taken_from_where_a_person_would_be_that_large():
    # 0.7 m of a person fill 0.8 of a 20.25 mm high sensor behind 85 mm: 85 * 0.7 / 16.2 mm
    assert assume_subject_distance(Lens(), Framing(0.8, True, WIDE)) == pytest.approx(3.673, abs=0.001)
    assert assume_subject_distance(Lens(focal_length_mm=50), Framing(0.8, True, WIDE)) == pytest.approx(
        2.160, abs=0.001
    )


def test_assumed_distance_stays_in_bounds():
    assert assume_subject_distance(Lens(), Framing(0.2, False, WIDE)) == pytest.approx(5.0)
    assert assume_subject_distance(Lens(), Framing(1.0, True, 0.2)) == pytest.approx(1.2)
    assert assume_subject_distance(Lens(), Framing(0.0, False, WIDE)) == pytest.approx(2.5)


def test_given_distances_are_kept():
    framing = Framing(0.8, True, WIDE)
    assert assume_distances(Lens(), framing, 1.8, 4.0) == Distances(1.8, 4.0)
    assert assume_distances(Lens(), framing, 1.8, None) == Distances(1.8, 5.4, ("background_distance_m",))


def test_negative_distance_is_refused():
    with pytest.raises(ConfigError, match="subject_distance_m: got -1"):
        CalibrateConfig(subject_distance_m=-1)


def test_distances_that_only_fit_exchanged_are_asked_about(caplog):
    framing = Framing(0.8, True, WIDE)  # a person at 3.7 m
    check_framing(Lens(), framing, Distances(14.0, 3.5), "kitchen")
    assert "are the two distances swapped?" in caplog.text
    caplog.clear()
    check_framing(Lens(), framing, Distances(3.5, 14.0), "kitchen")
    check_framing(Lens(), framing, Distances(14.0, 30.0), "kitchen")
    assert caplog.text == ""


def test_metric_depth_within_a_quarter_of_the_log_is_no_news(caplog):
    check_metric(Distances(2.0, 6.0), 2.3, 5.5, "kitchen")
    assert caplog.text == ""
    check_metric(Distances(2.0, 6.0), 4.0, None, "kitchen")
    assert "the log says subject 4 m, metric depth 2 m; the depth is used as it is" in caplog.text
    caplog.clear()
    check_metric(Distances(2.0, 9000.0), 2.0, 200.0, "kitchen")
    assert caplog.text == ""
    check_metric(Distances(2.0, 6.0), 2.0, 1.0, "kitchen")
    assert "the log says background 1 m, metric depth 6 m" in caplog.text
