"""Things round the woman: lamps, rails, bridge, twig in front of the lens, cafe tables, string lights."""

import numpy as np

from .cafe import WALL_Z
from .pieces import Leaves, Ribbons
from .river import BANK_Z, LAMP_STEP

PROMENADE_LAMPS = np.array([[1.62, 2.62, -7.6], [-3.05, 2.62, -12.4], [3.9, 2.62, -12.6]])
WARM = np.array([1.0, 0.60, 0.24])


def draw_rods(ends, radius, colour) -> Ribbons:
    """Rods (n,2,3) of one radius in metres and one colour (3,) or (n,3)."""
    ends = np.asarray(ends, dtype=np.float64).reshape(-1, 2, 3)
    colour = np.broadcast_to(np.asarray(colour, dtype=np.float64), (len(ends), 3))
    return Ribbons(ends, np.full((len(ends), 2), float(radius)), np.repeat(colour[:, None], 2, axis=1))


def draw_chain(points, radius, colour) -> Ribbons:
    """A line of rods through points (n,3)."""
    points = np.asarray(points, dtype=np.float64)
    return draw_rods(np.stack([points[:-1], points[1:]], axis=1), radius, colour)


def hang_line(a, b, sag, count) -> np.ndarray:
    """Points (count,3) on a parabola from a to b that sags by `sag` metres."""
    s = np.linspace(0, 1, count)[:, None]
    points = np.asarray(a) * (1 - s) + np.asarray(b) * s
    points[:, 1:2] -= 4 * sag * s * (1 - s)
    return points


def make_bulbs(points, radius, colour) -> np.ndarray:
    """Bulbs (n,7) from points (n,3), one radius in metres, colour (3,) or (n,3)."""
    points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    colour = np.broadcast_to(np.asarray(colour, dtype=np.float64), (len(points), 3))
    return np.concatenate([points, np.full((len(points), 1), float(radius)), colour], axis=1)


def scatter_leaves(rng, centre, spread, count, length, colour) -> Leaves:
    """A bush: leaves of about `length` metres round a centre, darker inside and below."""
    offset = rng.normal(size=(count, 3))
    offset *= (rng.random((count, 1)) ** 0.4) / np.linalg.norm(offset, axis=1, keepdims=True)
    along = rng.normal(size=(count, 3)) + [0, 0.4, 0]
    along *= 0.5 * length / np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, rng.normal(size=(count, 3)))
    across *= 0.22 * length / np.linalg.norm(across, axis=1, keepdims=True)
    shade = (0.35 + 0.65 * np.linalg.norm(offset, axis=1, keepdims=True)) * (0.75 + 0.35 * offset[:, 1:2])
    tone = shade * (0.6 + 0.8 * rng.random((count, 1)))
    return Leaves(np.asarray(centre) + offset * np.asarray(spread), along, across, tone * np.asarray(colour))


