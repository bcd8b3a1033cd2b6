"""Parity of the Triton kernels with the other backends, in Triton's interpreter where there is no GPU."""

import importlib.util
import os
import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

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


@needs_triton
def test_rows_are_summed_over_any_number_of_blocks(monkeypatch):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    from vdof.bokeh.on_triton import splat

    monkeypatch.setattr(splat, "BLOCK", 16)
    rgb, coc = torch.rand(1, 3, 3, 30, device=device), torch.linspace(-3, 4, 30, device=device).expand(1, 1, 3, 30)
    configs = (BokehConfig(backend=name, reveal=False) for name in ("triton", "torch"))
    triton, portable = (render_coc(rgb, coc, Lens(), config) for config in configs)
    assert (triton - portable).abs().max() < 1e-5


class Work(TorchDispatchMode):
    """Counts the torch operations that would start a kernel on a GPU, and those that would wait for it."""

    WAITS = ("nonzero", "_local_scalar_dense", "_unique2", "unique_consecutive", "masked_select")

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.waits = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        picks_by_mask = name.startswith("index") and any(
            index is not None and index.dtype == torch.bool for index in (args[1] if isinstance(args[1], list) else [])
        )
        self.operations += not func.is_view and not name.startswith(("empty", "new_empty"))
        self.waits += name in self.WAITS or picks_by_mask
        return func(*args, **(kwargs or {}))


@needs_triton
@pytest.mark.skipif(torch.cuda.is_available(), reason="counts in the interpreter")
@pytest.mark.parametrize(("lamp", "operations", "waits"), [(0.3, 38, 4), (100.0, 289, 9)])
def test_a_frame_takes_few_launches_and_waits(lamp, operations, waits, monkeypatch):
    """Each costs a GPU's host 5 to 30 us, of the 4 ms that a frame may take."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    from triton.runtime.interpreter import GridExecutor

    launched, read, read_list = [], [], torch.Tensor.tolist
    monkeypatch.setattr(GridExecutor, "__call__", lambda self, *args, **kwargs: launched.append(self.fn.__name__))
    monkeypatch.setattr(torch.Tensor, "tolist", lambda self: read.append(self) or read_list(self))
    rgb, coc = torch.full((1, 3, 64, 96), 0.1), torch.full((1, 1, 64, 96), 40.0)
    rgb[..., 20:22, 30:32], coc[..., 40:] = lamp, -4.0
    with Work() as work:
        render_coc(rgb, coc, Lens(), BokehConfig(backend="triton"))
    assert work.operations <= operations
    assert work.waits + len(read) <= waits
    assert len(launched) <= (13 if lamp > 1 else 12)
    assert "_add_kernel" in launched


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from vdof.bokeh.on_triton import composite, edges, fill, layers, lights, splat, unmix

POINTERS = set(
    "colour radius weight held held_at spread shown filled picture signed borders spans gain clip ends "
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
    asm = triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm
    assert asm["cubin"]
    assert "acq_rel" not in asm["ptx"]  # an addition that fences the whole GPU

for fold in (1, 2):
    compile_kernel(splat._add_kernel, PARTS=2, FOLD=fold, HAS_CUT=True, BLOCK=128)
compile_kernel(composite.integrate_kernel, BLOCK=128)
compile_kernel(composite.composite_kernel, HAS_HALF=True, BLOCK=128)
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
