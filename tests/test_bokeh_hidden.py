"""What lies behind blurred things in front of a sharp background."""

import numpy as np
import pytest
import torch

import vdof.bokeh.on_numba.layers as on_numba
import vdof.bokeh.on_torch.layers as on_torch
from tests.test_bokeh_still import meeting_scene
from vdof import Lens
from vdof.bokeh import BokehConfig, render_coc
from vdof.bokeh.ladder import fine_borders, group_borders
from vdof.bokeh.layers import BEHIND, BEYOND, margin_of
from vdof.bokeh.on_numba.backend import pad

BACKENDS = ["numba", "torch"]


def leaf_scene() -> tuple[torch.Tensor, torch.Tensor]:
    """A dark leaf from column 32 on, its edge a mixed pixel on each side, before a white wall in focus: rgb, radius, px."""
    rgb, radius = torch.ones(1, 3, 48, 64), torch.zeros(1, 1, 48, 64)
    rgb[..., 32:], radius[..., 32:] = 0.02, -14.0
    rgb[..., 31], rgb[..., 32] = 0.7, 0.3
    return rgb, radius


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_line_follows_the_edge_of_a_blurred_leaf(backend):
    rgb, radius = leaf_scene()
    row = render_coc(rgb, 2 * radius, Lens(), BokehConfig(backend=backend))[0, 0, 24, 22:44]
    assert row.diff().max() < 0.002


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_even_background_stays_clean_beside_a_patterned_edge(backend):
    """A far pixel half covered by the bright part of a pattern: no light of it is blurred along with the background."""
    rgb, radius = torch.full((1, 3, 32, 32), 0.01), torch.full((1, 1, 32, 32), 8.0)
    rgb[..., :16], radius[..., :16] = 0.05, 0.0
    rgb[..., ::2, :16] = 0.6
    rgb[..., ::2, 16] = 0.3
    assert render_coc(rgb, 2 * radius, Lens(), BokehConfig(backend=backend))[..., 8:24, 18:].max() < 0.028


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_lone_pixel_of_a_strand_in_focus_shows_less_of_the_wall_sharp(backend):
    """A strand too thin to be seen, which the depth map holds in one pixel, before a dark line of a blurred wall."""
    rgb, radius = torch.full((1, 3, 32, 32), 0.2), torch.full((1, 1, 32, 32), 6.0)
    rgb[..., 15] = 0.05
    radius[..., 16, 15] = 0.0
    assert render_coc(rgb, 2 * radius, Lens(), BokehConfig(backend=backend))[0, 0, 16, 15] > 0.07


def test_what_lies_behind_the_second_surface_is_the_same_in_both_backends():
    rgb, radius = meeting_scene()
    picture, signed = rgb[0].permute(1, 2, 0).contiguous(), radius[0, 0]
    margin = margin_of(float(signed.max()))
    padded = [pad(part.numpy(), margin) for part in (picture, signed)]
    compiled = on_numba.split_layers(*padded, margin, 0.2)
    portable = on_torch.split_layers(*(torch.from_numpy(part) for part in padded), margin, 0.2)
    assert compiled.weight[BEYOND].max() > 0.9
    assert compiled.radius[BEYOND].max() > 11
    assert np.abs(compiled.weight[BEYOND] - portable.weight[BEYOND].numpy()).max() < 1e-3
    is_there = compiled.weight[BEYOND] > 1e-3
    assert np.abs(compiled.colour[BEYOND] - portable.colour[BEYOND].numpy())[is_there].max() < 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_dark_dots_where_a_blurred_twig_crosses_another(backend):
    """A twig just behind another, both blurred, before a white wall in focus: the wall goes on behind both."""
    rgb, radius = torch.ones(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    rgb[..., 28:31], radius[..., 28:31] = 0.02, -13.2
    rgb[..., 30:33, :], radius[..., 30:33, :] = 0.02, -14.0
    picture = render_coc(rgb, 2 * radius, Lens(), BokehConfig(backend=backend))[0, 0, 20:44, 20:44]
    blurred = torch.nn.functional.avg_pool2d(picture[None], 5, 1, 2, count_include_pad=False)[0]
    assert (blurred - picture).max() < 0.04


@pytest.mark.parametrize("backend", [on_numba, on_torch])
def test_what_a_leaf_hides_is_another_leaf_or_the_wall_and_no_mixture(backend):
    """A near leaf over the end of a dark one and over a white wall in focus: nothing lies between these two."""
    rgb, radius = np.ones((80, 96, 3), np.float32), np.zeros((80, 96), np.float32)
    rgb[20:60, 4:40], radius[20:60, 4:40] = 0.02, -14.0
    rgb[24:56, 32:64], radius[24:56, 32:64] = 0.3, -24.0
    margin = margin_of(24.0)
    padded = [torch.from_numpy(pad(part, margin)) for part in (rgb, radius)]
    layers = backend.split_layers(*(part.numpy() if backend is on_numba else part for part in padded), margin, 0.7)
    hidden = np.s_[:, 28 + margin : 52 + margin, 36 + margin : 60 + margin]
    found, weight = (torch.as_tensor(part)[hidden] for part in (layers.radius, layers.weight))
    is_between = (found > -12.5) & (found < -2.5)
    assert weight[[BEHIND, BEYOND]].sum(0).min() > 0.99
    assert (weight * is_between)[[BEHIND, BEYOND]].max() < 0.1


def test_rays_are_traced_in_steps_of_a_pixel_over_all_radii():
    for reach in (20.0, 45.0, 47.5):
        borders = fine_borders(group_borders(-reach, reach))
        assert borders[0] <= -reach
        assert borders[-1] >= reach
        assert (borders[1:] - borders[:-1] == 1).all()


@pytest.mark.parametrize("between", [0.12, 0.18, 0.35, 0.5, 0.65, 0.85])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_soft_depth_edge_tears_no_hole(backend, between):
    """A dark subject in focus before a bright wall; on their border is a row of mixed colour, whose radius lies between."""
    rgb, radius = torch.full((1, 3, 48, 64), 0.5), torch.full((1, 1, 48, 64), 9.0)
    rgb[..., 24:, :], radius[..., 24:, :] = 0.05, 0.0
    rgb[..., 24, :] = 0.12
    hard = render_coc(rgb, 2 * radius, Lens(), BokehConfig(backend=backend))
    radius[..., 24, ::3] = 9.0 * between
    soft = render_coc(rgb, 2 * radius, Lens(), BokehConfig(backend=backend))
    assert (soft - hard)[..., 24:, 20:-20].abs().max() < 0.05
