"""What a backend splats: the picture's own pixels, what they hide, and the mixed pixels on depth edges taken apart.

Four layers: OWN holds every pixel; RIM the other surface of a mixed pixel, nearer or farther than the one that the depth map
gives it to (a hair's border, the rim of a lamp, what shows beside a strand), so that nothing jumps when the map changes its
mind; BEHIND what a pixel hides and a blurred edge reveals; BEYOND what lies behind BEHIND, where that is itself blurred or has
an edge nearby.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

OWN, BEHIND, RIM, BEYOND = 0, 1, 2, 3
LAYERS = 4
GROUP_SHIFT = (0, 1, 0, 1)
"""Groups by which a layer sorts behind its own radius."""

BIN = 4
"""Pixels per cell of the coarse picture from which the background is filled."""
CELL_VALUES = 5
"""Values of such a cell: r, g, b, radius, squared radius; their weight follows."""
TILE = 8
"""Pixels per tile in which an edge's reach is kept."""
EDGE = 1.5
"""Radii that differ by more than this, px, within 3x3 pixels are a depth edge that reveals something."""
EDGE_TRUST = 0.05
"""Weight of a pixel on a depth edge as a sample of the background: it may be mixed from both sides..."""
EDGE_DOUBT = (1.0, 2.0)
"""... between these ranges within 3x3 pixels it falls to that."""
REACH_FADE = 64.0
"""Radius, px, by which an edge counts as nearer per tile beyond its reach, so that no tile enters it at once."""
SEEN_AROUND = (0.75, 1.25)
"""Radii, px, by which a surface must be nearer than the middle of an edge in reach to have something behind it."""
BEHIND_STEP = 2.0
"""A surface lies behind another when its radius is larger by this much, px; noise of the depth is smaller..."""
REVEAL_STEP = (1.5, 2.0)
"""... and what is found there is shown when it does."""
DENSE_EDGE = (0.3, 0.5)
"""Radii that differ by more than this, px, within 3x3 pixels near an edge may be strands behind strands."""
DENSE_STEP = (0.2, 0.5)
"""What lies farther than a strand by more than this, px, and near it, is behind it..."""
DENSE_WINDOW, DENSE_SPREAD = 2, 3.0
"""... within so many pixels on every side, weighted exp(-distance^2 / DENSE_SPREAD) over the step..."""
SPARSE = (0.08, 0.24)
"""... unless more than this share of what is around lies farther by FAR_STEP: then the background shows..."""
SPARSE_SAMPLES, SPARSE_STRIDE = 2, 3
"""... counted at so many pixels on every side, so far apart..."""
FAR_STEP = (1.5, 2.5)
DENSE_LEAST = 0.02
"""... and as far as the weights sum up to this..."""
DENSE_OWN = (0.9, 1.0)
"""... and the pixel covers as much as this..."""
DENSE_NEARER = (0.0, 1.0)
"""... and what was found behind it so far lies farther by this, px."""
TWO_SURFACES = (1.0, 4.0)
"""Deviation of the radius, px, from which what lies farther than a pixel is two surfaces..."""
CONTINUES = (0.5, 0.9)
"""... of which the nearer goes on behind the pixel as far as its share there is above this..."""
FARTHER_FROM = 2.0
"""... and the farther is all that is not nearer than the mean by this many levels, which hold the mean itself."""
MAX_LEVELS = 24
LEVEL_STEP = 1.5
HALF_FROM, HALF_FULLY = 7.0, 10.0
"""Radii, px, between which a source passes from full to half resolution."""
FULL_VARIANCE = 1 / 3
"""What the pixel grid adds to a disc's squared radius; taken off before, so that its variance is right."""
HALF_VARIANCE = 1.25
"""The same at half resolution, in its pixels: cell of merged sources 1/16, pixel 1/12, upsampling 1/6, times 4."""
FULL_CLIP = 4.0
"""Radius, px, from which the barrel cuts a disc fully (cat-eye); below, the cut fades with the radius."""
CLIP_ROOM, CLIP_ROOM_LEFT = 1.0, 0.25
"""Pixels by which the barrel's circle is larger than the smallest discs, whose spans are wider than they; what stays of it
from FULL_CLIP on."""
LEAST_LIGHT = 2 / 3
"""Squared radius less FULL_VARIANCE, px, from which a disc of the span table has light of its own; smaller ones have this."""

