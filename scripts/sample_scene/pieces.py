"""Primitives that are drawn through tile lists: ribbons (hair, twigs, rails), bulbs, leaves and boxes.

Each `place_*` turns world primitives into an array for one camera plus its tile lists.
"""

from typing import NamedTuple

import numpy as np

from .camera import Camera, list_per_tile


class Listed(NamedTuple):
    """Primitives of one kind, ready for the tracer."""

    data: np.ndarray
    """(n,k) float64; the columns are said by the function that made it."""
    start: np.ndarray
    """(tiles+1,) first entry of each tile in `index`."""
    index: np.ndarray  # type: ignore[assignment]
    """rows of `data`."""


class Ribbons(NamedTuple):
    """Rods seen as strips that face the camera."""

    ends: np.ndarray
    """(n,2,3) metres, world."""
    radius: np.ndarray
    """(n,2) metres."""
    colour: np.ndarray
    """(n,2,3) scene-linear light towards the camera."""


class Leaves(NamedTuple):
    """Flat leaves."""

    centre: np.ndarray
    """(n,3) metres, world."""
    along: np.ndarray
    """(n,3) half the leaf's length."""
    across: np.ndarray
    """(n,3) half the leaf's width."""
    colour: np.ndarray
    """(n,3) scene-linear light towards the camera."""


def join_ribbons(*parts: Ribbons) -> Ribbons:
    """All ribbons in one."""
    return Ribbons(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def join_leaves(*parts: Leaves) -> Leaves:
    """All leaves in one."""
    return Leaves(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def place_ribbons(camera: Camera, ribbons: Ribbons) -> Listed:
    """Columns: x0 y0 disparity0 half-width0, the same for 1, then rgb0, rgb1 (14)."""
    a, b = camera.project(ribbons.ends[:, 0]), camera.project(ribbons.ends[:, 1])
    wa = camera.focal_px * ribbons.radius[:, :1] * a[:, 2:]
    wb = camera.focal_px * ribbons.radius[:, 1:] * b[:, 2:]
    data = np.concatenate([a, wa, b, wb, ribbons.colour[:, 0], ribbons.colour[:, 1]], axis=1)
    reach = np.maximum(wa, wb)
    boxes = np.concatenate([np.minimum(a, b)[:, :2] - reach, np.maximum(a, b)[:, :2] + reach], axis=1)
    boxes[(a[:, 2] <= 0) | (b[:, 2] <= 0)] = (1, 1, 0, 0)
    return Listed(data, *list_per_tile(boxes, camera.width, camera.height))


def place_bulbs(camera: Camera, bulbs: np.ndarray) -> Listed:
    """Bulbs (n,7: x y z, radius in metres, rgb) -> columns x y disparity radius_px rgb. None is smaller than .7 px: its
    light is spread instead, so that it does not twinkle."""
    seen = camera.project(bulbs[:, :3])
    true_radius = camera.focal_px * bulbs[:, 3] * seen[:, 2]
    radius = np.maximum(true_radius, 0.7)
    light = bulbs[:, 4:] * np.clip((true_radius / radius) ** 2, 0.15, 1.0)[:, None]
    data = np.concatenate([seen, radius[:, None], light], axis=1)
    boxes = np.stack([seen[:, 0] - radius, seen[:, 1] - radius, seen[:, 0] + radius, seen[:, 1] + radius], axis=1)
    boxes[seen[:, 2] <= 0] = (1, 1, 0, 0)
    return Listed(data, *list_per_tile(boxes, camera.width, camera.height))


def place_leaves(camera: Camera, leaves: Leaves) -> Listed:
    """Columns, in camera axes: centre, along/|along|^2, across/|across|^2, normal, rgb (15)."""
    normal = np.cross(leaves.along, leaves.across)
    axes = [camera.basis @ v.T for v in (leaves.centre - camera.position, leaves.along, leaves.across, normal)]
    centre, along, across, normal = (v.T for v in axes)
    scaled = [v / np.sum(v * v, axis=1, keepdims=True) for v in (along, across)]
    data = np.concatenate([centre, *scaled, normal, leaves.colour], axis=1)
    signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
    corners = np.stack([camera.project(leaves.centre + s * leaves.along + t * leaves.across) for s, t in signs])
    boxes = np.concatenate([corners.min(axis=0)[:, :2], corners.max(axis=0)[:, :2]], axis=1)
    boxes[corners[..., 2].min(axis=0) <= 0] = (1, 1, 0, 0)
    return Listed(data, *list_per_tile(boxes, camera.width, camera.height))


def place_boxes(camera: Camera, blocks: np.ndarray) -> Listed:
    """Axis-aligned blocks (n,9: low corner, high corner, rgb albedo), world axes, columns unchanged."""
    pick = np.array([[(n >> k) & 1 for k in range(3)] for n in range(8)])
    corners = np.where(pick[None] == 1, blocks[:, None, 3:6], blocks[:, None, 0:3])
    seen = camera.project(corners.reshape(-1, 3)).reshape(len(blocks), 8, 3)
    boxes = np.concatenate([seen.min(axis=1)[:, :2], seen.max(axis=1)[:, :2]], axis=1)
    boxes[seen[..., 2].max(axis=1) <= 0] = (1, 1, 0, 0)
    return Listed(blocks.astype(np.float64), *list_per_tile(boxes, camera.width, camera.height))
