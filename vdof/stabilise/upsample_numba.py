"""The edges of upsampling compiled for the CPU; step by step as `vdof.stabilise.upsample.refine_edges`."""

from __future__ import annotations

import math

import numpy as np

from vdof.compiled import compiled
from vdof.threads import run_rows


def refine_edges(
    disparity: np.ndarray,
    is_edge: np.ndarray,
    doubt: np.ndarray,
    coarse: np.ndarray,
    fine: np.ndarray,
    result: np.ndarray,
    reach: int,
    space_sigma: float,
    colour_sigma: float,
    most_cost: float,
) -> None:
    """Overwrite `result` (H,W) where `is_edge` (h,w) holds with the mean of disparity (h,w) over like-coloured places.

    doubt: (h,w) >= 0, cost of believing a place; coarse: (3,h,w), fine: (3,H,W), the frame at both sizes.
    """
    by_space, by_colour = np.float32(0.5 / space_sigma**2), np.float32(0.5 / colour_sigma**2)
    maps = (disparity, is_edge, doubt, coarse, fine, result)
    run_rows(_refine_rows, 0, result.shape[0], *maps, reach, by_space, by_colour, np.float32(most_cost))


@compiled
def _refine_rows(  # type: ignore[no-untyped-def]
    y0, y1, disparity, is_edge, doubt, coarse, fine, result, reach, by_space, by_colour, most
):
    h, w = disparity.shape
    height, width = result.shape
    down, across = np.float32(h / height), np.float32(w / width)
    for y in range(y0, y1):
        at_y = (y + np.float32(0.5)) * down - np.float32(0.5)
        near_y = int(round(at_y))
        for x in range(width):
            at_x = (x + np.float32(0.5)) * across - np.float32(0.5)
            near_x = int(round(at_x))
            if not is_edge[min(max(near_y, 0), h - 1), min(max(near_x, 0), w - 1)]:
                continue
            red, green, blue = fine[0, y, x], fine[1, y, x], fine[2, y, x]
            total, weights = np.float32(0), np.float32(0)
            for dy in range(-reach, reach + 1):
                v = min(max(near_y + dy, 0), h - 1)
                for dx in range(-reach, reach + 1):
                    u = min(max(near_x + dx, 0), w - 1)
                    r, g, b = coarse[0, v, u] - red, coarse[1, v, u] - green, coarse[2, v, u] - blue
                    far = (v - at_y) * (v - at_y) + (u - at_x) * (u - at_x)
                    colour = min((r * r + g * g + b * b) * by_colour, most)
                    share = np.float32(math.exp(-doubt[v, u] - far * by_space - colour))
                    total += share * disparity[v, u]
                    weights += share
            result[y, x] = total / weights
