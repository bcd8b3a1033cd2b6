"""What the camera makes of a world: looks for the gauges, faultless or with one fault put in.

Each `Shot` is a short list of looks with everything known; the bench hides the coc and the reference in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from vdof.bokeh import render_coc
from vdof.check.look import Look
from vdof.lens import Lens

from .world import Map, World, make_world

SIZE = (360, 640)


@dataclass(frozen=True)
class Kind:
    """One sort of shot."""

    fault: str
    """Name of the diagnostic that must find it; empty: none may."""
    name: str
    make: Callable[[int], list[Look]]


def encode(light: Map) -> Map:
    """Scene-linear to display-encoded, clipped as a file is."""
    return np.power(np.clip(light, 0, 1), 1 / 2.2).astype(np.float32)


def blur(light: Map, coc: Map, lens: Lens | None = None) -> Map:
    """The project's own renderer, (h,w,3) linear."""
    rgb = torch.from_numpy(np.ascontiguousarray(light)).permute(2, 0, 1)[None]
    out = render_coc(rgb, torch.from_numpy(np.ascontiguousarray(coc))[None, None], lens or Lens())
    return np.asarray(out[0].permute(1, 2, 0).numpy())


def spoil(picture: Map, rng: np.random.Generator) -> Map:
    """A file's noise and its 8 bits, on a display-encoded picture."""
    return (np.round(np.clip(picture + rng.normal(0, 0.006, picture.shape), 0, 1) * 255) / 255).astype(np.float32)


def look_at(world: World, seed: int, picture: Map, index: int = 0, coc: Map | None = None) -> Look:
    """The look of a rendered linear `picture` of `world`, with noise."""
    rng = np.random.default_rng(1000 * seed + index)
    return Look(
        index,
        index / 24,
        0,
        spoil(encode(picture), rng),
        spoil(encode(world.light), rng),
        world.coc if coc is None else coc,
        world.subject,
    )


def make_plain(seed: int, lens: Lens | None = None, **options: float) -> list[Look]:
    """A faultless picture."""
    world = make_world(seed, SIZE, **options)  # type: ignore[arg-type]
    return [look_at(world, seed, blur(world.light, world.coc, lens))]


def make_night(seed: int) -> list[Look]:
    """A faultless night with round lights."""
    return make_plain(seed, night=True)


def make_cat_eye(seed: int) -> list[Look]:
    """Lights that the barrel cuts towards the corners: one family of shapes."""
    return make_plain(seed, Lens(cat_eye=0.8), night=True)


def make_anamorphic(seed: int) -> list[Look]:
    """Ovals everywhere: one family of shapes."""
    return make_plain(seed, Lens(squeeze=1.8), night=True, level=0.045)


def make_bladed(seed: int) -> list[Look]:
    """Polygons: clean bokeh of a stopped-down lens."""
    return make_plain(seed, Lens(blades=7, blade_curvature=0.4), night=True, level=0.04)


def make_mild(seed: int) -> list[Look]:
    """Little blur, a legible background."""
    return make_plain(seed, level=0.012)


def make_pasted(seed: int) -> list[Look]:
    """Everything blurred, the subject pasted back: its light glows around it."""
    world = make_world(seed, SIZE)
    everything = blur(world.light, np.maximum(world.far, 6))
    feather = cv2.GaussianBlur(world.alpha, (0, 0), 1.0)[..., None]
    return [look_at(world, seed, world.light * feather + everything * (1 - feather))]


def make_cut_out(seed: int) -> list[Look]:
    """A mask that is too large: a rim of sharp background goes with the subject."""
    world = make_world(seed, SIZE)
    wide = grow(world.subject, int(np.random.default_rng(seed).integers(5, 10)))
    coc = np.where(wide, 0, np.maximum(world.far, 5)).astype(np.float32)
    return [replace(look_at(world, seed, blur(world.light, coc), coc=coc), subject=wide)]


def make_light_rim(seed: int) -> list[Look]:
    """A bright second edge along the subject, as over-sharpened mattes have."""
    world = make_world(seed, SIZE)
    wide = np.random.default_rng(seed).uniform(3, 6)
    outside = cv2.distanceTransform(1 - world.subject.astype(np.uint8), cv2.DIST_L2, 3)
    rim = np.clip(1 - np.abs(outside - 1 - wide / 2) / (wide / 2), 0, 1)[..., None]
    picture = blur(world.light, world.coc)
    return [look_at(world, seed, picture + (0.12 + 0.6 * picture) * rim)]


def make_smoke(seed: int) -> list[Look]:
    """Hair and ears have the background's depth and dissolve in it."""
    rng = np.random.default_rng(seed)
    world = make_world(seed, SIZE)
    rows = np.nonzero(world.subject.any(axis=1))[0]
    solid = grow(world.subject, -int(rng.integers(8, 14)))
    lower = rows[0] + int(0.35 * len(rows))
    kept = world.subject.copy()
    kept[:lower] &= solid[:lower]
    coc = np.where(kept, 0, np.maximum(world.far, 5)).astype(np.float32)
    return [replace(look_at(world, seed, blur(world.light, coc), coc=coc), subject=kept)]


def make_wall(seed: int) -> list[Look]:
    """A wall at one distance, close behind."""
    world = make_world(seed, SIZE)
    level = np.random.default_rng(seed).uniform(0.007, 0.015) * SIZE[1]
    coc = np.where(world.subject, 0, level).astype(np.float32)
    return [look_at(world, seed, blur(world.light, coc), coc=coc)]


