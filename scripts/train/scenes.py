"""Scenes of our own with true depth: pictures pasted on walls, boxes and figures, cast with shadows and haze."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train.images import Image, read
from train.scene_layout import Layout, lay_out
from train.scene_numba import draw_rows

_TEXTURE_SIDE = 256
_FINE = 2
"""Rays per pixel on each axis."""
SIZES = ((288, 512), (288, 448), (320, 400), (400, 320))


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and its true disparity."""

    rgb: Image
    """(H,W,3) uint8."""
    disparity: NDArray[np.uint16]
    """(H,W) share of the scene's largest, times 65535."""


class Stage:
    """Draws scenes from training pictures and cut-outs."""

    def __init__(self, pictures: list[Image], cutouts: list[Image], rng: np.random.Generator, most: int = 400) -> None:
        """Take at most `most` of each, chosen at random."""
        self._rng = rng
        chosen = [pictures[i] for i in rng.permutation(len(pictures))[:most]]
        figures = [cutouts[i] for i in rng.permutation(len(cutouts))[:most]]
        size = (_TEXTURE_SIDE, _TEXTURE_SIDE)
        plain = [
            np.dstack([cv2.resize(x, size, interpolation=cv2.INTER_AREA), np.full(size, 255, np.uint8)]) for x in chosen
        ]
        cut = [cv2.resize(figure, size, interpolation=cv2.INTER_AREA) for figure in figures]
        self._textures = np.stack(plain + cut)
        self._plain = len(plain)
        self._aspects = np.array([figure.shape[1] / figure.shape[0] for figure in figures], np.float32)

    def draw(self) -> Scene:
        """Return a random scene."""
        layout = lay_out(self._rng, self._plain, self._aspects)
        height, width = SIZES[self._rng.integers(len(SIZES))]
        sky = self._rng.uniform(90, 250, 3) * 0.4 + 0.6 * self._rng.uniform(90, 250)
        rgb, depth = cast(layout, self._textures, self._plain, (height, width), sky)
        disparity = 1 / depth
        return Scene(rgb, np.round(disparity / disparity.max() * 65535).astype(np.uint16))


def cast(
    layout: Layout, textures: Image, plain: int, size: tuple[int, int], sky: NDArray[np.float64]
) -> tuple[Image, NDArray[np.float32]]:
    """Return rgb (H,W,3) uint8 and depth (H,W) m; cut-outs follow the `plain` first of textures (m,256,256,4)."""
    things = layout.things
    kinds = np.array([thing.kind for thing in things])
    numbers = np.array(
        [(*thing.centre, *thing.size, np.cos(thing.yaw), np.sin(thing.yaw), thing.density) for thing in things], float
    )
    pictures = np.array([thing.picture + (plain if thing.is_cutout else 0) for thing in things])
    colour = np.zeros((size[0] * _FINE, size[1] * _FINE, 3), np.float32)
    distance = np.zeros(colour.shape[:2], np.float32)
    light = layout.light.astype(float)
    sight = (layout.focal, layout.pitch, light, layout.ambient, layout.haze, sky)
    draw_rows(kinds, numbers, pictures, textures, *sight, colour, distance)
    small = cv2.resize(colour, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.clip(small + 0.5, 0, 255).astype(np.uint8), distance[::_FINE, ::_FINE]


def save(scene: Scene, folder: Path, name: str) -> None:
    """Write the scene as NAME.jpg and NAME.png."""
    folder.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(scene.rgb, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / f"{name}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(str(folder / f"{name}.png"), scene.disparity)


def load_one(path: Path) -> Scene:
    """Read the scene whose picture is `path`."""
    return Scene(cv2.cvtColor(read(path), cv2.COLOR_BGR2RGB), read(path.with_suffix(".png"), cv2.IMREAD_UNCHANGED))
