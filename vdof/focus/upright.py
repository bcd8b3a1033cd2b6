"""The subject stands upright: take out the lean that single-image depth gives it.

Depth networks learn that lower in the picture is nearer, and lean a standing figure towards the camera: its feet come out
nearer than its head by half of what lies between it and the background, and no lens could hold both sharp. Here the lean
is measured as a robust line over the rows of the subject, and taken out between the subject's outline and its background.
The reference is where the feet touch the floor, which is at the right distance; for a subject cut off below, its face.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.focus.subject import Map, Mask, Subject

_FEWEST_ROWS = 8
"""A subject of fewer rows at the search's size shows no lean."""
_LOWEST_FEET = 0.93
"""Feet found below this share of the frame's height are its edge: the subject is cut off there."""
_WIDEST = 3.0
"""Rows wider than this many usual widths of the upper half are no longer the figure (a bed, a table, a car)."""
_STRONGEST = 0.6
"""Lean over the subject's height is believed up to this share of the frame's disparity range."""
_BESIDE = 12
"""px at the search's size: least width of the floor that is looked at on each side of the feet."""
_STEEPEN = 1.5
"""What has come this part (1/1.5) of the way from the background to the subject's plane belongs to the plane: hair, chins."""
_BELONGS = 0.4
"""What stands out this part of the way and touches the figure is part of it."""
_GROWTH = 0.4
"""How far the figure may grow beyond its mask, as a share of its width."""
_TALL = (2.0, 2.4)
"""A figure this many times as tall as it is usually wide does not, and does, stand by its shape alone."""
_FREE = (0.3, 0.45)
"""Share of the range by which the lower third of any other figure must stand before what is on either side of it: what
sits or lies on a sofa does not."""
_GAP = 4
"""px at the search's size beside the outline that are neither the figure nor what is beside it."""
_LEAST_CONTRAST = 0.04
"""Share of the range by which the subject must stand before its row's background."""


@dataclass(frozen=True, slots=True)
class Lean:
    """How far the subject leans, in the disparity units of its frame."""

    slope: float
    """Disparity per frame height, downwards; 0: upright already."""
    reference_row: float
    """Row, 0..1 of the frame's height, whose disparity the whole subject takes."""
    foot_row: float
    """Row where the subject ends; 1 where it goes on below the frame."""
    lift: float = 0.0
    """Disparity added to the whole subject: what its estimate wavers by and focus does not follow."""

    def raise_to_reference(self, disparity: float, row: float) -> float:
        """Disparity that a subject point at `row` has once upright."""
        return disparity + self.lift - self.slope * (row - self.reference_row)


