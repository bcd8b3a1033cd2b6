"""Faces in one picture: where their eyes are and which is nearer, their outline and height."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Face:
    """One face, in pixels of its picture."""

    eyes: Points
    """(2,2) x,y of the two eyes' middles, whether they are open or not."""
    nearness: tuple[float, float]
    """How near each eye is, in face heights, larger is nearer; only their difference means something."""
    outline: Points
    """(n,2) x,y of the face's oval, from hairline to chin."""
    score: float
    """0..1"""

    @property
    def centre(self) -> Points:
        return self.outline.mean(axis=0)

    @property
    def height(self) -> float:
        """Longest way across the outline, which is hairline to chin, px."""
        return float(max(np.ptp(self.outline[:, 0]), np.ptp(self.outline[:, 1])))

    def move(self, step: Points) -> "Face":
        """The face (2,) px further on."""
        return Face(self.eyes + step, self.nearness, self.outline + step, self.score)


@dataclass(frozen=True, slots=True)
class FaceSight:
    """A face that is followed through a shot, in one frame."""

    track: int
    """Number of the face in its shot."""
    disparity: float
    """At its nearer eye."""
    x: float
    y: float
    """The nearer eye, 0..1 from the top left."""
    height: float
    """Hairline to chin, share of the frame's height."""
    outline: Points
    """(n,2) x,y of the face, from hairline to chin, 0..1."""
    is_on_subject: bool
    is_small: bool = False
    """Whether it is too small on the map for a disparity of its own: there it is as far as its figure, where it has one."""


@dataclass(frozen=True, slots=True)
class Head:
    """A head that is too small on the map to have kept its depth, and the depth that it should have."""

    outline: Points
    """(n,2) x,y of its face, 0..1."""
    disparity: float
    """That of its figure, in the analysis' units."""


class FaceFinder(Protocol):
    """Finds faces. One object serves one thread."""

    def find(self, picture: Picture) -> list[Face]:
        """All faces of a picture (H,W,3) RGB."""
        ...

    def refine(self, picture: Picture, near: Face) -> Face | None:
        """The face that is about where `near` was in the frame before; None where there is none."""
        ...
