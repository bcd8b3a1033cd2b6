"""Pairs -> what brings every frame of a window to its proper level: the fast part of scale and shift goes.

The slow part, the trend, is kept: a subject that comes near changes the network's scale for a good reason. Where the
camera is proven to stand still no background can come near, and the trend is taken out too, up to a long time constant
so that small errors do not add up over a long shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vdof.stabilise.config import StabiliseConfig, sync_reach
from vdof.stabilise.pairs import AffinePair
from vdof.stabilise.smooth import Step
from vdof.stabilise.synchronise import find_trend, synchronise


@dataclass(frozen=True, slots=True)
class Level:
    """What is done to the disparity of the frames alive: `scale * disparity + shift`."""

    scale: np.ndarray
    """(n,) > 0."""
    shift: np.ndarray
    """(n,) in units of disparity."""
    kept_scale: np.ndarray
    """(n,): with `kept_shift`, the map from the result to one level for the whole window."""
    kept_shift: np.ndarray
    """(n,) in units of disparity."""

    def step(self, source: int, target: int) -> Step:
        """Return how the result as a whole changes between two frames, counted from the oldest alive."""
        n = len(self.kept_scale)
        i, j = min(max(source, 0), n - 1), min(max(target, 0), n - 1)
        gain = self.kept_scale[i] / self.kept_scale[j]
        return Step(float(gain), float((self.kept_shift[i] - self.kept_shift[j]) / self.kept_scale[j]))


class Leveller:
    """Levels one window after the other; carries on what was taken off for a still camera."""

    def __init__(self, config: StabiliseConfig) -> None:
        self.config = config
        self._shift_removed = np.zeros(1)

    def level(self, pairs: Sequence[AffinePair], start: int, count: int) -> Level:
        """Return the levels of the frames [start, start + count) from pairs that may reach further back."""
        first = max(0, start - sync_reach(self.config))
        alive = slice(start - first, None)
        log_scale, shift = synchronise([pair for pair in pairs if not pair.is_rest], first, start + count)
        log_kept = find_trend(log_scale, self.config.trend_frames)[alive]
        shift_kept = find_trend(shift, self.config.trend_frames)[alive]
        self._find_removed([pair for pair in pairs if pair.is_rest], first, start, count)
        kept = np.exp(log_kept)
        shift_kept = shift_kept + kept * self._shift_removed
        return Level(np.exp(log_scale[alive] - log_kept), (shift[alive] - shift_kept) / kept, kept, shift_kept)

    def _find_removed(self, pairs: Sequence[AffinePair], first: int, start: int, count: int) -> None:
        """Follow the trend of what is at rest, where a still camera lets it be known.

        Only the shift: the background often spans too little depth to know a scale that would hold for the subject.
        """
        is_still = _find_still(pairs, start, count, max(self.config.offsets)) & (self.config.still_frames > 0)
        _, shift = synchronise(pairs, first, start + count)
        trend = find_trend(shift, self.config.trend_frames)[start - first :]
        self._shift_removed = self._remove(trend, is_still, self._shift_removed[0])

    def advance(self, count: int) -> None:
        """Forget the oldest `count` frames."""
        self._shift_removed = self._shift_removed[min(count, len(self._shift_removed) - 1) :]

    def _remove(self, trend: np.ndarray, is_still: np.ndarray, removed: float) -> np.ndarray:
        """Return what is added to the trend (n,): where the camera is still, the opposite of its changes."""
        keep = 1 - 1 / max(self.config.still_frames, 1.0)
        result = np.empty_like(trend)
        for i in range(len(trend)):
            if i:
                removed = keep * removed - (trend[i] - trend[i - 1] if is_still[i - 1] else 0.0)
            result[i] = removed
        return result


def _find_still(pairs: Sequence[AffinePair], start: int, count: int, span: int) -> np.ndarray:
    """Return (count,) bool: over every pair of frames `span` apart around the step after a frame the camera stood still.

    One pair would not do: the ends of a dissolve or of a move look still, too.
    """
    spanning, still = np.zeros(count, int), np.zeros(count, int)
    for first in range(max(0, start - span), start + count - span):
        spanning[max(0, first - start) : first + span - start] += 1
    for pair in pairs:
        if pair.second - pair.first == span:
            still[max(0, pair.first - start) : max(0, pair.second - start)] += 1
    return (still == spanning) & (spanning > 0)
