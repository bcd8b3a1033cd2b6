"""A frame as the diagnostics look at it: at most 640 px wide, with what several of them need computed once.

Every length is in pixels of this size; `View.unit` is one pixel of a picture whose longer side is 640, so that thresholds
are shares of the frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.look import Look

LONG_SIDE = 640
"""px; larger frames are reduced to it."""
_GAMMA = 2.2
"""Display code to light: near enough for ratios of brightness, whatever the transfer function."""
_EDGE_REACH = 6.0
"""Units on each side of the given subject's outline in which the coc says where the outline is."""

T = TypeVar("T")
Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass
class View:
    """One look, reduced; maps are (h,w) float32, pictures (h,w,3)."""

    look: Look
    _known: dict[Callable[..., Any], Any] = field(default_factory=dict)

    def once(self, compute: Callable[[View], T]) -> T:
        """`compute(self)`, kept: several diagnostics ask for the same."""
        if compute not in self._known:
            self._known[compute] = compute(self)
        return cast(T, self._known[compute])

    @cached_property
    def ratio(self) -> float:
        """Size of this view over the size of the look, at most 1."""
        return min(1.0, LONG_SIDE / max(self.look.image.shape[:2]))

    @cached_property
    def image(self) -> Map:
        """Display-encoded, 0..1."""
        return self.reduce(self.look.image)

    @cached_property
    def sharp(self) -> Map | None:
        """The same before the blur."""
        return None if self.look.sharp is None else self.reduce(self.look.sharp)

    @cached_property
    def coc(self) -> Map | None:
        """Signed diameters in pixels of this view."""
        return None if self.look.coc is None else self.reduce(self.look.coc) * np.float32(self.ratio)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def unit(self) -> float:
        """Pixels here that are one pixel of a picture 640 px long."""
        return max(self.shape) / LONG_SIDE

    @cached_property
    def luma(self) -> Map:
        """Display-encoded brightness of the picture, 0..1."""
        return find_luma(self.image)

    @cached_property
    def sharp_luma(self) -> Map | None:
        """The same before the blur."""
        return None if self.sharp is None else find_luma(self.sharp)

    @cached_property
    def light(self) -> Map:
        """The picture (h,w,3) as light, 0..1: what a lens adds up."""
        return np.power(np.clip(self.image, 0, 1), _GAMMA).astype(np.float32)

    @cached_property
    def subject(self) -> Mask | None:
        """What shall be sharp; None where nobody knows. Its outline follows the coc where there is one."""
        if self.look.subject is None or not self.look.subject.any():
            return None
        given = self.reduce(self.look.subject.astype(np.float32)) > 0.5
        return given if self.coc is None else follow_coc(given, np.abs(self.coc), _EDGE_REACH * self.unit)

    @cached_property
    def distance(self) -> Map | None:
        """Pixels to the subject's outline, below 0 inside it."""
        return None if self.subject is None else measure_distance(self.subject)

    @cached_property
    def upper_subject(self) -> Mask | None:
        """The upper part of the subject, away from its outline: where a face would be."""
        if self.subject is None or self.distance is None:
            return None
        rows = np.nonzero(self.subject.any(axis=1))[0]
        if not len(rows):
            return None
        end = rows[0] + max(1, round(0.45 * (rows[-1] - rows[0] + 1)))
        inner = self.distance < -3 * self.unit
        inner[end:] = False
        return inner

    def reduce(self, values: np.ndarray) -> Map:
        """`values` (h,w[,3]) at the view's size; a reduction averages."""
        if self.ratio == 1.0:
            return np.asarray(values, np.float32)
        height, width = values.shape[:2]
        size = (max(1, round(width * self.ratio)), max(1, round(height * self.ratio)))
        return np.asarray(cv2.resize(np.asarray(values, np.float32), size, interpolation=cv2.INTER_AREA))


class Eye:
    """Turns looks into views for all diagnostics, so that what they share is computed once per frame."""

    def __init__(self) -> None:
        self._last: View | None = None

    def see(self, look: Look) -> View:
        """The view of this look."""
        if self._last is None or self._last.look is not look:
            self._last = View(look)
        return self._last


def find_luma(picture: Map) -> Map:
    """(h,w,3) RGB -> (h,w) by Rec.709's weights."""
    return np.asarray(picture @ np.array([0.2126, 0.7152, 0.0722], np.float32))


def measure_distance(mask: Mask) -> Map:
    """Signed pixels to the outline of `mask`: below 0 inside, 0 between its last pixel and the next."""
    inside = mask.astype(np.uint8)
    outside_px = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    inside_px = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    return np.asarray(np.where(mask, 0.5 - inside_px, outside_px - 0.5), np.float32)


def follow_coc(given: Mask, coc: Map, reach: float) -> Mask:
    """The mask with its outline moved, by at most `reach` px, to where the coc (diameters) steps."""
    distance = measure_distance(given)
    is_inner, is_outer = distance < -reach, distance > reach
    if not is_inner.any() or not is_outer.any():
        return given
    size = 2 * int(3 * reach) + 1
    farthest = cv2.blur(np.where(is_outer, coc, 0), (size, size)) / np.maximum(
        cv2.blur(is_outer.astype(np.float32), (size, size)), 1e-6
    )
    own = cv2.blur(np.where(is_inner, coc, 0), (size, size)) / np.maximum(
        cv2.blur(is_inner.astype(np.float32), (size, size)), 1e-6
    )
    has_step = farthest > own + 1
    moved = np.where(has_step, coc < (farthest + own) / 2, given)
    return np.asarray(np.where(is_inner, True, np.where(is_outer, False, moved)), bool)
