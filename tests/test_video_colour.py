"""Curves are exact inverses with the literature's values; untagged clips follow one rule."""

import pytest
import torch

from vdof.errors import ConfigError, InputError
from vdof.video import VideoConfig, to_display, to_linear
from vdof.video.colour import guess_matrix, read_colour

CURVES = ("srgb", "pq", "hlg", "linear")
UNTAGGED = (2, 0, 2, 2)


def settle(tags=UNTAGGED, size=(640, 480), is_rgb=False, is_full_by_nature=False, **config):
    return read_colour(tags, size, VideoConfig(**config), is_rgb=is_rgb, is_full_by_nature=is_full_by_nature)


@pytest.mark.parametrize("curve", CURVES)
def test_curves_invert_each_other(curve):
    display = torch.linspace(0, 1, 1001, dtype=torch.float64)
    torch.testing.assert_close(to_display(to_linear(display, curve), curve), display, atol=1e-6, rtol=0)


@pytest.mark.parametrize("curve", CURVES)
def test_curves_rise_and_start_at_zero(curve):
    light = to_linear(torch.linspace(0, 1, 500, dtype=torch.float64), curve)
    assert light[0].abs() < 1e-12
    assert (light.diff() > 0).all()


@pytest.mark.parametrize(
    ("curve", "display", "light"),
    [("srgb", 0.5, 0.214041), ("srgb", 1.0, 1.0), ("pq", 0.580689, 1.0), ("pq", 1.0, 10000 / 203), ("hlg", 0.75, 1.0)],
)
def test_curve_values(curve, display, light):
    assert to_linear(torch.tensor(display, dtype=torch.float64), curve).item() == pytest.approx(light, rel=2e-5)


def test_light_above_white_is_kept():
    assert to_linear(torch.tensor(1.2), "srgb") > 1
    assert to_display(torch.tensor(4.0), "srgb") > 1


def test_unknown_curve():
    with pytest.raises(ConfigError, match="transfer must be srgb, pq, hlg or linear, got 'gamma'"):
        to_linear(torch.zeros(1), "gamma")


@pytest.mark.parametrize(
    ("size", "matrix"), [((1280, 720), "bt709"), ((1280, 544), "bt709"), ((960, 578), "bt709"), ((720, 576), "bt601")]
)
def test_untagged_matrix_follows_the_size(size, matrix):
    assert guess_matrix(*size) == matrix
    assert settle(size=size).matrix == matrix


def test_untagged_stays_untagged_on_output():
    assert settle().tags_for_output(is_rgb=False) == UNTAGGED
    assert settle(matrix="bt2020").tags_for_output(is_rgb=False) == UNTAGGED


@pytest.mark.parametrize(("tag", "matrix"), [(1, "bt709"), (5, "bt601"), (6, "bt601"), (7, "smpte240m"), (9, "bt2020")])
def test_tags_decide_over_the_size(tag, matrix):
    assert settle((tag, 1, 1, 1)).matrix == matrix


def test_configuration_decides_over_tags():
    colour = settle((1, 1, 1, 1), matrix="bt601", range="full", transfer="linear")
    assert (colour.matrix, colour.range, colour.transfer) == ("bt601", "full", "linear")


def test_range_of_full_range_formats():
    assert settle().range == "limited"
    assert settle(is_full_by_nature=True).range == "full"
    assert settle((2, 2, 2, 2)).range == "full"


@pytest.mark.parametrize(("tag", "curve"), [(2, "srgb"), (1, "srgb"), (8, "linear"), (16, "pq"), (18, "hlg")])
def test_curve_of_tag(tag, curve):
    assert settle((2, 0, 2, tag)).transfer == curve


def test_rgb_source_becomes_tagged_ycbcr():
    assert settle((0, 2, 1, 13), is_rgb=True).tags_for_output(is_rgb=False) == (6, 1, 1, 13)


def test_unconvertible_matrix():
    with pytest.raises(InputError, match="colour matrix 8.*video.matrix=bt709"):
        settle((8, 1, 1, 1))


@pytest.mark.parametrize("key", ["matrix", "range", "transfer"])
def test_wrong_setting(key):
    with pytest.raises(ConfigError, match=f"video.{key} must be one of auto, .*, got 'nonsense'"):
        VideoConfig(**{key: "nonsense"})
