"""Not separated: in a thumbnail 96 px wide the subject cannot be told from what is behind it.

Along the subject's outline the colours of the thumbnail on both sides are compared. A difference below 5 % of the scale
(13 codes), or no larger than the background has a step farther out, goes under at that size; where most of the outline has
less, the figure has no shape. The outline is where the coc steps: no step, no outline to judge.
"""

from __future__ import annotations

import cv2
import numpy as np

from vdof.check.diagnostics.outline import Floats, Outline, find_fine_outline
from vdof.check.diagnostics.sampled import Reading, Rule, Unjudged, enclose
from vdof.check.diagnostics.view import View

_THUMBNAIL = 96
"""px"""
_DIFFERENCE = 0.05
"""Display-encoded, over the three channels."""
_OVER_TEXTURE = 1.2
"""The difference over the one between the background here and a little farther out."""
_SIDES = (-11.0, -2.0), (2.0, 11.0), (12.0, 21.0)
"""Units from the line, in front, behind and farther out: more than a pixel of the thumbnail each."""
_LEAST = 320.0
"""Units of outline that must be judged: half the frame's width."""


def measure(view: View) -> Reading | Unjudged:
    """Share of the outline that cannot be seen in the thumbnail."""
    if view.coc is None or view.subject is None:
        return Unjudged("needs the subject and the coc: its outline is not known")
    outline = view.once(find_fine_outline)
    if outline is None:
        return Unjudged("the coc has no step around the subject: its outline is not known")
    sigma = max(view.shape) / _THUMBNAIL / 2
    means, _, count = outline.profile(np.asarray(cv2.GaussianBlur(view.image, (0, 0), sigma), np.float32))
    inside, outside, beyond = (_average(outline, means, count, band) for band in _SIDES)
    difference, texture = (np.sqrt(((one - outside[0]) ** 2).mean(axis=1)) for one in (inside[0], beyond[0]))
    known = np.minimum(inside[1], outside[1]) > 40 * view.unit**2
    length = np.where(known, outline.length, 0)
    if length.sum() < _LEAST:
        return Unjudged("too little of the subject's outline is known")
    lost = (difference < _DIFFERENCE) | (difference < _OVER_TEXTURE * texture)
    score = float(length[lost].sum() / length.sum())
    box = enclose(outline.near_line & (np.abs(outline.distance) < 8) & known[outline.segment], 0.05)
    return Reading(score, box, f"{100 * score:.0f} % of the outline is lost in a thumbnail of {_THUMBNAIL} px")


def _average(outline: Outline, means: Floats, count: Floats, band: tuple[float, float]) -> tuple[Floats, Floats]:
    """Mean colour (n,3) of a band and its pixels (n,)."""
    chosen = (outline.bands > band[0]) & (outline.bands < band[1])
    weight = count[:, chosen]
    total = weight.sum(axis=1)
    return (means[:, chosen] * weight[..., None]).sum(axis=1) / np.maximum(total, 1)[:, None], total


RULE = Rule(
    name="separation",
    title="Not separated: the subject is lost in a thumbnail",
    threshold=0.7,
    action="open the lens (a smaller lens.f_number), a longer lens.focal_length_mm, or more background_distance_m; light or "
    "dress the subject apart from what is behind",
    measure=measure,
)
