"""Which parts of a frame are the subject and which the background, from whatever is known."""

from __future__ import annotations

import numpy as np

from vdof.check.diagnostics.blur_size import find_blur
from vdof.check.diagnostics.view import Mask, View

_BLURRED, _FOCUSED = 3.0, 1.5
"""Units of coc from which a place is background, and up to which it is in focus."""
_AREA = 0.02, 0.15
"""Shares of the frame that subject and background must have."""


def find_regions(view: View) -> tuple[Mask, Mask] | None:
    """Subject and background (h,w), apart from each other; None where nothing tells, or one of them is too small.

    By the subject's mask and the coc, by the coc alone, or by the blur measured against the sharp reference.
    """
    blur = np.abs(view.coc) if view.coc is not None else view.once(find_blur)
    if view.distance is not None:
        subject, background = view.distance < -3 * view.unit, view.distance > 10 * view.unit
        if blur is not None:
            background &= ~(blur < _FOCUSED * view.unit)
    elif blur is not None:
        subject, background = blur < _FOCUSED * view.unit, blur > _BLURRED * view.unit
    else:
        return None
    return (subject, background) if subject.mean() > _AREA[0] and background.mean() > _AREA[1] else None
