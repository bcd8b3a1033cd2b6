"""Strong small lights taken out of the picture, to be spread on their own with exact shadows.

Each ray from a light to a pixel of its disc passes a nearer surface of radius `rho` at
`light + (radius - rho) u`, u the ray's place in the unit aperture (thin lens; Potmesil & Chakravarty 1981). The disc of a
light therefore shows strands before it as a sharp pattern, where blurred coverage alone would let it shine through. Lights
are few, so every pixel of their discs is traced; what is left of the picture is dim enough for sums per depth group.

On torch tensors of any device: all backends share this file, and differ in how they spread the lights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.bokeh.aperture import SpanTable
from vdof.bokeh.layers import FULL_VARIANCE, LEAST_LIGHT, TILE, Layers
from vdof.bokeh.on_torch.records import Cut, clipped_share, position_of
from vdof.filters import ramp

BRIGHT = 4.0
"""A pixel this much brighter than the frame's level has light to take out; what is below stays in the picture."""
CROWDED = 0.25
"""Share of bright pixels in a square half as wide as the largest disc, up to which they are small lights; from twice that
they are a sky or a wall, whose shadows are soft."""
VISIBLE = 0.2
"""Brightness of the disc, relative to the frame's level, from which a light stands out; fully at twice that."""
FROM_RADIUS, FULLY_RADIUS = 2.0, 4.0
"""Radii, px, between which a light passes from the picture to the lights; sharper ones cast no pattern."""
NEARER = (1.0, 1.5)
"""A surface stands before a light when its radius is less by this much, px."""
CORE = 2
"""Pixels on every side within which a light's brightest pixel gives the radius, and the hidden part is filled in."""
CORE_SPREAD = 1.5
"""The weight of a visible neighbour in what is filled in falls as exp(-distance^2 / CORE_SPREAD)..."""
CORE_LEAST = 0.2
"""... and so much of them together fills it in fully."""

RIM_VARIANCE = 0.5
"""What is taken off a light's squared radius: the pixel grid's 1/3, and more, as its tail outside the rim is what one sees."""
ROUNDING = 1e-3
"""The rim of a surface, a mean of its radii, may be nearer than the nearest of them by less than this, px."""
CELL = 2
"""Side, px, of the squares whose sources share their shadows."""
CELLS_AND_TILES, IN_CACHE = 2**23, 2**20
"""Pairs of a cell and a tile of the picture handled at a time; on the CPU no more than its cache holds."""


@dataclass(frozen=True, slots=True)
class Lights:
    """Sources, sorted by cell: a square of CELL px of one depth group. Coordinates are of layers."""

    x: Tensor
    """(n,) column."""
    y: Tensor
    """(n,) row."""
    radius: Tensor
    """(n,) signed, px."""
    colour: Tensor
    """(n,3) scene-linear."""
    cell: Tensor
    """(n,) index of the cell, ascending."""
    centre: Tensor
    """(cells,3): mean x, y and radius, weighted by light."""


@dataclass(frozen=True, slots=True)
class Cones:
    """Lights as a backend spreads them."""

    position: Tensor
    """(n,) row of the span table."""
    light: Tensor
    """(n,3) light per pixel of the disc."""
    reach: Tensor
    """(cells,) pixels that the discs reach from the centre."""
    first_group: Tensor
    """(cells,) nearest depth group that has something before the light; their number where nothing has."""


