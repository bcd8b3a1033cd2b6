"""What the report draws over time, collected in one pass: a few numbers a frame, no pictures."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from vdof.check.look import Look
from vdof.check.ranking.transition import TransitionGauge

BACKGROUND_PERCENTILE = 90
"""Of the coc outside the subject: what `vdof.focus.subject` calls the background of a disparity, seen from behind the focus."""

STEP = 4
"""Rows and columns between two pixels that count for these."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Curves of one clip, a value a frame, NaN where it is not known. Coc in pixels of the file's own width."""

    frames: list[int] = field(default_factory=list)
    """Of the file checked, from 0."""
    seconds: list[float] = field(default_factory=list)
    """Presentation times."""
    shots: list[int] = field(default_factory=list)
    """Number of the frame's shot, from 0."""
    coc_subject: list[float] = field(default_factory=list)
    """Median of |coc| in the subject."""
    coc_background: list[float] = field(default_factory=list)
    """Coc of what is far outside the subject: the percentile above."""
    figures: dict[str, float] = field(default_factory=dict)
    """Numbers for the ranking: `transition_percent`. They belong into `CheckResult.figures`."""


class ReportGauge:
    """A `Gauge` that collects `Traces`; about 100 bytes a frame.

    `width_px` is the width of the file checked, as a player shows it: the looks' coc are scaled to it.
    """

    def __init__(self, width_px: int) -> None:
        self._width_px = width_px
        self._traces = Traces()
        self._transition = TransitionGauge()

    def add(self, look: Look) -> None:
        """See one more frame."""
        traces = self._traces
        traces.frames.append(look.index)
        traces.seconds.append(look.seconds)
        traces.shots.append(look.shot)
        scale = self._width_px / look.image.shape[1]
        inside, outside = split_coc(look)
        traces.coc_subject.append(scale * summarise(np.abs(inside), np.median))
        traces.coc_background.append(scale * summarise(outside, find_far))
        self._transition.add(look)

    def finish(self) -> Traces:
        """The curves."""
        transition = self._transition.finish()
        if transition is not None:
            self._traces.figures["transition_percent"] = round(transition, 4)
        return self._traces


def split_coc(look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Coc (n,) inside the subject and (m,) outside, of every few rows and columns; empty where not known."""
    if look.coc is None:
        return np.empty(0, np.float32), np.empty(0, np.float32)
    coc = look.coc[::STEP, ::STEP]
    if look.subject is None:
        return np.empty(0, np.float32), coc.ravel()
    subject = look.subject[::STEP, ::STEP]
    return coc[subject], coc[~subject]


def summarise(values: np.ndarray, find: Callable[[np.ndarray], np.floating]) -> float:
    return float(find(values)) if values.size else float("nan")


def find_far(values: np.ndarray) -> np.floating:
    return np.percentile(values, BACKGROUND_PERCENTILE)
