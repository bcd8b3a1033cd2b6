"""Tiled is whole: the bands of a frame are the frame, for every backend and effect."""

import pytest
import torch

from vdof.bokeh import render_coc
from vdof.bokeh.config import BokehConfig
from vdof.bokeh.layers import Layers
from vdof.bokeh.tiles import choose_rows, find_budget
from vdof.errors import ConfigError
from vdof.lens import Lens

LENSES = {
    "round": Lens(),
    "blades": Lens(blades=6, squeeze=1.5),
    "cat eye": Lens(cat_eye=0.5, vignetting_stops=1.0, spherical_aberration=0.5),
    "colour": Lens(axial_colour_um=20.0),
    "barrel": Lens(cat_eye=0.5),
}


CASES = [("numba", name) for name in LENSES] + [("torch", "barrel")]


def make_picture(size=(48, 60), reach=30):
    """Random cells on both sides of focus, with a few bright lights."""
    generator = torch.Generator().manual_seed(3)
    cells = (1, 1, size[0] // 12, size[1] // 12)
    coc = (torch.rand(cells, generator=generator) - 0.5) * reach
    rgb = torch.rand((1, 3, *size), generator=generator) ** 4
    rgb[..., 20::31, 11::53] = 30.0
    return rgb, torch.nn.functional.interpolate(coc, size)


@pytest.mark.parametrize(("backend", "name"), CASES)
def test_tiled_is_whole(backend, name):
    rgb, coc = make_picture(reach=30 if backend == "numba" else 8)
    whole = render_coc(rgb, coc, LENSES[name], BokehConfig(backend=backend, tile=48))
    tiled = render_coc(rgb, coc, LENSES[name], BokehConfig(backend=backend, tile=16))
    assert (tiled - whole).abs().max() <= 1e-5 * whole.max()


def test_half_storage_changes_next_to_nothing_in_a_night():
    rgb, coc = make_picture(reach=8)
    rgb = rgb * 0.01 + (rgb > 1) * rgb
    full, half = (render_coc(rgb, coc, Lens(), BokehConfig(backend="torch", half=flag)) for flag in (False, True))
    shown = [picture.clamp(0, 1) ** (1 / 2.2) * 255 for picture in (full, half)]
    assert (shown[0] - shown[1]).abs().max() < 0.5
    assert full.equal(full.float())


def test_half_storage_is_said_to_be_without_effect_on_the_cpu(caplog, monkeypatch):
    monkeypatch.setattr("vdof.bokeh.api._said", set())
    rgb, coc = make_picture((12, 12), 4)
    for _ in range(2):
        render_coc(rgb, coc, Lens(), BokehConfig(half=True))
    assert [r.levelname for r in caplog.records if "bokeh.half is without effect" in r.message] == ["WARNING"]


def test_rows_of_a_band_follow_the_budget():
    assert choose_rows(4320, 7680, 56, 50 * 2**30, "numba") == 4320
    rows = choose_rows(4320, 7680, 56, 0.5 * 2**30, "numba")
    assert 8 <= rows < 4320
    assert rows % 8 == 0
    assert choose_rows(1080, 1920, 800, 0.05 * 2**30, "torch") == 8
    layers = Layers(torch.zeros(1, 8, 8, 3), torch.zeros(1, 8, 8), torch.ones(1, 8, 8), 2)
    assert find_budget(layers, BokehConfig(tile_memory_gb=0.5)) == 2**29
    assert find_budget(layers, BokehConfig()) == 2 * 2**30


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tile": 20}, "bokeh.tile must be a multiple of 8 rows, got 20"),
        ({"tile_memory_gb": 0.0}, "bokeh.tile_memory_gb must be from 0.05"),
        ({"half": True, "backend": "numba"}, "bokeh.half: numba has no 16-bit storage"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        BokehConfig(**values)
