"""The camera and what it needs to find primitives quickly: projection and lists of primitives per tile of pixels."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

TILE = 8


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera; the lens is only in the log, the picture itself is sharp everywhere."""

    position: np.ndarray
    """(3,) metres, world."""
    basis: np.ndarray
    """(3,3) unit rows: right, up, forward."""
    width: int
    """pixels"""
    height: int
    """pixels"""
    focal_px: float
    """focal length in pixels: width * focal_length_mm / sensor_width_mm"""

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points (n,3) -> (n,3): pixel x, pixel y, disparity in 1/m. Points nearer than 5 cm get disparity 0."""
        a, b, c = (self.basis @ (points - self.position).T).astype(np.float64)
        inverse = np.where(c > 0.05, 1.0 / np.maximum(c, 0.05), 0.0)
        x = self.width / 2 + self.focal_px * a * inverse
        y = self.height / 2 - self.focal_px * b * inverse
        return np.stack([x, y, inverse], axis=1)


def aim_camera(position, target, width, height, focal_length_mm, sensor_width_mm, roll_deg=0.0) -> Camera:
    """Camera at `position` (3,) looking at `target` (3,), both in metres."""
    position = np.asarray(position, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    c, s = math.cos(math.radians(roll_deg)), math.sin(math.radians(roll_deg))
    basis = np.stack([c * right + s * up, c * up - s * right, forward])
    return Camera(position, basis, width, height, width * focal_length_mm / sensor_width_mm)


@njit
def fill_tiles(boxes, columns, rows):
    """CSR lists (start, index) of the boxes (n,4: x0, y0, x1, y1 in px) that touch each tile, row by row."""
    start = np.zeros(columns * rows + 1, np.int64)
    index = np.zeros(1, np.int64)
    for step in range(2):
        cursor = start.copy()
        for n in range(boxes.shape[0]):
            if boxes[n, 2] < 0 or boxes[n, 3] < 0 or boxes[n, 2] < boxes[n, 0]:
                continue
            left, top = max(int(boxes[n, 0]) // TILE, 0), max(int(boxes[n, 1]) // TILE, 0)
            for r in range(top, min(int(boxes[n, 3]) // TILE, rows - 1) + 1):
                for c in range(left, min(int(boxes[n, 2]) // TILE, columns - 1) + 1):
                    tile = r * columns + c
                    if step == 0:
                        start[tile + 1] += 1
                    else:
                        index[cursor[tile]] = n
                        cursor[tile] += 1
        if step == 0:
            start = np.cumsum(start)
            index = np.zeros(max(start[-1], 1), np.int64)
    return start, index


def list_per_tile(boxes: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Tile lists for boxes (n,4) in px on a picture of width x height."""
    limit = 4.0 * max(width, height)
    bounded = np.clip(boxes, -limit, limit)
    return fill_tiles(bounded, -(-width // TILE), -(-height // TILE))
