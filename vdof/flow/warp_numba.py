"""The forward-backward check, compiled for the CPU."""

from __future__ import annotations

import numpy as np

from vdof.compiled import compiled

one = np.float32(1)


@compiled
def gap_rows(y0, y1, forward, backward, gap):  # type: ignore[no-untyped-def]
    """The squared gap (h,w) of the way there and back over what the check allows; inf where it leads outside."""
    h, w = gap.shape
    for y in range(y0, y1):
        for x in range(w):
            there_x, there_y = forward[y, x, 0], forward[y, x, 1]
            at_x, at_y = x + there_x, y + there_y
            if not (0 <= at_x <= w - 1 and 0 <= at_y <= h - 1):
                gap[y, x] = np.inf
                continue
            left, top = int(at_x), int(at_y)
            right, bottom = min(left + 1, w - 1), min(top + 1, h - 1)
            a, b = np.float32(at_x - left), np.float32(at_y - top)
            upper = backward[top, left, 0] * (one - a) + backward[top, right, 0] * a
            back_x = upper * (one - b) + (backward[bottom, left, 0] * (one - a) + backward[bottom, right, 0] * a) * b
            upper = backward[top, left, 1] * (one - a) + backward[top, right, 1] * a
            back_y = upper * (one - b) + (backward[bottom, left, 1] * (one - a) + backward[bottom, right, 1] * a) * b
            ways = there_x * there_x + there_y * there_y + back_x * back_x + back_y * back_y
            missed_x, missed_y = there_x + back_x, there_y + back_y
            gap[y, x] = (missed_x * missed_x + missed_y * missed_y) / (np.float32(0.01) * ways + np.float32(0.5))
