"""Eyes through a shot: every face followed over blinks, turns and short losses, and the one that focus is on.

A face is followed by its mesh from frame to frame, and looked for anew every few frames. Where the mesh loses it, because the
head turns away or something passes, its outline is carried along the flow as long as the depth there stays what it was.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vdof.flow.open import Flow
from vdof.focus.faces import Face, FaceFinder, FaceSight, Head, Picture, Points
from vdof.focus.observe import Observation
from vdof.focus.subject import Mask

SEARCH_EVERY = 5
"""Frames between searches of the whole picture while a face is followed."""
CARRY_FRAMES = 48
"""A lost face is carried along the flow for so long."""
SAME_DEPTH = 0.15
"""A carried face is still there while its disparity stays within this share of the frame's range."""
SAME_PLACE = 0.7
"""A face found within so many face heights of a followed one is that one."""
SWITCH = 0.1
"""The other eye must be nearer by this share of the face's height before focus goes over to it."""
BESIDE_EYE = 0.15
"""Radius about the eye, in face heights, in which the face's disparity is read."""
FEWEST_PIXELS = 9
HAIR = 0.25
"""Hair adds about this share of the face's height."""
FADE = 2.0
"""px of the map over which a raised head fades out."""
SMALL_FACE = 24
"""Rows of the map: estimators let smaller heads fade into what is behind them."""
REACH_OF_SMALL = 1.2
"""A small face is on a figure that comes within so many face heights of its eye."""
LEAST_SIGHTS = 5
"""A face seen in fewer frames, in a shot that has as many, is taken for a mistake."""
LONG_GAP = 24
"""Frames without the chosen face after which focus may go over to another."""


@dataclass(slots=True)
class Track:
    """A face as it is followed."""

    number: int
    face: Face
    eye: int = 0
    """Which of the two eyes focus is on."""
    lost_for: int = 0
    disparity: float = 0.0
    """Where the mesh last saw it."""

    def see(self, face: Face) -> None:
        """The mesh has it in this frame."""
        gain = face.nearness[1 - self.eye] - face.nearness[self.eye]
        if gain > SWITCH:
            self.eye = 1 - self.eye
        self.face, self.lost_for = face, 0


class FaceFollower:
    """Follows all faces of one shot, frame by frame."""

    def __init__(self, finder: FaceFinder, flow: Flow) -> None:
        self._finder, self._flow = finder, flow
        self._tracks: list[Track] = []
        self._count = 0
        self._place = 0
        self._previous: Tensor | None = None

    def look(self, rgb: Tensor, values: NDArray[np.float32], mask: Mask | None) -> tuple[FaceSight, ...]:
        """The faces of the next frame.

        Args:
            rgb: (1,3,H,W) display-encoded.
            values: (h,w) disparity.
            mask: (h0,w0) the subject.
        """
        picture = np.ascontiguousarray((rgb[0].permute(1, 2, 0) * 255).round().clamp(0, 255).byte().cpu().numpy())
        self._follow(picture, rgb)
        if self._place % SEARCH_EVERY == 0 or not any(track.lost_for == 0 for track in self._tracks):
            self._search(picture)
        self._previous = rgb
        self._place += 1
        sights = [self._measure(track, values, picture.shape, mask) for track in self._tracks]
        self._tracks = [track for track in self._tracks if track.lost_for <= CARRY_FRAMES]
        return tuple(sight for sight in sights if sight is not None)

    def _follow(self, picture: Picture, rgb: Tensor) -> None:
        step: Tensor | None = None
        for track in self._tracks:
            face = self._finder.refine(picture, track.face) if track.lost_for == 0 else None
            if face is not None and is_same(face, track.face):
                track.see(face)
                continue
            if step is None and self._previous is not None:
                step = self._flow(self._previous, rgb)
            track.face = track.face.move(find_step(step, track.face)) if step is not None else track.face
            track.lost_for += 1

    def _search(self, picture: Picture) -> None:
        """Faces that are not followed yet, and lost ones that are back."""
        free = list(self._tracks)
        for face in self._finder.find(picture):
            same = [track for track in free if is_same(face, track.face)]
            if same:
                nearest = min(same, key=lambda track: float(np.linalg.norm(track.face.centre - face.centre)))
                free.remove(nearest)
                nearest.see(face)
            elif not any(is_same(face, track.face) for track in self._tracks):
                self._tracks.append(Track(self._count, face, int(face.nearness[1] > face.nearness[0])))
                self._count += 1

    def _measure(
        self, track: Track, values: NDArray[np.float32], shape: tuple[int, ...], mask: Mask | None
    ) -> FaceSight | None:
        """What is at the nearer eye; None where something else is there now."""
        height, width = shape[:2]
        scale = np.array([width, height], np.float32)
        x, y = track.face.eyes[track.eye] / scale
        if not (0 <= x < 1 and 0 <= y < 1):
            return None
        disparity = read_disparity(values, track.face.outline / scale, (float(x), float(y)), track.face.height / height)
        if track.lost_for == 0:
            track.disparity = disparity
        elif abs(disparity - track.disparity) > SAME_DEPTH * float(np.ptp(np.percentile(values, (2, 98)))):
            return None
        tall = track.face.height / height
        is_small = tall * values.shape[0] < SMALL_FACE
        is_on = touches(mask, x, y, REACH_OF_SMALL * tall if is_small else 0)
        outline = track.face.outline / scale
        return FaceSight(track.number, disparity, float(x), float(y), tall, outline, is_on, is_small)


