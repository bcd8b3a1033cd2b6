"""What stands where in rendered scenes, and from where it is seen. x right, y into the scene, z up, metres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from train import props
from train.meshes import ball, box, card, ground, join, place, rod
from train.props import Paint, Part, Rng, Triple, carry, choose_paint


@dataclass(frozen=True, slots=True)
class View:
    """A furnished scene and its camera at x = y = 0."""

    parts: list[Part]
    height: float
    """Of the camera above z = 0, m."""
    pitch: float
    """radians, positive looks down."""
    roll: float
    focal: float
    """Over the width of the picture."""
    light: Triple
    """Unit vector to the light."""
    ambient: float
    sun: float
    """0: no shadows, all shines by itself."""
    sky: Triple
    seed: int


@dataclass(frozen=True, slots=True)
class Stand:
    """A camera: height m, pitch rad, focal length over the width."""

    height: float
    pitch: float
    focal: float


Aspects = NDArray[np.float64]
"""Width over height of every cut-out."""
Kind = Callable[[Rng, Aspects], tuple[list[Part], Stand]]


def compose(rng: Rng, aspects: Aspects) -> View:
    """Return a random view."""
    kind = KINDS[int(rng.choice(len(KINDS), p=SHARES))]
    parts, stand = kind(rng, aspects)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.45, 0.4, 0.15]))):
        parts += _occluder(rng, stand, aspects)
    if rng.uniform() < 0.2:
        parts += _sparks(rng, stand)
    light = np.array([rng.normal(0, 0.6), -abs(rng.normal(0.5, 0.5)), abs(rng.normal(0.8, 0.4)) + 0.1])
    light /= np.linalg.norm(light)
    sky = rng.uniform(0.1, 1) * rng.uniform(0.7, 1, 3)
    return View(
        parts=parts,
        height=stand.height,
        pitch=stand.pitch,
        roll=float(rng.normal(0, 0.02)),
        focal=stand.focal,
        light=(float(light[0]), float(light[1]), float(light[2])),
        ambient=float(rng.uniform(0.2, 0.9)),
        sun=float(rng.uniform(1, 4)) if rng.uniform() < 0.35 else 0.0,
        sky=(float(sky[0]), float(sky[1]), float(sky[2])),
        seed=int(rng.integers(1 << 30)),
    )


def _spread(rng: Rng, low: float, high: float) -> float:
    """Return a number between `low` and `high`, small ones as often as large ones."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _room(rng: Rng, aspects: Aspects, far: float = 0.0) -> tuple[list[Part], Stand]:
    far, half = far or _spread(rng, 2.5, 9), rng.uniform(1.2, 4.5)
    parts = [Part(ground(4 * half + 8, 2 * far + 8), choose_paint(rng, 1.5))]
    parts += _wall(rng, far, half)
    for side in (-1, 1):
        if rng.uniform() < 0.7:
            wall = place(box(0.1, 2 * far, 3.5), (side * (half + 0.05), 0, 0))
            parts.append(Part(wall, choose_paint(rng, 1.5)))
    if rng.uniform() < 0.4:
        parts.append(Part(place(ground(2 * half, 2 * far), (0, 0, rng.uniform(2.3, 3.2))), choose_paint(rng, 1.5)))
    for _ in range(rng.integers(0, 6)):
        at = (rng.uniform(-half, half), rng.uniform(0.8, max(0.9, far - 0.3)), 0.0)
        parts += carry(props.furniture(rng), at, rng.uniform(0, 6))
        if rng.uniform() < 0.4:
            parts += carry(props.vessel(rng, rng.uniform(0.2, 0.4)), (at[0], at[1], 0.8))
    for _ in range(rng.integers(0, 3)):
        at = (rng.uniform(-half, half), rng.uniform(1, far), rng.uniform(1.7, 2.3))
        parts += _lamp(rng, at)
    parts += _people(rng, aspects, (1, far), half, int(rng.integers(0, 4)))
    return parts, Stand(rng.uniform(0.7, 1.8), rng.normal(0.08, 0.1), _spread(rng, 0.7, 1.8))


def _wall(rng: Rng, far: float, half: float) -> list[Part]:
    """A wall at `far` with bookcases, pictures or a pattern on it."""
    mesh, paint = place(card(4 * half + 6, 4.5), (0, far, -0.5)), choose_paint(rng, 2.0)
    if paint.pattern == "photograph" or rng.uniform() < 0.5:
        pattern = str(rng.choice(["brick", "noise", "checker", "plain", "wave"]))
        mesh, paint = replace(mesh, uv=mesh.uv * (4 * half + 6, 4.5)), choose_paint(rng, 1.0, pattern)
    parts = [Part(mesh, paint)]
    if rng.uniform() < 0.35:
        for _ in range(rng.integers(1, 4)):
            case = props.shelf(rng, rng.uniform(0.7, 2.4), rng.uniform(0.8, 2.6))
            parts += carry(case, (rng.uniform(-half, half), far - 0.16, rng.choice([0.0, rng.uniform(0, 1)])))
    for _ in range(rng.integers(0, 4)):
        width, height = _spread(rng, 0.3, 1.6), _spread(rng, 0.3, 1.2)
        at = (rng.uniform(-half, half), far - 0.03, rng.uniform(0.7, 1.8))
        parts.append(Part(place(card(width, height), (at[0], at[1] - 0.012, at[2])), _poster(rng)))
        frame = place(box(width * 1.06, 0.02, height + 0.06 * width), (at[0], at[1], at[2] - 0.03 * width))
        parts.append(Part(frame, choose_paint(rng, 0.2)))
    return parts


