import math

import pytest
import torch

from vdof.errors import ConfigError, ShapeError
from vdof.lens import Lens
from vdof.optics import (
    coc_at_infinity,
    coc_from_depth,
    coc_from_disparity,
    coc_scale,
    depth_of_field_limits,
    f_number_for_two_distances,
    focus_between,
    hyperfocal,
)

LENS = Lens(focal_length_mm=85, f_number=1.8)


def depth_map(*metres: float) -> torch.Tensor:
    return torch.tensor(metres, dtype=torch.float64).reshape(1, 1, 1, -1)


def test_coc_is_zero_at_the_focus_negative_before_and_positive_behind():
    coc = coc_from_depth(depth_map(1.0, 2.0, 5.0), LENS, 2.0, 1920).flatten()
    assert coc[0] < 0 < coc[2]
    assert coc[1].abs() < 1e-9


def test_coc_is_the_textbook_diameter():
    # A |z - s| / z * f / (s - f), on the sensor, times pixels per millimetre
    expected = 85 / 1.8 * (5 - 2) / 5 * 0.085 / (2 - 0.085) * 1920 / 36
    assert coc_from_depth(depth_map(5.0), LENS, 2.0, 1920).item() == pytest.approx(expected, rel=1e-9)


def test_coc_is_inversely_proportional_to_the_f_number():
    stopped_down = Lens(focal_length_mm=85, f_number=3.6)
    ratio = coc_from_depth(depth_map(7.0), LENS, 2.0, 640) / coc_from_depth(depth_map(7.0), stopped_down, 2.0, 640)
    assert ratio.item() == pytest.approx(2)


def test_coc_reaches_its_far_limit():
    far = coc_from_depth(depth_map(1e9, math.inf), LENS, 2.0, 640).flatten()
    assert far.tolist() == pytest.approx([coc_at_infinity(LENS, 2.0, 640)] * 2)


def test_coc_is_linear_in_disparity():
    disparity = torch.tensor([0.1, 0.3, 0.5], dtype=torch.float64).reshape(1, 1, 1, 3)
    a, b, c = coc_from_disparity(disparity, LENS, 2.0, 640).flatten()
    assert (a + c).item() == pytest.approx(2 * b.item(), abs=1e-9)
    assert (a - c).item() == pytest.approx(0.4 * coc_scale(LENS, 2.0, 640))


def test_focus_distance_may_differ_per_frame():
    coc = coc_from_depth(torch.full((2, 1, 1, 1), 3.0), LENS, torch.tensor([3.0, 2.0]), 640)
    assert coc[0].item() == pytest.approx(0, abs=1e-5)
    assert coc[1].item() > 1
    with pytest.raises(ShapeError, match=r"a number or \(2,\), got \(3,\)"):
        coc_from_depth(torch.ones(2, 1, 1, 1), LENS, torch.ones(3), 640)


def test_hyperfocal_keeps_infinity_within_the_limit():
    distance = hyperfocal(LENS, 0.03)
    assert coc_at_infinity(LENS, distance, 1) * LENS.sensor_width_mm == pytest.approx(0.03)
    near, far = depth_of_field_limits(LENS, distance)
    assert far == math.inf
    assert near == pytest.approx(distance / 2, rel=1e-3)


def test_depth_of_field_limits_have_the_limiting_coc():
    near, far = depth_of_field_limits(LENS, 4.0, 0.03)
    coc_mm = coc_from_depth(depth_map(near, far), LENS, 4.0, 36).flatten()
    assert coc_mm.tolist() == pytest.approx([-0.03, 0.03], rel=1e-6)


def test_f_number_for_two_distances_is_just_enough():
    f_number = f_number_for_two_distances(LENS, 1.5, 2.5, 0.03)
    lens = Lens(focal_length_mm=85, f_number=f_number)
    coc_mm = coc_from_depth(depth_map(1.5, 2.5), lens, focus_between(1.5, 2.5), 36).flatten()
    assert coc_mm.abs().tolist() == pytest.approx([0.03, 0.03])


def test_tilt_and_swing_turn_the_plane_of_focus():
    flat = torch.full((1, 1, 60, 100), 1 / 3.0)
    tilted = coc_from_disparity(flat, Lens(tilt_deg=30), 3.0, 100)
    swung = coc_from_disparity(flat, Lens(swing_deg=30), 3.0, 100)
    assert tilted[0, 0, 29:31].mean().item() == pytest.approx(0, abs=1e-4)
    assert tilted[0, 0, 0, 0] > 0 > tilted[0, 0, -1, 0]  # the focus lies farther at the bottom
    assert swung[0, 0, 0, 0] > 0 > swung[0, 0, 0, -1]


def test_tilted_focus_is_exact_on_its_plane():
    lens = Lens(focal_length_mm=50, tilt_deg=40)
    y = (torch.arange(40) + 0.5 - 20) / (50 / 36 * 60)  # y / f_px: Y = z y, on the plane z = 2 + Y tan(40 deg)
    depth = (2 / (1 - y * math.tan(math.radians(40)))).reshape(1, 1, 40, 1).expand(1, 1, 40, 60)
    assert coc_from_depth(depth, lens, 2.0, 60).abs().max() < 1e-4


def test_focus_nearer_than_the_focal_length_is_refused():
    with pytest.raises(ConfigError, match=r"beyond the focal length \(0.085 m\), got 0.05 m"):
        coc_scale(LENS, 0.05, 640)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("f_number", 0.1, "lens.f_number must be from 0.5 to 64, got 0.1"),
        ("blades", 2, "lens.blades must be 0"),
        ("squeeze", 0.5, "lens.squeeze must be from 1 to 4"),
        ("focal_length_mm", float("nan"), "lens.focal_length_mm must be from 1 to 2000"),
    ],
)
def test_a_lens_out_of_range_is_refused(field, value, message):
    with pytest.raises(ConfigError, match=message):
        Lens(**{field: value})


@pytest.mark.parametrize(
    ("focal_length_mm", "near", "far"),
    [(28.0, 1.80512, math.inf), (35.0, 2.25122, 17.9225), (50.0, 2.90023, 6.4433), (85.0, 3.53967, 4.59796)],
)
def test_depth_of_field_is_that_of_a_published_table(focal_length_mm, near, far):
    """Euler Math Toolbox, reference of dof.e: DOF(4m,[28mm,35mm,50mm,85mm],8) with .03 mm (eumat.sourceforge.net)."""
    lens = Lens(focal_length_mm=focal_length_mm, f_number=8)
    assert depth_of_field_limits(lens, 4.0, 0.03) == (pytest.approx(near, rel=1e-5), pytest.approx(far, rel=1e-5))


def test_hyperfocal_distance_is_the_published_one():
    """Wikipedia, "Hyperfocal distance", numerical example: 50 mm at f/8 with .03 mm is 10467 mm; sharp from half of it."""
    lens = Lens(focal_length_mm=50, f_number=8)
    assert hyperfocal(lens, 0.03) == pytest.approx(10.467, abs=0.0005)
    assert depth_of_field_limits(lens, hyperfocal(lens, 0.03), 0.03)[0] == pytest.approx(5.2, abs=0.05)
