"""One frame as the checks see it, and what a check is: something that looks at frames in order and then says what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

Found = TypeVar("Found", covariant=True)

LONG_SIDE = 640
"""px; the checks' working size: larger frames are reduced to it."""


@dataclass(frozen=True, slots=True)
class LensState:
    """How the lens of a frame turns disparity into blur: `coc = scale_px_m * (focus_dioptres - disparity)`."""

    scale_px_m: float
    """K of `vdof.optics.coc_scale`, in pixels of the look's size times metres."""
    focus_dioptres: float
    """1 / focus distance, 1/m."""
    is_planned: bool
    """Somebody said where focus is (a distance, keyframes); False: it follows what the depth says of the subject."""


@dataclass(frozen=True, slots=True)
class Look:
    """A frame at the checks' working size; what is not known is None.

    Arrays are float32 unless said: `image` and `sharp` (h,w,3) display-encoded RGB 0..1, blurred and before the blur;
    `coc` (h,w) signed diameters in pixels of this size, as rendered; `subject` (h,w) bool, what shall be sharp.
    """

    index: int
    """Frame of the file checked, from 0."""
    seconds: float
    """Presentation time."""
    shot: int
    """Number of its shot, from 0."""
    image: np.ndarray
    sharp: np.ndarray | None = None
    coc: np.ndarray | None = None
    subject: np.ndarray | None = None
    lens: LensState | None = None
    """What made `coc`; None where nobody knows."""
    is_key: bool = False
    """The codec starts anew with this frame."""


class Gauge(Protocol[Found]):
    """A check: sees every frame once, in order, keeps bounded memory, and then answers."""

    def add(self, look: Look) -> None:
        """See one more frame."""

    def finish(self) -> Found:
        """What was found."""
