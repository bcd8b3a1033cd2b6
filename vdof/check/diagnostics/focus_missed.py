"""Focus missed: the upper part of the subject, where the eyes are, is not sharp.

Measured as the blur's diameter there in thousandths of the frame's width: the rendered coc where it is known, otherwise the
blur that turns the sharp reference into the picture. 1/1200 of the width is the usual limit of what counts as sharp on a
large screen; 4.5/1000 (3 px at 640, 9 px at 1920) is soft at a glance on a phone. The reason says whether something
else is sharper. It must hold through most of the clip: a pull away from the subject is no miss.
"""

from __future__ import annotations

import numpy as np

from vdof.check.diagnostics.blur_size import find_blur
from vdof.check.diagnostics.sampled import THROUGHOUT, Reading, Rule, Unjudged, enclose
from vdof.check.diagnostics.view import View

_SHARPER = 0.5
"""A place counts as sharper than the eyes from this share of their blur down."""
_SHARPER_AREA = 0.01
"""Share of the frame that must be sharper for focus to lie elsewhere."""


def measure(view: View) -> Reading | Unjudged:
    """Blur of the subject's upper part, thousandths of the width."""
    face = view.upper_subject
    if view.subject is None or face is None:
        return Unjudged("which part of the picture is the subject is not known")
    if face.sum() < 60 * view.unit**2:
        return Unjudged("the subject is too small to see whether its eyes are sharp")
    blur = np.abs(view.coc) if view.coc is not None else view.once(find_blur)
    if blur is None:
        return Unjudged("without the sharp source or the coc a soft face and a missed focus look the same")
    known = face & np.isfinite(blur)
    if 3 * known.sum() < face.sum():
        return Unjudged("the subject has too little texture to tell whether it is sharp")
    size = float(np.median(blur[known]))
    is_sharper = (blur < _SHARPER * size) & ~view.subject
    score = 1000 * size / view.shape[1]
    where = "nothing else is sharper" if is_sharper.mean() < _SHARPER_AREA else "something else is sharper"
    return Reading(score, enclose(face), f"the subject's upper part is blurred by {size:.1f} px; {where}")


RULE = Rule(
    name="focus_missed",
    title="Focus missed: eyes or subject not the sharpest region",
    threshold=4.5,
    action="set focus.point=[x,y] on the eyes (or focus.distance_m=), or subject_distance_m in the shot log; "
    "a larger lens.f_number forgives more",
    measure=measure,
    share=THROUGHOUT,
)
