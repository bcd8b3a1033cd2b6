import math

import pytest
import torch

from vdof import Lens, render
from vdof.bokeh import BokehConfig, render_coc
from vdof.bokeh.api import choose_backend
from vdof.errors import BackendError, ConfigError, ShapeError
from vdof.optics import coc_from_depth

ROUND, PENTAGON, OVAL = Lens(), Lens(blades=5), Lens(squeeze=2.0)
POLYGONS = {"round": ROUND, "pentagon": PENTAGON, "oval": OVAL}
LENSES = POLYGONS | {
    "curved": Lens(blades=7, blade_curvature=0.5, rotation_deg=10),
    "cat_eye": Lens(blades=6, cat_eye=0.8),
    "ringed": Lens(spherical_aberration=0.6),
}
BACKENDS = ("numba", "torch")
every_lens = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())
every_polygon = pytest.mark.parametrize("lens", POLYGONS.values(), ids=POLYGONS.keys())
every_backend = pytest.mark.parametrize("config", [BokehConfig(backend=name) for name in BACKENDS], ids=BACKENDS)


@pytest.fixture(autouse=True)
def single_thread():
    """Pictures this small are slower on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def edge_scene(height: int = 40, width: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """A random picture with a blurred foreground, a sharp strip and a far background."""
    rgb = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2
    coc = torch.full((1, 1, height, width), 13.0)
    coc[..., 12:28, 15:30] = -8.0
    coc[..., 34:, :] = torch.linspace(-3, 3, width)
    return rgb, coc


def impulse(coc: float, size: int = 41) -> tuple[torch.Tensor, torch.Tensor]:
    rgb = torch.zeros(1, 3, size, size)
    rgb[..., size // 2, size // 2] = 1.0
    return rgb, torch.full((1, 1, size, size), coc)


@every_lens
@pytest.mark.parametrize("scale", [1, 3])
def test_a_constant_picture_stays(lens, scale):
    _, coc = edge_scene()
    out = render_coc(torch.full((1, 3, 40, 48), 0.7), scale * coc, lens)
    assert (out - 0.7).abs().max() < 1e-4


@every_backend
def test_in_focus_nothing_changes(config):
    rgb, coc = edge_scene()
    assert (render_coc(rgb, torch.zeros_like(coc), ROUND, config) - rgb).abs().max() < 1e-5


@every_lens
@pytest.mark.parametrize("coc", [1.0, 2.2, 9.0, 18.5, -18.5])
def test_an_impulse_keeps_its_energy(lens, coc):
    if lens.cat_eye:
        pytest.skip("cut discs lean toward the centre, so that coverage, not energy, is what stays one")
    out = render_coc(*impulse(coc), lens, BokehConfig(backend="numba"))
    assert out.sum(dim=(2, 3)).flatten().tolist() == pytest.approx([1.0] * 3, abs=2e-3)


@pytest.mark.parametrize("coc", [1.0, 2.2, 5.0, 18.5])
def test_the_variance_of_an_impulse_is_that_of_the_disc(coc):
    out = render_coc(*impulse(coc), ROUND)[0, 0].double()
    y = torch.arange(41.0) - 20
    variance = (out * y[:, None] ** 2).sum() / out.sum()
    assert variance.item() == pytest.approx((coc / 2) ** 2 / 4, abs=0.06)


@every_polygon
@pytest.mark.parametrize("coc", [19.0, -19.0])
def test_an_impulse_has_the_exact_shape(lens, coc):
    """Area-sampled truth: 16x16 points per pixel inside the polygon, turned by 180 degrees before the focus."""
    radius, fine = math.sqrt(9.5**2 - 1 / 3), 16
    points = (torch.arange(41 * fine, dtype=torch.float64) + 0.5) / fine - 20.5
    x, y = points[None, :] / radius * lens.squeeze, -points[:, None] / radius
    if coc < 0:
        x, y = -x, -y
    inside = x**2 + y**2 < 1
    for k in range(lens.blades):
        angle = 2 * math.pi * (k + 1) / lens.blades
        inside &= x * math.cos(angle) + y * math.sin(angle) < math.cos(math.pi / lens.blades)
    truth = inside.double().reshape(41, fine, 41, fine).mean(dim=(1, 3))
    out = render_coc(*impulse(coc), lens)[0, 0].double()
    assert (out - truth / truth.sum()).abs().sum() < 0.05


@every_lens
def test_light_scales_linearly(lens):
    rgb, coc = edge_scene()
    assert (render_coc(4 * rgb, coc, lens) - 4 * render_coc(rgb, coc, lens)).abs().max() < 1e-4


def test_a_batch_is_a_loop():
    rgb, coc = edge_scene()
    rgb2, coc2 = torch.cat([rgb, rgb.flip(3)]), torch.cat([coc, 0.5 * coc])
    batch = render_coc(rgb2, coc2, ROUND)
    assert torch.equal(batch[1:], render_coc(rgb2[1:], coc2[1:], ROUND))


@every_lens
@pytest.mark.parametrize("scale", [1, 3])  # 3: discs so large that they are splatted at half resolution
def test_backends_agree(lens, scale):
    rgb, coc = edge_scene()
    coc = scale * coc
    numba, portable = (render_coc(rgb, coc, lens, BokehConfig(backend=name)) for name in BACKENDS)
    assert (numba - portable).abs().max() < 1e-4


def test_passing_to_half_resolution_does_not_pop():
    """A pull through the radii where sources change resolution moves the picture evenly."""
    rgb, _ = edge_scene()
    steps = torch.arange(20.0, 42.0, 1.0)
    clip = torch.cat([render_coc(rgb, torch.full((1, 1, 40, 48), float(c)), ROUND) for c in steps])
    change = clip.diff(dim=0).abs().mean(dim=(1, 2, 3))
    assert (change[1:] / change[:-1]).max() < 1.25
    assert (change[1:] / change[:-1]).min() > 0.75


def test_rendering_is_deterministic_whatever_the_threads():
    rgb, coc = edge_scene()
    first = render_coc(rgb, coc, ROUND)
    torch.set_num_threads(3)
    assert torch.equal(first, render_coc(rgb, coc, ROUND))


def test_a_sharp_subject_stays_sharp_before_a_blurred_background():
    rgb = torch.zeros(1, 3, 48, 48)
    rgb[..., 16:32, 16:32] = 1.0
    coc = torch.full((1, 1, 48, 48), 12.0)
    coc[..., 16:32, 16:32] = 0.0
    out = render_coc(rgb, coc, ROUND)
    assert out[..., 16:32, 16:32].min() > 0.99  # nothing of the background over it
    assert out[..., :15, :].max() < 0.01  # and nothing of it in the background


def test_a_blurred_foreground_lets_the_sharp_background_through():
    rgb = torch.zeros(1, 3, 48, 48)
    rgb[..., 20:28, :] = 1.0
    coc = torch.zeros(1, 1, 48, 48)
    coc[..., 20:28, :] = -14.0
    out = render_coc(rgb, coc, ROUND)[0, 0, :, 24]
    assert 0.3 < out[24] < 0.95  # the strip is narrower than its blur: transparent
    assert out[:12].max() < 0.01
    assert (out[12:24].diff() > -1e-4).all()  # a soft rim


def test_depth_and_focus_make_the_same_picture_as_their_coc():
    rgb = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    depth = torch.linspace(1, 6, 32).expand(2, 1, 32, 32).contiguous()
    focus = torch.tensor([2.0, 3.0])
    coc = coc_from_depth(depth, ROUND, focus, 32)
    assert torch.equal(render(rgb, depth, ROUND, focus), render_coc(rgb, coc, ROUND))
    assert torch.isfinite(render(rgb, torch.full_like(depth, math.inf), ROUND, 2.0)).all()


RGB, DEPTH = torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8)


@pytest.mark.parametrize(
    ("rgb", "depth", "focus", "error", "message"),
    [
        (RGB[0], DEPTH, 2.0, ShapeError, r"rgb must be \(B,3,H,W\).* got \(3, 8, 8\)"),
        (RGB[:0], DEPTH[:0], 2.0, ShapeError, "at least one frame"),
        (RGB, DEPTH[..., :4], 2.0, ShapeError, r"depth must be \(1, 1, 8, 8\).*got \(1, 1, 8, 4\)"),
        (RGB, DEPTH * math.nan, 2.0, ShapeError, "depth must be finite"),
        (RGB, DEPTH * 0, 2.0, ShapeError, "depth must be above 0 m, got 0"),
        (RGB, -DEPTH, 2.0, ShapeError, "depth must be above 0 m, got -1"),
        (RGB * math.inf, DEPTH, 2.0, ShapeError, "rgb must be finite"),
        (RGB, DEPTH, 0.01, ConfigError, "beyond the focal length"),
    ],
)
def test_bad_input_is_refused(rgb, depth, focus, error, message):
    with pytest.raises(error, match=message):
        render(rgb, depth, ROUND, focus)


def test_bad_backends_are_refused():
    with pytest.raises(ConfigError, match="bokeh.backend must be one of auto, numba, triton, torch, got 'cuda'"):
        BokehConfig(backend="cuda")
    with pytest.raises(BackendError, match="numba renders on the cpu, got a tensor on meta"):
        choose_backend("numba", torch.device("meta"))
