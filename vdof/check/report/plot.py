"""A line plot as values for the template: shapes in a 1000 x 100 box that is stretched, words in HTML beside it.

The SVG is scaled freely (`preserveAspectRatio="none"`, strokes that do not scale), and ticks are HTML placed in per cent, so
that one plot is sharp and legible on a phone, a desktop and paper.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

WIDE, HIGH = 1000.0, 100.0
MOST_POINTS = 1200
"""Of a curve; longer ones keep their lowest and highest value of every stretch."""
LOG_FROM = 4.0
"""Ratio of largest to smallest value from which a plot that may be logarithmic is."""

Values = Sequence[float]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: its name, its values (NaN where there is none), and the style, 1..6, 0 being the quiet one."""

    name: str
    values: Values
    style: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A word at an axis: `at` in per cent of the box from the left or from the bottom."""

    at: float
    text: str
    is_minor: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A curve as drawn: SVG path, values for the readout, and what the key says of it."""

    name: str
    style: int
    path: str
    values: list[float | None]
    summary: str


@dataclass(frozen=True, slots=True)
class Plot:
    """All that the template needs."""

    name: str
    title: str
    unit: str
    summary: str
    curves: list[Drawn]
    times: list[float]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    zero: float | None = None
    """Height of the value 0, from the top of the box, where it is inside."""
    levels: list[float] = field(default_factory=list)
    """Heights of dashed lines, from the top of the box."""
    ranges: list[tuple[float, float]] = field(default_factory=list)
    """Shaded: left and width in the box."""
    cuts: list[float] = field(default_factory=list)
    """Where shots begin, in the box."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Values to the box's height: linear, or logarithmic."""

    low: float
    high: float
    is_log: bool = False

    def place(self, value: float) -> float:
        """From the top of the box."""
        low, high = (math.log(self.low), math.log(self.high)) if self.is_log else (self.low, self.high)
        at = math.log(max(value, self.low)) if self.is_log else value
        return HIGH * (1 - (at - low) / (high - low))

    def tick(self, value: float) -> Tick:
        return Tick(round(100 * (1 - self.place(value) / HIGH), 3), f"{value:g}".replace("-", "\u2212"))


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Seconds to the box's width."""

    first: float
    last: float

    def place(self, seconds: float) -> float:
        return WIDE * (seconds - self.first) / max(self.last - self.first, 1e-9)

    def ticks(self) -> list[Tick]:
        """Whole steps; every second one is left out where there is little room."""
        found = choose_steps(self.first, self.last, 8)
        return [
            Tick(round(self.place(value) / WIDE * 100, 3), f"{value:g} s", place % 2 == 1)
            for place, value in enumerate(found)
        ]


def draw(
    name: str,
    title: str,
    unit: str,
    seconds: Values,
    curves: Sequence[Curve],
    *,
    may_be_log: bool = False,
    levels: Values = (),
    ranges: Sequence[tuple[float, float]] = (),
    cuts: Values = (),
    at_least: float = 0.0,
    reach: tuple[float, float] | None = None,
) -> Plot | None:
    """A plot over time; None where no curve has a value. `levels` are dashed, `ranges` (from s, to s) shaded.

    `at_least` is the smallest reach of the vertical axis, so that noise does not fill the box; `reach` are the seconds at
    both ends, where they are not those of the curves.
    """
    curves = [curve for curve in curves if np.isfinite(curve.values).any()]
    if not curves or len(seconds) < 2:
        return None
    axis = choose_axis([value for curve in curves for value in curve.values], levels, may_be_log, at_least)
    time = TimeAxis(*(reach or (float(seconds[0]), float(seconds[-1]))))
    thinned = [thin(seconds, curve.values) for curve in curves]
    drawn = [draw_curve(curve, *points, time, axis, unit, cuts) for curve, points in zip(curves, thinned, strict=True)]
    return Plot(
        name,
        title,
        unit,
        "; ".join(f"{curve.name} {curve.summary}" for curve in drawn),
        drawn,
        [round(float(value), 3) for value in thinned[0][0]],
        time.ticks(),
        [axis.tick(value) for value in choose_ticks(axis)],
        round(axis.place(0), 2) if not axis.is_log and axis.low < 0 < axis.high else None,
        [round(axis.place(value), 2) for value in levels],
        [widen(time.place(start), time.place(end)) for start, end in ranges],
        [round(time.place(cut), 2) for cut in cuts if time.first < cut <= time.last],
    )


