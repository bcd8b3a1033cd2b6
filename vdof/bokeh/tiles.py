"""The splat in horizontal bands, so that its records fit into memory however large the frame is.

What lies behind an edge is filled in from the whole picture, so the layers are made whole; only the splat is divided. A band
sees all sources that reach it, at the same places in the frame, so that tiled and whole are the same picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch

from vdof.bokeh.config import BokehConfig
from vdof.bokeh.layers import TILE, Layers

Picture = TypeVar("Picture")
Band = tuple[int, int]

BYTES_PER_SOURCE = {"numba": 96, "torch": 1200}
"""Working memory of the splat for each pixel of a band with its surroundings (measured peak; torch stands for Triton too)."""
CPU_BUDGET_GB, CUDA_SHARE = 2.0, 0.25
"""Budget where the configuration names none: on the CPU, and the share of a CUDA device's memory."""
EXTRA = TILE
"""Rows beyond the margin on each side: half-resolution rows are interpolated across a band's border."""


def splat_in_bands(
    splat: Callable[[Layers], Picture], layers: Layers, config: BokehConfig, backend: str
) -> list[Picture]:
    """The picture (H,W,3) as bands from top to bottom, each `splat` from its part of the layers."""
    height, width = (side - 2 * layers.margin for side in layers.radius.shape[1:])
    rows = config.tile or choose_rows(height, width, layers.margin, find_budget(layers, config), backend)
    if rows >= height:
        return [splat(layers)]
    bands = [(first, min(first + rows, height)) for first in range(0, height, rows)]
    return [splat_band(splat, layers, band) for band in bands]


def splat_band(splat: Callable[[Layers], Picture], layers: Layers, band: Band) -> Picture:
    """The rows `band` of the picture."""
    total = layers.radius.shape[1]
    first = max(0, band[0] - EXTRA)
    last = min(total, band[1] + 2 * layers.margin + EXTRA)
    part = replace(
        layers,
        colour=layers.colour[:, first:last],
        radius=layers.radius[:, first:last],
        weight=layers.weight[:, first:last],
        above=first,
        total_rows=total,
    )
    done = splat(part)
    return done[band[0] - first : band[1] - first]  # type: ignore[index, no-any-return]


def find_budget(layers: Layers, config: BokehConfig) -> float:
    """Bytes that the splat may use."""
    if config.tile_memory_gb is not None:
        return config.tile_memory_gb * 2**30
    if isinstance(layers.radius, torch.Tensor) and layers.radius.is_cuda:
        return CUDA_SHARE * torch.cuda.mem_get_info(layers.radius.device)[1]
    return CPU_BUDGET_GB * 2**30


def choose_rows(height: int, width: int, margin: int, budget: float, backend: str) -> int:
    """Rows of a band: as many as fit into `budget` bytes; whole tiles, at least one."""
    rows = int(budget / BYTES_PER_SOURCE[backend] / (width + 2 * margin)) - 2 * (margin + EXTRA)
    return height if rows >= height else max(TILE, rows // TILE * TILE)
