"""Breathing as vdof's own circles of confusion show it: what was rendered against what lens and scene ask for.

A point's disparity is what the rendered coc says at the point; what it should be is its own mean along the track. Where focus
is planned, the coc that the plan's lens makes of that mean is taken off; where focus only follows the depth estimate, the
coc itself must not pulse. What the picture shows of motion is offered as a cause (`vdof.check.measure.motion`).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.look import LensState, Look
from vdof.check.measure.bands import split_bands
from vdof.check.measure.curves import fit_groups
from vdof.check.measure.evidence import Evidence
from vdof.check.measure.growth import measure_growth
from vdof.check.measure.judge import Stretch
from vdof.check.measure.motion import MOST_EXPLAINED, bridge, follow_subject
from vdof.check.measure.pulse import Region
from vdof.check.measure.shot_gauge import ShotGauge, find_share
from vdof.check.measure.slips import middle_of, part_slips

SHARP = 1 / 500
"""Coc that looks sharp, as a share of the frame's longer side; smaller ones are all alike."""
_TREND_ORDER = 2
_LEAST = (12, 0.04)
"""A region of fewer points or a smaller share of them is not judged."""
_EDGE = 0.2
"""Relative range of coc around a point from which on it counts half: an edge in depth."""

Array = NDArray[np.float64]


class LensGauge(ShotGauge):
    """A `Gauge` of the rendered coc; `smoothing_s` is how slowly its focus follows (`vdof.focus.config`)."""

    def __init__(self, threshold: float, smoothing_s: float) -> None:
        super().__init__("pipeline", threshold, _TREND_ORDER, ("coc", "weight", "is_subject"))
        self._smoothing_s = smoothing_s

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
        return [find_regions(evidence, self._lenses, SHARP * self._size, self._smoothing_s)]


def to_grey(picture: np.ndarray) -> NDArray[np.uint8]:
    """(h,w,3) display-encoded 0..1 -> (h,w) luma uint8."""
    codes = cv2.convertScaleAbs(picture, alpha=255.0)
    return np.asarray(cv2.cvtColor(codes, cv2.COLOR_RGB2GRAY), np.uint8)


def weigh(coc: np.ndarray, sharp: float) -> np.ndarray:
    """(h,w) 1 where the coc is even, less at edges of depth."""
    kernel = np.ones((5, 5), np.uint8)
    spread = cv2.dilate(coc, kernel) - cv2.erode(coc, kernel)
    return 1 / (1 + np.square(spread / (_EDGE * (np.abs(coc) + sharp))))


def find_regions(evidence: Evidence, lenses: list[LensState], sharp: float, smoothing_s: float) -> Stretch:
    """How the coc of each depth region departs from what it should be."""
    stretch = Stretch(evidence.shot, evidence.frames, evidence.seconds, [])
    usual = np.nanmedian(evidence.columns["coc"], axis=1)
    evidence = part_slips(evidence, list(split_depth(usual, sharp).values()), sharp)
    coc, weight = evidence.columns["coc"], evidence.columns["weight"]
    scale = np.array([lens.scale_px_m for lens in lenses])
    focus = np.array([lens.focus_dioptres for lens in lenses])
    disparity = np.nanmedian(focus - coc / scale, axis=1, keepdims=True)
    usual = np.nanmedian(coc, axis=1)
    has_plan = all(lens.is_planned for lens in lenses)
    settled = focus if has_plan else split_bands(focus, evidence.seconds, _TREND_ORDER)[0]
    planned = np.where(np.isfinite(coc), scale * (settled - disparity), np.nan)
    followed = {} if has_plan else follow_subject(evidence, focus, np.abs(usual) < 1.25 * sharp, smoothing_s)
    groups, seen = evidence.groups, np.isfinite(coc)
    for name, is_in in split_depth(usual, sharp).items():
        share = find_share(seen, seen, is_in, _LEAST)
        if share is None:
            continue
        side = -1 if name == "foreground" else 1
        own = [side * values[is_in] for values in (coc - planned, coc)]
        departing, shown = (fit_groups(part, weight[is_in], evidence.seconds, groups[is_in]) for part in own)
        growth = np.exp2(np.nan_to_num(measure_growth(evidence, is_in))) - 1
        nearer = -side * scale * float(np.median(disparity[is_in])) * growth
        causes = {"motion in depth": (nearer, 0.0, MOST_EXPLAINED)}
        causes |= {cause: (side * scale * curve, 0.0, most) for cause, (curve, most) in followed.items()}
        size = bridge(np.abs(middle_of(planned[is_in])))
        curves, limit = (departing, shown) if has_plan else (shown, None)
        stretch.regions.append(Region(name, curves, share, causes, size, sharp, limit))
    if not stretch.regions:
        stretch.reason = "no part of the picture could be followed for long enough"
    return stretch


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
