"""Focus over time, as a focus puller would: held through dropouts, never faster than a hand, begun before it is needed.

Everything here counts in dioptres (1/m), in which blur is linear, over the frames of one shot.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

PEAK_SPEED = 1.875
"""Greatest slope of `ease`, relative to its mean."""

Track = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pull:
    """Focus goes over to `track` and has arrived at `arrival_s`."""

    arrival_s: float
    """Presentation time."""
    track: Track
    """(n,) dioptres of the new target in every frame of the shot."""
    duration_s: float
    """Wanted; a pull takes longer where the speed limit asks for it."""


def ease(share: Track) -> Track:
    """0..1 -> 0..1 without a jerk at either end (minimum jerk: Flash & Hogan, J. Neurosci. 5, 1985)."""
    x = np.clip(share, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def hold_dropouts(values: Track, is_seen: NDArray[np.bool_]) -> Track:
    """Values of frames in which the subject was not seen, carried over from those in which it was."""
    if is_seen.all() or not is_seen.any():
        return values
    places = np.arange(len(values))
    return np.interp(places, places[is_seen], values[is_seen])


def limit_speed(track: Track, seconds: Track, dioptres_per_s: float) -> Track:
    """The track with no step faster than the limit, nearest to the given one; a jump is begun before it comes.

    Halfway between the lowest track above and the highest below that keep the limit (both inf-convolutions with a cone).
    """
    steps = np.diff(seconds) * dioptres_per_s
    low, high = track.copy(), track.copy()
    for i in range(1, len(track)):
        low[i] = min(low[i], low[i - 1] + steps[i - 1])
        high[i] = max(high[i], high[i - 1] - steps[i - 1])
    for i in range(len(track) - 2, -1, -1):
        low[i] = min(low[i], low[i + 1] + steps[i])
        high[i] = max(high[i], high[i + 1] - steps[i])
    return (low + high) / 2


def pull_focus(first: Track, pulls: Sequence[Pull], seconds: Track, dioptres_per_s: float) -> Track:
    """Focus of every frame, dioptres: on `first`, then along the pulls.

    Args:
        first: (n,) what is in focus before the first pull.
        pulls: in order of arrival.
        seconds: (n,) presentation time.
        dioptres_per_s: speed limit.

    A pull begins early enough to arrive in time at the limited speed; where the pull before it leaves no time for that,
    it arrives late, and the log says so.
    """
    focus, free_from = first, -np.inf
    for pull in pulls:
        at = int(np.clip(np.searchsorted(seconds, pull.arrival_s), 0, len(seconds) - 1))
        change = abs(pull.track[at] - focus[at])
        duration = max(pull.duration_s, PEAK_SPEED * change / dioptres_per_s, 1e-6)
        begin = max(free_from, pull.arrival_s - duration)
        late = begin + duration - pull.arrival_s
        if late > 0.02:
            log.warning(
                "focus: the pull to %.2f m at %.2f s arrives %.2f s late; move its keyframe, or raise focus.speed_dpt_s",
                1 / max(pull.track[at], 1e-4), pull.arrival_s, late,
            )  # fmt: skip
        weight = ease((seconds - begin) / duration)
        focus = focus + weight * (pull.track - focus)
        free_from = begin + duration
    return limit_speed(focus, seconds, dioptres_per_s)
