"""Parity of the Triton kernels with the other backends, in Triton's interpreter where there is no GPU."""

import importlib.util

import pytest
import torch

from tests.test_bokeh import edge_scene
from vdof import Lens
from vdof.bokeh import BokehConfig, render_coc
from vdof.bokeh.api import choose_backend
from vdof.errors import BackendError

HAS_TRITON = importlib.util.find_spec("triton") is not None


@pytest.mark.skipif(not HAS_TRITON, reason="triton is not installed")
@pytest.mark.parametrize(
    ("lens", "scale"),
    [
        (Lens(blades=5), 1),
        (Lens(cat_eye=0.6), 1),
        pytest.param(Lens(spherical_aberration=0.5), 3, marks=pytest.mark.slow),
    ],
)
def test_triton_agrees_with_torch(lens, scale, monkeypatch):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    rgb, coc = (tensor[..., 8:36, 8:40].to(device) for tensor in edge_scene())
    triton, portable = (render_coc(rgb, scale * coc, lens, BokehConfig(backend=name)) for name in ("triton", "torch"))
    assert (triton - portable).abs().max() < 1e-4


def test_triton_is_refused_where_it_cannot_run(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    message = "renders on cuda, got a tensor on cpu" if HAS_TRITON else "needs the triton package"
    with pytest.raises(BackendError, match=message):
        choose_backend("triton", torch.device("cpu"))


@pytest.mark.gpu
@pytest.mark.parametrize("backend", ["triton", "torch"])
def test_cuda_agrees_with_the_cpu(backend):
    rgb, coc = edge_scene()
    there = render_coc(rgb.cuda(), coc.cuda(), Lens(), BokehConfig(backend=backend)).cpu()
    assert (there - render_coc(rgb, coc, Lens())).abs().max() < 1e-4
