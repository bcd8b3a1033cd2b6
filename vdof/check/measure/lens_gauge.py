"""Breathing as vdof's own circles of confusion show it: what was rendered against what lens and scene ask for.

A point's disparity is what the rendered coc says at the point; what it should be is its own mean along the track, as the
lens of each frame blurs it. What the picture itself shows of growing and shrinking (an approaching subject, a dolly, a
hand-held camera) is offered as a cause: disparity grows with size. Focus that somebody planned is taken as it is; focus
that follows the depth estimate must not pulse either.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.look import LensState, Look
from vdof.check.measure.bands import split_bands
from vdof.check.measure.curves import fit_common, fit_groups
from vdof.check.measure.evidence import Evidence
from vdof.check.measure.judge import Region, Stretch
from vdof.check.measure.shot_gauge import ShotGauge, find_share
from vdof.focus.config import FocusConfig
from vdof.focus.observe import smooth_track

SHARP = 1 / 500
"""Coc that looks sharp, as a share of the frame's longer side; smaller ones are all alike."""
_TREND_ORDER = 2
_LEAST = (12, 0.04)
"""A region of fewer points or a smaller share of them is not judged."""
_MOST_EXPLAINED = 2.0
"""How many times the growth that flow measures may stand for: its own smoothness makes it too small."""
_EDGE = 0.2
"""Relative range of coc around a point from which on it counts half: an edge in depth."""

Array = NDArray[np.float64]


class LensGauge(ShotGauge):
    """A `Gauge` of the rendered coc."""

    def __init__(self, threshold: float) -> None:
        super().__init__("pipeline", threshold, _TREND_ORDER, ("coc", "weight", "is_subject"))

    def _restart(self) -> None:
        super()._restart()
        self._lenses: list[LensState] = []

    def _measure(self, look: Look) -> None:
        """See one more frame; it must have `coc` and `lens`."""
        assert look.coc is not None
        assert look.lens is not None
        sight = self._follower.follow(to_grey(look.image if look.sharp is None else look.sharp))
        coc = look.coc
        self._size = max(coc.shape)
        subject = np.zeros(len(sight.ids)) if look.subject is None else sight.sample(look.subject.astype(np.float32))
        weight = sight.sample(weigh(coc, SHARP * self._size))
        self._table.add(
            look.index, look.seconds, sight, {"coc": sight.sample(coc), "weight": weight, "is_subject": subject}
        )
        self._lenses.append(look.lens)

    def _reduce(self, evidence: Evidence) -> list[Stretch]:
        return [find_regions(evidence, self._lenses, SHARP * self._size)]


def to_grey(picture: np.ndarray) -> NDArray[np.uint8]:
    """(h,w,3) display-encoded 0..1 -> (h,w) luma uint8."""
    codes = cv2.convertScaleAbs(picture, alpha=255.0)
    return np.asarray(cv2.cvtColor(codes, cv2.COLOR_RGB2GRAY), np.uint8)


def weigh(coc: np.ndarray, sharp: float) -> np.ndarray:
    """(h,w) 1 where the coc is even, less at edges of depth."""
    kernel = np.ones((5, 5), np.uint8)
    spread = cv2.dilate(coc, kernel) - cv2.erode(coc, kernel)
    return 1 / (1 + np.square(spread / (_EDGE * (np.abs(coc) + sharp))))


def find_regions(evidence: Evidence, lenses: list[LensState], sharp: float) -> Stretch:
    """Compare rendered and planned coc of each depth region."""
    stretch = Stretch(evidence.shot, evidence.frames, evidence.seconds, [])
    coc, weight = evidence.columns["coc"], evidence.columns["weight"]
    scale = np.array([lens.scale_px_m for lens in lenses])
    focus = np.array([lens.focus_dioptres for lens in lenses])
    disparity = np.nanmedian(focus - coc / scale, axis=1, keepdims=True)
    usual = np.nanmedian(coc, axis=1)
    if not all(lens.is_planned for lens in lenses):
        focus = settle_focus(focus, evidence, np.abs(usual) < 1.25 * sharp)
    planned = np.where(np.isfinite(coc), scale * (focus - disparity), np.nan)
    grown = -scale * disparity * (np.exp2(evidence.total_growth) - 1)
    groups, seen = evidence.groups, np.isfinite(coc)
    for name, is_in in split_depth(usual, sharp).items():
        share = find_share(seen, seen, is_in, _LEAST)
        if share is None:
            continue
        curves = fit_groups((coc - planned)[is_in], weight[is_in], evidence.seconds, groups[is_in])
        cause = np.nan_to_num(fit_common(grown[is_in], weight[is_in], evidence.seconds))
        size = bridge(np.abs(middle_of(planned[is_in])))
        region = Region(name, curves, share, {"motion in depth": (cause, 0.0, _MOST_EXPLAINED)}, size, sharp)
        stretch.regions.append(region)
    if not stretch.regions:
        stretch.reason = "no part of the picture could be followed for long enough"
    return stretch


def middle_of(values: Array) -> Array:
    """(t,) median of the points (n,t) seen in each frame; nan where there are none."""
    middle = np.full(values.shape[1], np.nan)
    has_any = np.isfinite(values).any(axis=0)
    middle[has_any] = np.nanmedian(values[:, has_any], axis=0)
    return middle


def bridge(curve: Array) -> Array:
    """The curve (t,) with its gaps filled from both sides."""
    known = np.isfinite(curve)
    places = np.arange(len(curve))
    return np.interp(places, places[known], curve[known])


def settle_focus(focus: Array, evidence: Evidence, is_near_focus: NDArray[np.bool_]) -> Array:
    """(t,) focus as it should be, 1/m: its trend, and of its faster part what the subject's own growth explains."""
    drift, breathing, _ = split_bands(focus, evidence.seconds, _TREND_ORDER)
    if is_near_focus.sum() < _LEAST[0]:
        return drift
    growth = bridge(
        fit_common(evidence.total_growth[is_near_focus], evidence.columns["weight"][is_near_focus], evidence.seconds)
    )
    causes = [growth, smooth_track(growth, evidence.seconds, FocusConfig().smoothing_s)]
    parts = np.stack([split_bands(cause, evidence.seconds, _TREND_ORDER)[1] for cause in causes], axis=1)
    shares, *_ = np.linalg.lstsq(parts, breathing, rcond=1e-3)
    largest = float(np.mean(focus) * np.log(2) * _MOST_EXPLAINED)
    return drift + parts @ np.clip(shares, -largest, largest)


def split_depth(coc: Array, sharp: float) -> dict[str, NDArray[np.bool_]]:
    """Which points (n,) lie in which region, by their usual coc."""
    behind = coc[coc > 1.25 * sharp]
    middle = 0.5 * float(np.percentile(behind, 90)) if len(behind) else 0.0
    return {
        "foreground": coc < -1.25 * sharp,
        "plane of focus": np.abs(coc) <= 1.25 * sharp,
        "middle distance": (coc > 1.25 * sharp) & (coc <= middle),
        "background": (coc > 1.25 * sharp) & (coc > middle),
    }
