"""Scenes of our own with true depth: pictures pasted on walls, boxes and figures, cast with shadows and haze."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from train.images import Image, read
from train.scene_layout import SHARES, Layout, Thing, lay_out
from train.scene_numba import draw_rows
from vdof.bokeh import render_coc
from vdof.lens import Lens

_TEXTURE_SIDE = 256
_FINE = 2
"""Rays per pixel on each axis."""
SHARE_DEFOCUSED = 0.45
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

    def __init__(
        self,
        pictures: list[Image],
        cutouts: list[Image],
        rng: np.random.Generator,
        shares: dict[str, float] = SHARES,
        most: int = 400,
    ) -> None:
        """Take at most `most` of each, chosen at random; `shares` says how often which kind of scene."""
        self._rng, self._shares = rng, shares
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
        layout = lay_out(self._rng, self._plain, self._aspects, self._shares)
        height, width = SIZES[self._rng.integers(len(SIZES))]
        sky = self._rng.uniform(90, 250, 3) * 0.4 + 0.6 * self._rng.uniform(90, 250)
        rgb, depth = cast(layout, self._textures, self._plain, (height, width), sky)
        if self._rng.uniform() < SHARE_DEFOCUSED:
            rgb = defocus(rgb, depth, self._rng)
        return pack(rgb, 1 / depth)


def pack(rgb: Image, disparity: NDArray[Any]) -> Scene:
    """Return rgb (H,W,3) uint8 with its true disparity (H,W) as a scene."""
    return Scene(rgb, np.round(disparity / disparity.max() * 65535).astype(np.uint16))


def cast(
    layout: Layout, textures: Image, plain: int, size: tuple[int, int], sky: NDArray[np.float64]
) -> tuple[Image, NDArray[np.float32]]:
    """Return rgb (H,W,3) uint8 and depth (H,W) m; cut-outs follow the `plain` first of textures (m,256,256,4)."""
    things = layout.things
    kinds = np.array([thing.kind for thing in things])
    numbers = np.array([_list_numbers(thing) for thing in things], float)
    pictures = np.array([thing.picture + (plain if thing.is_cutout else 0) for thing in things])
    colour = np.zeros((size[0] * _FINE, size[1] * _FINE, 3), np.float32)
    distance = np.zeros(colour.shape[:2], np.float32)
    light = layout.light.astype(float)
    air = (light, layout.ambient, layout.haze, layout.sun, (0.1 + 0.9 * layout.sun) * sky)
    draw_rows(kinds, numbers, pictures, textures, layout.focal, layout.pitch, air, colour, distance)
    small = cv2.resize(colour, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.clip(small + 0.5, 0, 255).astype(np.uint8), distance[::_FINE, ::_FINE]


def _list_numbers(thing: Thing) -> tuple[float, ...]:
    turned = (np.cos(thing.yaw), np.sin(thing.yaw))
    return (*thing.centre, *thing.size, *turned, thing.density, thing.gloss, thing.glow)


def defocus(rgb: Image, depth: NDArray[np.float32], rng: np.random.Generator) -> Image:
    """Return rgb (H,W,3) uint8 as an open lens sees it, focused on something beyond the nearest fifth of depth (H,W) m."""
    disparity = 1 / depth
    focus = rng.choice(disparity[disparity <= np.quantile(disparity, 0.8)])
    largest = np.abs(disparity - focus).max() + 1e-9
    coc = (focus - disparity) / largest * rgb.shape[1] * np.exp(rng.uniform(np.log(0.005), np.log(0.07)))
    light = torch.from_numpy((rgb.astype(np.float32) / 255) ** 2.2).permute(2, 0, 1)[None]
    lens = Lens(focal_length_mm=50, f_number=2)
    seen = render_coc(light, torch.from_numpy(coc.astype(np.float32))[None, None], lens)[0].permute(1, 2, 0).numpy()
    return (np.clip(seen, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


def save(scene: Scene, folder: Path, name: str) -> None:
    """Write the scene as NAME.jpg and NAME.png."""
    folder.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(scene.rgb, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / f"{name}.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(str(folder / f"{name}.png"), scene.disparity)


def load_one(path: Path, disparities: Path | None = None) -> Scene:
    """Read the scene whose picture is `path`; its disparity lies in the folder `disparities`, by default beside it."""
    disparity = (disparities or path.parent) / f"{path.stem}.png"
    return Scene(cv2.cvtColor(read(path), cv2.COLOR_BGR2RGB), read(disparity, cv2.IMREAD_UNCHANGED))
