"""Reads a picture as an aperture. Apart from the renderer, which imports no image library."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.errors import ConfigError
from vdof.lens import Lens


def check_apertures(lenses: Iterable[Lens]) -> None:
    """Before pass 1: raise ConfigError where a lens' picture cannot be used."""
    for path in {lens.aperture_image for lens in lenses}:
        if path is not None:
            read_aperture(path)


def read_aperture(path: str) -> NDArray[np.bool_]:
    """The open part (h,w) of the picture at `path`: brighter than half and, where it has alpha, opaque.

    The picture shows the discs behind the focus, as seen. Raises ConfigError when it cannot be read or is all dark.
    """
    if not Path(path).is_file():
        raise ConfigError(f"lens.aperture_image: no file at {path}; give the path of a PNG, bright where light passes")
    picture = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ConfigError(f"lens.aperture_image: cannot read {path} as a picture; save it as PNG")
    brightest = 65535 if picture.dtype == np.uint16 else 255
    values = picture.astype(np.float32) / brightest
    if values.ndim == 3:
        values = values[..., :3].max(2) * (values[..., 3] if values.shape[2] == 4 else 1)
    is_open = values > 0.5
    if not is_open.any():
        raise ConfigError(f"lens.aperture_image: nothing in {path} is brighter than half; draw the opening in white")
    rows, columns = np.flatnonzero(is_open.any(1)), np.flatnonzero(is_open.any(0))
    return is_open[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
