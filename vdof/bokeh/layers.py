"""What a backend splats: the picture's own pixels and what they hide, as layers of sources."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

BIN = 4
"""Pixels per cell of the coarse picture from which the background is filled."""
TILE = 8
"""Pixels per tile in which an edge's reach is kept."""
EDGE = 1.5
"""Radii that differ by more than this, px, within 3x3 pixels are a depth edge."""
EDGE_TRUST = 0.05
"""Weight of a pixel on a depth edge as a sample of the background: it may be mixed from both sides."""
MAX_LEVELS = 24
LEVEL_STEP = 1.5
SMALL_RADIUS = 1.25
"""Below this radius, px, a source is a sharp pixel mixed with a disc of this radius so that its variance is right."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Sources in the backend's own arrays (numpy or torch), `margin` pixels larger than the picture on every side."""

    colour: Any
    """(L,H,W,3) scene-linear."""
    radius: Any
    """(L,H,W) signed coc radius, px."""
    weight: Any
    """(L,H,W) opacity 0..1; 0 is no source."""
    group_shift: tuple[int, ...]
    """(L,) groups by which a layer sorts behind its own radius."""
    margin: int
    """Extension beyond the picture, px."""


def level_count(nearest: float, farthest: float) -> int:
    """Levels of radius between `nearest` and `farthest`, px."""
    return min(MAX_LEVELS, max(2, math.ceil((farthest - nearest) / LEVEL_STEP)))


def pyramid_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Rows and columns of the coarse picture and of its halvings, down to 2 cells."""
    sizes = [(-(-height // BIN), -(-width // BIN))]
    while min(sizes[-1]) > 2:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes
