"""What the picture shows of a subject that moves: why focus that follows it may change, and all blur with it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vdof.check.measure.evidence import Evidence
from vdof.check.measure.growth import measure_growth
from vdof.check.measure.transitions import find_swell, smooth_over
from vdof.focus.observe import smooth_track

MOST_EXPLAINED = 2.0
"""How many times the growth that flow measures may stand for: its own smoothness makes it too small."""
_FEWEST = 12
"""Points that a subject needs."""
_WALK = 0.08
"""Share of the frame's width from which on a subject has moved by itself; a hand-held camera's parallax stays below."""
_WALK_S = 0.5
"""Standard deviation of the window that leaves out a hand's shaking."""

Array = NDArray[np.float64]


def follow_subject(
    evidence: Evidence, focus: Array, is_in_focus: NDArray[np.bool_], smoothing_s: float
) -> dict[str, tuple[Array, float]]:
    """What focus (t,), 1/m, may do because its subject moves: curves (t,) in 1/m, and the most of each that counts.

    Disparity grows with the subject's size. A subject that goes through the picture turns and stretches, so that its size
    tells little: its focus may go out and back once. `smoothing_s` is how slowly focus follows.
    """
    is_subject = np.nan_to_num(evidence.columns["is_subject"]).mean(axis=1) > 0.5 * np.isfinite(
        evidence.columns["x"]
    ).mean(axis=1)
    is_watched = is_subject if is_subject.sum() >= _FEWEST else is_in_focus
    if is_watched.sum() < _FEWEST:
        return {}
    growth = measure_growth(evidence, is_watched)
    if not np.isfinite(growth).any():
        return {}
    growth = bridge(growth)
    larger = float(np.mean(focus)) * (np.exp2(growth) - 1)
    causes = {
        "subject's size": (larger, MOST_EXPLAINED),
        "subject's size, smoothed": (smooth_track(larger, evidence.seconds, smoothing_s), MOST_EXPLAINED),
    }
    if is_subject.sum() >= _FEWEST and find_walk(evidence, is_subject) > _WALK:
        causes["subject's way"] = (find_swell(focus, evidence.seconds), 1.0)
    return causes


def find_walk(evidence: Evidence, is_subject: NDArray[np.bool_]) -> float:
    """How far the subject gets from its surroundings, as a share of the frame's width."""
    way = np.zeros((2, len(evidence.seconds)))
    for axis, name in enumerate(("x", "y")):
        steps = np.diff(evidence.columns[name], axis=1)
        for part, sign in ((is_subject, 1), (~is_subject, -1)):
            is_known = np.isfinite(steps[part]).sum(axis=0) >= 4
            way[axis, 1:][is_known] += sign * np.nanmedian(steps[part][:, is_known], axis=0)
    path = [smooth_over(np.cumsum(part), evidence.seconds, _WALK_S) for part in way]
    across, down = (float(np.ptp(part)) for part in path)
    return math.hypot(across, down)


def bridge(curve: Array) -> Array:
    """The curve (t,), known somewhere, with its gaps filled from both sides."""
    known = np.isfinite(curve)
    places = np.arange(len(curve))
    return np.interp(places, places[known], curve[known])
