"""Diagnostics that judge single frames: a rule, and the gauge that applies it to every few frames of a clip."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vdof.check.diagnostics.view import Eye, View
from vdof.check.look import Look
from vdof.check.verdict import Diagnostic

EVERY = 8
"""Frames from one that is judged to the next."""
_KEPT = 256
"""Scores kept; from then on every second one, so that memory stays bounded whatever the clip's length."""
_WORST = 5
"""Frames named."""
_SHARE = 0.7
"""The clip's score is this quantile of its frames' scores: a fault shows in a third of the frames, a glitch does not."""
THROUGHOUT = 0.25
"""The same for what must hold most of the time to be a fault."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule measured in one frame."""

    score: float
    box: Box | None = None
    """(x0, y0, x1, y1), fractions of the frame."""
    detail: str = ""
    """What was seen, as a clause."""
    action: str = ""
    """What to do about it, where the rule's own advice is not the best."""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Why a rule says nothing about a frame."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One diagnostic: how a frame is measured and what it means."""

    name: str
    title: str
    threshold: float
    action: str
    measure: Callable[[View], Reading | Unjudged]
    share: float = _SHARE
    """Quantile of the frames' scores that is the clip's."""


class Tally:
    """Readings of a clip, in bounded memory."""

    def __init__(self, share: float = _SHARE) -> None:
        self._share = share
        self.worst: list[tuple[float, int, Reading]] = []
        self.reasons: Counter[str] = Counter()
        self.judged = 0
        self._scores: list[float] = []
        self._stride = 1

    def add(self, index: int, reading: Reading | Unjudged) -> None:
        """One frame more."""
        if isinstance(reading, Unjudged):
            self.reasons[reading.reason] += 1
            return
        if self.judged % self._stride == 0:
            self._scores.append(reading.score)
            if len(self._scores) == _KEPT:
                self._scores, self._stride = self._scores[::2], 2 * self._stride
        self.judged += 1
        item = (reading.score, -index, reading)
        if len(self.worst) < _WORST:
            heapq.heappush(self.worst, item)
        elif item[:2] > self.worst[0][:2]:
            heapq.heapreplace(self.worst, item)

    @property
    def score(self) -> float:
        """The clip's score; NaN where too few frames could be judged."""
        if self.judged == 0 or 2 * self.judged < sum(self.reasons.values()):
            return float("nan")
        return float(np.quantile(self._scores, self._share))

    def diagnose(self, name: str, title: str, threshold: float, action: str) -> Diagnostic:
        """The answer."""
        if np.isnan(self.score):
            reason = self.reasons.most_common(1)[0][0] if self.reasons else "no frame was seen"
            return Diagnostic(name, title, float("nan"), threshold, None, reason, action)
        ranked = sorted(self.worst, key=lambda item: item[:2], reverse=True)
        first = ranked[0][2]
        return Diagnostic(
            name=name,
            title=title,
            score=round(self.score, 4),
            threshold=threshold,
            found=self.score >= threshold,
            reason=first.detail,
            action=first.action or action,
            frames=[-place for _, place, _ in ranked],
            box=first.box,
        )


class Sampled:
    """The gauge of a rule: every few frames are measured, from the first of each shot on."""

    def __init__(self, rule: Rule, eye: Eye, every: int = EVERY) -> None:
        self.rule = rule
        self._eye = eye
        self._every = every
        self._tally = Tally(rule.share)
        self._seen = 0
        self._shot: int | None = None

    def add(self, look: Look) -> None:
        """Measure the frame if it is its turn."""
        if look.shot != self._shot:
            self._shot, self._seen = look.shot, 0
        if self._seen % self._every == 0:
            self._tally.add(look.index, self.rule.measure(self._eye.see(look)))
        self._seen += 1

    def finish(self) -> Diagnostic:
        """What was found."""
        return self._tally.diagnose(self.rule.name, self.rule.title, self.rule.threshold, self.rule.action)


def enclose(mask: np.ndarray, margin: float = 0.03) -> Box | None:
    """The box around a mask (h,w), as fractions, with a margin (share of the frame); None for an empty mask."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return None
    height, width = mask.shape
    x0, x1 = columns[0] / width - margin, (columns[-1] + 1) / width + margin
    y0, y1 = rows[0] / height - margin, (rows[-1] + 1) / height + margin
    return max(0.0, float(x0)), max(0.0, float(y0)), min(1.0, float(x1)), min(1.0, float(y1))
