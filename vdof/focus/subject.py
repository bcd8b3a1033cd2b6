"""Which part of a disparity map is the subject: the nearest large connected surface near the centre."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_LONG_SIDE = 160
"""px; the search needs no more."""
_LEVELS = np.arange(0.2, 0.95, 0.05)
"""Thresholds on disparity scaled to 0..1 between its 2nd and 98th percentile (for the search only)."""
_FLOOR_LEVELS = np.arange(0.08, 0.6, 0.06)
"""Thresholds on what stands out of its own row: a person on a floor that comes nearer row by row."""
_AREA = (0.012, 0.6)
"""Smallest and largest share of the frame that can be a subject."""
_FULL_AREA = 0.25
"""From this share on, larger is not better."""
_MOST, _DISTINCT = 6, 0.85
"""Candidates kept of a frame, and the overlap from which on two of them are one."""
_UPPER_PART = 0.45
"""Share of the subject's height that focus is measured on, from its top."""

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PackedMask:
    """A mask at one bit a pixel: small enough to keep one for every frame of a clip."""

    bits: NDArray[np.uint8]
    shape: tuple[int, ...]

    @staticmethod
    def pack(mask: Mask) -> "PackedMask":
        """The mask (h,w), packed."""
        return PackedMask(np.packbits(mask), mask.shape)

    def unpack(self) -> Mask:
        """The mask (h,w) again."""
        count = int(np.prod(self.shape))
        return np.unpackbits(self.bits, count=count).reshape(self.shape).astype(bool)


def vote(figures: Sequence[PackedMask | None], reach: int = 4) -> list[PackedMask | None]:
    """Each frame's mask as most of the frames around it have it, so that hair or an arm does not come and go.

    Args:
        figures: one a frame of a shot; None where no subject was found.
        reach: frames on each side that have a say.
    """
    masks: dict[int, Mask] = {}
    voted: list[PackedMask | None] = []
    for place in range(len(figures)):
        around = range(max(0, place - reach), min(len(figures), place + reach + 1))
        masks = {at: masks[at] if at in masks else _unpack(figures[at]) for at in around if figures[at] is not None}
        enough = figures[place] is not None or 2 * len(masks) > len(around)
        voted.append(PackedMask.pack(np.mean(list(masks.values()), axis=0) >= 0.5) if masks and enough else None)
    return voted


def _unpack(figure: PackedMask | None) -> Mask:
    assert figure is not None
    return figure.unpack()


@dataclass(frozen=True, slots=True)
class Subject:
    """What was found in one frame."""

    disparity: float
    """Disparity to focus on: the median of the subject's upper part, where its face would be."""
    background: float
    """Disparity of what lies far behind: 10th percentile outside the subject."""
    row: float
    """Where that was measured: mean row of the upper part, 0..1 of the frame's height."""
    share: float
    """Part of the frame that the subject covers, 0..1; 0 where none stood out and the middle was taken."""
    mask: Mask
    """(h,w) at the search's own size."""

    @property
    def height(self) -> float:
        """Share of the frame's height that the subject spans, 0..1; 0 where none stood out."""
        rows = np.nonzero(self.mask.any(axis=1))[0]
        return 0.0 if self.share == 0 else float((rows[-1] - rows[0] + 1) / self.mask.shape[0])


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be the subject of a frame."""

    mask: Mask
    """(h,w) at the search's own size."""
    rating: float
    """log of how well it would do."""


@dataclass(frozen=True, slots=True)
class Search:
    """What was looked at in one frame, and what may be its subject."""

    disparity: Map
    """(h,w) at the search's own size."""
    candidates: list[Candidate]
    """Best first, distinct; empty where nothing stands out."""

    def measure(self, number: int) -> Subject:
        """The subject, if it is this candidate; without any, the middle of the frame."""
        return (
            _measure(self.candidates[number].mask, self.disparity) if self.candidates else _take_middle(self.disparity)
        )


