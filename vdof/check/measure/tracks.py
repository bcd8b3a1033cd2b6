"""Points of the picture followed from frame to frame, with what was measured at each of them.

A point is dropped where the flow there and back does not return (`vdof.flow.dis.measure_gap`), and places that no point
covers any more get a new one, so every part of the picture is watched at every time.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.flow.config import FlowConfig
from vdof.flow.dis import DisFlow
from vdof.flow.images import resize_array
from vdof.flow.warp import measure_gap

FLOW_LONG_SIDE = 320
"""px; flow is searched at this size: a point a grid cell needs no finer one."""
_CELLS = 20
"""Cells of the grid along the longer side, one point each."""
_EXPANSION_REACH = 0.035
"""Half side of the window whose expansion a point takes, as a share of the longer side."""
_MARGIN = 0.02
"""Share of the frame at its borders that is not watched: what a blur reaches there lies outside the picture."""

Array = NDArray[np.float64]
Map = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sight:
    """All points of one frame."""

    ids: NDArray[np.int64]
    """(n,) a number that a point keeps while it is followed."""
    places: Map
    """(n,2) x, y as shares of the frame's width and height."""
    growth: Array
    """(n,) log2 of how much the picture around the point has grown since the frame before; 0 for new points."""
    speed: Array
    """(n,) px of a frame of flow size since the frame before."""

    def sample(self, values: NDArray[np.floating]) -> Array:
        """(n,) the values (h,w) at the points, from the nearest pixel."""
        height, width = values.shape
        column = np.clip((self.places[:, 0] * width).astype(int), 0, width - 1)
        row = np.clip((self.places[:, 1] * height).astype(int), 0, height - 1)
        return np.asarray(values[row, column], np.float64)


class Follower:
    """Follows points through one shot."""

    def __init__(self, preset: str = "medium") -> None:
        self._flow = DisFlow(FlowConfig(preset=preset, long_side=FLOW_LONG_SIDE))
        self._previous: NDArray[np.uint8] | None = None
        self._ids = np.empty(0, np.int64)
        self._points = np.empty((0, 2), np.float32)
        self._next_id = 0

    def start_shot(self) -> None:
        """Forget all points: nothing is followed across a cut."""
        self._previous = None
        self._ids, self._points = np.empty(0, np.int64), np.empty((0, 2), np.float32)

    def follow(self, grey: NDArray[np.uint8]) -> Sight:
        """One more frame, (h,w) uint8."""
        ratio = min(1.0, FLOW_LONG_SIDE / max(grey.shape))
        size = (max(16, round(grey.shape[0] * ratio)), max(16, round(grey.shape[1] * ratio)))
        grey = np.asarray(resize_array(grey, size), np.uint8)
        growth = speed = np.empty(0)
        if self._previous is not None and len(self._ids):
            growth, speed = self._move(self._previous, grey)
        cells = self._find_cells(grey.shape)
        is_kept = ~is_crowded(cells)
        self._ids, self._points = self._ids[is_kept], self._points[is_kept]
        new = self._seed(grey.shape, np.setdiff1d(np.arange(self._count_cells(grey.shape)), cells))
        self._previous = grey
        places = (self._points + 0.5) / np.array([grey.shape[1], grey.shape[0]], np.float32)
        growth, speed = (np.concatenate([values[is_kept], np.zeros(new)]) for values in (growth, speed))
        return Sight(self._ids.copy(), places.astype(np.float32), growth, speed)

    def _move(self, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> tuple[Array, Array]:
        """Carry the points along; returns growth and speed of those that are left."""
        forward, backward = self._flow.between_grey(before, now), self._flow.between_grey(now, before)
        gap = measure_gap(forward, backward)
        step = fetch(forward, self._points)
        is_kept = fetch(gap, self._points, nearest=True) < 1
        growth = fetch(measure_growth(forward), self._points)
        points = self._points + step
        height, width = now.shape
        low = _MARGIN * np.array([width, height])
        is_kept &= ((points >= low) & (points <= np.array([width - 1, height - 1]) - low)).all(axis=1)
        self._ids, self._points = self._ids[is_kept], points[is_kept].astype(np.float32)
        speed = np.hypot(step[:, 0], step[:, 1])[is_kept].astype(np.float64)
        return growth[is_kept].astype(np.float64), speed

    def _count_columns(self, shape: tuple[int, ...]) -> tuple[int, int]:
        side = max(shape) / _CELLS
        return max(2, round(shape[1] / side)), max(2, round(shape[0] / side))

    def _count_cells(self, shape: tuple[int, ...]) -> int:
        columns, rows = self._count_columns(shape)
        return columns * rows

    def _find_cells(self, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """(n,) the grid cell that each point lies in."""
        columns, rows = self._count_columns(shape)
        column = np.minimum((self._points[:, 0] / shape[1] * columns).astype(int), columns - 1)
        row = np.minimum((self._points[:, 1] / shape[0] * rows).astype(int), rows - 1)
        return np.asarray(column + columns * row, np.int64)

    def _seed(self, shape: tuple[int, ...], cells: NDArray[np.int64]) -> int:
        """A new point in the middle of each of `cells`; returns how many."""
        columns, rows = self._count_columns(shape)
        x = (cells % columns + 0.5) * shape[1] / columns
        y = (cells // columns + 0.5) * shape[0] / rows
        self._ids = np.concatenate([self._ids, self._next_id + np.arange(len(cells))])
        self._points = np.concatenate([self._points, np.stack([x, y], axis=1).astype(np.float32)])
        self._next_id += len(cells)
        return len(cells)


def is_crowded(cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether two older points share a point's cell already; points come oldest first."""
    order = np.argsort(cells, kind="stable")
    ranked = cells[order]
    crowded = np.zeros(len(cells), bool)
    crowded[order[2:]] = ranked[2:] == ranked[:-2]
    return crowded


def fetch(values: Map, points: Map, *, nearest: bool = False) -> Map:
    """(n[,C]) the values (h,w[,C]) at points (n,2) px."""
    if not len(points):
        return np.empty((0, *values.shape[2:]), np.float32)
    kind = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    places = np.ascontiguousarray(points[:, None])
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    return np.asarray(cv2.remap(values, x, y, kind, borderMode=cv2.BORDER_REPLICATE), np.float32)[:, 0]


def measure_growth(flow: Map) -> Map:
    """(h,w) log2 of how much the picture grows along the flow (h,w,2) px: half its divergence, over a window.

    The mean divergence over a window is the flow through its border.
    """
    reach = max(2, round(_EXPANSION_REACH * max(flow.shape[:2])))
    side = 2 * reach + 1
    x = np.ascontiguousarray(flow[..., 0])
    y = np.ascontiguousarray(flow[..., 1])
    across = cv2.blur(x, (1, side), borderType=cv2.BORDER_REPLICATE)
    down = cv2.blur(y, (side, 1), borderType=cv2.BORDER_REPLICATE)
    padded_x = cv2.copyMakeBorder(across, 0, 0, reach, reach, cv2.BORDER_REPLICATE)
    padded_y = cv2.copyMakeBorder(down, reach, reach, 0, 0, cv2.BORDER_REPLICATE)
    divergence = (padded_x[:, 2 * reach :] - padded_x[:, : -2 * reach]) + (
        padded_y[2 * reach :] - padded_y[: -2 * reach]
    )
    return np.asarray(divergence / (2 * reach) / 2 / np.log(2), np.float32)
