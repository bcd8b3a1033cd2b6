"""Round and oval bokeh mixed: discs of one picture that no single lens draws.

Every disc's shape is a vector (how much longer than wide, and which way). One lens gives all discs the same shape
(anamorphic), plus what the barrel cuts off: shorter along the line to the centre, more with the square of the distance
(cat-eye). What remains is compared with a quarter: one axis 28 % longer than the other, seen at a glance. One odd disc is a
lamp; a third of them that differ alike are a second lens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vdof.check.diagnostics.discs import NO_SOURCE, Disc, find_discs
from vdof.check.diagnostics.sampled import Box, Reading, Rule, Unjudged
from vdof.check.diagnostics.view import View

_FEWEST = 6
"""Discs."""
_STRANGERS = 3
"""Discs of another shape that make a second family."""
_SHARE = 0.2
"""Of the discs that must be of it."""
_OWN = 0.12
"""Deviation from the lens' shape that pixels and lamps give."""


def measure(view: View) -> Reading | Unjudged:
    """Difference of the two families of shapes."""
    if view.sharp is None and view.coc is None:
        return Unjudged(NO_SOURCE)
    discs = view.once(find_discs)
    if len(discs) < _FEWEST:
        return Unjudged(f"fewer than {_FEWEST} clear discs of lights")
    rest = deviate(discs, view)
    size = np.linalg.norm(rest, axis=1)
    odd = size > 2 * _OWN
    if odd.sum() < max(_STRANGERS, _SHARE * len(discs)):
        return Reading(float(np.median(size)), None, f"{len(discs)} discs are of one family")
    score = float(np.linalg.norm(rest[odd].mean(axis=0)))
    words = (
        f"{int(odd.sum())} of {len(discs)} discs are {100 * (np.exp(score) - 1):.0f} % longer one way than the others"
    )
    return Reading(score, surround([discs[i] for i in np.nonzero(odd)[0]], view), words)


def deviate(discs: list[Disc], view: View) -> NDArray[np.float64]:
    """What the shapes (n,2) have that one lens with one barrel does not explain, by repeatedly reweighted least squares."""
    shapes = np.array([disc.shape for disc in discs])
    centre = np.array([view.shape[1], view.shape[0]]) / 2
    way = (np.array([(disc.x, disc.y) for disc in discs]) - centre) / np.linalg.norm(centre)
    cut = -np.stack([way[:, 0] ** 2 - way[:, 1] ** 2, 2 * way[:, 0] * way[:, 1]], axis=1)
    best = np.full_like(shapes, np.inf)
    for start in shapes[:: max(1, len(shapes) // 12)]:
        rest = shapes - start
        for _ in range(8):
            weight = 1 / (1 + (np.linalg.norm(rest, axis=1) / _OWN) ** 2) ** 2
            common, amount = fit(shapes, cut, weight)
            rest = shapes - common - amount * cut
        if np.median(np.linalg.norm(rest, axis=1)) < np.median(np.linalg.norm(best, axis=1)):
            best = rest
    return best


def fit(shapes: NDArray, cut: NDArray, weight: NDArray) -> tuple[NDArray, float]:
    """The common shape (2,) and the amount of cat-eye, 0 or more."""
    total = weight.sum()
    mean_shape, mean_cut = weight @ shapes / total, weight @ cut / total
    spread = float((weight[:, None] * (cut - mean_cut) ** 2).sum())
    along = float((weight[:, None] * (cut - mean_cut) * (shapes - mean_shape)).sum())
    amount = min(1.5, max(0.0, along / spread)) if spread > 1e-3 else 0.0
    return mean_shape - amount * mean_cut, amount


def surround(discs: list[Disc], view: View) -> Box:
    """The box around the first of the discs."""
    disc = discs[0]
    reach_x, reach_y = (2.5 * disc.diameter / side for side in view.shape[::-1])
    x, y = disc.x / view.shape[1], disc.y / view.shape[0]
    return max(0.0, x - reach_x), max(0.0, y - reach_y), min(1.0, x + reach_x), min(1.0, y + reach_y)


RULE = Rule(
    name="mixed_bokeh",
    title="Round and oval bokeh mixed",
    threshold=0.25,
    action="render every shot with one lens: the same lens.squeeze, lens.blades and lens.cat_eye throughout",
    measure=measure,
)
