"""Pairs -> what brings every frame of a window to its proper level: the fast part of scale and shift goes.

The slow part, the trend, is kept: a subject that comes near changes the network's scale for a good reason. Where the
camera is proven to stand still no background can come near, and the trend is taken out too, up to a long time constant
so that small errors do not add up over a long shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vdof.stabilise.config import StabiliseConfig, sync_reach
from vdof.stabilise.jumps import find_jumps, hold_back
from vdof.stabilise.pairs import AffinePair
from vdof.stabilise.smooth import Step
from vdof.stabilise.synchronise import find_trend, synchronise

_LEAST = 0.02
"""Of the logarithm of scale, and of disparity's range: a smaller change within a frame may be real."""
_COMMON = 0.5
"""A jump of the whole leaves less of the change than this share."""
_MOST = 0.7
"""Of what two frames show: a jump of the whole changes more, a subject that steps to the next level less."""
_ASTRAY = 0.12
"""Of disparity's range: what lies farther apart on average, whatever the map, is not the same scene."""
_FORGET = 120.0
"""frames: time constant after which a jump taken back is given in to, so that errors do not add up."""


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
    is_astray: np.ndarray
    """(n,) bool: the frame's disparity has nothing to do with that of the frames around it."""

    def step(self, source: int, target: int, far: float) -> Step:
        """Return how the result as a whole changes between two frames, counted from the oldest alive."""
        n = len(self.kept_scale)
        i, j = min(max(source, 0), n - 1), min(max(target, 0), n - 1)
        gain = self.kept_scale[i] / self.kept_scale[j]
        return Step(float(gain), float((self.kept_shift[i] - self.kept_shift[j]) / self.kept_scale[j]), far)


class Leveller:
    """Levels one window after the other; carries on what was taken off for jumps and for a still camera."""

    def __init__(self, config: StabiliseConfig) -> None:
        self.config = config
        self._shift_removed = np.zeros(1)
        self._repairs = np.array([[1.0, 0.0]])
        """(n,2): scale and shift that take back all jumps, of the last frames given out and of those alive."""

    def level(self, pairs: Sequence[AffinePair], start: int, count: int, spread: float) -> Level:
        """Return the levels of the frames [start, start + count) from pairs that may reach further back.

        spread: of disparity, about.
        """
        first = max(0, start - sync_reach(self.config))
        alive = slice(start - first, None)
        is_astray = _find_astray(pairs, first, start + count, spread)
        pairs = [p for p in pairs if p.first >= first and not is_astray[[p.first - first, p.second - first]].any()]
        moving = [pair for pair in pairs if not pair.is_rest]
        log_scale, shift = synchronise(moving, first, start + count)
        self._repair(log_scale, shift, start - first, spread, _find_common(moving, first, start + count))
        if np.any(self._repairs != (1.0, 0.0)):
            pairs = [_repair_pair(pair, self._repairs, first) for pair in pairs]
            moving = [pair for pair in pairs if not pair.is_rest]
            log_scale, shift = synchronise(moving, first, start + count)
        log_kept = find_trend(hold_back(log_scale, _LEAST), self.config.trend_frames)[alive]
        shift_kept = find_trend(hold_back(shift, _LEAST * spread), self.config.trend_frames)[alive]
        self._find_removed([pair for pair in pairs if pair.is_rest], start, count, spread)
        kept = np.exp(log_kept)
        shift_kept = shift_kept + kept * self._shift_removed
        scale, shift = np.exp(log_scale[alive] - log_kept), (shift[alive] - shift_kept) / kept
        repair_scale, repair_shift = self._repairs[alive].T
        return Level(scale * repair_scale, scale * repair_shift + shift, kept, shift_kept, is_astray[alive])

    def _repair(
        self, log_scale: np.ndarray, shift: np.ndarray, given: int, spread: float, changes_as_one: np.ndarray
    ) -> None:
        """Find what takes back the jumps of the path (n,) that all take; of the first `given` frames it is known."""
        jumps = find_jumps(np.stack([log_scale, shift]), np.array([_LEAST, _LEAST * spread])) * changes_as_one
        repairs = list(self._repairs[-given - 1 :])
        keep = 1 - 1 / _FORGET
        for i in range(given + 1, len(log_scale)):
            gain, rise = np.exp(jumps[0, i]), jumps[1, i] / np.exp(log_scale[i - 1])
            scale, offset = repairs[-1][0] ** keep, repairs[-1][1] * keep
            repairs.append(np.array([scale * gain, scale * rise + offset]))
        self._repairs = np.array(repairs)

    def _find_removed(self, pairs: Sequence[AffinePair], start: int, count: int, spread: float) -> None:
        """Follow the trend of what is at rest, where a still camera lets it be known.

        Only the shift: the background often spans too little depth to know a scale that would hold for the subject.
        """
        first = max(0, start - sync_reach(self.config))
        is_still = _find_still(pairs, start, count, max(self.config.offsets)) & (self.config.still_frames > 0)
        _, shift = synchronise(pairs, first, start + count)
        trend = find_trend(hold_back(shift, _LEAST * spread), self.config.trend_frames)[start - first :]
        self._shift_removed = self._remove(trend, is_still, self._shift_removed[0])

    def advance(self, count: int) -> None:
        """Forget the oldest `count` of the frames alive."""
        given = len(self._repairs) - len(self._shift_removed)
        self._repairs = self._repairs[max(0, given + count - sync_reach(self.config)) : given + count + 1]
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


def _repair_pair(pair: AffinePair, repairs: np.ndarray, start: int) -> AffinePair:
    """Return the pair between the two disparities as repaired; repairs: (n,2) of the frames from `start`."""
    (scale_a, shift_a), (scale_b, shift_b) = repairs[pair.first - start], repairs[pair.second - start]
    centre = scale_a * pair.centre + shift_a
    carried = scale_b * (pair.scale * pair.centre + pair.shift) + shift_b
    scale = 1.0 if pair.is_rest else float(pair.scale * scale_b / scale_a)
    return replace(pair, scale=scale, shift=float(carried - scale * centre), centre=float(centre))


def _find_common(pairs: Sequence[AffinePair], start: int, stop: int) -> np.ndarray:
    """Return (stop - start,) bool: all of the frame changed by one scale and shift when it came."""
    changes_as_one = np.zeros(stop - start, bool)
    for pair in pairs:
        if pair.second == pair.first + 1 and start <= pair.first and pair.left < _COMMON and pair.moved > _MOST:
            changes_as_one[pair.second - start] = True
    return changes_as_one


def _find_astray(pairs: Sequence[AffinePair], start: int, stop: int, spread: float) -> np.ndarray:
    """Return (stop - start,) bool: frames that agree with none of those they are compared with."""
    nearest = np.full(stop - start, np.inf)
    for pair in pairs:
        if not pair.is_rest and pair.first >= start:
            for frame in (pair.first - start, pair.second - start):
                nearest[frame] = min(nearest[frame], pair.apart)
    return np.isfinite(nearest) & (nearest > _ASTRAY * spread)
