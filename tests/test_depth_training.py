"""What the depth network is trained on: true depth is true, and a moved picture's answer moves with it."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import train_depth
from train import batches, calibration, centring, losses, night, people, training
from train.scene_layout import BOX, CARD, KINDS, PLANE, Layout, Thing, lay_out
from train.scenes import cast, defocus

from vdof.depth.network import DepthNet, fold_batch_norm


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors on all cores of a busy machine wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def thing(kind: int, centre: tuple[float, float, float], size: tuple[float, float, float]) -> Thing:
    return Thing(kind, centre, size, yaw=0.0, picture=0, is_cutout=False, density=1.0)


@pytest.mark.slow  # compiles the ray-caster
def test_cast_depth_is_the_distance_along_the_axis() -> None:
    up = np.array([0, -1, 0], np.float32)
    things = [
        thing(CARD, (0, 0, 4), (9, 9, 1)),
        thing(PLANE, (0, 1, 0), (1, 1, 1)),
        thing(BOX, (0, 0, 2.5), (0.2, 0.2, 0.5)),
    ]
    layout = Layout(things, focal=1.0, pitch=0.0, light=up, ambient=0.5, haze=0.0)
    textures = np.full((1, 256, 256, 4), 255, np.uint8)
    rgb, depth = cast(layout, textures, 1, (48, 64), np.full(3, 200.0))
    assert rgb.shape == (48, 64, 3)
    assert depth[24, 32] == pytest.approx(2.0, abs=1e-4)  # the box's front
    assert depth[4, 4] == pytest.approx(4.0, abs=1e-4)  # the card
    down = (47 + 0.25 - 24) / 64  # the upper of a pixel's two rays
    assert depth[47, 4] == pytest.approx(1 / down, rel=1e-3)  # the floor, one metre below


@pytest.mark.slow  # compiles the ray-caster
def test_a_mirror_shows_what_stands_behind_and_keeps_its_own_depth() -> None:
    lamp = replace(thing(CARD, (0, 0, 4), (9, 9, 1)), picture=1, glow=1.0)
    up = np.array([0, -1, 0], np.float32)
    textures = np.stack([np.zeros((256, 256, 4), np.uint8), np.full((256, 256, 4), 255, np.uint8)])
    pictures = []
    for gloss in (0.0, 1.0):
        floor = replace(thing(PLANE, (0, 1, 0), (1, 1, 1)), gloss=gloss)
        layout = Layout([lamp, floor], focal=1.0, pitch=0.0, light=up, ambient=0.5, haze=0.0, sun=0.0)
        rgb, depth = cast(layout, textures, 2, (48, 64), np.full(3, 200.0))
        pictures.append(rgb[47, 32].mean())
        assert depth[47, 32] == pytest.approx(64 / 23.25, rel=1e-3)
    assert pictures[0] < 5
    assert pictures[1] > 60


@pytest.mark.parametrize("kind", KINDS)
def test_scenes_of_every_kind_stand_before_the_camera(kind: str) -> None:
    aspects = np.array([0.4, 1.2], np.float32)
    for seed in range(20):
        layout = lay_out(np.random.default_rng(seed), 3, aspects, {kind: 1.0})
        assert all(np.isfinite((*thing.centre, *thing.size, thing.density)).all() for thing in layout.things)
        assert any(thing.centre[2] > 0.1 for thing in layout.things)
        assert 0 <= layout.sun <= 1


def test_an_open_lens_blurs_what_is_out_of_focus() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (48, 80, 3)).astype(np.uint8)
    depth = np.full((48, 80), 9, np.float32)
    depth[:, :30] = 0.5
    change = np.abs(defocus(rgb, depth, rng).astype(float) - rgb)
    assert change[:, :25].mean() > 5
    assert change[:, 50:].mean() < 3


def test_an_answer_that_moves_with_its_picture_has_no_unrest() -> None:
    y, x = np.mgrid[0:48, 0:80].astype(np.float32)
    first = np.sin(x / 9) + np.cos(y / 7)
    move = batches.draw_move(np.random.default_rng(2))
    moved = batches.displace(first, move)
    maps = [torch.from_numpy(np.ascontiguousarray(value))[None, None] for value in (first, moved)]
    placed = torch.from_numpy(move)[None]
    still = losses.measure_unrest(maps[0], maps[1], placed, maps[0])
    unmoved = losses.measure_unrest(maps[0], maps[0], placed, maps[0])
    assert float(still) < 0.02 < float(unmoved)


def test_order_is_lost_only_where_nearer_and_farther_are_swapped() -> None:
    wanted = torch.linspace(0, 1, 40).repeat(1, 1, 8, 1)
    assert float(losses.order_loss(wanted, wanted, 7)) == 0
    assert float(losses.order_loss(0.6 * wanted + 3, wanted, 7)) == 0
    swapped = float(losses.order_loss(-wanted, wanted, 7))
    assert swapped > float(losses.order_loss(torch.zeros_like(wanted), wanted, 7)) > 0


def test_scenes_teach_shape_at_the_teachers_level() -> None:
    rng = np.random.default_rng(0)
    truth, label = rng.uniform(0, 1, (8, 8)).astype(np.float32), rng.uniform(2, 5, (8, 8)).astype(np.float32)
    matched = batches.match_level(truth, label)
    assert matched.mean() == pytest.approx(label.mean(), rel=1e-4)
    assert matched.std() == pytest.approx(label.std(), rel=1e-4)
    assert np.corrcoef(matched.ravel(), truth.ravel())[0, 1] == pytest.approx(1, abs=1e-5)


def test_night_is_darker() -> None:
    rgb = np.full((40, 60, 3), 128, np.uint8)
    nights = [night.fall(rgb, np.random.default_rng(seed)) for seed in range(6)]
    assert all(one.shape == rgb.shape and one.dtype == np.uint8 for one in nights)
    assert np.median([np.median(one) for one in nights]) < 110


def test_a_pasted_person_stands_before_all_that_it_hides() -> None:
    ground = np.tile(np.linspace(1, 3, 60, dtype=np.float32)[:, None], (1, 80))
    matte = np.zeros((60, 80), np.float32)
    matte[10:50, 30:45] = 1
    taught = ground + 0.4 * matte
    taught[10:20] = ground[10:20]  # the teacher lost the head
    wanted = people.put_in_order(1.2 * taught + 0.5, ground, matte)
    inside = wanted[matte > 0.5]
    assert inside.std() < 1e-5
    assert inside.min() > wanted[10:50, 25:30].max() - 0.3  # of the floor before its feet, a little
    np.testing.assert_allclose(wanted[:, :20], 1.2 * ground[:, :20] + 0.5, atol=1e-4)


def test_a_person_too_small_to_see_changes_nothing() -> None:
    taught = np.random.default_rng(0).uniform(size=(20, 30)).astype(np.float32)
    assert people.put_in_order(taught, taught * 2, np.zeros((20, 30), np.float32)) is taught


@pytest.mark.parametrize("seed", range(6))
def test_a_person_is_placed_within_the_picture(seed: int) -> None:
    cutout = np.full((50, 20, 4), 255, np.uint8)
    person, matte = people.place_person((64, 96), cutout, np.random.default_rng(seed))
    assert person.shape == (64, 96, 3)
    assert matte.shape == (64, 96)
    assert matte.max() == 1
    row, column = people.find_head(matte)
    assert matte[row, column] > 0.5
    pasted = people.paste(np.zeros((64, 96, 3), np.uint8), person, matte)
    assert (pasted[matte == 1] == 255).all()
    assert not pasted[matte == 0].any()


def test_signs_are_brighter_than_the_night() -> None:
    dark = np.full((48, 80, 3), 20, np.uint8)
    signs = night.hang_signs(dark, (20, 40), np.random.default_rng(1))
    assert signs.shape == dark.shape
    assert signs.max() > 150
    assert (dark == 20).all()


class OneBatch:
    """A stream of one batch, with features that a teacher might give."""

    def next(self) -> batches.Batch:
        draw = torch.Generator().manual_seed(0)
        features = {
            name: torch.rand(2, channels, 32 // part, 48 // part, generator=draw)
            for name, channels, part in (
                *(("encode2", 24, 2), ("encode4", 48, 4), ("encode8a", 96, 8), ("encode8b", 96, 8)),
                *(("encode16", 192, 16), ("decode8", 96, 8), ("decode4", 48, 4), ("decode2", 24, 2)),
            )
        }
        return batches.Batch(
            rgb=torch.rand(2, 3, 32, 48, generator=draw),
            features=features,
            is_taught=torch.ones(2, dtype=torch.bool),
            is_encoded=torch.ones(2, dtype=torch.bool),
            disparity=torch.rand(2, 1, 16, 24, generator=draw),
            heads=torch.zeros(2, 1, 16, 24),
            move=None,
        )


def test_training_has_no_norms_and_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    stream = OneBatch()
    state = training.Training.start(stream, replicas=1, batches=1)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in state.net.modules())
    schedule = training.Schedule(seconds=10, rate=1e-3, forced=0.5, feature_weight=1, unrest_weight=1)
    first = state.advance([stream.next()], schedule)
    state.save(tmp_path / "last.pt")
    again = training.Training.resume(tmp_path / "last.pt")
    assert again.step == 1
    for mine, saved in zip(again.net.parameters(), state.net.parameters(), strict=True):
        assert torch.equal(mine, saved)
    later = [again.advance([stream.next()], schedule)["disparity"] for _ in range(4)]
    assert later[-1] < first["disparity"]


def test_an_export_with_other_checkpoints_takes_the_mean_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = training.Training.start(OneBatch(), replicas=1, batches=1)
    before = [part.clone() for part in state.average.parameters()]
    for name, more in (("before.pt", 3), ("between.pt", 6), ("last.pt", 0)):
        state.save(tmp_path / name)
        with torch.no_grad():
            for part in state.average.parameters():
                part += more
    written: list[torch.nn.Module] = []
    monkeypatch.setattr(train_depth, "fold_batch_norm", lambda net: net)
    monkeypatch.setattr(train_depth, "write_weights", lambda net, path: (written.append(net), path.write_bytes(b"")))
    monkeypatch.setattr(train_depth, "write_graph", lambda net, path: None)
    train_depth.export(
        Namespace(work=tmp_path, mean_with=[tmp_path / "before.pt", tmp_path / "between.pt"], weights=tmp_path / "net")
    )
    for mine, old in zip(written[0].parameters(), before, strict=True):
        torch.testing.assert_close(mine, old + 4)


def test_the_teachers_features_are_fed_fully_then_less_then_not() -> None:
    schedule = training.Schedule(seconds=10, rate=1e-3, forced=0.3, feature_weight=1, unrest_weight=1)
    assert [schedule.share_fed(progress) for progress in (0, 0.2, 0.3, 1)] == pytest.approx([1, 1, 0, 0])
    assert 0 < schedule.share_fed(0.25) < 1
    assert "decode2" in schedule.taps_at(0.1)
    assert "decode2" not in schedule.taps_at(0.5)
    assert "disparity" in schedule.taps_at(0.5)


def test_a_step_in_the_centred_form_moves_the_answer_to_the_mean_by_the_bias_alone() -> None:
    torch.manual_seed(0)
    net = torch.nn.Conv2d(4, 2, 1)
    watch = centring.Centring(net)
    x = torch.rand(3, 4, 8, 8) + 2
    net(x).square().mean().backward()
    mean, before = x.mean(dim=(0, 2, 3))[None, :, None, None], net.weight.detach().clone()
    with torch.no_grad():
        answer = net(mean)
    watch.centre_gradients()
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    watch.take_back()
    with torch.no_grad():
        moved = (net(mean) - answer)[0, :, 0, 0]
    torch.testing.assert_close(moved, -0.1 * net.bias.grad, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(before, net.weight)


def test_silent_channels_are_woken_and_the_answer_hardly_changes() -> None:
    torch.manual_seed(0)
    net = fold_batch_norm(DepthNet().eval())
    picture = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        net.encode4[0][0].bias[:5] = -100
        net.encode8b[0][0].weight[3] = 0
        net.encode8b[0][0].bias[3] = -1
        before = net(picture)
    woken = calibration.wake_channels(net, [picture])
    assert woken >= 6
    assert calibration.wake_channels(net, [picture]) < woken / 2  # those that slept for want of a woken one
    with torch.no_grad():
        assert (net(picture) - before).abs().max() < 0.3 * before.std() + 0.05


def test_only_a_lost_head_is_a_head_loss() -> None:
    matte = np.zeros((64, 96), np.float32)
    matte[10:60, 40:52] = 1
    weights = torch.from_numpy(batches.weigh_head(matte, (32, 48)))[None, None]
    assert float(weights.sum()) == pytest.approx(1, abs=1e-5)
    wanted = torch.from_numpy(cv2.resize(matte, (48, 32)))[None, None]
    headless, legless = wanted.clone(), wanted.clone()
    headless[..., :12, :] = 0
    legless[..., 20:, :] = 0
    assert float(losses.head_loss(headless, wanted, weights)) > 0.5
    assert float(losses.head_loss(legless, wanted, weights)) == 0
    assert not batches.weigh_head(None, (32, 48)).any()
