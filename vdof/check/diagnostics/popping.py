"""Popping: blur that is another from one frame to the next, everywhere at once.

Every frame gives levels, in stops: of the coc less its plan, where they are known; otherwise of the picture's fine contrast
against the sharp reference's (after a blur it falls as the disc grows, by half a stop to a stop for each); otherwise of the
contrast of what is soft, over the picture's brightness. The step from frame to frame is the median over the places that
both frames have, and counts when most of them agree. A pull, a dolly or a passing subject has such steps in many frames, so
a step is compared with the third largest within four frames around it: what remains is a jump. A disc that changes by a
seventh (.2 stops) at once is seen; the contrast that it leaves then steps by .12 to .14.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.diagnostics.sampled import Box, Reading, Tally
from vdof.check.diagnostics.view import Eye, Map, View
from vdof.check.look import LensState, Look
from vdof.check.verdict import Diagnostic

_LIMITS = {"coc": 0.2, "reference": 0.14, "blind": 0.12}
"""Stops that show, by how they were measured."""
_AROUND = 4
"""Frames on each side that explain a step."""
_RANK = 3
"""A motion has at least this many steps as large among them."""
_FACTOR = 2.0
"""Times that step a jump exceeds it."""
_AGREE = 0.65
"""Share of the places that change the same way, by at least half the step."""
_BLURRED = 3.0
"""Units of coc from which a place counts."""
_TILE = 32
"""Units: places of pixel measures."""
_SMOOTH, _SHARP = 1.5, 0.6
"""Without a reference: units of smoothing against noise, and stops of contrast that it takes from what is not blurred."""
_FEWEST = 8
"""Places."""
_CUT = 0.2
"""Mean change of brightness that is another shot."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Levels:
    """Blur of one frame by place, NaN where there is nothing to measure."""

    kind: str
    stops: Floats
    """(rows,columns)"""
    brightness: Map
    """Tiny picture, to notice a cut."""
    coc: Floats | None = None
    """The coc itself at the same places, px."""
    lens: LensState | None = None
    """What made it, where focus was planned."""
    unit: float = 1.0
    """Of the view."""
    reduced: float = 1.0
    """Size of the view over the look's."""


@dataclass(frozen=True, slots=True)
class Step:
    """The change to one frame from the one before."""

    index: int
    stops: float
    """Median over the places; NaN where too few can be measured."""
    box: Box | None
    is_common: bool = False
    """Whether most places change alike."""


class Popping:
    """The gauge."""

    name = "popping"
    title = "Popping: blur jumps between two frames"
    action = (
        "use stabilise=strong, and focus.smoothing_s= larger; where focus jumps to another subject, set focus.point=[x,y] or "
        "keyframes in the shot log"
    )

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self._last: Levels | None = None
        self._shot: int | None = None
        self._steps: deque[Step] = deque(maxlen=2 * _AROUND + 1)
        self._tally = Tally()
        self._kind = "blind"

    def add(self, look: Look) -> None:
        """Measure the step to this frame; judge the one `_AROUND` frames before it."""
        levels = measure_levels(self._eye.see(look))
        last, is_new = self._last, look.shot != self._shot
        self._last, self._shot = levels, look.shot
        if (
            last is None
            or is_new
            or last.kind != levels.kind
            or np.abs(levels.brightness - last.brightness).mean() > _CUT
        ):
            self._end_shot()
            return
        self._kind = levels.kind
        self._steps.append(measure_step(look.index, carry_on(last, levels), levels.stops))
        if len(self._steps) > _AROUND:
            self._judge(list(self._steps)[-1 - _AROUND])

    def finish(self) -> Diagnostic:
        """What was found."""
        self._end_shot()
        answer: dict[str, Any] = {"name": self.name, "title": self.title, "threshold": 1.0, "action": self.action}
        if not self._tally.judged:
            return Diagnostic(score=float("nan"), found=None, reason="too few frames with a measurable blur", **answer)
        ranked = sorted(self._tally.worst, key=lambda item: item[:2], reverse=True)
        score, place, first = ranked[0]
        frames = [-index for value, index, _ in ranked if value >= 1] or [-place]
        return Diagnostic(
            score=round(score, 4), found=score >= 1, reason=first.detail, frames=frames, box=first.box, **answer
        )

    def _end_shot(self) -> None:
        """Judge the last steps of a shot by those before them."""
        for step in list(self._steps)[-_AROUND:]:
            self._judge(step)
        self._steps.clear()

    def _judge(self, step: Step) -> None:
        others = sorted((abs(other.stops) for other in self._steps if np.isfinite(other.stops)), reverse=True)
        if not np.isfinite(step.stops) or len(others) <= _RANK:
            return
        excess = max(0.0, abs(step.stops) - _FACTOR * others[_RANK - 1]) if step.is_common else 0.0
        words = (
            f"blur changes by {step.stops:+.2f} stops in one frame ({self._kind}), {others[_RANK - 1]:.2f} around it"
        )
        self._tally.add(step.index, Reading(excess / _LIMITS[self._kind], step.box, words))


