"""Faults along the line where focus ends: a halo or cut-out, and hair that smokes.

With the sharp source, the line at which the coc steps is compared with the edge of the picture near it. Where the picture
goes on unchanged across the line and changes only some pixels before it, a rim of sharp background goes with the subject
(cut-out); where it changes only beyond, hair or an ear is blurred with the background and dissolves. And behind the line the
picture is compared with what the blurred background must be there: more light, or the subject's colours, is a halo.
Lengths are in pixels of a 640 px picture: 4 (6/1000 of the width, 12 px at 1920) are several times what a good matte misses
by, and show at arm's length on a phone. A halo shows from 15 of 255 codes on, many
times the smallest step that is seen along an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.diagnostics.outline import Outline, find_outline
from vdof.check.diagnostics.sampled import Box, Reading, Rule, Unjudged, enclose
from vdof.check.diagnostics.view import Map, View

_LIMIT = 4.0
"""Units between the line and the edge of the picture."""
_WINDOW = 3
"""Bands on each side of an edge that are compared."""
_CONTRAST = 0.1
"""Step of colour, display-encoded, that makes an edge."""
_CLEAR = 1.0
"""Step over the deviation along the segment from which it is one."""
_UNCHANGED = 0.45
"""The picture goes on across the line where its step there is less than this share of the edge's."""
_SEEN = 0.02
"""Mean change by the blur, display-encoded, from which the end of focus is seen."""
_ALIGNED = 3.0
"""Units: nearer edges are the line's own."""
_CLIPPED = 0.97
"""Display-encoded value from which a light may have been clipped."""
_GLOW = 0.06
"""Light or colour too much, display-encoded."""
_COC = (3.0, 48.0)
"""Units of coc behind the line for which the background can be predicted."""
_HALO_PART, _SMOKE_PART = (0.08, 64.0), (0.05, 40.0)
"""Share of the line, and units of it, that a fault must cover: an arm's length of halo, hair at the top of a head."""
_LEAST = 96.0
"""Units of line that must be judged: three segments."""

_NO_SOURCE = "needs the sharp source and the coc: without them an edge cannot be told from the background's own"
_NO_LINE = "nothing in focus stands before a clearly blurred background of another colour"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Edges:
    """What was measured along the line, per segment."""

    outline: Outline
    shift: Floats
    """(n,) units from the line to the edge of the picture, above 0 behind it."""
    glow: Floats
    """(n,) light or colour too much behind the line, display-encoded."""
    can_tell: NDArray[np.bool_]


def measure_halo(view: View) -> Reading | Unjudged:
    """Strength of a halo, 1 at the limit."""
    edges = view.once(_measure)
    if isinstance(edges, Unjudged):
        return edges
    rim, glow = np.maximum(0, -edges.shift) / _LIMIT, edges.glow / _GLOW
    is_rim = _top(edges, rim, _HALO_PART)[0] > _top(edges, glow, _HALO_PART)[0]
    kind = "a rim of background stays sharp around the subject" if is_rim else "light surrounds the subject's edge"
    return _read(edges, np.maximum(rim, glow), _HALO_PART, kind)


def measure_smoke(view: View) -> Reading | Unjudged:
    """Width of what dissolves beyond the line, 1 at the limit."""
    edges = view.once(_measure)
    if isinstance(edges, Unjudged):
        return edges
    return _read(edges, np.maximum(0, edges.shift) / _LIMIT, _SMOKE_PART, "the subject goes on beyond where focus ends")


def _measure(view: View) -> Edges | Unjudged:
    if view.sharp is None or view.coc is None:
        return Unjudged(_NO_SOURCE)
    outline = find_outline(view)
    if outline is None:
        return Unjudged(_NO_LINE)
    shift, can_tell = _find_shift(outline, view.sharp)
    shift = np.where(_find_loss(outline, shift) > _SEEN, shift, 0)
    return Edges(outline, shift, np.where(shift == 0, _find_glow(outline), 0), can_tell)


def _find_shift(outline: Outline, sharp: Map) -> tuple[Floats, NDArray[np.bool_]]:
    """Distance of each segment's edge from the line, and which segments have an edge."""
    means, spread, count = outline.profile(sharp)
    steps, noise = [], []
    places = np.arange(_WINDOW, len(outline.bands) - _WINDOW + 1)
    for place in places:
        sides = [
            _average(means, spread, count, slice(*ends))
            for ends in ((place - _WINDOW, place), (place, place + _WINDOW))
        ]
        steps.append(
            np.where(np.minimum(sides[0][2], sides[1][2]) > 12, np.linalg.norm(sides[0][0] - sides[1][0], axis=1), 0)
        )
        noise.append(np.sqrt((sides[0][1] + sides[1][1]) / 2))
    step, where = np.stack(steps, 1), outline.bands[places] - (outline.bands[1] - outline.bands[0]) / 2
    clear = np.where(step > _CLEAR * np.stack(noise, 1), step, 0)
    best = clear.argmax(axis=1)
    strongest = np.take_along_axis(clear, best[:, None], 1)[:, 0]
    at_line = step[:, np.abs(where) <= _ALIGNED].max(axis=1)
    is_shifted = at_line < np.minimum(_UNCHANGED * strongest, _CONTRAST)
    can_tell = (strongest > _CONTRAST) & (outline.length > 10)
    return np.where(is_shifted, where[best], 0.0), can_tell