def take_lights(picture: Tensor, signed: Tensor, borders: Tensor, level: float, margin: int) -> Lights | None:
    """Take the lights out of `picture` (H,W,3) in place; radius `signed` (H,W), px; level: brightness of the frame.

    `margin` pixels on every side repeat the border and hold no lights. None where there are no lights.
    """
    y, x, excess, radius = _find_lights(picture, signed, level, margin)
    if y.numel() == 0:
        return None
    picture[y, x] -= excess
    y, x, excess, radius = _fill_hidden(y, x, excess, radius, signed)
    columns = -(-signed.shape[1] // CELL)
    group = torch.bucketize(radius, borders, right=True)
    key = ((y // CELL) * columns + x // CELL) * (borders.numel() + 1) + group
    key, order = key.sort(stable=True)
    y, x, excess, radius = y[order], x[order], excess[order], radius[order]
    keys, cell = key.unique_consecutive(return_inverse=True)
    energy = excess.sum(1)
    moments = torch.stack([energy, energy * x, energy * y, energy * radius], 1)
    sums = moments.new_zeros(keys.numel(), 4).index_add_(0, cell, moments)
    return Lights(x, y, radius, excess, cell, sums[:, 1:] / sums[:, :1])


def _find_lights(picture: Tensor, signed: Tensor, level: float, margin: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Row, column, colour to take out (n,3) and radius of the small lights."""
    height, width = signed.shape
    inner = picture[margin : height - margin, margin : width - margin]
    peak = F.pad(inner.amax(2), (margin,) * 4)
    y, x = (peak > BRIGHT * level).nonzero(as_tuple=True)
    if y.numel() == 0:
        return y, x, picture[y, x], signed[y, x]
    here = peak[y, x]
    above = here - BRIGHT * level
    crowd, light = _survey_tiles(y, x, above, height, width, (signed.abs().amax() + 1) / (2 * TILE), margin)
    k = (crowd < 2 * CROWDED).nonzero()[:, 0]
    y, x, here, above, crowd, light = (values[k] for values in (y, x, here, above, crowd, light))
    j, i = _window(y, x, height, width)
    brightest = peak[j, i].argmax(1)
    at = torch.arange(y.numel(), device=y.device)
    radius = signed[j[at, brightest], i[at, brightest]]
    disc = light / (math.pi * radius.abs().clamp(min=1) ** 2)
    share = above / here * (2 - crowd / CROWDED).clamp(0, 1)
    share = share * (disc / (VISIBLE * level) - 1).clamp(0, 1)
    share = share * ((radius.abs() - FROM_RADIUS) / (FULLY_RADIUS - FROM_RADIUS)).clamp(0, 1)
    k = (share > 1e-3).nonzero()[:, 0]
    return y[k], x[k], picture[y[k], x[k]].clamp(min=0) * share[k, None], radius[k]


def _survey_tiles(
    y: Tensor, x: Tensor, above: Tensor, height: int, width: int, side: Tensor, margin: int
) -> tuple[Tensor, Tensor]:
    """For each of the points (n,): the largest share that bright pixels have in a square of `side` tiles (at least 2) near
    it, and the sum of `above` over the 3x3 tiles about it. `margin` is `margin_of` the largest radius."""
    rows, columns = -(-height // TILE), -(-width // TILE)
    index = (y // TILE) * columns + x // TILE
    values = torch.stack([torch.full_like(above, 1 / TILE**2), above], 1)
    tiles = values.new_zeros(rows * columns, 2).index_add_(0, index, values).T.reshape(2, 1, rows, columns)
    block = max(2, (margin // TILE - 1) // 2)
    crowds = []
    for tiles_wide in (block, block + 1):
        squares = F.avg_pool2d(F.pad(tiles[:1], (tiles_wide - 1,) * 4), tiles_wide, 1)
        crowds.append(F.max_pool2d(F.pad(squares, (1,) * 4), tiles_wide + 2, 1))
    crowd = torch.lerp(crowds[0], crowds[1], (side - block).clamp(0, 1))
    light = F.avg_pool2d(tiles[1:], 3, 1, 1, divisor_override=1)
    return crowd.flatten()[index], light.flatten()[index]


def _window(y: Tensor, x: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Rows and columns (n,25) of the pixels within CORE of each of the points, kept inside the picture."""
    steps = torch.arange(-CORE, CORE + 1, device=y.device)
    dy, dx = (step.flatten() for step in torch.meshgrid(steps, steps, indexing="ij"))
    return (y[:, None] + dy).clamp(0, height - 1), (x[:, None] + dx).clamp(0, width - 1)


def _fill_hidden(
    y: Tensor, x: Tensor, excess: Tensor, radius: Tensor, signed: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The lights and what nearer pixels beside them hide: the weighted mean of the farther pixels around each."""
    height, width = signed.shape
    dense = excess.new_zeros(height, width, 4)
    dense[y, x] = torch.cat([excess, radius[:, None]], 1)
    is_near_light = torch.zeros_like(signed, dtype=torch.bool)
    is_near_light[_window(y, x, height, width)] = True
    y, x = is_near_light.nonzero(as_tuple=True)
    j, i = _window(y, x, height, width)
    own, around = signed[y, x][:, None], dense[j, i]
    distance = (j - y[:, None]) ** 2 + (i - x[:, None]) ** 2
    weight = torch.exp(-distance / CORE_SPREAD) * ramp(signed[j, i] - own, NEARER)
    shown = weight * ramp(around[..., 3] - own, NEARER)
    hidden = (around[..., :3] * shown[..., None]).sum(1) / weight.sum(1, keepdim=True).clamp(min=CORE_LEAST)
    by_light = shown * around[..., :3].sum(2)
    farther = (by_light * around[..., 3]).sum(1) / by_light.sum(1).clamp(min=1e-12)
    is_lit = dense[y, x, :3].sum(1) > 0
    farther = torch.where(
        is_lit, torch.lerp(dense[y, x, 3], farther, (shown.sum(1) / CORE_LEAST).clamp(max=1)), farther
    )
    excess = torch.maximum(dense[y, x, :3], hidden)
    radius = torch.where(by_light.sum(1) > 0, farther, dense[y, x, 3])
    k = (excess.sum(1) > 0).nonzero()[:, 0]
    return y[k], x[k], excess[k], radius[k]


def aim(lights: Lights, layers: Layers, table: SpanTable, borders: Tensor, cut: Cut) -> Cones:
    """What a backend needs to spread the lights through the aperture of `table`."""
    square = (lights.radius**2 - RIM_VARIANCE).clamp(min=RIM_VARIANCE)
    size = (square + FULL_VARIANCE).sqrt()
    area = table.area * square.clamp(min=LEAST_LIGHT) * clipped_share(table, cut, lights.x + 0.5, lights.y, size)
    largest = size.new_zeros(len(lights.centre)).scatter_reduce(0, lights.cell, size, "amax")
    return Cones(
        position_of(size),
        lights.colour / torch.as_tensor(area)[:, None],
        largest.ceil().int() + CELL + 1,
        _first_groups(lights.centre, torch.as_tensor(layers.radius[0]), borders),
    )


def _first_groups(centre: Tensor, signed: Tensor, borders: Tensor) -> Tensor:
    """(cells,) the nearest group of surfaces that a ray of each cell can meet."""
    height, width = signed.shape
    padded = F.pad(signed[None, None], (0, -width % TILE, 0, -height % TILE), mode="replicate")
    nearest = -F.max_pool2d(-padded, TILE)[0, 0]
    y, x = ((torch.arange(side, device=signed.device) + 0.5) * TILE for side in nearest.shape)
    lowest = []
    pairs = IN_CACHE if signed.device.type == "cpu" else CELLS_AND_TILES
    for part in centre.split(max(1, pairs // nearest.numel())):
        at_x, at_y, radius = part[:, :, None, None].unbind(1)
        away = torch.maximum((x - at_x).abs(), (y[:, None] - at_y).abs())
        depth = radius - nearest
        is_before = (depth > NEARER[0]) & (away <= depth + 1.5 * TILE)
        lowest.append(torch.where(is_before, nearest, math.inf).flatten(1).amin(1))
    low = torch.cat(lowest)
    return torch.where(low < math.inf, torch.bucketize(low - ROUNDING, borders, right=True), borders.numel() + 1)