def _poster(rng: Rng) -> Paint:
    """Return a photograph that is shown once."""
    return Paint("photograph", float(rng.uniform()), ((0, 0, 0), (0, 0, 0)), 1.0)


def _lamp(rng: Rng, at: Triple) -> list[Part]:
    radius = _spread(rng, 0.03, 0.2)
    shade = Paint("plain", 0, ((1, 0.9, 0.7), (0, 0, 0)), 1, float(rng.uniform(1, 5)))
    cord = rod(np.array(at), np.array([at[0], at[1], 4]), 0.006)
    return [Part(place(ball((radius, radius, radius)), at), shade), Part(cord, choose_paint(rng, 0.1))]


def _people(rng: Rng, aspects: Aspects, reach: tuple[float, float], half: float, count: int) -> list[Part]:
    """Dolls and cut-outs who stand on z = 0 between the distances `reach`."""
    parts = []
    for _ in range(count):
        y = _spread(rng, *reach)
        at = (float(rng.uniform(-1, 1) * min(half, 0.6 * y)), y, 0.0)
        if rng.uniform() < 0.5:
            parts += carry(props.person(rng), at, rng.normal(0, 0.6))
        else:
            parts += carry(props.sitter(rng, rng.uniform(1.4, 1.9), aspects), at)
    return parts


def _portrait(rng: Rng, aspects: Aspects) -> tuple[list[Part], Stand]:
    """Somebody close to the camera, before a room or a street."""
    scenery = (_room, _street)[int(rng.uniform() < 0.35)]
    parts, stand = scenery(rng, aspects)
    y = _spread(rng, 0.7, 2.6)
    x, eyes = float(rng.normal(0, 0.15) * y), stand.height + rng.normal(0, 0.1)
    if rng.uniform() < 0.7:
        size = rng.uniform(0.9, 1.1)
        parts += carry(props.person(rng, False), (x, y, eyes - 0.72 * size), rng.normal(0, 0.4))
    else:
        tall = rng.uniform(0.6, 1.1)
        parts += carry(props.sitter(rng, tall, aspects), (x, y, eyes - 0.8 * tall))
    return parts, Stand(stand.height, float(rng.normal(0, 0.06)), _spread(rng, 0.9, 2.6))


def _street(rng: Rng, aspects: Aspects) -> tuple[list[Part], Stand]:
    """Outdoors: houses or none, trees, posts, people, something far away."""
    far, half = _spread(rng, 12, 70), rng.uniform(2.5, 9)
    parts = [Part(ground(300, 300), choose_paint(rng, 1.5))]
    if rng.uniform() < 0.8:
        backdrop = place(card(far * rng.uniform(1.5, 3), far * rng.uniform(0.3, 1.2)), (0, far, -0.2))
        parts.append(Part(backdrop, _poster(rng)))
    for side in (-1, 1):
        y = rng.uniform(0, 4)
        while y < far and rng.uniform() < 0.85:
            long = _spread(rng, 3, 15)
            house = box(4, long, _spread(rng, 2.5, 12))
            parts.append(Part(place(house, (side * (half + 2), y + long / 2, 0)), choose_paint(rng, 1.5)))
            y += long + rng.choice([0, 2.0])
    for _ in range(rng.integers(0, 7)):
        at = (rng.uniform(-1, 1) * half, _spread(rng, 2, far), 0.0)
        if rng.uniform() < 0.5:
            parts += carry(props.tree(rng, _spread(rng, 1, 8)), at)
        else:
            post = rod(np.array(at), np.array([at[0], at[1], _spread(rng, 0.8, 6)]), _spread(rng, 0.02, 0.15))
            parts.append(Part(post, choose_paint(rng, 0.2)))
    for _ in range(rng.integers(0, 4)):
        size = (_spread(rng, 0.3, 2), _spread(rng, 0.3, 4), _spread(rng, 0.3, 1.6))
        at = (rng.uniform(-1, 1) * half, _spread(rng, 2.5, far), 0.0)
        parts.append(Part(place(box(*size), at, rng.normal(0, 0.5)), choose_paint(rng, 1.0)))
    parts += _people(rng, aspects, (1.5, max(2, min(far, 20))), half, int(rng.integers(0, 6)))
    return parts, Stand(rng.uniform(0.8, 2.2), rng.normal(0.03, 0.08), _spread(rng, 0.7, 2))


