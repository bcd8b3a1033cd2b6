"""Lens character: shapes, profiles, colour, corners, highlights, mixed pixels."""

import cv2
import numpy as np
import pytest
import torch

import vdof.bokeh.on_numba.layers as on_numba
import vdof.bokeh.on_torch.layers as on_torch
from tests.test_bokeh import impulse
from vdof import Lens
from vdof.bokeh import BokehConfig, HighlightsConfig, render_coc
from vdof.bokeh.aperture import outline
from vdof.bokeh.highlights import recover_highlights
from vdof.bokeh.layers import BEHIND
from vdof.errors import ConfigError


def ring_share(out: torch.Tensor, radius: float) -> float:
    """Light in the outer half of the disc's area, relative to all."""
    y = torch.arange(out.shape[-1]) - out.shape[-1] // 2
    is_outer = y[None, :] ** 2 + y[:, None] ** 2 > radius**2 / 2
    return (out[0, 1][is_outer].sum() / out[0, 1].sum()).item()


def test_blade_curvature_goes_from_polygon_to_circle():
    reach = [torch.from_numpy(outline(Lens(blades=5, blade_curvature=c))).norm(dim=1) for c in (0, 0.5, 1)]
    assert reach[0].min() == pytest.approx(np.cos(np.pi / 5), abs=1e-3)
    assert reach[0].min() < reach[1].min() < 1
    assert reach[2].min() == pytest.approx(1)


def test_rotation_turns_the_aperture_counterclockwise():
    corners = torch.from_numpy(outline(Lens(blades=3, rotation_deg=30)))  # corners at 60, 180, 300 degrees, plus 30
    top = corners[corners[:, 1].argmin()]
    assert top.tolist() == pytest.approx([0.0, -1.0], abs=1e-6)


@pytest.mark.parametrize(("amount", "coc", "is_ringed"), [(0.7, 19, True), (0.7, -19, False), (-0.7, 19, False)])
def test_spherical_aberration_flips_across_the_focus(amount, coc, is_ringed):
    plain = ring_share(render_coc(*impulse(coc), Lens()), 9.5)
    aberrated = ring_share(render_coc(*impulse(coc), Lens(spherical_aberration=amount)), 9.5)
    assert (aberrated > plain + 0.05) == is_ringed
    assert (aberrated < plain - 0.05) != is_ringed


@pytest.mark.parametrize(("coc", "green_is_outside"), [(14.0, True), (-14.0, False)])
def test_axial_colour_fringes_swap_across_the_focus(coc, green_is_outside):
    rgb, radius = impulse(coc)
    out = render_coc(rgb, radius, Lens(axial_colour_um=100, sensor_width_mm=2.0))[0]
    spread = [(out[c, 20] > 1e-5).sum().item() for c in range(3)]
    assert (spread[1] > spread[0]) == green_is_outside
    assert spread[0] == spread[2]


def test_vignetting_loses_its_stops_in_the_corners_only():
    out = render_coc(torch.ones(1, 3, 60, 80), torch.zeros(1, 1, 60, 80), Lens(vignetting_stops=2.0))
    assert out[0, 0, 30, 40].item() == pytest.approx(1, abs=0.01)
    assert out[0, 0, 0, 0].item() == pytest.approx(0.25, rel=0.05)


def test_the_barrel_cuts_discs_toward_the_corners_only():
    rgb = torch.zeros(1, 3, 61, 81)
    rgb[..., 30, 40] = rgb[..., 8, 10] = 1.0
    out = render_coc(rgb, torch.full((1, 1, 61, 81), 14.0), Lens(cat_eye=1.0))[0, 0]
    lit = out > 0.2 * out.max()
    assert lit[20:41, 30:51].sum() > 1.3 * lit[:20, :20].sum()
    assert out[:20, :20].sum().item() == pytest.approx(out[20:41, 30:51].sum().item(), rel=0.1)  # light is not lost


