"""Blurred wall too close to the subject: the distance behind it is missing.

Judged on the coc of what is blurred behind the subject. A street, a room or a garden has many distances, and its coc grows
with each; a background whose coc is one number is a wall. Close behind a subject its blur is small: with 85 mm at f/1.8 and
a subject at 2 m, a wall 1 m behind has a coc of 2 % of the width, infinity one of 6 %. So: one number (its 10th percentile
over its 90th, 1 for a wall, .2 to .6 for places seen), and that number at most 2 % of the width.
"""

from __future__ import annotations

import numpy as np

from vdof.check.diagnostics.sampled import Reading, Rule, Unjudged, enclose
from vdof.check.diagnostics.view import View

_BLURRED = 3.0
"""Units of coc from which the background counts as blurred on purpose."""
_IN_FOCUS = 0.35
"""The subject's coc over the background's: more, and focus is somewhere else."""
_CLOSE = 0.02
"""Share of the width: coc of a wall that is close."""
_AREA = 0.2
"""Share of the frame that must be blurred background."""


def measure(view: View) -> Reading | Unjudged:
    """How much the background is one close distance: its 10th over its 90th percentile of coc, less where it is far."""
    if view.coc is None:
        return Unjudged("needs the coc: how far the background is cannot be seen from its blur alone")
    if view.distance is None:
        return Unjudged("which part of the picture is the subject is not known")
    assert view.subject is not None
    own = float(np.median(np.abs(view.coc[view.subject])))
    behind = (view.coc > _BLURRED * view.unit) & (view.distance > 8 * view.unit)
    if behind.mean() < _AREA:
        return Unjudged("too little of the picture is blurred background")
    low, middle, high = np.percentile(view.coc[behind], (10, 50, 90))
    if own > _IN_FOCUS * middle:
        return Unjudged("the subject is not in focus")
    level = float(middle) / view.shape[1]
    score = float(low / high) * min(1.0, _CLOSE / level)
    return Reading(
        score,
        enclose(view.distance < 12 * view.unit, 0.08),
        f"the background's blur is {100 * level:.1f} % of the width, at its least {100 * low / high:.0f} % of its most",
    )


RULE = Rule(
    name="wall",
    title="Blurred wall too close to the subject: the distance is missing",
    threshold=0.8,
    action="give calibrate.background_distance_m=, or background_distance_m in the shot log, from subject to background; "
    "if the depth itself is flat, a better estimate (depth=transformers)",
    measure=measure,
)
