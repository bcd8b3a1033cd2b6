"""Breathing as the pixels of any clip show it, against its sharp reference or alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.curves import fit_common, fit_groups
from vdof.check.evidence import Evidence, Table
from vdof.check.judge import SHORTEST_S, Region, Stretch, judge
from vdof.check.look import Look
from vdof.check.pixel_blur import LEVELS, LONG_SIDE, Blur, compare, measure_alone
from vdof.check.tracks import Follower
from vdof.check.verdict import Breathing

LONGEST_S = 30.0
"""A longer shot is judged in pieces, so that memory stays bounded."""
_TREND_ORDER = 3
_FEWEST_POINTS = 16
_SMALLEST_SHARE = 0.08
_LEAST_WEIGHT = 0.1
_WANTED = {"reference": 1.1, "blind": 0.9}
"""Blur in pixels of a level at which it is told best there."""

Array = NDArray[np.float64]


class PixelGauge:
    """A `Gauge` of the picture's own blur; looks have `sharp` in `mode` reference."""

    def __init__(self, mode: str, threshold: float) -> None:
        self._mode = mode
        self._threshold = threshold
        self._follower = Follower()
        self._stretches: list[Stretch] = []
        self._shot: int | None = None
        self._start()

    def _start(self) -> None:
        names = [f"{kind}{level}" for level in range(LEVELS) for kind in ("size", "weight")]
        self._table = Table(tuple(names))

    def add(self, look: Look) -> None:
        """See one more frame."""
        if look.shot != self._shot:
            self._close()
            self._follower.start_shot()
            self._shot = look.shot
        elif len(self._table) and look.seconds - self._table.seconds[0] > LONGEST_S:
            self._close()
        image = find_luma(look.image)
        sharp = None if look.sharp is None else find_luma(look.sharp)
        codes = cv2.convertScaleAbs(image if sharp is None else sharp, alpha=255.0)
        sight = self._follower.follow(np.asarray(codes, np.uint8))
        blurs = measure_alone(image, sight) if sharp is None else compare(image, sharp, sight)
        self._table.add(look.index, look.seconds, sight, name_columns(blurs), is_key=look.is_key)

    def finish(self) -> Breathing:
        """The verdict."""
        self._close()
        return judge(self._mode, self._stretches, self._threshold, _TREND_ORDER)

    def _close(self) -> None:
        if len(self._table):
            assert self._shot is not None
            self._stretches.append(find_regions(self._table.collect(self._shot), self._mode))
        self._start()


def find_luma(picture: np.ndarray) -> np.ndarray:
    """(h,w,3) display-encoded -> (h,w) luma at the size that blur is measured at."""
    luma = np.asarray(cv2.cvtColor(np.asarray(picture, np.float32), cv2.COLOR_RGB2GRAY))
    ratio = LONG_SIDE / max(luma.shape)
    if ratio >= 1:
        return luma
    size = (round(luma.shape[1] * ratio), round(luma.shape[0] * ratio))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA))


def name_columns(blurs: list[Blur]) -> dict[str, Array]:
    columns = {f"size{level}": blur.size for level, blur in enumerate(blurs)}
    return columns | {f"weight{level}": blur.weight for level, blur in enumerate(blurs)}


def find_regions(evidence: Evidence, mode: str) -> Stretch:
    """The common blur of the sharp, the soft and the blurred part of the picture."""
    stretch = Stretch(evidence.shot, evidence.frames, evidence.seconds, [])
    if evidence.duration_s < SHORTEST_S:
        stretch.reason = f"too short: {evidence.duration_s:.1f} s, a pulse shows in {SHORTEST_S:g} s or more"
        return stretch
    size, weight, level = choose_levels(evidence, _WANTED[mode])
    usual = np.nanmedian(size, axis=1)
    groups = evidence.groups
    for name, is_in in split_blur(usual, level).items():
        seen = np.isfinite(size[is_in]) & (weight[is_in] > _LEAST_WEIGHT)
        count = seen.sum(axis=0).mean() if is_in.any() else 0
        share = count / max(np.isfinite(size).sum(axis=0).mean(), 1)
        if count < _FEWEST_POINTS or share < _SMALLEST_SHARE:
            continue
        useful = np.where(seen, weight[is_in], 0.0)
        curves = fit_groups(size[is_in], useful, evidence.seconds, groups[is_in])
        growth = np.nan_to_num(fit_common(evidence.total_growth[is_in], useful, evidence.seconds))
        stretch.regions.append(Region(name, curves, float(share), {"motion in depth": (growth, -3.0, 3.0)}))
    if not stretch.regions:
        stretch.reason = "too little texture to tell how blurred the picture is"
    return stretch


def choose_levels(evidence: Evidence, wanted: float) -> tuple[Array, Array, NDArray[np.int64]]:
    """(n,t) size and weight at the level that suits each track, and (n,) which level that is."""
    sizes = np.stack([evidence.columns[f"size{level}"] for level in range(LEVELS)])
    weights = np.nan_to_num(np.stack([evidence.columns[f"weight{level}"] for level in range(LEVELS)]))
    usual = np.nanmedian(sizes, axis=2)
    trust = weights.sum(axis=2) / np.maximum(np.isfinite(sizes).sum(axis=2), 1)
    misfit = np.abs(usual - np.arange(LEVELS)[:, None] - np.log2(wanted))
    level = np.argmax(trust / (0.3 + np.square(misfit)), axis=0)
    columns = np.arange(sizes.shape[1])
    return sizes[level, columns], weights[level, columns], level


def split_blur(usual: Array, level: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Which tracks (n,) are sharp, soft or blurred: by the level that tells their blur."""
    del usual
    return {"sharp part": level == 0, "soft part": level == 1, "blurred part": level >= 2}