def test_a_picture_can_be_the_aperture(tmp_path):
    heart = np.zeros((64, 64), np.uint8)
    cv2.circle(heart, (20, 20), 16, 255, -1)
    cv2.circle(heart, (44, 20), 16, 255, -1)
    cv2.fillPoly(heart, [np.array([[5, 26], [59, 26], [32, 62]])], 255)
    cv2.imwrite(str(tmp_path / "heart.png"), heart)
    lens = Lens(aperture_image=str(tmp_path / "heart.png"))
    numba, portable = (render_coc(*impulse(21.0), lens, BokehConfig(backend=b)) for b in ("numba", "torch"))
    assert (numba - portable).abs().max() < 1e-6
    assert numba[0, 0].sum().item() == pytest.approx(1, abs=5e-3)
    shape = numba[0, 0] > 0.5 * numba[0, 0].max()
    assert shape[:20].sum() > 1.3 * shape[21:].sum()  # lobes above, tip below
    assert not shape[:12, 20].any()  # the notch
    before = render_coc(*impulse(-21.0), lens)[0, 0]
    assert torch.allclose(before, numba[0, 0].flip(0, 1), atol=1e-6)  # turned in front of the focus


@pytest.mark.parametrize(("name", "message"), [("none.png", "no file at"), ("text.png", "cannot read")])
def test_a_bad_aperture_picture_is_refused(tmp_path, name, message):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ConfigError, match=message):
        render_coc(*impulse(9.0), Lens(aperture_image=str(tmp_path / name)))


def test_small_clipped_lights_are_raised_and_white_walls_are_not():
    rgb = torch.full((1, 3, 96, 96), 0.2)
    rgb[..., 10:13, 10:13] = 1.0  # a lamp
    rgb[..., 48:, :] = 1.0  # a wall
    out = recover_highlights(rgb, torch.full_like(rgb[:, :1], 20.0), HighlightsConfig(gain=5.0))
    assert out[..., 11, 11].min() > 2
    assert torch.equal(out[..., 60:, :], rgb[..., 60:, :])
    assert torch.equal(out[..., 30, 30], rgb[..., 30, 30])
    assert torch.equal(recover_highlights(rgb, torch.full_like(rgb[:, :1], 20.0), HighlightsConfig()), rgb)
    in_focus = recover_highlights(rgb, torch.ones_like(rgb[:, :1]), HighlightsConfig(gain=5.0))
    assert torch.equal(in_focus, rgb)


def test_a_white_shelf_before_a_pale_wall_is_no_lamp():
    rgb = torch.full((1, 3, 96, 96), 0.6)
    rgb[..., 40:42, :] = 1.0
    assert torch.equal(recover_highlights(rgb, torch.full_like(rgb[:, :1], 20.0), HighlightsConfig(gain=5.0)), rgb)


def test_highlights_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="bokeh.highlights.gain must be from 0 to 100, got -1"):
        HighlightsConfig(gain=-1)


def test_a_thin_strand_keeps_its_colour_over_a_blurred_background():
    """A strand half a pixel wide, in focus, of which the depth map knows nothing in every other row."""
    rgb = torch.zeros(1, 3, 40, 40)
    rgb[:, 2] = 1.0  # blue background
    rgb[0, :, :, 20] = torch.tensor([0.5, 0.0, 0.5])[:, None]  # half covered by red
    rgb[0, :, 0:40, 19] = torch.tensor([1.0, 0.0, 0.0])[:, None]
    coc = torch.full((1, 1, 40, 40), 16.0)
    coc[..., 19] = 0.0
    out = render_coc(rgb, coc, Lens())[0]
    assert out[0, 10:30, 19].min() > 0.9
    assert out[0, 10:30, 20].min() > 0.35  # the mixed pixel still shows the strand
    assert out[0, 10:30, 23].max() < 0.1  # whose red was not dragged into the background


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_only_the_nearer_side_of_an_edge_has_something_behind_it(backend):
    """A subject before a fence, and a sky smoothly farther above: nothing of the sky lies behind the fence's lower end."""
    rows = torch.linspace(0, 1, 64)[:, None].expand(64, 64)
    radius = (9 - 4 * ((rows - 0.2) / 0.3).clamp(0, 1)) * (torch.arange(64)[:, None] < 44)
    picture = torch.where(rows < 0.3, 3.0, 0.02)[..., None].expand(64, 64, 3).contiguous()
    if backend == "numba":
        layers = on_numba.split_layers(picture.numpy(), radius.numpy(), 8, 0.5)
    else:
        layers = on_torch.split_layers(picture, radius, 8, 0.5)
    assert layers.weight[BEHIND, 32:42].max() < 1e-11
    assert layers.weight[BEHIND, 46:48].min() == 1