def river_rods() -> Ribbons:
    """Lamp posts, railing, bridge deck and cables."""
    iron = np.array([0.030, 0.034, 0.042])
    posts = [[(x, 0, z), (x, y - 0.16, z)] for x, y, z in PROMENADE_LAMPS]
    arms = [[(x, y - 0.20, z), (x, y - 0.13, z)] for x, y, z in PROMENADE_LAMPS]
    rail_posts = [[(x, 0, -13.8), (x, 1.02, -13.8)] for x in np.arange(-8.4, 8.5, 1.4)]
    bars = [[(-9, y, -13.8), (9, y, -13.8)] for y in (0.36, 0.68)]
    top = [[(-9, 1.03, -13.8), (9, 1.03, -13.8)]]
    bridge = bridge_points()
    parts = [
        draw_rods(posts, 0.040, [0.050, 0.044, 0.040]),
        draw_rods(arms, 0.09, iron),
        draw_rods(rail_posts, 0.030, iron * 1.8),
        draw_rods(bars, 0.018, iron * 2.2),
        draw_rods(top, 0.034, [0.085, 0.065, 0.050]),
        draw_rods([[(-110, 6.3, -211), (110, 6.3, -231)]], 0.45, [0.045, 0.035, 0.045]),
        draw_rods([[(x, -3, z), (x, 21, z)] for x, z in ((-26.0, -218.2), (16.0, -222.2))], 0.55, iron),
        *(draw_chain(line, 0.10, [0.07, 0.05, 0.05]) for line in bridge),
    ]
    return Ribbons(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def bridge_points() -> list[np.ndarray]:
    """The bridge's main cable, three spans."""
    towers = [(-72.0, 7.5, -214.0), (-26.0, 20.5, -218.0), (16.0, 20.5, -222.0), (62.0, 7.5, -226.0)]
    sags = (2.5, 12.0, 2.5)
    return [hang_line(a, b, s, n) for a, b, s, n in zip(towers[:-1], towers[1:], sags, (14, 22, 14), strict=True)]


def river_bulbs(seconds: float) -> np.ndarray:
    """Every bulb behind the first shot; cars on the far bank move with time."""
    rng = np.random.default_rng(11)
    lamps = np.array([((i + 0.5) * LAMP_STEP, 5.0, BANK_Z + 1.0) for i in range(-9, 10)])
    cable = np.concatenate(bridge_points())
    deck = np.stack([np.linspace(-90, 90, 37), np.full(37, 7.4), np.linspace(-212.4, -228.4, 37)], axis=1)
    cars = np.stack([rng.uniform(-70, 70, 16), np.full(16, 1.9), np.full(16, BANK_Z + 1.2)], axis=1)
    cars[:8, 0] += 7.5 * seconds
    cars[8:, 0] -= 8.5 * seconds
    roofs = np.stack([rng.uniform(-75, 75, 9), rng.uniform(16, 30, 9), np.full(9, BANK_Z - 47.0)], axis=1)
    boats = np.stack([rng.uniform(-22, 22, 5), rng.uniform(-1.2, 0.8, 5), rng.uniform(-70, -50, 5)], axis=1)
    return np.concatenate(
        [
            make_bulbs(PROMENADE_LAMPS, 0.135, 9.0 * WARM + [0, 0.6, 1.0]),
            make_bulbs(lamps, 0.40, [6.0, 3.4, 1.1]),
            make_bulbs(cable, 0.17, [3.6, 3.0, 2.2]),
            make_bulbs(deck, 0.20, [2.4, 3.0, 3.6]),
            make_bulbs(cars[:8], 0.22, [4.5, 4.2, 3.5]),
            make_bulbs(cars[8:], 0.20, [4.0, 0.25, 0.12]),
            make_bulbs(roofs, 0.28, [3.5, 0.2, 0.15]),
            make_bulbs(boats, 0.10, [3.2, 2.2, 1.0]),
        ]
    )


def river_boxes() -> np.ndarray:
    """Kerb, bench and planter on the promenade."""
    return np.array(
        [
            [-9, 0, -14.05, 9, 0.20, -13.6, 0.075, 0.062, 0.058],
            [-1.75, 0.40, -10.6, -0.25, 0.46, -10.15, 0.19, 0.095, 0.045],
            [-1.75, 0.62, -10.62, -0.25, 0.90, -10.56, 0.16, 0.080, 0.040],
            [-1.62, 0, -10.55, -1.54, 0.40, -10.2, 0.05, 0.05, 0.055],
            [-0.46, 0, -10.55, -0.38, 0.40, -10.2, 0.05, 0.05, 0.055],
            [0.78, 0, -4.7, 1.42, 0.56, -4.1, 0.115, 0.085, 0.070],
        ]
    )


def river_bush() -> Leaves:
    """The shrub in the planter, lit by the lamp behind it."""
    rng = np.random.default_rng(5)
    return scatter_leaves(rng, (1.10, 0.98, -4.4), (0.40, 0.44, 0.34), 520, 0.11, [0.11, 0.15, 0.045])


def grow_twig(seconds: float) -> tuple[Ribbons, Leaves]:
    """The twig in front of the first shot's lens (1.0 to 1.3 m from it), swaying."""
    rng = np.random.default_rng(8)
    stem = np.array([[0.70, 1.760, 2.44], [0.57, 1.690, 2.46], [0.475, 1.610, 2.47], [0.425, 1.520, 2.48]])
    side = np.array([[0.57, 1.690, 2.46], [0.47, 1.690, 2.50], [0.38, 1.670, 2.53]])
    sway = 0.010 * np.sin(1.9 * seconds) * np.array([1.0, 0.3, 0.2])
    stem, side = stem + [0.01, 0.035, 0], side + [0.01, 0.035, 0]
    lines = [stem + sway * np.linspace(0.2, 1, 4)[:, None], side + sway * np.linspace(0.5, 1.2, 3)[:, None]]
    rods = [draw_chain(line, 0.0022, [0.060, 0.038, 0.022]) for line in lines]
    centre, along, across, colour = [], [], [], []
    for line, count in zip(lines, (10, 6), strict=True):
        for n in range(count):
            s = (n + 0.8) / count * (len(line) - 1)
            k = min(int(s), len(line) - 2)
            root = line[k] + (s - k) * (line[k + 1] - line[k])
            out = line[k + 1] - line[k]
            out = out / np.linalg.norm(out) + [(-1) ** n * 0.9, -0.35, 0.5 * rng.normal()]
            flutter = 0.12 * np.sin(4.1 * seconds + 2.2 * n)
            axis = out / np.linalg.norm(out) * (0.024 + 0.008 * rng.random())
            wide = np.cross(axis, rng.normal(size=3) * 0.5 + [flutter, 0.3, 1.0])
            centre.append(root + axis)
            along.append(axis)
            across.append(wide / np.linalg.norm(wide) * 0.0125)
            colour.append(np.array([0.155, 0.175, 0.050]) * (0.55 + 0.75 * rng.random()) + [0.09 * rng.random(), 0, 0])
    return type(rods[0])(*(np.concatenate(p) for p in zip(*rods, strict=True))), Leaves(
        *(np.array(v) for v in (centre, along, across, colour))
    )


def cafe_rods() -> Ribbons:
    """Table legs, chairs and the wires of the string lights."""
    iron = [0.055, 0.042, 0.034]
    rods = []
    for x, z in ((1.35, 3.6), (-0.75, 4.6), (2.9, 5.6)):
        rods += [[(x, 0, z), (x, 0.72, z)]]
        for s in (-1, 1):
            cx, back = x + 0.62 * s, x + 0.80 * s
            rods += [[(cx - 0.15, 0, z), (cx - 0.15, 0.45, z)], [(back, 0, z - 0.12), (back, 0.90, z - 0.12)]]
            rods += [[(back, 0, z + 0.12), (back, 0.90, z + 0.12)], [(back, 0.88, z - 0.12), (back, 0.88, z + 0.12)]]
            rods += [[(back, 0.68, z - 0.12), (back, 0.68, z + 0.12)]]
    wires = [draw_chain(hang_line(a, b, 0.28, 16), 0.006, [0.02, 0.02, 0.02]) for a, b in cafe_lines()]
    parts = [draw_rods(rods, 0.016, iron), *wires]
    return Ribbons(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def cafe_lines() -> list[tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """Ends of the string lights."""
    return [
        ((-3.6, 2.55, 3.4), (1.2, 2.75, 6.9)),
        ((1.2, 2.75, 6.9), (5.2, 2.35, 4.0)),
        ((-3.2, 2.75, 6.9), (2.4, 2.40, 3.9)),
        ((2.4, 2.40, 3.9), (7.0, 2.7, 6.9)),
    ]


def cafe_bulbs(seconds: float) -> np.ndarray:
    """String lights, lamps inside, candles that flicker a little."""
    rng = np.random.default_rng(3)
    strings = np.concatenate([hang_line(a, b, 0.28, 15)[1:-1] for a, b in cafe_lines()]) - [0, 0.05, 0]
    tint = np.array([3.9, 2.2, 0.8]) * (0.7 + 0.6 * rng.random((len(strings), 1)))
    lamps = np.array([(x, 2.18, 8.9) for x in np.arange(-5.4, 9.0, 1.07)])
    front = np.array([(x, 2.74, WALL_Z - 0.06) for x in np.arange(-5.6, 9.0, 0.34)])
    candles = np.array([(1.35, 0.84, 3.6), (-0.75, 0.84, 4.6), (2.9, 0.84, 5.6)])
    flicker = 1.0 + 0.12 * np.sin(seconds * 17.0 + np.arange(3))[:, None]
    return np.concatenate(
        [
            make_bulbs(strings, 0.030, tint),
            make_bulbs(front, 0.026, [3.6, 2.3, 1.0]),
            make_bulbs(lamps, 0.085, [4.2, 2.7, 1.2]),
            make_bulbs(candles, 0.022, np.array([3.6, 1.7, 0.45]) * flicker),
        ]
    )


def cafe_boxes() -> np.ndarray:
    """Table tops, chair seats, planter troughs and a step."""
    blocks = [[-12, 0, 7.2, 14, 0.12, 7.62, 0.06, 0.05, 0.045]]
    for x, z in ((1.35, 3.6), (-0.75, 4.6), (2.9, 5.6)):
        blocks.append([x - 0.33, 0.72, z - 0.33, x + 0.33, 0.755, z + 0.33, 0.20, 0.105, 0.052])
        blocks.append([x - 0.02, 0.755, z - 0.02, x + 0.02, 0.82, z + 0.02, 0.55, 0.30, 0.12])
        for s in (-1, 1):
            blocks.append([x + 0.62 * s - 0.18, 0.44, z - 0.17, x + 0.62 * s + 0.18, 0.475, z + 0.17, 0.13, 0.07, 0.04])
    blocks += [[x, 0, 6.3, x + 1.1, 0.42, 6.7, 0.12, 0.055, 0.038] for x in (-1.6, 0.55, 4.4)]
    return np.array(blocks)


def cafe_bushes() -> Leaves:
    """Box hedges in the troughs."""
    rng = np.random.default_rng(6)
    parts = [
        scatter_leaves(rng, (x + 0.55, 0.66, 6.5), (0.55, 0.28, 0.20), 300, 0.10, [0.10, 0.13, 0.04])
        for x in (-1.6, 0.55, 4.4)
    ]
    return Leaves(*(np.concatenate(column) for column in zip(*parts, strict=True)))
