"""The stabiliser: what flickers goes, what moves stays, and the stream equals the whole."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.errors import ConfigError, ShapeError
from vdof.shots import AnalysisFrame
from vdof.stabilise import StabiliseConfig, count_live_frames, stabilise, stabilise_stream, upsample_guided

HEIGHT, WIDTH = 72, 128


def texture(seed: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Tensor:
    """Smooth coloured noise (1,3,h,w) in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, -(-size[0] // 8), -(-size[1] // 8)), generator=generator)
    fine = torch.rand((1, 3, -(-size[0] // 3), -(-size[1] // 3)), generator=generator)
    layers = [F.interpolate(layer, size=size, mode="bicubic") for layer in (coarse, fine)]
    return (0.6 * layers[0] + 0.4 * layers[1]).clamp(0, 1)


def still_scene(n: int) -> tuple[Tensor, Tensor]:
    """A textured slope with a nearer card, nothing moves: rgb (n,3,h,w), disparity (n,1,h,w)."""
    rgb = texture(0)
    disparity = torch.linspace(0.1, 0.6, HEIGHT)[:, None].expand(HEIGHT, WIDTH).clone()
    rgb[..., 20:60, 40:70] = texture(1)[..., 20:60, 40:70]
    disparity[20:60, 40:70] = 0.9
    return rgb.expand(n, -1, -1, -1), disparity.expand(n, 1, -1, -1)


def wobble(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A random scale and shift per frame, (n,1,1,1) each."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.exp(0.05 * torch.randn((n, 1, 1, 1), generator=generator))
    return scale, 0.05 * torch.randn((n, 1, 1, 1), generator=generator)


def step_between_frames(disparity: Tensor) -> float:
    return float((disparity[1:] - disparity[:-1]).abs().mean())


def stream(disparity: Tensor, rgb: Tensor) -> Iterator[AnalysisFrame]:
    for i in range(len(disparity)):
        yield AnalysisFrame(index=i, pts=i, rgb=rgb[i : i + 1], disparity=disparity[i : i + 1])


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_constant_disparity_is_unchanged(n: int) -> None:
    rgb = torch.cat([texture(0).roll(2 * t, dims=3) for t in range(n)])
    disparity = torch.full((n, 1, HEIGHT, WIDTH), 0.37)
    assert torch.allclose(stabilise(disparity, rgb), disparity, atol=1e-6)


def test_stable_disparity_of_a_still_scene_is_unchanged() -> None:
    rgb, disparity = still_scene(10)
    assert torch.allclose(stabilise(disparity, rgb), disparity, atol=1e-5)


def test_an_affine_wobble_on_a_still_scene_is_removed() -> None:
    n = 40
    rgb, truth = still_scene(n)
    scale, shift = wobble(n)
    flickering = scale * truth + shift
    stable = stabilise(flickering, rgb)
    assert step_between_frames(stable) < 0.05 * step_between_frames(flickering)


def test_a_subject_that_really_approaches_keeps_its_slope() -> None:
    n = 48
    rgb, disparity = (x.clone() for x in still_scene(n))
    card = texture(1)
    ramp = torch.linspace(0.7, 1.1, n)
    for t in range(n):
        rgb[t] = texture(0)[0]
        disparity[t] = torch.linspace(0.1, 0.6, HEIGHT)[:, None]
        x = 20 + t
        rgb[t, :, 20:60, x : x + 36] = card[0, :, 20:60, 20:56]
        disparity[t, 0, 20:60, x : x + 36] = ramp[t]
    scale, shift = wobble(n)
    stable = stabilise(scale * disparity + shift, rgb)
    inside = torch.stack([stable[t, 0, 28:52, 28 + t : 48 + t].median() for t in range(n)])
    slope = float(((ramp - ramp.mean()) * (inside - inside.mean())).sum() / ((ramp - ramp.mean()) ** 2).sum())
    assert slope == pytest.approx(1.0, abs=0.1)


def test_the_stream_equals_the_whole() -> None:
    n = 130
    rgb, truth = still_scene(n)
    scale, shift = wobble(n)
    grain = 0.02 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(3))
    flickering = (scale * truth + shift + grain)[..., ::2, ::2]
    whole = stabilise(flickering, rgb, StabiliseConfig(block=1000))
    streamed = torch.cat([f.disparity for f in stabilise_stream(stream(flickering, rgb))])  # type: ignore[misc]
    assert float((whole - streamed).abs().max()) < 0.002


def test_frames_come_back_in_order() -> None:
    rgb, disparity = still_scene(30)
    assert [frame.index for frame in stabilise_stream(stream(disparity, rgb))] == list(range(30))


def test_few_frames_are_alive_whatever_the_length() -> None:
    config = StabiliseConfig(offsets=[1, 2], trend_frames=2, block=4, look_ahead=3)
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0

    def source() -> Iterator[AnalysisFrame]:
        nonlocal most
        for i in range(60):
            rgb = texture(0, (24, 32))
            alive.add(rgb)
            yield AnalysisFrame(i, i, rgb, torch.rand(1, 1, 12, 16))
            del rgb
            most = max(most, len(alive))

    for _ in stabilise_stream(source(), config):
        pass
    assert 4 <= most <= count_live_frames(config)


def panned_scene(n: int) -> tuple[Tensor, Tensor]:
    """A slope with a nearer card under a camera that pans: rgb (n,3,h,w), disparity (n,1,h,w) of one scale and shift."""
    wide = texture(0, (HEIGHT, WIDTH + 2 * n))
    rgb = torch.cat([wide[..., 2 * t : 2 * t + WIDTH] for t in range(n)])
    slope = torch.linspace(0.1, 0.6, HEIGHT)[:, None].repeat(1, WIDTH + 2 * n)
    slope[20:60, (torch.arange(WIDTH + 2 * n) // 40) % 2 == 0] += 0.3
    return rgb, torch.stack([slope[None, :, 2 * t : 2 * t + WIDTH] for t in range(n)])


@pytest.mark.slow
def test_a_network_that_starts_anew_every_25_frames_is_brought_to_one_level() -> None:
    n = 100
    rgb, truth = panned_scene(n)
    scale, shift = (value[:4].repeat_interleave(25, dim=0) for value in wobble(4, seed=5))
    jumping = (1 + 2 * (scale - 1)) * truth + 2 * shift
    stable = stabilise(jumping, rgb)
    ideal = jumping[0].mean() + (truth - truth[0].mean()) * jumping[0].std() / truth[0].std()
    assert float((stable - ideal).abs().mean()) < 0.3 * float((jumping - ideal).abs().mean())
    steps = (stable - truth)[1:].mean(dim=(1, 2, 3)) - (stable - truth)[:-1].mean(dim=(1, 2, 3))
    assert float(steps.abs().max()) < 0.005
    streamed = torch.cat([f.disparity for f in stabilise_stream(stream(jumping, rgb))])  # type: ignore[misc]
    whole = stabilise(jumping, rgb, StabiliseConfig(block=1000))
    assert float((whole - streamed).abs().max()) < 0.005


def test_frames_whose_depth_failed_take_that_of_the_frames_around_them() -> None:
    n = 24
    rgb, truth = panned_scene(n)
    failed = truth.clone()
    for t in (6, 14, 15, 16):
        failed[t] = texture(t)[:, :1]
    stable = stabilise(failed, rgb)
    assert float((stable - truth)[[6, 14, 15, 16]].abs().mean()) < 0.1 * float((failed - truth)[[6, 15]].abs().mean())
    assert float((stable - truth)[[0, 3, 10, 20]].abs().mean()) < 0.02


def test_nothing_crosses_a_cut() -> None:
    n = 20
    (rgb, truth), (other_rgb, other) = panned_scene(n), still_scene(n)
    scale, shift = wobble(n)
    apart = [stabilise(scale * truth + shift, rgb), stabilise(shift + other.flip(3), 1 - other_rgb.flip(3))]
    joined = stabilise(
        torch.cat([scale * truth + shift, shift + other.flip(3)]), torch.cat([rgb, 1 - other_rgb.flip(3)])
    )
    assert torch.equal(joined, torch.cat(apart))


def test_black_flashed_and_repeated_frames_do_not_break_it() -> None:
    n = 40
    rgb, truth = (x.clone() for x in still_scene(n))
    rgb[10:13] = 0
    rgb[20] = (rgb[20] * 0.3 + 0.75).clamp(0, 1)
    generator = torch.Generator().manual_seed(1)
    flickering = truth + 0.01 * torch.randn(truth.shape, generator=generator)
    flickering[10:13] = torch.rand((3, 1, HEIGHT, WIDTH), generator=generator)
    flickering[30] = flickering[29]
    stable = stabilise(flickering, rgb)
    assert torch.isfinite(stable).all()
    seen = [t for t in range(n) if not 10 <= t < 13]
    assert float((stable - truth)[seen].abs().mean()) < 0.006


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 16)])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_tiny_frames_and_short_shots(size: tuple[int, int], n: int) -> None:
    disparity, rgb = torch.rand(n, 1, *size), torch.rand(n, 3, 2 * size[0], 2 * size[1])
    stable = stabilise(disparity, rgb)
    assert stable.shape == disparity.shape
    assert torch.isfinite(stable).all()


def test_a_lone_frame_and_a_switched_off_stage_change_nothing() -> None:
    rgb, disparity = still_scene(5)
    noisy = disparity + 0.1 * torch.rand(disparity.shape)
    assert torch.allclose(stabilise(noisy[:1], rgb[:1]), noisy[:1], atol=1e-6)
    assert torch.equal(stabilise(noisy, rgb, StabiliseConfig(enabled=False)), noisy)


def test_bad_input_is_named() -> None:
    with pytest.raises(ShapeError, match=r"disparity must be \(T,1,h,w\), got \(2, 3, 4, 4\)"):
        stabilise(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4))
    with pytest.raises(ShapeError, match=r"rgb must be \(2,3,H,W\)"):
        stabilise(torch.zeros(2, 1, 4, 4), torch.zeros(3, 3, 4, 4))
    with pytest.raises(ShapeError, match="finite"):
        stabilise(torch.full((1, 1, 4, 4), float("nan")), torch.zeros(1, 3, 4, 4))
    with pytest.raises(ShapeError, match="disparity must be floats, got torch.int16"):
        stabilise(torch.zeros(1, 1, 4, 4, dtype=torch.int16), torch.zeros(1, 3, 4, 4))
    with pytest.raises(ShapeError, match=r"0..1, got torch.uint8 up to 200: divide 8-bit codes by 255"):
        stabilise(torch.zeros(1, 1, 4, 4), torch.full((1, 3, 4, 4), 200, dtype=torch.uint8))
    with pytest.raises(ShapeError, match=r"got torch.float32 up to 200"):
        stabilise(torch.zeros(1, 1, 4, 4), torch.full((1, 3, 4, 4), 200.0))
    with pytest.raises(ShapeError, match="has no disparity"):
        list(stabilise_stream([AnalysisFrame(0, 0, torch.zeros(1, 3, 4, 4))]))
    with pytest.raises(ShapeError, match="rgb must be"):
        upsample_guided(torch.zeros(1, 1, 4, 4), torch.zeros(2, 3, 4, 4))
    with pytest.raises(ConfigError, match="offsets must contain 1"):
        StabiliseConfig(offsets=[2, 4])
    with pytest.raises(ConfigError, match="kappa must be in"):
        StabiliseConfig(kappa=1.0)
    with pytest.raises(ConfigError, match="trend_frames must be > 0"):
        StabiliseConfig(trend_frames=0)


def test_a_still_camera_holds_the_background_against_a_slow_slide() -> None:
    n = 60
    rgb, truth = still_scene(n)
    sliding = truth + torch.linspace(0, 0.2, n)[:, None, None, None]
    held = stabilise(sliding, rgb)
    kept = stabilise(sliding, rgb, StabiliseConfig(still_frames=0))
    assert float((kept[-1] - kept[0]).mean()) == pytest.approx(0.2, abs=0.01)
    assert float((held[-1] - held[0]).mean()) < 0.06


def test_a_moving_camera_keeps_the_slide() -> None:
    n = 40
    wide = texture(0, (HEIGHT, WIDTH + 2 * n))
    rgb = torch.cat([wide[..., 2 * t : 2 * t + WIDTH] for t in range(n)])
    sliding = still_scene(n)[1] * 0 + 0.3 + torch.linspace(0, 0.2, n)[:, None, None, None]
    sliding = sliding + 0.2 * torch.linspace(0, 1, HEIGHT)[:, None]
    stable = stabilise(sliding, rgb)
    assert float((stable[-1] - stable[0]).mean()) == pytest.approx(0.2, abs=0.01)


def test_repeated_frames_of_a_raised_frame_rate_do_no_harm() -> None:
    n = 24
    images = torch.cat([texture(0, (HEIGHT, WIDTH + 2 * n))[..., 2 * t : 2 * t + WIDTH] for t in range(n)])
    slope = still_scene(1)[1][0].clone()
    slope[:, 20:60, 40:70] = 0.4
    once = [t for t in range(n) for _ in range(1 + t % 2)]  # every second frame is shown twice, as from 16 to 24 fps
    scale, shift = (value[torch.tensor(once)] for value in wobble(n))
    flickering = scale * slope + shift
    stable = stabilise(flickering, images[torch.tensor(once)])
    assert step_between_frames(stable) < 0.15 * step_between_frames(flickering)


def test_a_dissolve_inside_a_shot_stays_between_the_two() -> None:
    mix = torch.linspace(-1, 2, 30).clamp(0, 1)[:, None, None, None]
    rgb = (1 - mix) * texture(0) + mix * texture(9)
    disparity = (1 - mix) * 0.2 + mix * 0.8 + torch.zeros(1, 1, HEIGHT, WIDTH)
    stable = stabilise(disparity, rgb)
    assert 0.1 < float(stable.min()) <= float(stable.max()) < 0.9
    assert float((stable - disparity).abs().max()) < 0.2
