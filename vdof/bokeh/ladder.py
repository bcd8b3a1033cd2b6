"""The ladder of depth groups: fixed radii, so that a group never moves when the scene's range does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FIRST_STEP = 1.5
GROWTH = 0.25
SOFT = 0.15
"""A source closer to a border than this share of a step is divided between the two groups, so that none is left at once."""


def group_borders(lowest: float, highest: float) -> NDArray[np.float32]:
    """Signed radii, px, between the groups that cover `lowest..highest`, ascending (front to back).

    Centres stand at 0 and on both sides with steps `1.5 + 0.25 |r|`; a border lies midway between two centres. Group i
    holds the radii from border i-1 up to border i.
    """
    behind, before = _climb(max(highest, 1.0)), _climb(max(-lowest, 1.0))
    centres = np.array([-c for c in reversed(before)] + [0.0] + behind)
    return ((centres[1:] + centres[:-1]) / 2).astype(np.float32)


def fine_borders(borders: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whole radii over all that `borders` parts, the first and the last group too: groups one pixel wide, in which rays are
    traced without gaps."""
    first, last = borders[[0, -1]] + _half_steps(borders)
    return np.arange(np.floor(first) - 1, np.ceil(last) + 2, dtype=np.float32)


def middle_of_groups(borders: NDArray[np.float32]) -> NDArray[np.float32]:
    """A radius inside each of the groups that `borders` parts."""
    first, last = borders[[0, -1]] + _half_steps(borders)
    return np.concatenate([[first], (borders[1:] + borders[:-1]) / 2, [last]]).astype(np.float32)


def _half_steps(borders: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2,) from the first and the last border outward to beyond the centre of their groups."""
    half = FIRST_STEP / 2 + GROWTH / 2 * np.abs(borders[[0, -1]])
    return np.array([-half[0], half[1]], np.float32)


def _climb(reach: float) -> list[float]:
    steps = [FIRST_STEP]
    while steps[-1] < reach:
        steps.append(steps[-1] + FIRST_STEP + GROWTH * steps[-1])
    return steps