MIXED_EDGE = (0.5, 0.9)
"""Radii that differ by more than this within 3x3 pixels make pixels that may be mixed from two surfaces: those within WINDOW
of them, as strands too thin for the depth map stand beside its edges."""
CLEAR_STEP = (4.0, 5.5)
"""Step between the sides over the deviation within them from which they are two surfaces; noise has 2.7, a ramp 3.5, an edge
that is one pixel soft 6."""
SIDES = 0.1
"""Pixels nearer to the middle than this share of the step count on both sides."""
WINDOW = 3
"""Pixels on every side from which the two surfaces and their colours are taken."""
SPREAD = 6.0
"""Their weight falls as exp(-distance^2 / SPREAD)."""
MIXED_TRUST = 0.2
"""Weight of a pixel that may itself be mixed."""
PRIOR_VARIANCE = 0.2
"""Variance of coverage about what the depth map says: how much of the 3x3 pixels about it is near..."""
PRIOR_RAMP = (-0.25, 0.25)
"""... where a pixel is from 0 to 1 near as its radius is nearer than the middle by this, in steps..."""
PRIOR_SPREAD = 1.6
"""... and counts by exp(-distance^2 / PRIOR_SPREAD)..."""
PRIOR_GAIN = 1.2
"""... with this contrast about one half. A sharper mean would say more, but an edge would move by whole pixels."""
NOISE = 0.006
"""Colour variance of a side taken for granted, relative to its squared colour."""
BESIDE = (0.0, 0.25)
"""A side's radius is the nearest or the farthest within 3x3 pixels as far as that is beyond the middle by this share of the
step, else the mean in the window."""
RAMP = (0.05, 0.15)
"""A pixel whose radius is off its side by more than this share of the step lies on a soft depth edge: it takes its side's, as
what lies between two surfaces would tear a hole into the nearer one."""
RIM_LEAST = 0.02
"""Coverage up to which a rim is left out."""
SOLID = (0.9, 0.95)
"""Coverage from which a near pixel tells nothing about what is behind it..."""
SOLID_WINDOW = 5
"""... and the far colour is taken from so many pixels on every side, weighted alike: enough to reach both sides of what is
thin, so that no seam runs along its middle."""
EXCESS = (4.0, 6.0)
"""A near pixel brighter than both surfaces by these factors shows a light from behind..."""
EXCESS_COVERAGE = 0.6
"""... and is taken to cover it by this much."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Sources in the backend's own arrays (numpy or torch), `margin` pixels larger than the picture on every side."""

    colour: Any
    """(L,H,W,3) scene-linear."""
    radius: Any
    """(L,H,W) signed coc radius, px."""
    weight: Any
    """(L,H,W) opacity 0..1; 0 is no source."""
    margin: int
    """Extension beyond the picture, px."""
    above: int = 0
    """Rows of the whole picture's layers above these, where these are a band of them."""
    total_rows: int | None = None
    """Rows of the whole picture's layers; None: these are whole."""

    @property
    def group_shift(self) -> tuple[int, ...]:
        """(L,) groups by which each layer sorts behind its own radius."""
        return GROUP_SHIFT[: len(self.radius)]


def measure_level(picture: Tensor) -> Tensor:
    """Brightness of a frame (3,H,W) against which a light is bright: the squared mean root of its brightest channel."""
    return (picture.amax(0).clamp(min=0).sqrt().mean() ** 2).clamp(min=1e-12)


def field_of_view(layers: Layers, cat_eye: float, squeeze: float, fold: int) -> NDArray[np.float32]:
    """Centre x and y (row index) of the picture in the layers, displacement of the cutting circle per px, squeeze, fold;
    in pixels of the resolution that is `fold` times coarser."""
    height, width = layers.total_rows or layers.radius.shape[1], layers.radius.shape[2]
    half_diagonal = math.hypot(height - 2 * layers.margin, width - 2 * layers.margin) / 2
    centre = (width / 2 / fold, (height / 2 - layers.above) / fold - 0.5)
    return np.array([*centre, cat_eye / half_diagonal * fold, squeeze, fold], np.float32)


def margin_of(largest: float) -> int:
    """Pixels by which a picture is extended for radii up to `largest`: whole tiles, so that the coarse grids stay put."""
    return TILE * math.ceil((largest + 1) / TILE)


def place_levels(nearest: float, farthest: float) -> tuple[int, float]:
    """Number of levels of radius from `nearest` to `farthest`, px, and levels per px."""
    per_radius = min(1 / LEVEL_STEP, (MAX_LEVELS - 1) / (farthest - nearest))
    return max(2, int((farthest - nearest) * per_radius) + 1), per_radius


def pyramid_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Rows and columns of the coarse picture and of its halvings, down to one cell."""
    sizes = [(-(-height // BIN), -(-width // BIN))]
    while max(sizes[-1]) > 1:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes
