"""Smooth face with a garish background, and a background erased to mud: the two ways in which the eye loses its order.

The eye goes to detail and colour. A subject that has less of both than its blurred background has lost it (both in the same
picture, so that noise cancels): the score is the smaller of the two ratios background to subject, in stops. A grey animal
in a meadow is not garish as long as its fur has the detail.

And a background in which the structures of a fortieth to an eighth of the width are gone says nothing about the place: the
score is the share of their contrast (RMS, display-encoded) that the blur took from a source that had them.
"""

from __future__ import annotations

import cv2
import numpy as np

from vdof.check.diagnostics.regions import find_regions
from vdof.check.diagnostics.sampled import Reading, Rule, Unjudged, enclose
from vdof.check.diagnostics.view import Map, Mask, View

_FINE, _MIDDLE, _COARSE = 1.5, 4.0, 20.0
"""Units: deviations of the Gaussians that part detail from contrast, and structure from shading."""
_NOISE = 0.004
"""Detail, display-encoded RMS, that is only noise or compression."""
_STRUCTURE = 0.02
"""Contrast of structures in the source below which there is nothing to erase."""

_NOT_KNOWN = "which part is subject and which background is not known"


def measure_hierarchy(view: View) -> Reading | Unjudged:
    """By how many stops the background has more than the subject: the smaller of detail and colour."""
    regions = view.once(find_regions) if view.subject is not None or view.coc is not None else None
    if regions is None:
        return Unjudged(_NOT_KNOWN)  # a smoothed face cannot be told from a blurred one by the source alone
    subject, background = regions
    face = view.upper_subject if view.upper_subject is not None and view.upper_subject.sum() > 200 else subject
    fine = cv2.GaussianBlur(view.image, (0, 0), _FINE * view.unit)
    detail = np.abs(view.image - fine).mean(axis=2)
    colour = fine.max(axis=2) - fine.min(axis=2)
    stops = [
        compare(detail, background, face, _NOISE),
        compare(colour, background, face, 0.05),
    ]
    words = "{:+.1f} stops of detail and {:+.1f} of colour over the subject".format(*stops)
    return Reading(min(stops), enclose(face, 0.1), f"the background has {words}")


def compare(values: Map, background: Mask, subject: Mask, floor: float) -> float:
    """log2 of the upper quartile in the background over that in the subject."""
    high, low = (float(np.percentile(values[mask], 75)) for mask in (background, subject))
    return float(np.log2((high + floor) / (low + floor)))


def measure_mud(view: View) -> Reading | Unjudged:
    """Share of the background's structure that the blur took, 0..1."""
    if view.sharp_luma is None:
        return Unjudged("needs the sharp source: a plain wall and a background erased look the same")
    regions = view.once(find_regions)
    if regions is None:
        return Unjudged(_NOT_KNOWN)
    inner = regions[1]
    if view.distance is not None:
        inner = inner & (view.distance > 16 * view.unit)
    if inner.mean() < 0.05:
        return Unjudged("too little background to judge")
    was, now = (measure_structure(luma, inner, view.unit) for luma in (view.sharp_luma, view.luma))
    if was < _STRUCTURE:
        return Unjudged("the background has no structure in the source either")
    return Reading(
        1 - now / was,
        enclose(inner, 0),
        f"the background's structure has a contrast of {100 * now:.1f} %, {100 * was:.1f} % in the source",
    )


def measure_structure(luma: Map, where: Mask, unit: float) -> float:
    """RMS of the structures between `_MIDDLE` and `_COARSE` in `where`; what lies outside has no part in it."""
    size = max(1, luma.shape[1] // 2), max(1, luma.shape[0] // 2)
    weight = np.asarray(cv2.resize(where.astype(np.float32), size, interpolation=cv2.INTER_AREA))
    held = np.asarray(cv2.resize(luma * where, size, interpolation=cv2.INTER_AREA))
    middle, coarse = (
        cv2.GaussianBlur(held, (0, 0), sigma * unit / 2)
        / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma * unit / 2), 1e-3)
        for sigma in (_MIDDLE, _COARSE)
    )
    return float(np.sqrt(((middle - coarse)[weight > 0.9] ** 2).mean()))


HIERARCHY = Rule(
    name="hierarchy",
    title="Smooth face with a garish background: failed hierarchy",
    threshold=0.1,
    action="open the lens (a smaller lens.f_number) and take saturation and contrast out of the background; leave the face "
    "its texture",
    measure=measure_hierarchy,
)
MUD = Rule(
    name="mud",
    title="Background erased to mud: no readable structure",
    threshold=0.8,
    action="stop down (a larger lens.f_number) or give a smaller background_distance_m, until the place can be recognised",
    measure=measure_mud,
)
