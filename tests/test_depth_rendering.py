"""Rendered training scenes: meshes and layouts; the rendering itself needs Blender and is not tested here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from train import meshes, props, views

from vdof.errors import BackendError


def test_box_stands_on_the_origin_with_its_size() -> None:
    box = meshes.place(meshes.box(2, 1, 3), (0, 0, 5), yaw=np.pi / 2)
    assert np.allclose(box.points.min(axis=0), (-0.5, -1, 5))
    assert np.allclose(box.points.max(axis=0), (0.5, 1, 8))
    assert len(box.quads) == 6


def test_a_turned_profile_keeps_its_radii_and_heights() -> None:
    glass = meshes.turned(np.array([(1, 0), (2, 3)]), segments=12)
    radius = np.hypot(*glass.points[:, :2].T)
    assert np.allclose(radius, np.where(glass.points[:, 2] > 1, 2, 1))


def test_a_tube_is_as_thick_everywhere_as_told() -> None:
    bent = np.array([(0, 0, 0), (1, 0, 0.2), (2, 0.3, 0.5), (2, 1, 2)], float)
    around = meshes.tube(bent, np.full(4, 0.1), 8).points.reshape(4, 9, 3)
    assert np.allclose(np.linalg.norm(around - bent[:, None], axis=-1), 0.1)


def test_joined_meshes_keep_their_own_points() -> None:
    both = meshes.join([meshes.card(1, 1), meshes.place(meshes.card(1, 1), (5, 0, 0))])
    assert np.all(both.points[both.quads[1], 0] > 4)
    assert len(both.uv) == len(both.points)


@pytest.mark.parametrize("seed", range(8))
def test_every_view_has_whole_meshes_of_known_paint(seed: int) -> None:
    view = views.compose(np.random.default_rng(seed), np.array([0.4, 0.8]))
    for part in view.parts:
        assert np.isfinite(part.mesh.points).all()
        assert part.mesh.quads.max() < len(part.mesh.points)
        assert part.paint.pattern in (*props.PATTERNS, "cutout")
        assert 0 <= part.paint.picture < 1
    assert np.isclose(np.linalg.norm(view.light), 1)
    assert view.focal > 0


def test_without_blender_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("OpenEXR")
    from train import cycles

    monkeypatch.setitem(sys.modules, "bpy", None)
    with pytest.raises(BackendError, match="pip install bpy"):
        cycles.Renderer([], [])
