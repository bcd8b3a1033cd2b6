"""How smoothly blur grows around the subject: the number that the ranking calls softness."""

import cv2
import numpy as np

from vdof.check.look import Look
from vdof.shotlog.look import SHARP_SHARE

CLEARLY_BLURRED = 0.01
"""Coc, as a share of the frame's width, from which everybody sees blur."""
REACH = 0.12
"""How far around the subject's edge the transition is looked for, as a share of the frame's width."""
OF_BACKGROUND = 0.9
"""Where the whole background is less than clearly blurred, this share of its blur ends the transition."""
EVERY = 6
"""Frames between two that are measured."""
THIN = 2
"""Of their rows and columns, every so many count."""


class TransitionGauge:
    """Distance over which blur grows from just sharp to clearly blurred around the subject, in % of the frame's width.

    Just sharp is a coc of 1/1200 of the width, clearly blurred 1/100. The distance is what the blur's mean slope makes of
    it: the area in which blur lies between these two levels (or up to .9 of the background's blur, where that is less),
    times their difference, over the total variation of the blur there. By the co-area formula (Federer 1959) the total
    variation is the length of the lines of equal blur summed over the levels; so a hard step counts with its whole length
    and no area beside it: a cut-out has 0, a floor that leads away many %, and a smaller aperture more than a larger one.
    Only pixels within .12 of the width of the subject's edge count, all of them where no subject is known.
    """

    def __init__(self) -> None:
        self._area = 0.0
        self._length = 0.0
        self._seen = 0

    def add(self, look: Look) -> None:
        """Measure every sixth frame that has a coc."""
        self._seen += 1
        if look.coc is None or (self._seen - 1) % EVERY:
            return
        blur = np.abs(look.coc[::THIN, ::THIN]) / THIN
        subject = None if look.subject is None else look.subject[::THIN, ::THIN]
        width = blur.shape[1]
        near = find_surroundings(subject, round(REACH * width))
        low = SHARP_SHARE * width
        away = blur if subject is None else blur[~subject]
        high = min(CLEARLY_BLURRED * width, OF_BACKGROUND * float(np.median(away))) if away.size else 0.0
        if high <= 1.5 * low:
            return
        area, variation = measure_band(blur, low, high, near)
        self._area += area / width
        self._length += variation / ((CLEARLY_BLURRED - SHARP_SHARE) * width)

    def finish(self) -> float | None:
        """In % of the frame's width; None where nothing goes from sharp to blurred, or coc is not known."""
        return 100 * self._area / self._length if self._length > 0 else None


def measure_band(blur: np.ndarray, low: float, high: float, near: np.ndarray | None) -> tuple[float, float]:
    """Area, px, in which `blur` (h,w) px lies between the levels, and total variation, px of blur times px, there."""
    clipped = np.clip(blur, low, high)
    steps = np.hypot(np.diff(clipped, axis=1)[:-1], np.diff(clipped, axis=0)[:, :-1])
    is_between = ((blur > low) & (blur < high))[:-1, :-1]
    if near is not None:
        steps, is_between = steps * near[:-1, :-1], is_between & near[:-1, :-1]
    return float(is_between.sum()), float(steps.sum())


def find_surroundings(subject: np.ndarray | None, reach: int) -> np.ndarray | None:
    """Where the picture is within `reach` px of the edge of `subject` (h,w) bool; None: everywhere."""
    if subject is None or not subject.any() or subject.all():
        return None
    mask = subject.astype(np.uint8)
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    return np.asarray(np.maximum(outside, inside) <= reach)