def make_mixed(seed: int) -> list[Look]:
    """Round lights on one side of a line, ovals on the other."""
    rng = np.random.default_rng(seed)
    world = make_world(seed, SIZE, night=True, level=0.04)
    round_one = blur(world.light, world.coc)
    oval = blur(world.light, world.coc, Lens(squeeze=float(rng.uniform(1.5, 2))))
    if rng.random() < 0.5:
        is_oval = np.zeros(SIZE, bool)
        is_oval[:, : int(SIZE[1] * rng.uniform(0.4, 0.6))] = True
    else:
        is_oval = np.zeros(SIZE, bool)
        for x, y in world.lamps[rng.random(len(world.lamps)) < 0.45]:
            cv2.circle(mark := is_oval.astype(np.uint8), (int(x), int(y)), 20, 1, -1)
            is_oval = mark > 0
    return [look_at(world, seed, np.where(is_oval[..., None], oval, round_one))]


def make_rims(seed: int) -> list[Look]:
    """Hard bright rims, fringes or veils in the discs, one of them per seed."""
    world = make_world(seed, SIZE, night=True, level=0.04)
    world.light[...] = np.minimum(world.light, 14)
    choice = seed % 3
    lens = (Lens(spherical_aberration=1.0), Lens(axial_colour_um=100), Lens())[choice]
    picture = blur(world.light, world.coc, lens)
    if choice == 2:
        picture = picture + 0.5 * cv2.GaussianBlur(picture, (0, 0), 10)
    return [look_at(world, seed, picture)]


def make_garish(seed: int) -> list[Look]:
    """A face without texture before a background pushed in contrast and colour."""
    world = make_world(seed, SIZE, level=0.008)
    smooth = cv2.GaussianBlur(world.light, (0, 0), 5)
    picture = np.where(grow(world.subject, -5)[..., None], smooth, blur(world.light, world.coc))
    behind = encode(picture)
    grey = behind.mean(-1, keepdims=True)
    pushed = 0.5 + 1.7 * (grey + 2.8 * (behind - grey) - 0.5)
    return [look_at(world, seed, np.where(world.subject[..., None], picture, np.clip(pushed, 0, 1) ** 2.2))]


def make_mud(seed: int) -> list[Look]:
    """Blur so large that nothing behind can be read."""
    world = make_world(seed, SIZE)
    coc = np.where(world.subject, 0, SIZE[1] * np.random.default_rng(seed).uniform(0.25, 0.4)).astype(np.float32)
    return [look_at(world, seed, blur(world.light, coc), coc=coc)]


def make_merged(seed: int) -> list[Look]:
    """A subject of the background's colours, and hardly any blur."""
    rng = np.random.default_rng(seed)
    world = make_world(seed, SIZE, level=0.004)
    shift = int(rng.integers(4, 9))
    figure = (0.85 + 0.15 * world.light / world.light[world.subject].mean(0)) * np.roll(world.background, shift, axis=1)
    cover = world.alpha[..., None]
    world.light = (figure * cover + world.background * (1 - cover)).astype(np.float32)
    return [look_at(world, seed, blur(world.light, world.coc))]


def make_missed(seed: int) -> list[Look]:
    """The background is sharp and the subject is not, or the head only."""
    rng = np.random.default_rng(seed)
    world = make_world(seed, SIZE)
    miss = float(rng.uniform(4, 10))
    coc = world.coc - miss
    if rng.random() < 0.3:
        rows = np.nonzero(world.subject.any(axis=1))[0]
        coc = world.coc.copy()
        head = world.subject.copy()
        head[rows[0] + int(0.5 * len(rows)) :] = False
        coc[head] = miss
    return [look_at(world, seed, blur(world.light, coc), coc=coc.astype(np.float32))]


def grow(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask larger (or smaller) by so many pixels."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(by) + 1, 2 * abs(by) + 1))
    change = cv2.dilate if by > 0 else cv2.erode
    return np.asarray(change(mask.astype(np.uint8), disc)) > 0


STILLS: tuple[Kind, ...] = (
    Kind("", "portrait", make_plain),
    Kind("", "night, round", make_night),
    Kind("", "night, cat-eye", make_cat_eye),
    Kind("", "night, anamorphic", make_anamorphic),
    Kind("", "night, blades", make_bladed),
    Kind("", "little blur", make_mild),
    Kind("halo", "pasted back", make_pasted),
    Kind("halo", "mask too large", make_cut_out),
    Kind("halo", "light rim", make_light_rim),
    Kind("smoke", "hair behind", make_smoke),
    Kind("wall", "wall close behind", make_wall),
    Kind("mixed_bokeh", "round and oval", make_mixed),
    Kind("dirty_bokeh", "rim, fringe, veil", make_rims),
    Kind("hierarchy", "smooth face, garish", make_garish),
    Kind("mud", "blur of 30 %", make_mud),
    Kind("separation", "same colours", make_merged),
    Kind("focus_missed", "focus behind", make_missed),
)


def hide(looks: Iterable[Look], mode: str) -> Iterable[Look]:
    """What is known in a mode: pipeline (all), reference (the sharp clip), blind (the picture alone)."""
    for look in looks:
        if mode == "pipeline":
            yield look
        else:
            yield Look(look.index, look.seconds, look.shot, look.image, look.sharp if mode == "reference" else None)
