"""Strong lights: what is taken out of the picture, and how it comes back."""

import pytest
import torch

from tests.test_bokeh import single_thread  # noqa: F401 (a fixture for every test here)
from vdof import Lens
from vdof.bokeh import BokehConfig, render_coc

LAMP = 60.0


def lamp_scene(coc: float = 20.0, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """A lamp of 3x3 pixels before a grey wall."""
    rgb = torch.full((1, 3, size, size), 0.1)
    rgb[..., 31:34, 31:34] = torch.tensor([LAMP, LAMP / 2, LAMP / 4])[:, None, None]
    return rgb, torch.full((1, 1, size, size), coc)


def strand_scene(strand_coc: float) -> tuple[torch.Tensor, torch.Tensor, slice]:
    """The lamp behind a black strand that crosses its disc 4 pixels from its centre."""
    rgb, coc = lamp_scene()
    rgb[..., 36:38], coc[..., 36:38] = 0.0, strand_coc
    return rgb, coc, slice(22, 43)


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("coc", [3.0, 5.0, 20.0, -20.0])
def test_a_lamp_keeps_its_energy_and_its_hue(coc, backend):
    rgb, depth = lamp_scene(coc)
    out = render_coc(rgb, depth, Lens(), BokehConfig(backend=backend))
    assert (out - 0.1).sum(dim=(2, 3)).flatten().tolist() == pytest.approx(
        (rgb - 0.1).sum(dim=(2, 3)).flatten().tolist(), rel=5e-3
    )


def test_the_disc_of_a_lamp_shows_a_strand_in_focus_as_sharp_as_it_is():
    rgb, coc, rows = strand_scene(0.0)
    out = render_coc(rgb, coc, Lens())[0, 0, rows]
    assert out[..., 36:38].max() < 0.05
    assert out[4:16, 34].min() > 1
    assert out[6:14, 39].min() > 1


def test_the_shadow_lies_where_the_ray_meets_the_strand():
    """A strand of half the lamp's radius shadows the disc twice as far from its centre: light + (R - rho) u."""
    rgb, coc, _ = strand_scene(10.0)
    open_rgb, open_coc = lamp_scene()
    light = (render_coc(rgb, coc, Lens()) / render_coc(open_rgb, open_coc, Lens()))[0, 0, 32]
    assert light[32 + 6 : 32 + 12].argmin().item() in (2, 3)  # the strand's middle, 4.5 px off, at 9 px
    assert light[40:42].max() < 0.4
    assert light[33:36].min() > 0.7


def test_a_wall_of_light_is_no_lamp():
    """What is bright and large is rendered as everything else: the same through both ways."""
    rgb, coc = lamp_scene()
    rgb[..., 12:52, 12:52] = LAMP
    assert torch.equal(render_coc(rgb, coc, Lens()), render_coc(rgb, coc, Lens(), BokehConfig(reveal=False)))


def test_lights_at_the_border_are_not_repeated_beyond_it():
    rgb, coc = lamp_scene()
    rgb = rgb.roll(-31, 3)
    out = render_coc(rgb, coc, Lens())
    assert (out - 0.1).sum() < (rgb - 0.1).sum()


@pytest.mark.parametrize("lens", [Lens(), Lens(blades=5, cat_eye=0.7), Lens(spherical_aberration=0.6)])
def test_backends_agree_about_lights(lens):
    rgb, coc, _ = strand_scene(-6.0)
    rgb[..., 10, 50:53] = LAMP
    numba, portable = (render_coc(rgb, coc, lens, BokehConfig(backend=name)) for name in ("numba", "torch"))
    assert (numba - portable).abs().max() < 1e-4


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_what_shows_through_an_edge_becomes_a_light_little_by_little(backend):
    """A pixel on the edge of a leaf in focus grows brighter than both surfaces: nothing jumps on the way."""
    clip = []
    for step in range(24):
        rgb, radius = torch.full((1, 3, 24, 24), 0.05), torch.full((1, 1, 24, 24), 8.0)
        rgb[..., :12], radius[..., :12] = 0.1, 0.0
        rgb[..., 12, 11] = 0.2 + 0.02 * step
        clip.append(render_coc(rgb, 2 * radius, Lens(), BokehConfig(backend=backend)))
    assert torch.cat(clip).diff(dim=0).abs().max() < 0.021
