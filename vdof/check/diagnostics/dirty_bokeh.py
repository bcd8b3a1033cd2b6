"""Dirty bokeh: discs with a hard rim, a coloured fringe or a veil around them.

Measured on the discs' radial profile in light, over what surrounds them. A clean disc is even: rim over middle 1; old lenses
with their soap bubbles reach 1.3 to 1.5 and are liked, 1.6 is outlining. Nothing lies outside: 5 % of the disc's light in
the darkest quarter of the ring from 1.3 to 1.6 radii is a veil. Colour: by how much the channels' edges differ, as a share of
their own light; 15 % is a plain green or magenta ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vdof.check.diagnostics.discs import NO_SOURCE, Disc, find_discs
from vdof.check.diagnostics.mixed_bokeh import surround
from vdof.check.diagnostics.sampled import Reading, Rule, Unjudged
from vdof.check.diagnostics.view import View

_FEWEST = 4
"""Discs."""
_DIAMETER = 10.0
"""Units from which a disc has a middle and a rim."""
_RIM, _VEIL, _FRINGE = 0.6, 0.05, 0.15
"""Limits: excess of the rim over the middle; light outside; shift of colour."""
_RINGS = ((0, 0.55), (0.7, 0.95), (0.93, 1.12), (1.3, 1.6), (2.2, 2.8))
"""In radii: middle, rim, edge, what lies outside, and what surrounds it."""
_DARKEST = 25
"""Percentile of what lies outside: a veil lies all around its disc, neighbouring discs on some sides only."""
_CLIPPED = 0.97
"""Light from which a channel may have been clipped, and says nothing."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How one disc deviates from a clean one."""

    rim: float
    veil: float
    fringe: float


def measure(view: View) -> Reading | Unjudged:
    """The worst of rim, veil and fringe over its limit: the median of the discs."""
    if view.sharp is None and view.coc is None:
        return Unjudged(NO_SOURCE)
    discs = [disc for disc in view.once(find_discs) if disc.diameter >= _DIAMETER * view.unit]
    pairs = [(disc, profile) for disc in discs if (profile := profile_disc(view, disc)) is not None]
    if len(pairs) < _FEWEST:
        return Unjudged(f"fewer than {_FEWEST} clear discs of unclipped lights")
    amounts = np.array([(p.rim / _RIM, p.veil / _VEIL, p.fringe / _FRINGE) for _, p in pairs])
    scores = np.median(amounts, axis=0)
    worst = int(scores.argmax())
    words = ("a hard rim", "a veil", "a coloured fringe")[worst]
    advice = (
        "lens.spherical_aberration=0",
        "a source without glow, or bokeh.highlights.gain=0",
        "lens.axial_colour_um=0",
    )[worst]
    return Reading(
        float(scores[worst]),
        surround([pairs[int(amounts[:, worst].argmax())][0]], view),
        f"{len(pairs)} discs have {words} of {scores[worst]:.1f} times what shows",
        f"set {advice}",
    )


def profile_disc(view: View, disc: Disc) -> Profile | None:
    """Rim, veil and fringe of one disc; None where it is clipped or its surroundings are not dark."""
    radius = disc.diameter / 2
    reach = int(_RINGS[-1][1] * radius) + 2
    top, left = max(0, int(disc.y) - reach), max(0, int(disc.x) - reach)
    patch = view.light[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
    rows, columns = np.mgrid[: patch.shape[0], : patch.shape[1]]
    dx, dy = columns + left - disc.x, rows + top - disc.y
    distance = stretch(dx, dy, disc.shape) / radius
    rings = [(distance >= low) & (distance < high) for low, high in _RINGS]
    if min(ring.sum() for ring in rings) < 8:
        return None
    middle, rim, edge = (patch[ring].mean(axis=0) for ring in rings[:3])
    near, far = (np.percentile(patch[ring], _DARKEST, axis=0) for ring in rings[3:])
    if max(middle.max(), rim.max()) > _CLIPPED or disc.around > 0.5 * disc.level:
        return None
    body = middle - far
    strong = body > 0.25 * body.max()
    level = float(body[strong].mean())
    ratio, edges = (rim - far)[strong] / body[strong], (edge - far)[strong] / body[strong]
    return Profile(
        rim=float(np.median(ratio)) - 1,
        veil=float((near - far)[strong].mean()) / max(level, 1e-3),
        fringe=float(np.ptp(edges)) if strong.sum() > 1 else 0.0,
    )


def stretch(dx: np.ndarray, dy: np.ndarray, shape: tuple[float, float]) -> np.ndarray:
    """Distance from the middle in which an ellipse of this shape is a circle of the same area."""
    size = float(np.hypot(*shape))
    angle = 0.5 * float(np.arctan2(shape[1], shape[0]))
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    return np.asarray(np.hypot(along * np.exp(-size / 2), across * np.exp(size / 2)))


RULE = Rule(
    name="dirty_bokeh",
    title="Dirty bokeh: halo, fringe or hard rim",
    threshold=1.0,
    action="set lens.spherical_aberration=0 and lens.axial_colour_um=0",
    measure=measure,
)
