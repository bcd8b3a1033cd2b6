"""The scenes. Every one is a function that sets a stage and says through which lenses it is seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cycles_scene.stage import Stage


@dataclass(frozen=True, slots=True)
class Setting:
    """A lens at one focus."""

    f_number: float
    focus_m: float
    blades: int = 0
    aspect: float = 1.0

    @property
    def name(self) -> str:
        shape = f"_{self.blades}blades" * (self.blades > 0) + f"_squeeze{self.aspect:g}" * (self.aspect != 1)
        return f"f{self.f_number:g}_at{self.focus_m:g}m{shape}"


@dataclass(frozen=True, slots=True)
class Shot:
    """How a stage is seen: stills through several settings, or a clip with one setting a frame."""

    focal_mm: float
    settings: list[Setting]
    move: Callable[[int], None] | None = None
    """Puts the things where they are in a frame; None: stills."""


def hair(stage: Stage) -> Shot:
    """A head with many thin strands before a photograph and lamps."""
    _wall_with_lamps(stage, 9.0, 3.9, 40, (0.006, 0.03), (4, 30))
    _figure(stage, 1.8, 0.0, 220)
    return Shot(85, [Setting(1.4, 1.8), Setting(2.8, 1.8), Setting(2.0, 6.0)])


def night(stage: Stage) -> Shot:
    """A dark street with many small lamps, a railing and a shoulder very near before them."""
    rng = stage.rng
    stage.card((0, 0, -26), 24, 13, gain=0.05)
    for z in (6.0, 9.0, 13.0, 20.0):
        for _ in range(22):
            x, y = rng.uniform(-0.2, 0.2) * z, rng.uniform(-0.09, 0.11) * z
            stage.lamp((x, y, -z), z * rng.uniform(0.0008, 0.002), _lamp_colour(rng, 4, 30))
    for z, x in ((5.0, -0.45), (7.0, 0.5), (11.0, -0.6)):
        stage.card((x, -0.3, -z), 0.16 * z, 0.5 * z, gain=0.1)
    _figure(stage, 2.5, 0.12, 120, gain=0.25)
    stage.ball((-0.16, -0.1, -0.8), (0.07, 0.1, 0.05), 0.08)
    lines = [[(x, -0.3, -0.9), (x + 0.01, 0.3, -0.9)] for x in (0.02, 0.06, 0.1, 0.14)]
    stage.strands(lines, 0.004, (0.02, 0.02, 0.025))
    return Shot(85, [Setting(1.8, 2.5), Setting(2.8, 2.5), Setting(1.8, 9.0)])


def foliage(stage: Stage) -> Shot:
    """Leaves and twigs very near, a bush, a building far."""
    rng = stage.rng
    stage.card((0, 0, -18), 16, 9)
    stage.card((-1.8, -1.2, -8), 2.2, 3.0)
    for _ in range(90):
        z = rng.uniform(2.6, 3.6)
        place = (rng.uniform(-0.1, 0.35) * z, rng.uniform(-0.3, 0.0) * z, -z)
        stage.leaf(place, rng.uniform(0.1, 0.3), rng.uniform(0.04, 0.1), tuple(rng.uniform(-80, 80, 3)), 0.7)
    for _ in range(16):
        z = rng.uniform(0.5, 0.8)
        place = (rng.choice([-1, 1]) * rng.uniform(0.16, 0.34) * z, rng.uniform(-0.2, 0.2) * z, -z)
        stage.leaf(place, rng.uniform(0.05, 0.12), rng.uniform(0.015, 0.03), tuple(rng.uniform(-60, 60, 3)), 0.5)
    twigs = []
    for _ in range(12):
        z, y = rng.uniform(0.6, 0.9), rng.uniform(-0.2, 0.2)
        knots = np.cumsum(rng.normal(0, 0.02, (6, 2)), 0)
        twigs.append([(x * z, y + dy, -z - dz) for x, (dy, dz) in zip(np.linspace(-0.4, 0.4, 6), knots, strict=True)])
    stage.strands(twigs, 0.002, (0.08, 0.05, 0.03))
    return Shot(50, [Setting(2.0, 3.0), Setting(2.0, 18.0), Setting(1.4, 0.65)])


def table(stage: Stage) -> Shot:
    """Rims of glasses, forks and plates from very near to far over a table, a window behind."""
    rng = stage.rng
    stage.card((0, 0.4, -6), 5.2, 3.0, gain=1.6)
    stage.card((0, -0.16, -1.8), 2.6, 3.0, (-90, 0, 0), 0.8)
    for x, z, high in ((-0.07, 0.42, 0.1), (0.1, 0.7, 0.14), (-0.2, 1.0, 0.18), (0.16, 1.3, 0.16), (0.0, 1.7, 0.2)):
        rings = [_ring(x, -0.15 + h * high, -z, 0.035 * (0.6 + 0.5 * h)) for h in (0.02, 0.5, 0.97)]
        sides = [
            [(x + 0.03 * math.cos(a), -0.15, -z + 0.03 * math.sin(a)), (x + 0.04 * math.cos(a), -0.15 + high, -z)]
            for a in (0.3, 1.2, 2.8)
        ]
        stage.strands(rings + sides, 0.0015, tuple(rng.uniform(0.3, 0.9, 3)))
    for _ in range(12):
        z = rng.uniform(0.6, 2.6)
        stage.ball((rng.uniform(-0.3, 0.3) * z, -0.14, -z), (0.03, 0.025, 0.03))
    for _ in range(10):
        stage.lamp(
            (rng.uniform(-2, 2), rng.uniform(-0.2, 1.2), -5.5), rng.uniform(0.008, 0.02), _lamp_colour(rng, 5, 25)
        )
    return Shot(50, [Setting(1.4, 1.0), Setting(1.4, 3.0), Setting(2.8, 0.5)])


def shapes(stage: Stage) -> Shot:
    """One scene through apertures of several shapes: lamps, a figure, a near rail."""
    _wall_with_lamps(stage, 8.0, 5.6, 30, (0.01, 0.03), (4, 25))
    _figure(stage, 2.2, -0.1, 40)
    stage.card((1.0, -0.2, -4), 0.7, 1.6)
    stage.strands(
        [[(0.12, -0.4, -0.9), (0.2, 0.4, -0.9)], [(-0.5, -0.12, -0.8), (0.5, -0.16, -0.8)]], 0.008, (0.3, 0.1, 0.05)
    )
    near = [Setting(1.4, 8.0), Setting(1.4, 8.0, blades=6), Setting(1.4, 8.0, blades=5), Setting(1.4, 8.0, aspect=2.0)]
    return Shot(60, near + [replace(setting, focus_m=2.2) for setting in near])


def walk(stage: Stage) -> Shot:
    """A figure crosses before a wall with lamps."""
    _wall_with_lamps(stage, 7.0, 5.4, 14, (0.01, 0.025), (3, 12))
    stage.card((-0.9, -0.3, -4.2), 0.9, 1.7)
    first = len(stage.things)
    _figure(stage, 2.4, 0.0, 30)
    figure = stage.things[first:]
    start = [thing.location.x for thing in figure]

    def move(frame: int) -> None:
        for thing, x in zip(figure, start, strict=True):
            thing.location.x = x - 0.12 + 0.022 * frame

    return Shot(50, [Setting(1.4, 2.4)] * 12, move)


def pull(stage: Stage) -> Shot:
    """Focus goes from a figure to the wall behind it."""
    _still_life(stage)
    return Shot(60, [Setting(1.4, 2.0 + 0.08 * step) for step in range(10)], lambda _: None)


def dolly(stage: Stage) -> Shot:
    """The camera goes 1 cm a frame toward a figure; focus stays at its first distance."""
    _still_life(stage)
    start = [thing.location.z for thing in stage.things]

    def move(frame: int) -> None:
        for thing, z in zip(stage.things, start, strict=True):
            thing.location.z = z + 0.01 * frame

    return Shot(60, [Setting(1.4, 2.0)] * 10, move)


def _still_life(stage: Stage) -> None:
    _wall_with_lamps(stage, 7.0, 4.6, 14, (0.01, 0.025), (3, 12))
    stage.card((0.7, -0.1, -3.4), 0.8, 1.4)
    _figure(stage, 2.1, -0.1, 60)
    for x, y in ((-0.2, 0.08), (0.22, -0.1), (0.25, 0.1)):
        stage.leaf((x, y, -0.9), 0.16, 0.05, tuple(stage.rng.uniform(-50, 50, 3)), 0.6)


def _wall_with_lamps(stage: Stage, z: float, width: float, count: int, size: tuple, light: tuple) -> None:
    rng = stage.rng
    stage.card((0, 0, -z), width, width * 0.62, gain=0.8)
    for _ in range(count):
        place = (rng.uniform(-0.5, 0.5) * width, rng.uniform(-0.25, 0.3) * width, -z + rng.uniform(0.1, 0.6))
        stage.lamp(place, rng.uniform(*size), _lamp_colour(rng, *light))


def _figure(stage: Stage, z: float, x: float, strands: int, gain: float = 1.0) -> None:
    """Head, shoulders and hair that stands out around the head."""
    rng = stage.rng
    stage.ball((x, 0.03, -z), (0.085, 0.115, 0.09), gain)
    stage.ball((x, -0.29, -z), (0.24, 0.2, 0.11), gain)
    lines: list[list] = [[] for _ in range(4)]
    for n in range(strands):
        around, tilt = rng.uniform(-0.15, 1.15) * math.pi, rng.uniform(-0.5, 0.3)
        start = np.array([x + 0.083 * math.cos(around), 0.04 + 0.112 * math.sin(around), -z + 0.06 * tilt])
        out = np.array([math.cos(around), math.sin(around), tilt]) * rng.uniform(0.005, 0.016)
        curl, down = rng.normal(0, 0.0015, 3), np.array([0, -0.0012, 0])
        line = [tuple(start + k * out + k * k * (down + curl)) for k in range(5)]
        lines[n % 4].append(line)
    for n, group in enumerate(lines):
        shade = gain * (0.05 + 0.25 * n / 3)
        stage.strands(group, (0.0004, 0.0007, 0.0012, 0.0018)[n], (shade, 0.7 * shade, 0.45 * shade))


def _ring(x: float, y: float, z: float, radius: float) -> list:
    turns = np.linspace(0, 2 * math.pi, 33)
    return [(x + radius * math.cos(a), y, z + radius * math.sin(a)) for a in turns]


def _lamp_colour(rng: np.random.Generator, low: float, high: float) -> tuple:
    colours = ((1, 0.75, 0.45), (1, 0.25, 0.15), (0.3, 1, 0.5), (0.4, 0.6, 1), (1, 1, 0.95))
    return tuple(np.exp(rng.uniform(math.log(low), math.log(high))) * np.array(colours[rng.integers(5)]))


SHOTS = {f.__name__: f for f in (hair, night, foliage, table, shapes, walk, pull, dolly)}