UPRIGHT = Lean(0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Stance:
    """How one frame's subject stands."""

    slope: float = 0.0
    """Disparity per frame height, downwards."""
    feet: float | None = None
    """Their row, 0..1; None: not in the frame."""
    stands: float = 1.0
    """0..1: by its shape, or free of what is beside it; below 1 it may sit or lie there, and its slope be real."""


def measure_stance(disparity: Map, subject: Subject) -> Stance:
    """Slope, feet and standing of one frame's subject; `disparity` is (h,w)."""
    mask = _keep_figure(subject.mask)
    height, width = mask.shape
    rows = np.nonzero(mask.any(axis=1))[0]
    if subject.share == 0 or len(rows) < _FEWEST_ROWS:
        return Stance()
    small: Map = cv2.resize(disparity, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    low, high = np.percentile(small, (2, 98))
    usable = rows[len(rows) // 8 :]
    middles = np.array([np.median(small[y][mask[y]]) for y in usable])
    most = _STRONGEST * float(high - low) / (len(rows) / height)
    slope = min(most, max(0.0, _fit_slope(usable / height, middles)))
    feet = _find_feet(small, mask, slope)
    in_frame = None if feet is None or feet > _LOWEST_FEET * height else feet / height
    return Stance(slope, in_frame, _rate_standing(small, mask, float(high - low)))


def straighten(disparity: Map, mask: Mask, lean: Lean) -> Map:
    """The disparity with its subject upright.

    Args:
        disparity: (h,w), larger is nearer.
        mask: (h0,w0) the subject, at any size.
        lean: what to take out.

    Inside the subject, values between its row's background and its own plane are stretched so that the plane becomes
    upright: the outline keeps its soft steps, and everything outside the subject its values.
    """
    if lean.slope == lean.lift == 0 or not mask.any():
        return disparity
    height, width = disparity.shape
    small: Map = cv2.resize(disparity, mask.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    figure = _extend_down(_keep_figure(mask), lean)
    belongs = _fade_out(small, figure, *_fit_plane(small, figure, lean))
    inside = cv2.resize(_soften_end(belongs), (width, height))
    rows = _row_centres(height)
    plane, behind = _fit_plane(disparity, inside > 0.9, lean)
    contrast = plane - behind
    least = _LEAST_CONTRAST * float(np.ptp(np.percentile(disparity, (2, 98))))
    share = np.clip(_STEEPEN * (disparity - behind) / np.maximum(contrast, least), 0, 1)
    upright = np.float32(lean.slope) * (rows - np.float32(lean.reference_row))
    firm = np.maximum(disparity, behind + share * contrast) - share * upright
    leans = min(1.0, lean.slope * float(belongs.any(axis=1).mean()) / (2 * least))
    stands_out = inside * np.clip(contrast / least - 1, 0, 1)
    moved = leans * (firm - disparity) + np.float32(lean.lift) * share
    return (disparity + stands_out * moved).astype(np.float32)


def _keep_figure(mask: Mask) -> Mask:
    """The rows of a mask down to where it widens into something the figure stands or lies on."""
    widths = mask.sum(axis=1)
    rows = np.nonzero(widths)[0]
    if len(rows) == 0:
        return mask
    usual = np.median(widths[rows[: max(1, len(rows) // 2)]])
    lower = rows[len(rows) // 2 :]
    too_wide = lower[widths[lower] > _WIDEST * usual]
    kept = mask.copy()
    if len(too_wide):
        kept[too_wide[0] :] = False
    return kept


def _fit_slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Theil-Sen: the median slope over all pairs (Sen 1968)."""
    i, j = np.triu_indices(len(x), 1)
    return float(np.median((y[j] - y[i]) / (x[j] - x[i])))


def _rate_standing(small: Map, mask: Mask, spread: float) -> float:
    """`Stance.stands` of a figure; `spread` is the range of the frame's disparity."""
    rows = np.nonzero(mask.any(axis=1))[0]
    tall = len(rows) / float(np.median(mask.sum(axis=1)[rows]))
    steps = np.array([_step_aside(small[y], mask[y]) for y in rows[-(len(rows) // 3) :]])
    free = float(np.median(steps, axis=0).min()) / max(spread, 1e-9)
    return max(float(np.interp(tall, _TALL, (0, 1))), float(np.interp(free, _FREE, (0, 1))))


def _step_aside(values: Map, row: Mask) -> tuple[float, float]:
    """How far a row (w,) of the figure stands before what is left and right of it; infinite at the frame's edge."""
    columns = np.nonzero(row)[0]
    if len(columns) == 0:
        return np.inf, np.inf
    level, first, last = float(np.median(values[columns])), int(columns[0]), int(columns[-1])
    left, right = values[max(0, first - _BESIDE) : max(0, first - _GAP + 1)], values[last + _GAP : last + _BESIDE + 1]
    return _step_down(level, left), _step_down(level, right)


def _step_down(level: float, beside: Map) -> float:
    return level - float(np.median(beside)) if len(beside) else np.inf


def _find_feet(small: Map, mask: Mask, slope: float) -> float | None:
    """Row where the leaning plane meets the floor beside it; None where it leaves the frame first."""
    height, width = mask.shape
    bottom = np.nonzero(mask.any(axis=1))[0][-1]
    columns = np.nonzero(mask[max(0, bottom - 4) : bottom + 1].any(axis=0))[0]
    first, last = int(columns[0]), int(columns[-1])
    reach = max(_BESIDE, last - first)
    beside = np.r_[max(0, first - reach) : max(0, first - 2), min(width, last + 3) : min(width, last + reach)]
    if bottom >= height - 2 or len(beside) == 0:
        return None
    level = float(np.median(small[bottom][mask[bottom]]))
    for row in range(bottom, height):
        if np.median(small[row][beside]) >= level + slope * (row - bottom) / height:
            return float(row)
    return float(bottom)


def _extend_down(mask: Mask, lean: Lean) -> Mask:
    """The figure with its legs: its lowest rows carried down to where it ends."""
    height = mask.shape[0]
    rows = np.nonzero(mask.any(axis=1))[0]
    bottom, feet = rows[-1], min(height - 1, round(lean.foot_row * height))
    if feet <= bottom:
        return mask
    extended = mask.copy()
    extended[bottom : feet + 1] = mask[max(0, bottom - 4) : bottom + 1].any(axis=0)
    return extended


def _fade_out(small: Map, figure: Mask, plane: Map, behind: Map) -> Map:
    """1 in the figure, and fading with distance in what hangs on it and stands out as well: the top of a head, hair."""
    stands_out = (small - behind) > _BELONGS * (plane - behind)
    _, labels = cv2.connectedComponents((stands_out | figure).astype(np.uint8), connectivity=4)
    is_attached = np.isin(labels, np.unique(labels[figure]))
    away = cv2.distanceTransform((~figure).astype(np.uint8), cv2.DIST_L2, 5)
    reach = max(3.0, _GROWTH * float(np.ptp(np.nonzero(figure)[1]) + 1))
    faded = np.where(is_attached, np.clip(2 - 2 * away / reach, 0, 1), 0).astype(np.float32)
    return np.maximum(faded, cv2.dilate(figure.astype(np.float32), np.ones((5, 5))))


def _soften_end(figure: Map) -> Map:
    """The figure fading out below, over a tenth of the frame's height; what leaves the frame does not fade."""
    height = figure.shape[0]
    reach = max(2, height // 10)
    padded = np.concatenate([figure, np.repeat(figure[-1:], reach, axis=0)])
    running = np.cumsum(np.concatenate([np.zeros_like(figure[:1]), padded]), axis=0)
    ahead = (running[reach:] - running[:-reach])[:height] / reach
    return np.minimum(figure, np.where(ahead > 0.999, 1, ahead)).astype(np.float32)


def _row_centres(height: int) -> Map:
    """(h,1) rows as shares of the frame's height."""
    return (np.arange(height, dtype=np.float32) + np.float32(0.5))[:, None] / np.float32(height)


def _fit_plane(disparity: Map, figure: Mask, lean: Lean) -> tuple[Map, Map]:
    """(h,1) disparity of the leaning subject and (h,1) of what is behind it, per row."""
    rows = _row_centres(disparity.shape[0])
    level = np.median((disparity - np.float32(lean.slope) * rows)[figure])
    behind = np.percentile(np.where(figure, np.float32(np.inf), disparity), 25, axis=1, method="lower", keepdims=True)
    plane = (level + np.float32(lean.slope) * rows).astype(np.float32)
    return plane, np.where(np.isfinite(behind), behind, plane).astype(np.float32)
