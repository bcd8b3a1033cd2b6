"""What the depth network is trained on: true depth is true, and a moved picture's answer moves with it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from train import batches, losses, night
from train.scene_layout import BOX, CARD, PLANE, Layout, Thing
from train.scenes import cast


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
