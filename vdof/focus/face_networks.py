"""MediaPipe's face detector and face mesh, run by ai-edge-litert.

The detector sees squares of 128 px: the whole picture, and overlapping squares of its height and of half of it, so that a
face of a twelfth of the picture's height is found. Each face is then turned upright and measured by the mesh of 468 points,
which also says whether it is a face. A blink changes neither; a head may turn to its profile.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.errors import ModelError
from vdof.focus.faces import Face, Picture, Points

Values = NDArray[np.float32]

DETECTOR_SIDE, MESH_SIDE = 128, 192
LEAST_SCORE, LEAST_PRESENCE, SURE = 0.3, 0.5, 1.3
"""Least score of a detected box, of the mesh, and of both together in a new face: a face that is half outside the picture
has a weak box and a good mesh."""
MOST_BOXES = 8
"""So many of the best boxes are looked at."""
OVERLAP = 0.3
"""Two boxes that share more than this part of their union are one face."""
MARGIN = 1.5
"""Side of the mesh's square, in box heights, as the mesh was trained."""
SMALLEST_SQUARE = 96
"""px: smaller squares would only be enlarged."""
EYES = ((33, 133, 159, 145), (263, 362, 386, 374))
"""Mesh points about each eye: corners, upper and lower lid."""
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136,
    172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Mesh points of the face's outline, from the top of the forehead clockwise."""


class MeshFaceFinder:
    """Faces by detector and mesh. Raises ModelError where a file is not such a network."""

    def __init__(self, detector: Path, mesh: Path) -> None:
        self._detector = Network(detector, DETECTOR_SIDE, [(896, 16), (896, 1)])
        self._mesh = Network(mesh, MESH_SIDE, [(1404,), (1,)])

    def find(self, picture: Picture) -> list[Face]:
        """See `FaceFinder.find`; largest first."""
        found = [face for square in list_squares(*picture.shape[:2]) for face in self._detect(picture, square)]
        refined = (
            (score, self._measure(picture, *place_square(box, eyes)))
            for box, eyes, score in drop_doubles(found)[:MOST_BOXES]
        )
        faces = [face for score, face in refined if face is not None and score + face.score > SURE]
        boxes = [(np.concatenate([face.outline.min(axis=0), face.outline.max(axis=0)]), face) for face in faces]
        kept = [face for box, face in boxes if not any(is_larger(other, face, box) for other in boxes)]
        return sorted(kept, key=lambda face: face.height, reverse=True)

    def refine(self, picture: Picture, near: Face) -> Face | None:
        """See `FaceFinder.refine`."""
        low, high = near.outline.min(axis=0), near.outline.max(axis=0)
        centre = (low + high) / 2
        return self._measure(picture, centre, MARGIN * float((high - low).max()), find_roll(near.eyes))

    def _detect(self, picture: Picture, square: tuple[float, float, float]) -> list[tuple[Values, Points, float]]:
        """Boxes (x0,y0,x1,y1), eyes (2,2) and scores of the faces in a square (x, y, side), px of the picture."""
        x, y, side = square
        crop = cut_square(picture, np.array([x + side / 2, y + side / 2], np.float32), side, 0.0, DETECTOR_SIDE)[0]
        raw, logits = self._detector.run(crop * 2 - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -80, 80)))
        found: list[tuple[Values, Points, float]] = []
        for place in np.nonzero(scores > LEAST_SCORE)[0]:
            points = raw[place].reshape(8, 2) / DETECTOR_SIDE
            points[[0, 2, 3, 4, 5, 6, 7]] += ANCHORS[place]
            half = points[1] / 2
            box = (np.concatenate([points[0] - half, points[0] + half]) * side + (x, y, x, y)).astype(np.float32)
            found.append((box, (points[2:4] * side + (x, y)).astype(np.float32), float(scores[place])))
        return found

    def _measure(self, picture: Picture, centre: Points, side: float, roll: float) -> Face | None:
        """The mesh of a face in a turned square; None where the mesh sees no face there."""
        crop, back = cut_square(picture, centre, side, roll, MESH_SIDE)
        raw, logit = self._mesh.run(crop)
        score = float(1 / (1 + np.exp(-np.clip(logit[0], -80, 80))))
        if score < LEAST_PRESENCE:
            return None
        mesh = raw.reshape(468, 3)
        flat = (mesh[:, :2] @ back[:, :2].T + back[:, 2]).astype(np.float32)
        outline = flat[list(OVAL)]
        tall = float(np.ptp(mesh[list(OVAL), 1]))
        near, far = (-float(mesh[list(points), 2].mean()) / tall for points in EYES)
        return Face(np.stack([flat[list(points)].mean(axis=0) for points in EYES]), (near, far), outline, score)


