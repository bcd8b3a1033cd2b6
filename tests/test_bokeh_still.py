"""A small change of depth is a small change of the picture: nothing is decided at once."""

import pytest
import torch

from vdof import Lens
from vdof.bokeh import BokehConfig, render_coc
from vdof.bokeh.ladder import group_borders

BACKENDS = ("numba", pytest.param("torch", marks=pytest.mark.slow))


def meeting_scene():
    """Three textured surfaces that meet, and strands before them: rgb (1,3,48,64) and radius (1,1,48,64), px."""
    noise = torch.Generator().manual_seed(0)
    rgb = 0.1 + 0.3 * torch.rand(1, 3, 48, 64, generator=noise)
    radius = torch.full((1, 1, 48, 64), 12.0)
    radius[..., 24:, :] = 6.0 + torch.rand(1, 1, 24, 64, generator=noise)
    radius[..., 8:40, 20:44] = -1.5
    radius[..., 4:14, 24:44:4] = -1.6
    return rgb, radius


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("farther_than", "nearer_than", "first", "step"),
    [(-9, 99, 1.2, 0.004), (11, 99, 1.2, 0.004), (-9, 0, 0.5, 0.01)],
    ids=["stop", "far surface", "near surface"],
)
def test_no_pixel_jumps_when_radii_change_a_little(backend, farther_than, nearer_than, first, step):
    rgb, radius = meeting_scene()
    is_moving = (radius > farther_than) & (radius < nearer_than)
    clip = []
    for frame in range(24):
        coc = 2 * torch.where(is_moving, radius * (first + step * frame), radius)
        clip.append(render_coc(rgb, coc, Lens(), BokehConfig(backend=backend)).sqrt())
    changes = torch.cat(clip).diff(dim=0).abs().amax(1)
    jumps = changes[1:-1] - torch.maximum(changes[:-2], changes[2:])
    assert jumps.max() < 0.001


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_a_far_pixel_that_is_all_near_colour_is_taken_apart(backend):
    """A little beyond the near colour, seen from the far one: nothing of the pixel is its own."""
    rgb, radius = torch.full((1, 3, 32, 32), 0.01), torch.full((1, 1, 32, 32), 8.0)
    rgb[..., :16], radius[..., :16] = 0.2, 0.0
    rgb[..., 16, 16] = 0.21
    out = render_coc(rgb, 2 * radius, Lens(), BokehConfig(backend=backend))
    assert out.isfinite().all()


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_nothing_jumps_where_a_radius_crosses_a_border_between_groups(backend):
    """Columns of two radii share cells of half resolution; one of them passes a border."""
    rgb, radius = torch.rand(1, 3, 24, 48, generator=torch.Generator().manual_seed(0)), torch.full((1, 1, 24, 48), 11.0)
    border = float(group_borders(0.0, 15.0)[-1])
    clip = []
    for off in (-1e-3, 1e-3):
        radius[..., ::2] = border + off
        clip.append(render_coc(rgb, 2 * radius, Lens(), BokehConfig(backend=backend)))
    assert (clip[1] - clip[0]).abs().max() < 1e-3
