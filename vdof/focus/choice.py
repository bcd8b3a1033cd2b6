"""Which candidate is the subject, over a whole shot: whoever turns aside for a moment stays the subject.

Frame by frame the best candidate may change to and fro, and focus with it. So the path through the candidates is searched
that rates best as a whole, where leaving one figure for another costs as much as many frames of a slightly better rating
(Viterbi 1967), decided a few seconds late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from vdof.focus.subject import Candidate, Mask, find_overlap

_LEAVE = 30.0
"""Cost of going over to another figure: two to three seconds of a rating 1.6 times as good."""
_ALIKE = 0.6
"""From this overlap on, less what moved, two masks are one figure."""
_KEEP = 0.8
"""How strongly overlap counts among the masks of one figure."""
_FASTEST = 0.06
"""Share of the frame's width that a figure may move between two frames."""
_AHEAD = 96
"""Frames that are seen before one is decided."""


@dataclass(frozen=True, slots=True)
class _Step:
    """The best paths to the candidates of one frame."""

    candidates: list[Candidate]
    totals: np.ndarray
    """(n,) rating of the best path to each; of one entry where there is no candidate."""
    sources: np.ndarray
    """(n,) the candidate of the frame before that it comes from."""


def choose_over_time(frames: Iterable[list[Candidate]]) -> Iterator[int]:
    """Yield for every frame of a shot the number of the candidate that is the subject, 0 where there is none."""
    steps: deque[_Step] = deque()
    for candidates in frames:
        steps.append(_extend(steps[-1] if steps else None, candidates))
        if len(steps) > _AHEAD:
            yield _trace_back(steps)[0]
            steps.popleft()
    if steps:
        yield from _trace_back(steps)


def _extend(before: _Step | None, candidates: list[Candidate]) -> _Step:
    """One frame on."""
    ratings = np.array([candidate.rating for candidate in candidates] or [0.0])
    if before is None:
        return _Step(candidates, ratings, np.zeros(len(ratings), int))
    gains = np.zeros((len(before.totals), len(ratings)))
    for i, old in enumerate(before.candidates):
        for j, new in enumerate(candidates):
            gains[i, j] = _rate_step(old.mask, new.mask)
    paths = before.totals[:, None] + gains
    totals = ratings + paths.max(axis=0)
    return _Step(candidates, totals - totals.max(), paths.argmax(axis=0))


def _rate_step(old: Mask, new: Mask) -> float:
    """What is gained by staying with a figure, or lost by leaving it."""
    overlap = find_overlap(_follow(old, new), new)
    return float(np.log1p(_KEEP * overlap)) - _LEAVE * max(0.0, 1 - overlap / _ALIKE)


def _follow(old: Mask, new: Mask) -> Mask:
    """The old mask moved to where the new one is, as far as a figure may have moved."""
    (y, x), (v, u) = (np.round([part.mean() for part in np.nonzero(mask)]).astype(int) for mask in (old, new))
    if max(abs(v - y), abs(u - x)) > _FASTEST * old.shape[1]:
        return old
    return np.roll(old, (v - y, u - x), axis=(0, 1))


def _trace_back(steps: Iterable[_Step]) -> list[int]:
    """The best path through these frames, first to last."""
    backwards = list(steps)[::-1]
    path = [int(backwards[0].totals.argmax())]
    for step in backwards[:-1]:
        path.append(int(step.sources[path[-1]]))
    return path[::-1]
