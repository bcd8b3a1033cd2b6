"""Parity of the Triton kernels with the other backends, in Triton's interpreter where there is no GPU."""

import importlib.util
import os
import subprocess
import sys

import pytest
import torch

from tests.test_bokeh import edge_scene
from vdof import Lens
from vdof.bokeh import BokehConfig, render_coc
from vdof.bokeh.api import choose_backend
from vdof.errors import BackendError

HAS_TRITON = importlib.util.find_spec("triton") is not None
needs_triton = pytest.mark.skipif(not HAS_TRITON, reason="triton is not installed")


@needs_triton
@pytest.mark.parametrize(
    ("lens", "scale"),
    [
        (Lens(blades=5), 1),
        pytest.param(Lens(cat_eye=0.6), 1, marks=pytest.mark.slow),
        pytest.param(Lens(spherical_aberration=0.5), 3, marks=pytest.mark.slow),
    ],
)
def test_triton_agrees_with_torch(lens, scale, monkeypatch):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    rgb, coc = (tensor[..., 8:23, 8:27].to(device) for tensor in edge_scene())
    triton, portable = (render_coc(rgb, scale * coc, lens, BokehConfig(backend=name)) for name in ("triton", "torch"))
    assert (triton - portable).abs().max() < 1e-4


@needs_triton
@pytest.mark.slow
def test_triton_agrees_with_torch_about_lights(monkeypatch):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    rgb, coc = torch.full((1, 3, 20, 24), 0.1, device=device), torch.full((1, 1, 20, 24), 9.0, device=device)
    rgb[..., 10, 12], coc[..., 8, :] = 100.0, -2.0
    lens = Lens(cat_eye=0.5)
    triton, portable = (render_coc(rgb, coc, lens, BokehConfig(backend=name)) for name in ("triton", "torch"))
    assert portable[0, 0, 10, 12] > 10 * portable[0, 0, 10, 4]
    assert (triton - portable).abs().max() < 1e-4


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from vdof.bokeh.on_triton import edges, fill, layers, lights, splat, unmix

POINTERS = set(
    "colour radius weight held held_at spread shown filled picture signed around low_at high_at borders spans gain clip ends "
    "sums coarse out x_at y_at size_at side_at light_at start centre reach_at first_group own_radius own_weight rim_radius "
    "rim_weight middles reach middle pyramid carried".split()
)
WHOLE = {"y_at", "start", "reach_at", "first_group"}
NUMBERS = set("area cut_x cut_y cut_shift squeeze knee nearest farthest per_radius".split())

def compile_kernel(kernel, **constants):
    def kind(name):
        if name in POINTERS:
            return "*i32" if name in WHOLE else "*fp32"
        return "constexpr" if name in constants else "fp32" if name in NUMBERS else "i32"
    source = ASTSource(kernel, {name: kind(name) for name in kernel.arg_names}, constexprs=constants)
    assert triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["cubin"]

for fold in (1, 2):
    compile_kernel(splat._add_kernel, PARTS=2, FOLD=fold, HAS_CUT=True, BLOCK=128)
compile_kernel(splat._integrate_kernel, BLOCK=128)
compile_kernel(splat._composite_kernel, HAS_HALF=True, BLOCK=128)
compile_kernel(lights._shine_kernel, PARTS=2, HAS_CUT=True, HAS_RIM=True, BLOCK=128)
compile_kernel(edges._edges_kernel, BLOCK=128)
compile_kernel(edges._reach_kernel, BLOCK=128)
compile_kernel(fill._bin_kernel, CELLS=32)
compile_kernel(fill._fill_kernel, BLOCK=2048)
compile_kernel(layers._strands_kernel, BLOCK=128)
compile_kernel(layers._behind_kernel, BLOCK=128)
compile_kernel(unmix._unmix_kernel, BLOCK=64)
compile_kernel(unmix._clean_kernel, BLOCK=64)
"""


@needs_triton
@pytest.mark.slow
def test_kernels_compile_for_cuda_where_there_is_no_gpu():
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    subprocess.run([sys.executable, "-c", COMPILE], env=environment, check=True)


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
