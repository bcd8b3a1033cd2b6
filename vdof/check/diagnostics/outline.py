"""Where what is in focus meets a blurred background, and how colours run across that line.

The line is where the coc steps, not the subject mask's outline: that mask is small and rough, and a renderer sharpens and
blurs by the coc. Along the line, segments about 5 % of the frame long are judged one by one by their profiles: means over
bands of equal distance from the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.diagnostics.view import Map, Mask, View, measure_distance

_STEP = 3.0
"""Units of coc by which the background must be blurrier than what is in front of it."""
_FINE_STEP = 1.2
"""The same for an outline that need not be visible as blur."""
_IN_FOCUS = 3.0
"""Units of coc that the front may have."""
_BORDER = 0.3
"""Share of the step at which the line lies: things at a third of the way to the background are background."""
_NARROW, _WIDE = 9, 31
"""Units: a step happens within the one window; the other sees both sides."""
_ABRUPT = 0.6
"""Share of the step that must happen within the narrow window; a gentle slope has no line."""
_SEGMENT = 32
"""Units."""
_NEAR_SUBJECT = 64.0
"""Units from the subject's mask, which often lacks a head or an arm; steps elsewhere are not its outline."""
_REACH = 21.0
"""Units looked at on each side."""
_BAND = 1.5
"""Units: width of a band of the profiles."""

Floats = NDArray[np.float64]


@dataclass
class Outline:
    """The line and its segments."""

    view: View
    is_front: Mask
    near_line: Mask
    distance: Map
    """Units from the line, below 0 in front."""
    segment: NDArray[np.int32]
    """(h,w) number of the nearest segment."""

    @cached_property
    def count(self) -> int:
        """Segments."""
        return int(self.segment.max()) + 1

    @cached_property
    def length(self) -> Floats:
        """(n,) units of the line in each segment; a ragged one is no longer than its cell's diagonal."""
        count = self._places[1].reshape(self.count, -1)
        middle = len(self.bands) // 2
        length = count[:, middle - 1 : middle + 1].sum(axis=1) / (2 * _BAND) / self.view.unit**2
        return np.minimum(length, 1.4 * _SEGMENT)

    @cached_property
    def bands(self) -> Floats:
        """(k,) middle of each band, units."""
        count = int(_REACH / _BAND)
        return np.asarray((np.arange(-count, count) + 0.5) * _BAND, np.float64)

    def profile(self, picture: Map) -> tuple[Floats, Floats, Floats]:
        """Mean colour (n,k,3), mean squared deviation (n,k) and pixel count (n,k) of `picture` (h,w,3) in every band."""
        shape = (self.count, len(self.bands))
        place, count = self._places
        size = shape[0] * shape[1]
        pixels = picture[self.near_line]
        sums = np.stack([np.bincount(place, pixels[:, c], size) for c in range(3)], axis=-1)
        squares = np.bincount(place, (pixels**2).sum(axis=1), size)
        means = sums / np.maximum(count, 1)[:, None]
        spread = np.maximum(0, squares / np.maximum(count, 1) - (means**2).sum(axis=1))
        return means.reshape(*shape, 3), spread.reshape(shape), count.reshape(shape)

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], Floats]:
        """Segment and band of every pixel near the line as one number, and how many have each."""
        bands = len(self.bands)
        band = np.floor(self.distance[self.near_line] / _BAND).astype(np.int64) + bands // 2
        place = self.segment[self.near_line] * bands + np.clip(band, 0, bands - 1)
        return place, np.bincount(place, minlength=self.count * bands).astype(float)


def find_outline(view: View) -> Outline | None:
    """The line of this view; None where there is no coc, or no clear step from focus to a blurred background."""
    return _find_line(view, _STEP)


def find_fine_outline(view: View) -> Outline | None:
    """The same where the background is hardly blurred."""
    return _find_line(view, _FINE_STEP)


def _find_line(view: View, step: float) -> Outline | None:
    if view.coc is None:
        return None
    coc, unit = view.coc / np.float32(view.unit), view.unit
    near, far = reach_out(np.abs(coc), _WIDE * unit)
    low, high = reach_out(np.abs(coc), _NARROW * unit)
    has_step = (far - near > step) & (near < np.maximum(_IN_FOCUS, 0.25 * far))
    has_both = far - near > 1
    is_front = np.abs(coc) < np.where(has_both, near + _BORDER * (far - near), _IN_FOCUS)
    line = find_border(is_front) & has_step & (high - low > _ABRUPT * (far - near)) & (coc > -_STEP)
    if view.distance is not None:
        line &= view.distance < _NEAR_SUBJECT * unit
    if line.sum() < 2 * _SEGMENT * unit:
        return None
    to_line, labels = cv2.distanceTransformWithLabels(
        1 - line.astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(line)
    cell = max(4, round(_SEGMENT * unit))
    of_pixel = (rows // cell) * (view.shape[1] // cell + 1) + columns // cell
    _, number = np.unique(of_pixel, return_inverse=True)
    lookup = np.zeros(labels.max() + 1, np.int32)
    lookup[labels[rows, columns]] = number
    distance = measure_distance(is_front) / np.float32(unit)
    near_line = (
        (to_line < _REACH * unit) & (np.abs(distance) < _REACH) & (np.abs(np.abs(distance) - to_line / unit) < 3)
    )
    return Outline(view, is_front, near_line, distance, lookup[labels])


def reach_out(values: Map, window: float) -> tuple[Map, Map]:
    """Smallest and largest value within a square of side `window` px around each pixel."""
    side = 2 * (int(window) // 2) + 1
    square = np.ones((side, side), np.uint8)
    return np.asarray(cv2.erode(values, square)), np.asarray(cv2.dilate(values, square))


def find_border(mask: Mask) -> Mask:
    """The pixels of `mask` that touch a pixel outside it."""
    inside = mask.astype(np.uint8)
    return (cv2.erode(inside, np.ones((3, 3), np.uint8)) == 0) & mask