def observe_faces(
    observed: Iterator[Observation],
    disparities: Iterable[Tensor],
    frames: Iterable[Tensor],
    finder: FaceFinder,
    flow: Flow,
) -> Iterator[Observation]:
    """The observations of one shot with its faces; `disparities` (1,1,h,w), `frames` (1,3,H,W) display-encoded."""
    follower = FaceFollower(finder, flow)
    for seen, disparity, rgb in zip(observed, disparities, frames, strict=True):
        mask = seen.figure.unpack() if seen.figure is not None else None
        yield replace(seen, faces=follower.look(rgb, disparity[0, 0].cpu().numpy(), mask))


def choose_face(observed: Sequence[Observation], point: tuple[float, float] | None) -> list[FaceSight | None]:
    """The face that focus is on in each frame of a shot; None where it is not to be seen.

    Args:
        observed: with `faces`.
        point: (x,y) 0..1, the face nearest to it where it is first seen; None: the face that is largest for longest.

    Where that face is gone for long, the next one takes its place.
    """
    tracks: dict[int, dict[int, FaceSight]] = defaultdict(dict)
    for place, item in enumerate(observed):
        for sight in item.faces:
            tracks[sight.track][place] = sight
    enough = min(LEAST_SIGHTS, len(observed))
    found = [track for track in tracks.values() if len(track) >= enough]
    found.sort(key=lambda track: sum(sight.height for sight in track.values()), reverse=True)
    if point is not None:
        found.sort(key=lambda track: measure_way(next(iter(track.values())), point))
    chosen: list[FaceSight | None] = [None] * len(observed)
    for track in found:
        for place in list_open(chosen, track):
            chosen[place] = track[place]
    return chosen


def list_open(chosen: Sequence[FaceSight | None], track: dict[int, FaceSight]) -> list[int]:
    """Frames of the track that lie in long gaps of what is chosen so far."""
    gaps: list[list[int]] = [[]]
    for place, sight in enumerate(chosen):
        if sight is None:
            gaps[-1].append(place)
        elif gaps[-1]:
            gaps.append([])
    is_empty = all(sight is None for sight in chosen)
    return [place for gap in gaps if is_empty or len(gap) > LONG_GAP for place in gap if place in track]


def measure_way(sight: FaceSight, point: tuple[float, float]) -> float:
    return float(np.hypot(sight.x - point[0], sight.y - point[1]))


def is_same(face: Face, other: Face) -> bool:
    """Whether two faces of frames that follow one another are one: near, and of like size."""
    size = max(face.height, other.height)
    way = float(np.linalg.norm(face.centre - other.centre))
    return way < SAME_PLACE * size and 0.5 < face.height / max(other.height, 1e-6) < 2


def find_step(flow: Tensor, face: Face) -> Points:
    """(2,) px: median flow inside the face; `flow` is (1,2,H,W)."""
    height, width = flow.shape[-2:]
    low = np.clip(face.outline.min(axis=0).astype(int), 0, (width - 1, height - 1))
    high = np.clip(face.outline.max(axis=0).astype(int) + 1, low + 1, (width, height))
    inside = flow[0, :, low[1] : high[1], low[0] : high[0]].reshape(2, -1)
    return np.asarray(inside.median(dim=1).values.cpu().numpy(), np.float32)


def read_disparity(values: NDArray[np.float32], outline: Points, eye: tuple[float, float], height: float) -> float:
    """Median disparity of what lies both within the face and about the eye.

    Args:
        values: (h,w) disparity.
        outline: (n,2) the face, 0..1.
        eye: (x,y) 0..1.
        height: of the face, share of the frame's height.

    Where the face is too small on the map for that, all of it counts.
    """
    rows, columns = values.shape
    scale = np.array([columns, rows], np.float32)
    face = np.zeros(values.shape, np.uint8)
    cv2.fillConvexPoly(face, np.floor(cv2.convexHull(outline * scale)).astype(np.int32), 1)
    near = np.zeros(values.shape, np.uint8)
    middle = int(eye[0] * columns), int(eye[1] * rows)
    cv2.circle(near, middle, max(1, round(BESIDE_EYE * height * rows)), 1, -1)
    for region in (face & near, face):
        if region.sum() >= FEWEST_PIXELS:
            return float(np.median(values[region > 0]))
    return float(values[min(rows - 1, middle[1]), min(columns - 1, middle[0])])


def raise_head(values: NDArray[np.float32], head: Head) -> NDArray[np.float32]:
    """The map (h,w) with a head, hair included, at least as near as its figure, fading out about it."""
    scale = np.array(values.shape[::-1], np.float32)
    low, high = (head.outline * scale).min(axis=0), (head.outline * scale).max(axis=0)
    tall = float(high[1] - low[1])
    middle, half = (low + high) / 2 - (0, HAIR * tall / 2), (high - low) / 2 + (HAIR * tall / 2, HAIR * tall / 2)
    y, x = np.mgrid[0 : values.shape[0], 0 : values.shape[1]].astype(np.float32) + np.float32(0.5)
    radius = np.hypot((x - middle[0]) / half[0], (y - middle[1]) / half[1])
    weight = np.clip(1.5 * tall / 2 * (1 - radius) / FADE + 1, 0, 1)
    raised = np.maximum(values, np.float32(head.disparity))
    return (values + weight * (raised - values)).astype(np.float32)


def touches(mask: Mask | None, x: float, y: float, reach: float) -> bool:
    """Whether a mask (h,w) comes within `reach` of the point; both in shares, the reach of the frame's height."""
    if mask is None:
        return False
    height, width = mask.shape
    row, column, far = min(height - 1, int(y * height)), min(width - 1, int(x * width)), int(reach * height)
    return bool(mask[max(0, row - far) : row + far + 1, max(0, column - far) : column + far + 1].any())
