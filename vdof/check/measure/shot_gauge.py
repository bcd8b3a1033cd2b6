"""What both gauges of breathing do alike: follow points through one shot after another, and judge what they collected."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from vdof.check.look import Look
from vdof.check.measure.evidence import Evidence, Table
from vdof.check.measure.judge import SHORTEST_S, Stretch, judge
from vdof.check.measure.tracks import Follower
from vdof.check.verdict import Breathing

LONGEST_S = 30.0
"""A longer shot is judged in pieces, so that memory stays bounded."""
SMALLEST_PX = 32
"""Shorter side below which no point of a picture can be told from its neighbours."""
SLOWEST_FPS = 4.0
"""Frames a second of which fewer do not show a pulse."""

Mask = NDArray[np.bool_]


class ShotGauge(ABC):
    """A `Gauge` that fills a table of points for each shot, and says of the whole clip whether its blur breathes."""

    def __init__(self, mode: str, threshold: float, trend_order: int, columns: tuple[str, ...]) -> None:
        self._mode, self._threshold, self._trend_order = mode, threshold, trend_order
        self._columns = columns
        self._follower = Follower()
        self._stretches: list[Stretch] = []
        self._shot: int | None = None
        self._restart()

    def add(self, look: Look) -> None:
        """See one more frame."""
        if look.shot != self._shot:
            self._close()
            self._follower.start_shot()
            self._shot = look.shot
        elif len(self._table) and look.seconds - self._table.seconds[0] > LONGEST_S:
            self._close()
        self._shape = look.image.shape[:2]
        self._measure(look)

    def finish(self) -> Breathing:
        """The verdict."""
        self._close()
        return judge(self._mode, self._stretches, self._threshold, self._trend_order)

    def _close(self) -> None:
        if len(self._table):
            assert self._shot is not None
            evidence = self._table.collect(self._shot, self._shape[0] / self._shape[1])
            reason = find_obstacle(evidence, min(self._shape))
            empty = Stretch(evidence.shot, evidence.frames, evidence.seconds, [], reason)
            self._stretches += [empty] if reason else self._reduce(evidence)
        self._restart()

    def _restart(self) -> None:
        """Forget the stretch before."""
        self._table = Table(self._columns)

    @abstractmethod
    def _measure(self, look: Look) -> None:
        """Add a frame's row to the table."""

    @abstractmethod
    def _reduce(self, evidence: Evidence) -> list[Stretch]:
        """What a stretch of a shot says."""


def find_obstacle(evidence: Evidence, shorter_side: int) -> str:
    """Why nothing can be told, whatever was measured; empty where nothing stands in the way."""
    if shorter_side < SMALLEST_PX:
        return f"too small: what moves can be followed in pictures of {SMALLEST_PX} px and more"
    if evidence.duration_s < SHORTEST_S:
        return f"too short: {evidence.duration_s:.1f} s, a pulse shows in {SHORTEST_S:g} s or more"
    step = float(np.median(np.diff(evidence.seconds)))
    if step * SLOWEST_FPS > 1:
        return f"too few frames a second: {1 / step:.2g}, a pulse shows in {SLOWEST_FPS:g} or more"
    return ""


def find_share(known: Mask, useful: Mask, is_in: Mask, least: tuple[int, float]) -> float | None:
    """The share of a region (n,): its `useful` points (n,t) among all that are `known`; None where it has too few."""
    count = float(useful[is_in].sum(axis=0).mean()) if is_in.any() else 0.0
    share = count / max(float(known.sum(axis=0).mean()), 1.0)
    return share if count >= least[0] and share >= least[1] else None