def measure_levels(view: View) -> Levels:
    """How blurred each place of a frame is, in stops, by the best of what is known."""
    tiny = np.asarray(cv2.resize(view.luma, (16, 9), interpolation=cv2.INTER_AREA), np.float32)
    if view.coc is not None:
        lens = view.look.lens
        stride = max(1, round(6 * view.unit))
        coc = view.coc[::stride, ::stride].astype(float)
        return Levels(
            "coc",
            read_coc(coc, view.unit),
            tiny,
            coc,
            lens if lens is not None and lens.is_planned else None,
            view.unit,
            view.ratio,
        )
    fine = measure_energy(view.luma, view)
    if view.sharp_luma is not None:
        source = measure_energy(view.sharp_luma, view)
        stops = 0.5 * np.log2((fine + 1e-7) / (source + 1e-7))
        stops[(source < 4e-5) | (stops > -0.7)] = np.nan
        return Levels("reference", -stops, tiny)
    soft = measure_energy(np.asarray(cv2.GaussianBlur(view.luma, (0, 0), _SMOOTH * view.unit), np.float32), view)
    stops = 0.5 * np.log2(soft + 1e-7) - np.log2(float(view.luma.mean()) + 0.05)
    is_sharp = fine + 1e-7 > 2 ** (2 * _SHARP) * (soft + 1e-7)
    stops[(soft < 2e-6) | is_sharp] = np.nan
    return Levels("blind", -stops, tiny)


def read_coc(coc: Floats, unit: float) -> Floats:
    """Coc (px) in stops; NaN where it is small."""
    return np.where(np.abs(coc) > _BLURRED * unit, np.log2(np.abs(coc) + 0.5 * unit), np.nan)


def carry_on(before: Levels, now: Levels) -> Floats:
    """The levels before, as the planned change of lens and focus would have left them: a planned jump is none."""
    if before.coc is None or now.coc is None or before.lens is None or now.lens is None:
        return before.stops
    ratio = now.lens.scale_px_m / before.lens.scale_px_m
    moved = (
        ratio * before.coc
        + now.lens.scale_px_m * (now.lens.focus_dioptres - before.lens.focus_dioptres) * before.reduced
    )
    return read_coc(moved, before.unit)


def measure_energy(luma: Map, view: View) -> Floats:
    """Mean squared difference to the neighbours at half size, by tile."""
    half = np.asarray(
        cv2.resize(luma, (max(8, view.shape[1] // 2), max(8, view.shape[0] // 2)), interpolation=cv2.INTER_AREA),
        np.float32,
    )
    energy = np.zeros_like(half)
    energy[:, 1:] += (half[:, 1:] - half[:, :-1]) ** 2
    energy[1:] += (half[1:] - half[:-1]) ** 2
    tile = max(4, round(_TILE * view.unit / 2))
    rows, columns = max(1, half.shape[0] // tile), max(1, half.shape[1] // tile)
    return cv2.resize(energy, (columns, rows), interpolation=cv2.INTER_AREA).astype(float)


def measure_step(index: int, before: Floats, now: Floats) -> Step:
    """The change over the places of both frames."""
    change = now - before
    known = np.isfinite(change)
    if known.sum() < max(_FEWEST, 0.03 * known.size):
        return Step(index, float("nan"), None)
    step = float(np.median(change[known]))
    is_common = bool((change[known] * np.sign(step) > abs(step) / 2).mean() >= _AGREE)
    row, column = np.unravel_index(int(np.argmax(np.where(known, np.abs(change), -1))), change.shape)
    y, x = (row + 0.5) / change.shape[0], (column + 0.5) / change.shape[1]
    box = max(0.0, x - 0.12), max(0.0, y - 0.12), min(1.0, x + 0.12), min(1.0, y + 0.12)
    return Step(index, step, (float(box[0]), float(box[1]), float(box[2]), float(box[3])), is_common)