class Network:
    """One TFLite network from a square RGB picture to its outputs."""

    def __init__(self, path: Path, side: int, shapes: list[tuple[int, ...]]) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._run: Any = Interpreter(str(path), num_threads=1)
            self._run.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"focus.face_models: {path} is not a TFLite network: {str(error).splitlines()[0]}"
            ) from error
        taken, given = self._run.get_input_details(), self._run.get_output_details()
        sizes = [int(np.prod(entry["shape"])) for entry in given]
        if [tuple(entry["shape"]) for entry in taken] != [(1, side, side, 3)] or sizes != [
            int(np.prod(s)) for s in shapes
        ]:
            raise ModelError(
                f"focus.face_models: {path} takes {taken[0]['shape'].tolist()} and gives {sizes} values, expected "
                f"[1, {side}, {side}, 3] and {[int(np.prod(s)) for s in shapes]}; it is another network"
            )
        self._input, self._outputs = taken[0]["index"], [entry["index"] for entry in given]
        self._shapes = shapes

    def run(self, crop: Values) -> list[Values]:
        """The outputs for a crop (side,side,3)."""
        self._run.set_tensor(self._input, crop[None])
        self._run.invoke()
        pairs = zip(self._outputs, self._shapes, strict=True)
        return [self._run.get_tensor(index).reshape(shape) for index, shape in pairs]


def make_anchors() -> Values:
    """(896,2) centres 0..1 of the detector's cells: two a cell of 8 px, six a cell of 16 px."""
    parts = []
    for cells, count in ((16, 2), (8, 6)):
        y, x = np.mgrid[0:cells, 0:cells]
        parts.append(np.repeat((np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells, count, axis=0))
    return np.concatenate(parts).astype(np.float32)


ANCHORS = make_anchors()


def list_squares(height: int, width: int) -> list[tuple[float, float, float]]:
    """Squares (x, y, side) px that a picture is searched in: around all of it, and two finer, overlapping sets."""
    longer, shorter = max(height, width), min(height, width)
    squares = [((width - longer) / 2, (height - longer) / 2, float(longer))]
    for side in (shorter, shorter / 2):
        if side == longer or side < SMALLEST_SQUARE:
            continue
        across, down = (int(np.ceil((length - side) / (0.6 * side))) + 1 for length in (width, height))
        squares += [
            (x, y, side) for y in np.linspace(0, height - side, down) for x in np.linspace(0, width - side, across)
        ]
    return squares


def cut_square(picture: Picture, centre: Points, side: float, roll: float, size: int) -> tuple[Values, Values]:
    """A square of the picture, turned back by `roll` radians, as (size,size,3) 0..1; and the (2,3) way back to pixels."""
    scale, cos, sin = side / size, np.cos(roll), np.sin(roll)
    back = np.array([[cos * scale, -sin * scale, 0], [sin * scale, cos * scale, 0]], np.float32)
    back[:, 2] = centre - back[:, :2] @ np.full(2, (size - 1) / 2, np.float32)
    source: Any = picture
    matrix = back
    if scale > 2:
        source = cv2.resize(picture, None, fx=2 / scale, fy=2 / scale, interpolation=cv2.INTER_AREA)
        shrunk = np.array([source.shape[1] / picture.shape[1], source.shape[0] / picture.shape[0]], np.float32)
        matrix = back * shrunk[:, None]
    crop = cv2.warpAffine(source, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return (crop / 255).astype(np.float32), back


def place_square(box: Values, eyes: Points) -> tuple[Points, float, float]:
    """Centre, side and roll of the mesh's square for a detected box."""
    centre = ((box[:2] + box[2:]) / 2).astype(np.float32)
    return centre, MARGIN * float((box[2:] - box[:2]).max()), find_roll(eyes)


def find_roll(eyes: Points) -> float:
    """How far the line through the eyes is turned, radians."""
    across = eyes[1] - eyes[0]
    return float(np.arctan2(across[1], across[0]))


def drop_doubles(found: list[tuple[Values, Points, float]]) -> list[tuple[Values, Points, float]]:
    """Each face once, by its best score."""
    kept: list[tuple[Values, Points, float]] = []
    for item in sorted(found, key=lambda item: item[2], reverse=True):
        if all(find_overlap(item[0], other[0]) < OVERLAP for other in kept):
            kept.append(item)
    return kept


def find_overlap(a: Values, b: Values) -> float:
    """Intersection over union of two boxes."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.maximum(sides, 0)))
    return common / max(float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - common, 1e-9)


def is_larger(other: tuple[Values, Face], face: Face, box: Values) -> bool:
    """Whether the other is the same face, seen better."""
    return other[1] is not face and other[1].score > face.score and find_overlap(other[0], box) > OVERLAP