def choose_ticks(axis: Axis) -> list[float]:
    """The values at which the axis has lines."""
    return choose_log_steps(axis) if axis.is_log else choose_steps(axis.low, axis.high, 4)


def draw_curve(
    curve: Curve, times: np.ndarray, values: np.ndarray, time: TimeAxis, axis: Axis, unit: str, cuts: Values
) -> Drawn:
    """One curve, of which `times` and `values` are the points."""
    shown = [round(float(value), 4) if math.isfinite(value) else None for value in values]
    path = trace(time, axis, times, values, cuts)
    return Drawn(curve.name, curve.style, path, shown, summarise(curve.values, unit))


def widen(left: float, right: float) -> tuple[float, float]:
    """Left and width of a shaded range, never too thin to be seen."""
    left, right = max(0.0, left), min(WIDE, right)
    width = max(right - left, 4.0)
    return round(min(left, WIDE - width), 2), round(width, 2)


def thin(seconds: Values, values: Values) -> tuple[np.ndarray, np.ndarray]:
    """At most `MOST_POINTS` times and values: lowest and highest of every stretch, so that no peak is lost."""
    times, found = np.asarray(seconds, float), np.asarray(values, float)
    if len(times) <= MOST_POINTS:
        return times, found
    parts = np.array_split(np.arange(len(times)), MOST_POINTS // 2)
    ends = [(times[part[0]], times[part[-1]]) for part in parts]
    reach = [find_reach(found[part]) for part in parts]
    return np.array(ends).ravel(), np.array(reach).ravel()


def find_reach(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if known.size else (math.nan, math.nan)


def trace(time: TimeAxis, axis: Axis, seconds: np.ndarray, values: np.ndarray, cuts: Values) -> str:
    """An SVG path; it is broken where there is no value, and at every cut."""
    parts: list[str] = []
    is_down = False
    shots = np.searchsorted(np.asarray(cuts, float), seconds, side="right")
    begins = np.append(True, shots[1:] != shots[:-1])
    for at, value, is_first in zip(seconds, values, begins, strict=True):
        is_down = is_down and not is_first
        if not math.isfinite(value):
            is_down = False
            continue
        parts.append(f"{'L' if is_down else 'M'}{time.place(at):.1f} {axis.place(value):.2f}")
        is_down = True
    return "".join(parts)


def choose_axis(values: Values, levels: Values, may_be_log: bool, at_least: float) -> Axis:
    """Holds all values and levels with a little room; 0 belongs to every linear axis."""
    known = [float(value) for value in values if math.isfinite(value)]
    low, high = min(known), max(known)
    if may_be_log and low > 0 and high / low >= LOG_FROM:
        return Axis(low / 1.15, high * 1.15, True)
    low, high = min(low, 0.0, *levels), max(high, 0.0, *levels)
    room = max(high - low, at_least, 1e-6)
    high += max(0.0, room - (high - low)) + 0.06 * room
    return Axis(low - 0.06 * room if low < 0 else 0.0, high)


def choose_steps(low: float, high: float, count: int) -> list[float]:
    """About `count` round values from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    rough = max(high - low, 1e-9) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-6)
    return [round(k * step, 9) + 0.0 for k in range(first, math.floor(high / step + 1e-6) + 1)]


def choose_log_steps(axis: Axis) -> list[float]:
    """1, 2 and 5 times powers of ten; only the powers where that is too many."""
    powers = range(math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high)) + 1)
    for factors in ((1, 2, 5), (1,)):
        found = [round(f * 10.0**p, 9) for p in powers for f in factors if axis.low <= f * 10.0**p <= axis.high]
        if len(found) <= 6:
            break
    return found


def summarise(values: Values, unit: str) -> str:
    """The range of a curve in words."""
    known = [float(value) for value in values if math.isfinite(value)]
    low, high = min(known), max(known)
    size = max(abs(low), abs(high))
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    ends = [write_number(value, digits) for value in (low, high)]
    return f"{ends[0]} {unit}" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} {unit}"


def write_number(value: float, digits: int) -> str:
    """With a minus sign that lines up, and no minus before a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\u2212")
