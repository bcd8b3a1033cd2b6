"""Scenes of our own for training: what stands where. Camera at the origin, x right, y down, z forward, metres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ELLIPSOID, BOX, CYLINDER, CARD, PLANE = range(5)
"""Unit sphere; cube of side 2; upright tube of radius 1 and height 2; square of side 2 in z = 0; y = 0 without end."""

Rng = np.random.Generator
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Thing:
    """One primitive: `world = centre + turn(yaw) (size * local)`, before the camera tilts."""

    kind: int
    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float
    """radians about the vertical."""
    picture: int
    """Which picture covers it; for a cut-out, counted from the first cut-out."""
    is_cutout: bool
    density: float
    """Pictures per metre; cards show their picture once."""
    gloss: float = 0.0
    """How much of a mirror it is, 0..1, most where it is seen along it."""
    glow: float = 0.0
    """0: lit from outside; else it shines by itself, this many times its picture."""


@dataclass(frozen=True, slots=True)
class Layout:
    """All that is needed to draw a scene."""

    things: list[Thing]
    focal: float
    """Over the width of the picture."""
    pitch: float
    """radians, positive looks down."""
    light: NDArray[np.float32]
    """(3,) unit vector to the light."""
    ambient: float
    haze: float
    """1/m; 0: clear air."""
    sun: float = 1.0
    """How bright the light and the sky are: 0 at night."""


class Painter:
    """Chooses pictures at random; knows how many there are and how wide each cut-out is over its height."""

    def __init__(self, rng: Rng, pictures: int, aspects: NDArray[np.float32]) -> None:
        self.rng, self._pictures, self._aspects = rng, pictures, aspects

    def cover(
        self, kind: int, centre: Triple, size: Triple, yaw: float, gloss: float = 0.0, glow: float = 0.0
    ) -> Thing:
        """Return a thing with a random picture on it."""
        density = float(np.exp(self.rng.uniform(-1.2, 0.7)) / max(0.1, min(1.5, max(size))))
        return Thing(kind, centre, size, yaw, int(self.rng.integers(self._pictures)), False, density, gloss, glow)

    def stand(self, x: float, feet: float, z: float, height: float) -> Thing:
        """Return a person or animal that stands at x, z on `feet` and faces the camera."""
        which = int(self.rng.integers(len(self._aspects)))
        half = (0.5 * height * float(self._aspects[which]), 0.5 * height, 1.0)
        yaw = float(np.arctan2(x, z) + self.rng.normal(0, 0.15))
        return Thing(CARD, (x, feet - half[1], z), half, yaw, which, True, 1.0)


def lay_out(rng: Rng, pictures: int, aspects: NDArray[np.float32], shares: dict[str, float]) -> Layout:
    """Return a random scene; `shares` says how often which of KINDS."""
    painter = Painter(rng, pictures, aspects)
    kind = str(rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))
    things, pitch = KINDS[kind](painter)
    is_night = kind == "street" and rng.uniform() < 0.7
    direction = np.array([rng.normal(0, 0.6), -abs(rng.normal(0.9, 0.4)) - 0.1, rng.normal(-0.5, 0.6)])
    return Layout(
        things=things,
        focal=float(np.exp(rng.uniform(np.log(0.7), np.log(2.8 if kind == "portrait" else 1.8)))),
        pitch=pitch,
        light=(direction / np.linalg.norm(direction)).astype(np.float32),
        ambient=float(rng.uniform(0.2, 0.6) if is_night else rng.uniform(0.35, 0.9)),
        haze=float(max(0, rng.normal(0, 0.03))),
        sun=float(rng.uniform(0, 0.3)) if is_night else 1.0,
    )


def _floor(painter: Painter) -> tuple[list[Thing], float]:
    rng = painter.rng
    feet, far = rng.uniform(0.5, 1.9), rng.uniform(4, 25)
    things = [painter.cover(PLANE, (0, feet, 0), (1, 1, 1), rng.uniform(0, 6))]
    things += _backdrop(painter, far, 0.8)
    things += [_clutter(painter, feet, rng.uniform(1.2, 0.9 * far)) for _ in range(rng.integers(1, 9))]
    things += [_walker(painter, feet, rng.uniform(1.3, min(12, 0.9 * far))) for _ in range(rng.integers(0, 6))]
    return things, rng.normal(0.05, 0.1)


def _table(painter: Painter) -> tuple[list[Thing], float]:
    rng = painter.rng
    top, far, length = rng.uniform(0.15, 0.6), rng.uniform(1.5, 6), rng.uniform(0.9, 1.8)
    things = [
        painter.cover(BOX, (rng.normal(0, 0.2), top + 0.05, length / 2), (1.2, 0.05, length / 2), rng.normal(0, 0.2))
    ]
    things.append(painter.cover(PLANE, (0, top + 0.75, 0), (1, 1, 1), 0))
    things += _backdrop(painter, far, 0.9)
    for _ in range(rng.integers(2, 9)):
        z = rng.uniform(0.4, length)
        size = tuple(np.exp(rng.normal(np.log(0.07), 0.5, 3)))
        things.append(_stand_on(painter, top, (rng.normal(0, 0.35) * (0.4 + z), z), size))
    if rng.uniform() < 0.6:
        things.append(_walker(painter, top + rng.uniform(0, 0.5), length + rng.uniform(0.1, 1), 0.7))
    return things, abs(rng.normal(0.25, 0.2))


def _portrait(painter: Painter) -> tuple[list[Thing], float]:
    rng = painter.rng
    things, pitch = _floor(painter)
    z = rng.uniform(0.8, 2.6)
    height = rng.uniform(0.6, 1.1)
    things.append(painter.stand(rng.normal(0, 0.15) * z, rng.uniform(0.3, 0.7), z, height))
    if rng.uniform() < 0.35:  # something close, cut by the frame
        near = rng.uniform(0.35, 0.7) * z
        side = rng.choice([-1, 1]) * near * rng.uniform(0.2, 0.6)
        size = tuple(np.exp(rng.normal(np.log(0.12), 0.5, 3)))
        things.append(painter.cover(int(rng.integers(4)), (side, rng.normal(0.1, 0.2), near), size, rng.uniform(0, 3)))
    return things, pitch * 0.5


def _corridor(painter: Painter) -> tuple[list[Thing], float]:
    rng = painter.rng
    feet, far, half = rng.uniform(0.7, 1.8), rng.uniform(5, 30), rng.uniform(1, 4)
    shift = rng.normal(0, 0.3) * half
    things = [painter.cover(PLANE, (0, feet, 0), (1, 1, 1), 0)]
    for side in (-1, 1):
        if rng.uniform() < 0.8:
            length = rng.uniform(0.3, 1) * far
            tall = rng.uniform(1, 4)
            things.append(
                painter.cover(BOX, (shift + side * (half + 0.5), feet - tall, length / 2), (0.5, tall, length), 0)
            )
    if rng.uniform() < 0.4:
        things.append(painter.cover(PLANE, (0, feet - rng.uniform(2.3, 4), 0), (1, 1, 1), 0))
    things += _backdrop(painter, far, 0.9)
    things += [_clutter(painter, feet, rng.uniform(1.5, 0.9 * far)) for _ in range(rng.integers(0, 6))]
    things += [_walker(painter, feet, rng.uniform(1.5, 10), half) for _ in range(rng.integers(0, 6))]
    return things, rng.normal(0.03, 0.07)


def _backdrop(painter: Painter, far: float, chance: float) -> list[Thing]:
    if painter.rng.uniform() > chance:
        return []
    half = (far * painter.rng.uniform(0.8, 1.6), far * painter.rng.uniform(0.5, 1), 1.0)
    return [painter.cover(CARD, (0, 0, far), half, painter.rng.normal(0, 0.25))]


def _walker(painter: Painter, feet: float, z: float, spread: float = 4.0) -> Thing:
    x = painter.rng.uniform(-1, 1) * min(spread, 0.6 * z)
    return painter.stand(x, feet, z, painter.rng.uniform(1.4, 1.9))


def _clutter(painter: Painter, feet: float, z: float) -> Thing:
    rng = painter.rng
    tall = rng.uniform() < 0.25
    size = np.exp(rng.normal(np.log(0.35), 0.5, 3)) * (np.array([0.35, 4, 0.35]) if tall else 1)
    return _stand_on(painter, feet, (rng.uniform(-0.7, 0.7) * z, z), tuple(size))


def _stand_on(painter: Painter, floor: float, place: tuple[float, float], size: tuple[float, ...]) -> Thing:
    half = (float(size[0]), float(size[1]), float(size[2]))
    kind = int(painter.rng.choice([ELLIPSOID, BOX, BOX, CYLINDER]))
    return painter.cover(kind, (place[0], floor - half[1], place[1]), half, painter.rng.uniform(0, 3.14))


def _tabletop(painter: Painter) -> tuple[list[Thing], float]:
    """Things on a table close to the camera, seen along it or from above."""
    rng = painter.rng
    pitch = rng.uniform(0.6, 1.3) if rng.uniform() < 0.45 else rng.uniform(0.03, 0.6)
    top = rng.uniform(0.2, 0.8) if pitch > 0.6 else rng.uniform(0.08, 0.4)
    middle = min(1.2, top / np.tan(pitch))
    away = float(np.hypot(top, middle))
    half = np.exp(rng.uniform(np.log(0.5), np.log(3), 2)) * away
    ahead = middle + rng.normal(0, 0.2) * away
    gloss = rng.uniform(0.2, 0.9) if rng.uniform() < 0.3 else 0.0
    things = [painter.cover(BOX, (0, top + 0.03, ahead), (half[0], 0.03, half[1]), rng.normal(0, 0.3), gloss)]
    things.append(painter.cover(PLANE, (0, top + rng.uniform(0.5, 0.9), 0), (1, 1, 1), rng.uniform(0, 6)))
    things += _backdrop(painter, ahead + half[1] + rng.uniform(0.2, 4), 0.8)
    for _ in range(rng.integers(3, 15)):
        x, z = rng.normal(0, 0.4) * away, max(0.3 * away, middle + rng.normal(0, 0.4) * away)
        things += _crockery(painter, top, (x, z), away)
    if rng.uniform() < 0.4:
        things.append(_walker(painter, top + 0.5, ahead + half[1] + rng.uniform(0.1, 1), 0.6))
    return things, pitch


def _crockery(painter: Painter, top: float, place: tuple[float, float], away: float) -> list[Thing]:
    """A cup, a bottle, a book, fruit or a small figure on a table, now and then one thing on another."""
    rng = painter.rng
    size = 0.09 * away * np.exp(rng.normal(0, 0.4))
    tall, flat = size * rng.uniform(1.2, 3), size * rng.uniform(0.1, 0.3)
    choice = rng.integers(5)
    if choice == 4:
        return [painter.stand(place[0], top, place[1], 2 * tall)]
    kind, half = (
        (CYLINDER, (size, tall, size)),
        (BOX, (1.6 * size, flat, 1.2 * size)),
        (ELLIPSOID, (size, size, size)),
        (BOX, (0.6 * size, tall, 0.6 * size)),
    )[choice]
    things = [painter.cover(kind, (place[0], top - half[1], place[1]), half, rng.uniform(0, 3.14))]
    if choice == 1 and rng.uniform() < 0.5:
        things.append(_stand_on(painter, top - 2 * flat, place, (0.7 * size, 0.7 * size, 0.7 * size)))
    return things


def _occluder(painter: Painter) -> tuple[list[Thing], float]:
    """Something large close to the camera, cut by the frame, before a far scene."""
    rng = painter.rng
    things, pitch = (_floor, _corridor, _portrait)[rng.integers(3)](painter)
    for _ in range(rng.integers(1, 3)):
        near = float(np.exp(rng.uniform(np.log(0.2), np.log(0.9))))
        side = rng.choice([-1, 1]) * near * rng.uniform(0.1, 0.6)
        choice = rng.integers(5)
        if choice == 0:  # a post
            kind = (CYLINDER, BOX)[rng.integers(2)]
            thick = near * rng.uniform(0.02, 0.2)
            things.append(painter.cover(kind, (side, 0, near), (thick, 3, thick), rng.uniform(0, 3)))
        elif choice == 1:  # a rail or a sill
            level = near * rng.choice([-1, 1], p=[0.3, 0.7]) * rng.uniform(0.1, 0.45)
            size = (4.0, near * rng.uniform(0.02, 0.12), near * 0.1)
            things.append(painter.cover(BOX, (0, level, near), size, rng.normal(0, 0.3)))
        elif choice == 2:  # a shoulder, an animal
            tall = near * rng.uniform(0.5, 1.4)
            things.append(painter.stand(side, near * rng.uniform(0.2, 0.9) + 0.3 * tall, near, tall))
        else:
            size = tuple(near * np.exp(rng.normal(np.log(0.2), 0.5, 3)))
            place = (side, near * rng.normal(0.1, 0.25), near)
            things.append(painter.cover(int(rng.integers(3)), place, size, rng.uniform(0, 3)))
    return things, pitch


def _street(painter: Painter) -> tuple[list[Thing], float]:
    """A street with a wet floor, shining signs and people, some under umbrellas."""
    rng = painter.rng
    feet, far, half = rng.uniform(1, 2), rng.uniform(10, 40), rng.uniform(2, 5)
    things = [painter.cover(PLANE, (0, feet, 0), (1, 1, 1), 0, gloss=rng.uniform(0.3, 1))]
    for side in (-1, 1):
        tall = rng.uniform(1.5, 6)
        things.append(painter.cover(BOX, (side * (half + 0.5), feet - tall, far / 2), (0.5, tall, far / 2), 0))
    things += _backdrop(painter, far, 0.7)
    for _ in range(rng.integers(6, 26)):
        side, z = rng.choice([-1, 1]), rng.uniform(2.5, far)
        size = tuple(np.exp(rng.normal(np.log((0.6, 0.5, 0.06)), 0.6)))
        place = (side * (half - size[0] * rng.uniform(0, 1)), feet - rng.uniform(0.5, 4.5), z)
        things.append(painter.cover(BOX, place, size, rng.choice([0, 1.57]), glow=rng.uniform(0.8, 4)))
    for _ in range(rng.integers(1, 7)):
        walker = _walker(painter, feet, rng.uniform(2, 12), half)
        things.append(walker)
        if rng.uniform() < 0.35:
            x, y, z = walker.centre
            wide = rng.uniform(0.4, 0.6)
            things.append(painter.cover(ELLIPSOID, (x, y - walker.size[1] - 0.05, z), (wide, 0.16, wide), 0))
    return things, rng.normal(0.03, 0.07)


KINDS: dict[str, Callable[[Painter], tuple[list[Thing], float]]] = {
    "floor": _floor,
    "table": _table,
    "portrait": _portrait,
    "corridor": _corridor,
    "tabletop": _tabletop,
    "occluder": _occluder,
    "street": _street,
}
"""What stands where, and how far the camera looks down."""
SHARES = {
    "floor": 0.15,
    "table": 0.1,
    "portrait": 0.15,
    "corridor": 0.1,
    "tabletop": 0.2,
    "occluder": 0.15,
    "street": 0.15,
}