def _find_loss(outline: Outline, shift: Floats) -> Floats:
    """(n,) how much the blur changes the picture where focus ends: what makes a misplaced line visible.

    Behind the line for a rim, in what dissolves for hair; mean difference to the source, display-encoded.
    """
    view = outline.view
    assert view.sharp is not None
    means, _, count = outline.profile(np.abs(view.sharp - view.image))
    behind = (outline.bands > 1) & (outline.bands < np.where(shift > 0, shift, 10.0)[:, None])
    weight = count * behind
    return (means.mean(axis=2) * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1)


def _average(means: Floats, spread: Floats, count: Floats, bands: slice) -> tuple[Floats, Floats, Floats]:
    """Colour, mean squared deviation and pixels of several bands together."""
    weight = count[:, bands]
    total = np.maximum(weight.sum(axis=1), 1)
    return (
        (means[:, bands] * weight[..., None]).sum(axis=1) / total[:, None],
        (spread[:, bands] * weight).sum(axis=1) / total,
        weight.sum(axis=1),
    )


def _find_glow(outline: Outline) -> Floats:
    """(n,) by how much the picture just behind the line is lighter, or nearer to the front's colour, than it must be."""
    view = outline.view
    assert view.coc is not None
    assert view.sharp is not None
    behind = ~outline.is_front & outline.near_line & (np.abs(outline.distance) < 16)
    coc = float(np.median(view.coc[behind])) if behind.any() else 0.0
    if not _COC[0] <= coc / view.unit <= _COC[1]:
        return np.zeros(outline.count)
    expected = _blur_background(view.sharp, ~outline.is_front, coc / 4)
    bands = [slice(*np.searchsorted(outline.bands, ends)) for ends in ((1.5, 6.0), (-12.0, -4.0))]
    must, source, shown = (outline.profile(picture) for picture in (expected, view.sharp, view.image))
    extra = _average(*shown, bands[0])[0] - _average(*must, bands[0])[0]
    way = _average(*source, bands[1])[0] - _average(*must, bands[0])[0]
    contrast = np.linalg.norm(way, axis=1)
    towards_front = (extra * way).sum(axis=1) / np.maximum(contrast, 0.2)
    glow = np.maximum(np.minimum(towards_front, contrast), extra.mean(axis=1))
    lamps = _spread_lamps(view.sharp, ~outline.is_front, coc)
    return np.where(_average(*outline.profile(lamps), bands[0])[0][:, 0] > 0.02, 0, glow)


def _spread_lamps(sharp: Map, is_behind: NDArray[np.bool_], coc: float) -> Map:
    """1 (h,w,3) where a clipped light behind the line may have thrown its disc: nobody knows how bright it was."""
    lamps = ((sharp.max(axis=2) > _CLIPPED) & is_behind).astype(np.uint8)
    side = 2 * round(0.8 * coc) + 1
    spread = cv2.dilate(lamps, np.ones((side, side), np.uint8)).astype(np.float32)
    return np.repeat(spread[..., None], 3, axis=2)


def _blur_background(sharp: Map, is_behind: NDArray[np.bool_], sigma: float) -> Map:
    """The source behind the line, blurred in light without what is in front."""
    weight = is_behind.astype(np.float32)
    light = cv2.GaussianBlur((sharp**2.2) * weight[..., None], (0, 0), sigma)
    share = np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-4)
    return np.asarray(np.power(np.maximum(light / share[..., None], 0), 1 / 2.2), np.float32)


def _top(edges: Edges, amount: Floats, part: tuple[float, float]) -> tuple[float, float]:
    """What the worst part of the line that can tell exceeds, and that line's length in units."""
    length = edges.outline.length[edges.can_tell]
    if not len(length):
        return 0.0, 0.0
    order = np.argsort(amount[edges.can_tell])
    total = float(length.sum())
    covered = total - np.cumsum(length[order])
    last = int(np.argmax(covered <= max(part[0] * total, part[1])))
    return float(amount[edges.can_tell][order][last]), total


def _read(edges: Edges, amount: Floats, part: tuple[float, float], words: str) -> Reading | Unjudged:
    """The reading of one frame, and where it is worst."""
    score, length = _top(edges, amount, part)
    if length < _LEAST:
        return Unjudged(_NO_LINE)
    detail = (
        f"{words}: {score:.1f} times what shows"
        if score >= 1
        else f"at the subject's edge {score:.1f} of what would show"
    )
    return Reading(score, _box(edges, amount), detail)


def _box(edges: Edges, amount: Floats) -> Box | None:
    outline = edges.outline
    worst = int(np.argmax(np.where(edges.can_tell, amount, -1)))
    return enclose(outline.near_line & (outline.segment == worst) & (np.abs(outline.distance) < 10))


HALO = Rule(
    name="halo",
    title="Double light edges, cut-out: a halo along the subject's edge",
    threshold=1.0,
    action="use depth with finer edges (depth=transformers, or depth=files with depth.path=) and keep bokeh.reveal=true; "
    "a larger lens.f_number hides it",
    measure=measure_halo,
)
SMOKE = Rule(
    name="smoke",
    title="Hair or ear smokes into the background",
    threshold=1.0,
    action="use depth that holds thin things (depth=transformers, or depth=files with depth.path=) and keep "
    "bokeh.reveal=true; a larger lens.f_number hides it",
    measure=measure_smoke,
)
