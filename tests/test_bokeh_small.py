"""Discs of a few pixels blur as the true disc does, and change as it does."""

import numpy as np
import pytest
import torch

from tests.test_bokeh import impulse, single_thread  # noqa: F401 (a fixture for every test here)
from vdof import Lens
from vdof.bokeh import BokehConfig, render_coc
from vdof.bokeh.aperture import chords_of_polygon, outline

FREQUENCIES = np.array([(x, y) for x in (0.0, 0.12, 0.24, 0.36) for y in (-0.3, -0.15, 0.0, 0.15, 0.3) if x or y])
"""Cycles per pixel, x right, y down."""
WEIGHT = 1 / np.hypot(*FREQUENCIES.T)
"""Amplitude of pictures there."""


def respond(lens: Lens, radii: np.ndarray) -> np.ndarray:
    """Frequency response (radii, frequencies) of rendered points of light."""
    place = np.arange(-8, 9)
    wave = np.exp(
        -2j * np.pi * (FREQUENCIES[:, 0, None, None] * place + FREQUENCIES[:, 1, None, None] * place[:, None])
    )
    points = [render_coc(*impulse(2 * r, 17), lens, BokehConfig(backend="numba"))[0, 0].numpy() for r in radii]
    return np.array([[(point * w).sum() for w in wave] for point in points])


def respond_truly(lens: Lens, radii: np.ndarray) -> np.ndarray:
    """The same of the shape itself, summed over points in it."""
    (chords,) = chords_of_polygon(outline(lens))
    x = (np.arange(64) + 0.5) / 32 - 1
    rows = np.linspace(0, len(chords.left) - 1, 64).astype(int)
    is_inside = (x > chords.left[rows, None]) & (x < chords.right[rows, None])
    points = np.stack(np.meshgrid(x, x), 2)[is_inside]
    return np.exp(-2j * np.pi * radii[:, None, None] * (points @ FREQUENCIES.T)).mean(1)


@pytest.mark.parametrize("lens", [Lens(), Lens(blades=5), Lens(squeeze=1.6)], ids=["round", "pentagon", "oval"])
def test_a_growing_disc_changes_the_picture_as_the_truth_does(lens):
    """First differences within a fifth at every step, and response near: no row of pixels enters the disc at once."""
    radii = np.arange(0.05, 3.0, 0.15)
    ours, truth = respond(lens, radii), respond_truly(lens, radii)
    change, true_change = (np.sqrt((np.abs(np.diff(r, axis=0) * WEIGHT) ** 2).sum(1)) for r in (ours, truth))
    assert (change / true_change) == pytest.approx(np.ones(len(change)), abs=0.2)
    assert np.abs((ours - truth) * WEIGHT).max() < 0.4


def test_a_point_in_focus_stays_one():
    rgb, coc = impulse(0.0)
    assert torch.allclose(render_coc(rgb, coc, Lens(spherical_aberration=0.5)), rgb, atol=1e-6)
