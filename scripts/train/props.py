"""What rendered scenes are furnished with: vessels, people, branches, bars, shelves. Each is a list of painted meshes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.meshes import Mesh, Points, ball, box, card, join, leaf, place, rod, tube, tumble, turned, wander

Rng = np.random.Generator
Triple = tuple[float, float, float]
PATTERNS = ("photograph", "brick", "checker", "noise", "wave", "voronoi", "plain")
_SHARES = (0.5, 0.08, 0.06, 0.1, 0.08, 0.06, 0.12)


@dataclass(frozen=True, slots=True)
class Paint:
    """What covers a mesh."""

    pattern: str
    """One of PATTERNS, or `cutout`: a picture with alpha, shown once."""
    picture: float
    """Which picture: a share of however many there are."""
    colours: tuple[Triple, Triple]
    """Linear, of patterns."""
    density: float
    """Pictures or tiles per metre."""
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """A painted mesh."""

    mesh: Mesh
    paint: Paint


def choose_paint(rng: Rng, size: float, pattern: str = "") -> Paint:
    """Return a random paint for something about `size` m large."""
    pattern = pattern or str(rng.choice(PATTERNS, p=_SHARES))
    colours = [_choose_colour(rng), _choose_colour(rng)]
    density = float(np.exp(rng.uniform(-1.5, 0.4 if pattern == "photograph" else 1.5)) / max(0.05, min(1.5, size)))
    return Paint(pattern, float(rng.uniform()), (colours[0], colours[1]), density, float(rng.uniform(0.6, 1.2)))


def _choose_colour(rng: Rng) -> Triple:
    shade = rng.uniform(0.03, 0.9) * (rng.uniform(0.2, 1, 3) if rng.uniform() < 0.6 else rng.uniform(0.8, 1, 3))
    return (float(shade[0]), float(shade[1]), float(shade[2]))


def carry(parts: list[Part], at: Triple, yaw: float = 0.0) -> list[Part]:
    """Return `parts` turned about z and moved."""
    return [Part(place(part.mesh, at, yaw), part.paint) for part in parts]


def vessel(rng: Rng, size: float) -> list[Part]:
    """A bottle, a glass, a cup, a bowl, a plate, a vase, fruit, a book or a candle, of about `size` m."""
    choice = int(rng.integers(8))
    wide = size * rng.uniform(0.25, 0.45)
    if choice == 6:
        fruit = ball((wide, wide, wide * rng.uniform(0.8, 1.2)))
        return [Part(place(fruit, (0, 0, wide)), choose_paint(rng, wide))]
    if choice == 7:
        return _pile(rng, size)
    profiles = (
        ((0, 0), (1, 0), (1, 2.2), (0.9, 2.6), (0.35, 3.2), (0.35, 4.2), (0.3, 4.25)),
        ((0, 0), (0.9, 0), (0.85, 0.08), (0.12, 0.2), (0.1, 1.6), (0.8, 2.2), (1, 3), (0.8, 3.6)),
        ((0, 0), (0.8, 0), (1, 2), (0.92, 2), (0.75, 0.2), (0, 0.15)),
        ((0, 0), (0.5, 0), (1, 0.35), (1.5, 1), (1.45, 1), (0.9, 0.4), (0, 0.2)),
        ((0, 0), (1.4, 0), (2.2, 0.25), (2.2, 0.3), (1.3, 0.1), (0, 0.1)),
        ((0, 0), (0.7, 0), (1.2, 1), (1.1, 1.8), (0.5, 2.6), (0.8, 3)),
    )
    profile = np.array(profiles[choice]) * np.exp(rng.normal(0, 0.12, (1, 2)))
    if choice in (0, 1, 5):
        profile[1:-1, 0] *= np.exp(rng.normal(0, 0.1, len(profile) - 2))
    return [Part(turned(profile * wide / 1.3), choose_paint(rng, size))]


def _pile(rng: Rng, size: float) -> list[Part]:
    parts, level = [], 0.0
    for _ in range(rng.integers(1, 5)):
        thick = size * rng.uniform(0.08, 0.3)
        book = box(size * rng.uniform(0.7, 1.2), size * rng.uniform(0.5, 0.9), thick)
        parts.append(Part(place(book, (0, 0, level), rng.normal(0, 0.4)), choose_paint(rng, size)))
        level += thick
    return parts


def person(rng: Rng, is_whole: bool = True) -> list[Part]:
    """A doll of about 1.7 m on the origin facing the camera; not `is_whole`: without legs, 0.75 m above its seat."""
    hip = rng.uniform(0.8, 0.95) if is_whole else 0.0
    flat, stout = rng.uniform(0.5, 0.7), rng.uniform(0.85, 1.25)
    trunk = np.array([(0, 0), (0.15, 0), (0.14, 0.2), (0.17, 0.4), (0.18, 0.48), (0.06, 0.56), (0.05, 0.66)])
    trunk[:, 0] *= stout * np.exp(rng.normal(0, 0.06, len(trunk)))
    skin = choose_paint(rng, 0.3, "plain" if rng.uniform() < 0.5 else "photograph")
    cloth, trousers = choose_paint(rng, 0.5), choose_paint(rng, 0.5)
    parts = [Part(place(turned(trunk[:5], 24, flat), (0, 0, hip)), cloth)]
    parts.append(Part(place(turned(trunk[4:], 20, 0.9), (0, 0, hip)), skin if rng.uniform() < 0.7 else cloth))
    head = (rng.uniform(0.075, 0.095), rng.uniform(0.09, 0.11), rng.uniform(0.11, 0.135))
    top = (0.0, -0.02, hip + 0.64 + head[2])
    parts.append(Part(place(ball(head), top), skin))
    shoulder, arm = 0.19 * stout, []
    for side in (-1, 1):
        start = np.array([side * shoulder, 0, hip + 0.45])
        towards = np.array([side * abs(rng.normal(0, 0.35)), -abs(rng.normal(0.1, 0.4)), -1])
        arm.append(tube(wander(start, towards, 0.62, 0.12, rng), np.linspace(0.055, 0.035, 10), 10))
    parts.append(Part(join(arm), cloth if rng.uniform() < 0.6 else skin))
    if is_whole:
        spread = rng.uniform(0.02, 0.2)
        legs = [
            rod(np.array([s * 0.09, 0, hip + 0.05]), np.array([s * (0.09 + spread), rng.normal(0, 0.15), 0]), 0.075)
            for s in (-1, 1)
        ]
        parts.append(Part(join(legs), trousers))
    return parts + _hair(rng, top, head)


def _hair(rng: Rng, top: Triple, head: Triple) -> list[Part]:
    """A cap of hair about the head at `top`, often with strands that stand out."""
    paint = choose_paint(rng, 0.1, str(rng.choice(["plain", "noise", "photograph"])))
    scale = rng.uniform(1.05, 1.25)
    cap = ball((head[0] * scale, head[1] * scale, head[2] * 0.9))
    meshes = [place(cap, (top[0], top[1] + 0.03, top[2] + 0.04))] if rng.uniform() < 0.85 else []
    if rng.uniform() < 0.5:
        droop, length = rng.uniform(0.2, 1.2), rng.uniform(0.05, 0.35)
        for _ in range(rng.integers(30, 180)):
            out = rng.normal(size=3)
            out[2] = abs(out[2])
            out /= np.linalg.norm(out)
            path = wander(np.array(top) + out * np.array(head), out, length * rng.uniform(0.5, 1.2), 0.12, rng, 7)
            path[:, 2] -= droop * length * np.linspace(0, 1, 7) ** 2
            meshes.append(tube(path, np.full(7, rng.uniform(0.0008, 0.003)), 4))
    return [Part(join(meshes), paint)] if meshes else []


def branch(rng: Rng, length: float) -> list[Part]:
    """A twig from the origin, about along x, with leaves."""
    main = wander(np.zeros(3), np.array([1, rng.normal(0, 0.2), rng.normal(0, 0.4)]), length, 0.12, rng, 14)
    twigs, leaves = [tube(main, np.linspace(0.02, 0.006, 14) * length, 6)], []
    size = length * rng.uniform(0.05, 0.2)
    for start in main[rng.integers(2, 14, rng.integers(2, 9))]:
        side = np.array([rng.uniform(0, 1), rng.normal(0, 0.4), rng.normal(0, 1)])
        twig = wander(start, side, length * rng.uniform(0.1, 0.45), 0.2, rng, 8)
        twigs.append(tube(twig, np.linspace(0.008, 0.003, 8) * length, 5))
        for spot in twig[rng.integers(1, 8, rng.integers(2, 12))]:
            leaves.append(tumble(leaf(size * rng.uniform(0.6, 1.3), size * rng.uniform(0.35, 0.7)), spot, rng))
    half = len(leaves) // 2
    groups = [twigs, leaves[:half], leaves[half:]]
    return [Part(join(group), choose_paint(rng, size)) for group in groups if group]


def tree(rng: Rng, height: float) -> list[Part]:
    """A trunk with a crown of leaves or a bush of balls."""
    path = wander(np.zeros(3), np.array([0, 0, 1.0]), height * 0.7, 0.05, rng)
    trunk = tube(path, np.linspace(0.04, 0.02, 10) * height)
    crown = []
    for _ in range(rng.integers(3, 10)):
        radius = height * rng.uniform(0.1, 0.25)
        spot = rng.normal(0, 0.17, 3) * height + np.array([0, 0, 0.75 * height])
        crown.append(place(ball((radius, radius, radius * rng.uniform(0.6, 1))), (spot[0], spot[1], spot[2])))
    return [Part(trunk, choose_paint(rng, 0.3)), Part(join(crown), choose_paint(rng, 1.0, "photograph"))]


def bars(rng: Rng, width: float, height: float) -> list[Part]:
    """A trellis, railings, a fence or blinds in the plane y = 0, about the origin."""
    thick = width * rng.uniform(0.003, 0.02)
    choice, across = int(rng.integers(4)), int(rng.integers(3, 12))
    upright = [_upright(x, height, thick) for x in np.linspace(-width / 2, width / 2, across)]
    levels = np.linspace(-height / 2, height / 2, int(rng.integers(2, 9)))
    level = [rod(np.array([-width / 2, 0, z]), np.array([width / 2, 0, z]), thick) for z in levels]
    meshes = (upright + level, upright + level[:2], level, upright)[choice]
    return [Part(join(meshes), choose_paint(rng, 0.2))]


def _upright(x: float, height: float, thick: float) -> Mesh:
    ends: tuple[Points, Points] = (np.array([x, 0, -height / 2]), np.array([x, 0, height / 2]))
    return rod(*ends, thick)


def shelf(rng: Rng, width: float, height: float) -> list[Part]:
    """A bookcase, 0.3 m deep, its back in the plane y = 0.15."""
    wood = choose_paint(rng, 1.0)
    boards = [place(box(width, 0.02, height), (0, 0.15, 0))]
    groups: list[list[Mesh]] = [[] for _ in range(6)]
    for level in np.arange(0, height, rng.uniform(0.28, 0.42)):
        boards.append(place(box(width, 0.3, 0.025), (0, 0, float(level))))
        x = -width / 2
        while x < width / 2 - 0.08:
            thick = rng.uniform(0.015, 0.06)
            book = box(thick, rng.uniform(0.12, 0.22), rng.uniform(0.16, 0.27))
            if rng.uniform() < 0.9:
                at = (x + thick / 2, rng.uniform(-0.05, 0.02), float(level) + 0.025)
                groups[int(rng.integers(6))].append(place(book, at, 0.0, rng.normal(0, 0.06)))
            x += thick * 1.05 + (rng.uniform(0, 0.3) if rng.uniform() < 0.05 else 0)
    painted = [Part(join(group), choose_paint(rng, 0.2)) for group in groups if group]
    return [Part(join(boards), wood), *painted]


def furniture(rng: Rng) -> list[Part]:
    """A chair, a table, a cupboard or an armchair on the origin."""
    wide, deep, high = rng.uniform(0.4, 1.4), rng.uniform(0.4, 0.8), rng.uniform(0.35, 0.8)
    paint = choose_paint(rng, 0.8)
    if rng.uniform() < 0.35:
        return [Part(box(wide, deep, high * rng.uniform(0.8, 2.5)), paint)]
    corners = [(x * (wide / 2 - 0.03), y * (deep / 2 - 0.03), 0.0) for x in (-1, 1) for y in (-1, 1)]
    meshes = [place(box(0.05, 0.05, high), corner) for corner in corners]
    meshes.append(place(box(wide, deep, 0.05), (0, 0, high)))
    if rng.uniform() < 0.5:
        meshes.append(place(box(wide, 0.04, rng.uniform(0.3, 0.6)), (0, deep / 2, high + 0.05)))
    return [Part(join(meshes), paint)]


def sitter(rng: Rng, height: float, aspects: NDArray[np.float64]) -> list[Part]:
    """Somebody cut out of a photograph, `height` m tall, on a card; `aspects`: width over height of all cut-outs."""
    which = int(rng.integers(len(aspects)))
    paint = Paint("cutout", (which + 0.5) / len(aspects), ((0, 0, 0), (0, 0, 0)), 1.0, float(rng.uniform(0.7, 1.1)))
    return [Part(card(height * float(aspects[which]), height), paint)]