def search_subject(disparity: Map) -> Search:
    """What may be the subject of a frame; `disparity` is (h,w), larger is nearer, any scale."""
    height, width = disparity.shape
    ratio = min(1.0, _LONG_SIDE / max(height, width))
    size = (max(8, round(width * ratio)), max(8, round(height * ratio)))
    small: Map = cv2.resize(disparity, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    low, high = np.percentile(small, (2, 98))
    if high - low < 1e-9:
        return Search(small, [])
    scaled = np.clip((small - low) / (high - low), 0, 1)
    above_row = scaled - np.percentile(scaled, 25, axis=1, keepdims=True).astype(np.float32)
    found: list[Candidate] = []
    for image, levels in ((scaled, _LEVELS), (above_row, _FLOOR_LEVELS)):
        for level in levels:
            for mask in _list_components(image > level):
                score = _rate(mask, scaled, above_row)
                found += [Candidate(mask, float(np.log(score)))] if score > 0 else []
    return Search(small, _keep_distinct(found))


def find_overlap(one: Mask, other: Mask) -> float:
    """Intersection over union, 0..1."""
    return int(np.count_nonzero(one & other)) / max(1, int(np.count_nonzero(one | other)))


def _keep_distinct(found: list[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in sorted(found, key=lambda item: -item.rating):
        if len(kept) == _MOST:
            break
        if all(find_overlap(candidate.mask, better.mask) < _DISTINCT for better in kept):
            kept.append(candidate)
    return kept


def _list_components(is_above: Mask) -> list[Mask]:
    opened = cv2.morphologyEx(is_above.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    shares = stats[:, cv2.CC_STAT_AREA] / is_above.size
    return [labels == i for i in range(1, count) if _AREA[0] <= shares[i] <= _AREA[1]]


def _rate(mask: Mask, scaled: Map, above_row: Map) -> float:
    """Nearer than the rest of its rows (a floor is not), large, central, standing out all round."""
    height, width = mask.shape
    y, x = np.nonzero(mask)
    centred = float(np.exp(-(((x / width - 0.5) / 0.25) ** 2) / 2 - (((y / height - 0.5) / 0.4) ** 2) / 2).mean())
    size = min(1.0, mask.mean() / _FULL_AREA) ** 0.5
    above, near = max(0.0, float(np.median(above_row[mask]))), float(np.median(scaled[mask]))
    touching = mask[:, 0].sum() + mask[:, -1].sum() + mask[0].sum()
    inside = 1 - min(0.8, float(touching) / float(mask.sum()) ** 0.5)
    lying = min(1.0, 2 * (np.ptp(y) + 1) / (np.ptp(x) + 1))
    stands = (0.02 + above) ** 0.5 * (0.5 + 0.5 * near) * (0.02 + _stand_out(mask, scaled)) ** 0.5
    return stands * size * centred * inside * lying


def _stand_out(mask: Mask, scaled: Map) -> float:
    """Step in disparity across the outline: lower quartile over the outline, so that all sides must have it."""
    core = mask.astype(np.uint8)
    kernel = np.ones((5, 5), np.uint8)
    outer = (cv2.dilate(core, kernel, iterations=2) > 0) & (cv2.dilate(core, kernel) == 0)
    inside = cv2.blur(np.where(mask, scaled, 0).astype(np.float32), (13, 13))
    weight = cv2.blur(core.astype(np.float32), (13, 13))
    at_outline = outer & (weight > 0.02)
    if not at_outline.any():
        return 0.0
    step = inside[at_outline] / weight[at_outline] - scaled[at_outline]
    return float(max(0.0, np.percentile(step, 25)))


def _measure(mask: Mask, small: Map) -> Subject:
    y = np.nonzero(mask)[0]
    part = mask.copy()
    part[y.min() + round(_UPPER_PART * (np.ptp(y) + 1)) :] = False
    core = cv2.erode(part.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    core = core if core.any() else part
    row = float(np.nonzero(core)[0].mean() + 0.5) / mask.shape[0]
    background = float(np.percentile(small[~mask], 10))
    return Subject(float(np.median(small[core])), background, row, float(mask.mean()), mask)


def _take_middle(small: Map) -> Subject:
    height, width = small.shape
    mask = np.zeros(small.shape, bool)
    mask[height // 4 : -height // 4, width // 3 : -width // 3] = True
    return Subject(float(np.percentile(small[mask], 70)), float(np.percentile(small, 10)), 0.5, 0.0, mask)