def _table(rng: Rng, aspects: Aspects) -> tuple[list[Part], Stand]:
    """A laid table from close by: along it, or from above."""
    top, is_above = rng.uniform(0.5, 0.9), rng.uniform() < 0.3
    lift = rng.uniform(0.3, 0.9) if is_above else rng.uniform(0.06, 0.4)
    pitch = rng.uniform(0.5, 1.2) if is_above else rng.uniform(-0.02, 0.5)
    length, half = _spread(rng, 0.7, 4), _spread(rng, 0.35, 1.5)
    if rng.uniform() < 0.25:
        parts, _ = _street(rng, aspects)
    else:
        parts, _ = _room(rng, aspects, length + _spread(rng, 0.4, 5))
    start = rng.uniform(-0.3, 0.25)
    board = place(box(2 * half, length, 0.04), (0, start + length / 2, top - 0.04), rng.normal(0, 0.1))
    parts.append(Part(board, choose_paint(rng, _spread(rng, 0.3, 1.5))))
    scale = _spread(rng, 0.7, 1.3) * (1 if is_above else min(1.2, 0.6 + lift))
    for _ in range(rng.integers(4, 22)):
        y = start + rng.uniform(0.05, 1) * length if rng.uniform() < 0.4 else _spread(rng, 0.28, start + length)
        if is_above and rng.uniform() < 0.7:
            y = lift / np.tan(pitch) + lift * rng.normal(0, 0.4)
        x = float(np.clip(rng.normal(0, 0.45) * (y + 0.15), -half, half))
        parts += carry(props.vessel(rng, scale * _spread(rng, 0.1, 0.3)), (x, max(y, 0.25), top), rng.uniform(0, 6))
    for _ in range(rng.integers(0, 4)):
        at = (rng.uniform(-half, half), start + length + rng.uniform(0.15, 1), top - rng.uniform(0, 0.3))
        if rng.uniform() < 0.6:
            parts += carry(props.person(rng, False), at, rng.normal(0, 0.3))
        else:
            parts += carry(props.sitter(rng, rng.uniform(0.6, 1), aspects), at)
    return parts, Stand(top + lift, pitch, _spread(rng, 0.7, 1.7))


def _occluder(rng: Rng, stand: Stand, aspects: Aspects) -> list[Part]:
    """Something between the camera and the scene, mostly cut by the frame."""
    near = _spread(rng, 0.2, 1.4)
    wide = near / stand.focal
    level = stand.height - near * np.tan(stand.pitch)
    choice, side = int(rng.integers(7)), float(rng.choice([-1, 1]))
    if choice in (0, 1):
        twigs = props.branch(rng, wide * rng.uniform(0.4, 1.2))
        at = (-side * wide * rng.uniform(0.3, 0.6), near, level + wide * rng.uniform(-0.35, 0.35))
        return carry(twigs, at, 0.0 if side > 0 else np.pi)
    if choice == 2:
        shift = (wide * rng.normal(0, 0.3), near, level + wide * rng.normal(0, 0.1))
        grid = props.bars(rng, wide * rng.uniform(0.6, 2), wide * rng.uniform(0.5, 1.5))
        return carry(grid, shift, rng.normal(0, 0.2))
    if choice == 3:
        post = wide * _spread(rng, 0.01, 0.12)
        x = side * wide * rng.uniform(0.1, 0.5)
        ends = np.array([x, near, level - 3 * wide]), np.array([x + wide * rng.normal(0, 0.1), near, level + 3 * wide])
        return [Part(rod(*ends, post), choose_paint(rng, post))]
    if choice == 4:
        at = (side * wide * rng.uniform(0.2, 0.6), max(near, 0.5), level - wide * rng.uniform(0.2, 0.6) - 0.4)
        return carry(props.person(rng, False), at, rng.uniform(0, 6))
    if choice == 5:
        tall = wide * rng.uniform(0.4, 1.2)
        at = (side * wide * rng.uniform(0.1, 0.6), near, level - wide * 0.3 - tall * rng.uniform(0.2, 0.7))
        return carry(props.sitter(rng, tall, aspects), at)
    size = wide * _spread(rng, 0.15, 0.7)
    at = (side * wide * rng.uniform(0, 0.5), near, level - wide * rng.uniform(0.1, 0.45))
    return carry(props.vessel(rng, size), at, rng.uniform(0, 6))


def _sparks(rng: Rng, stand: Stand) -> list[Part]:
    """Small bright lights in the air."""
    bulbs = []
    for _ in range(rng.integers(3, 40)):
        y = _spread(rng, 0.8, 8)
        radius = y * _spread(rng, 0.0015, 0.008)
        at = (rng.normal(0, 0.4) * y, y, stand.height + rng.normal(0, 0.25) * y)
        bulbs.append(place(ball((radius, radius, radius)), at))
    return [Part(join(bulbs), Paint("plain", 0, ((1, 0.9, 0.8), (0, 0, 0)), 1, _spread(rng, 1, 20)))]


KINDS: tuple[Kind, ...] = (_room, _portrait, _street, _table)
SHARES = (0.25, 0.25, 0.2, 0.3)
