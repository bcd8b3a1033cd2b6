"""Mixed pixels on depth edges taken apart in torch operations; step by step as `vdof.bokeh.on_numba.unmix`."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.bokeh.layers import (
    BEHIND,
    BESIDE,
    CLEAR_STEP,
    EXCESS,
    EXCESS_COVERAGE,
    MIXED_EDGE,
    MIXED_TRUST,
    NOISE,
    OWN,
    PRIOR_GAIN,
    PRIOR_RAMP,
    PRIOR_SPREAD,
    PRIOR_VARIANCE,
    RAMP,
    RIM,
    RIM_LEAST,
    SIDES,
    SOLID,
    SOLID_WINDOW,
    SPREAD,
    WINDOW,
)
from vdof.filters import ramp


def unmix_edges(colour: Tensor, radius: Tensor, weight: Tensor, spread: Tensor, level: float) -> Tensor:
    """Take the mixed pixels of layer OWN apart in place; fills RIM and the known part of BEHIND. Returns how surely (H,W) what
    is behind each pixel is known.

    colour (L,H,W,3), radius (L,H,W), weight (L,H,W); spread (H,W) 3x3 range of radii, px; level: brightness of the frame.
    """
    signed = radius[OWN]
    low, high, around = look_around(signed, spread)
    y, x = (around > MIXED_EDGE[0]).nonzero(as_tuple=True)
    low, high = low[y, x], high[y, x]
    sides = sum_sides(colour[OWN], signed, spread, y, x, low, high, 1.5 * level)
    clear = ramp(around[y, x], MIXED_EDGE) * measure_step(sides, 0.5 * (low + high)) * (sides[:, :, 3] > 0).all(1)
    k = (clear > 0).nonzero()[:, 0]
    y, x, low, high = (values[k] for values in (y, x, low, high))
    is_near, prior = signed[y, x] < 0.5 * (low + high), expect_cover(signed, y, x, low, high)
    sides = look_beside(signed, y, x, low, high, sides[k])
    held = torch.zeros_like(signed)
    held[y, x] = clear[k]
    split_pixels(y, x, is_near, prior, clear[k], sides, colour, radius, weight)
    clean_behind(colour, radius, weight, held, 1.5 * level)
    return held


def look_around(signed: Tensor, spread: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest and the farthest radius (H,W) within the window, and the largest of the 3x3 ranges that fit into it."""
    return *extremes(signed, WINDOW), F.max_pool2d(F.pad(spread[None], (WINDOW - 1,) * 4), 3, 1, 0, WINDOW - 1)[0]


def extremes(values: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """The least and the greatest of `values` (H,W) within `reach` pixels on every side."""
    least, greatest = (sign * F.max_pool2d(sign * values[None], 2 * reach + 1, 1, reach)[0] for sign in (-1, 1))
    return least, greatest


def sum_sides(
    picture: Tensor, signed: Tensor, spread: Tensor, y: Tensor, x: Tensor, low: Tensor, high: Tensor, knee: float
) -> Tensor:
    """Weighted means per edge pixel and side (n,2,7): r, g, b, weight, radius, squared colour, squared distance of the
    radius from the middle; side 0 is the near one."""
    height, width = signed.shape
    middle, both = 0.5 * (low + high), 2 * SIDES * (high - low)
    trust = (1 - (1 - MIXED_TRUST) * ramp(spread, MIXED_EDGE)) / (knee + picture.amax(2))
    square = (picture**2).sum(2)
    values = torch.stack([*picture.unbind(2), torch.ones_like(square), signed, square], 2)
    sums = values.new_zeros(y.numel(), 2, 7)
    for dy in range(-WINDOW, WINDOW + 1):
        for dx in range(-WINDOW, WINDOW + 1):
            j, i = (y + dy).clamp(0, height - 1), (x + dx).clamp(0, width - 1)
            is_inside = (j == y + dy) & (i == x + dx)
            w = trust[j, i] * math.exp(-(dy * dy + dx * dx) / SPREAD) * is_inside
            near = (0.5 + (middle - signed[j, i]) / both).clamp(0, 1)[:, None]
            off_middle = (signed[j, i] - middle) ** 2
            sample = torch.cat([values[j, i], off_middle[:, None]], 1) * w[:, None]
            sums[:, 0] += sample * near
            sums[:, 1] += sample * (1 - near)
    weights = sums[:, :, 3:4].clone()
    sums = sums / weights.clamp(min=1e-20)
    sums[:, :, 3:4] = weights
    return sums


def measure_step(sides: Tensor, middle: Tensor) -> Tensor:
    """How surely the two sides are two surfaces, 0..1: a step far beyond the spread within each. Noise and ramps are not."""
    step = sides[:, 1, 4] - sides[:, 0, 4]
    spread = (sides[:, :, 6] - (sides[:, :, 4] - middle[:, None]) ** 2).sum(1)
    return ramp(step / (0.5 * spread).clamp(min=1e-12).sqrt(), CLEAR_STEP)


def look_beside(signed: Tensor, y: Tensor, x: Tensor, low: Tensor, high: Tensor, sides: Tensor) -> Tensor:
    """The sides (n,2,7) with the radii beside the pixels in place of the means, as far as both sides are there."""
    middle, step = 0.5 * (low + high), high - low
    nearest, farthest = (values[y, x] for values in extremes(signed, 1))
    near_share, far_share = ramp((middle - nearest) / step, BESIDE), ramp((farthest - middle) / step, BESIDE)
    sides[:, 0, 4] += near_share * (nearest - sides[:, 0, 4])
    sides[:, 1, 4] += far_share * (farthest - sides[:, 1, 4])
    return sides


def expect_cover(signed: Tensor, y: Tensor, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """What the depth map says about the coverage (n,): how much of the 3x3 pixels about a pixel is near."""
    (height, width), middle, step = signed.shape, 0.5 * (low + high), high - low
    near, total = torch.zeros_like(low), 0.0
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            there = signed[(y + dy).clamp(0, height - 1), (x + dx).clamp(0, width - 1)]
            fall = math.exp(-(dy * dy + dx * dx) / PRIOR_SPREAD)
            near += fall * ramp((middle - there) / step, PRIOR_RAMP)
            total += fall
    return (0.5 + PRIOR_GAIN * (near / total - 0.5)).clamp(0, 1)


def measure_variance(sides: Tensor) -> Tensor:
    """Variance (n,2) of the colours of each side, summed over the channels."""
    square = (sides[:, :, :3] ** 2).sum(2)
    return (sides[:, :, 5] - square).clamp(min=0) + NOISE * square + 1e-12


def cover(pixel: Tensor, prior: Tensor, sides: Tensor, variances: Tensor) -> Tensor:
    """The most probable share (n,) of the near side: least squares on the line from far to near, with a prior.

    variances: (n,2) of the colours of the two sides.
    """
    near, far = sides[:, 0, :3], sides[:, 1, :3]
    difference = near - far
    along, span = ((pixel - far) * difference).sum(1), (difference**2).sum(1)
    t = (along / (span + 1e-12)).clamp(0, 1)
    expected = torch.stack([prior, 1 - prior], 1)
    variance = (variances * expected**2).sum(1) + ((pixel - far - t[:, None] * difference) ** 2).sum(1)
    strength = variance / PRIOR_VARIANCE
    return ((along + strength * prior) / (span + strength)).clamp(0, 1)


def split_pixels(
    y: Tensor,
    x: Tensor,
    is_near: Tensor,
    prior: Tensor,
    clear: Tensor,
    sides: Tensor,
    colour: Tensor,
    radius: Tensor,
    weight: Tensor,
) -> None:
    """Write the near and the far shares of the edge pixels (n,) into the layers, as far as it is `clear` that there are two."""
    seen, n = colour[OWN, y, x], is_near[:, None]
    peak = sides[:, :, :3].amax((1, 2)).clamp(min=1e-12)
    light = ramp(seen.amax(1) / peak, EXCESS) * is_near
    variances = measure_variance(sides)
    coverage = cover(seen, prior, sides, variances)
    coverage = coverage + light * (EXCESS_COVERAGE - coverage)
    near, far = part_sides(seen, coverage[:, None], light[:, None], sides, variances)
    own, mean = radius[OWN, y, x], torch.where(is_near, sides[:, 0, 4], sides[:, 1, 4])
    off = (own - mean).abs() / (sides[:, 1, 4] - sides[:, 0, 4]).clamp(min=1e-6)
    share = torch.where(is_near, coverage, 1 - coverage)
    whole = (1 - clear) / (1 - clear + clear * share).clamp(min=1e-6)
    colour[OWN, y, x] = torch.lerp(torch.where(n, near, far), seen, whole[:, None])
    radius[OWN, y, x] = torch.lerp(own, mean, clear * ramp(off, RAMP))
    weight[OWN, y, x] = 1 - clear * (1 - share)
    colour[RIM, y, x] = torch.where(n, far, near)
    radius[RIM, y, x] = torch.where(is_near, sides[:, 1, 4], sides[:, 0, 4])
    weight[RIM, y, x] = clear * (1 - share - RIM_LEAST).clamp(min=0) / (1 - RIM_LEAST)
    colour[BEHIND, y, x] = torch.lerp(far, sides[:, 1, :3], ramp(coverage, SOLID)[:, None])
    radius[BEHIND, y, x], weight[BEHIND, y, x] = sides[:, 1, 4], clear * coverage


def part_sides(seen: Tensor, a: Tensor, light: Tensor, sides: Tensor, variances: Tensor) -> tuple[Tensor, Tensor]:
    """Colours (n,3) of the near and the far share of pixels of coverage `a` (n,1), which together give what is seen."""
    near, far = sides[:, 0, :3], sides[:, 1, :3]
    of_near, of_far = variances[:, :, None].unbind(1)
    of_far = (1 - a) * of_far / (a**2 * of_near + (1 - a) ** 2 * of_far)
    rest = far + of_far * (seen - a * near - (1 - a) * far)
    far = torch.maximum(torch.minimum(rest, torch.maximum(seen, far)), torch.minimum(seen, far))
    rest = (seen - (1 - a) * far) / a.clamp(min=0.05)
    near = torch.minimum(rest, EXCESS[0] * near.amax(1, keepdim=True)).clamp(min=0)
    return near, far + light * ((seen - a * near) / (1 - a).clamp(min=0.05) - far).clamp(min=0)


def clean_behind(colour: Tensor, radius: Tensor, weight: Tensor, held: Tensor, knee: float) -> None:
    """What a solid near pixel hides, taken again from far pixels that are no longer mixed."""
    solid = ramp(weight[BEHIND] / held.clamp(min=1e-20), SOLID)
    y, x = (solid > 0).nonzero(as_tuple=True)
    height, width = solid.shape
    near, behind = torch.minimum(radius[OWN, y, x], radius[RIM, y, x]), radius[BEHIND, y, x]
    middle, both = 0.5 * (near + behind), 2 * SIDES * (behind - near)
    trust = 1 / (knee + colour[OWN].amax(2))
    values = torch.cat([colour[OWN], torch.ones_like(trust)[..., None]], 2)
    sums = values.new_zeros(y.numel(), 4)
    for dy in range(-SOLID_WINDOW, SOLID_WINDOW + 1):
        for dx in range(-SOLID_WINDOW, SOLID_WINDOW + 1):
            j, i = (y + dy).clamp(0, height - 1), (x + dx).clamp(0, width - 1)
            is_inside = (j == y + dy) & (i == x + dx)
            far = (0.5 + (radius[OWN, j, i] - middle) / both).clamp(0, 1)
            w = far * trust[j, i] * math.exp(-(dy * dy + dx * dx) / SPREAD) * is_inside
            sums += w[:, None] * values[j, i]
    mean = torch.where(sums[:, 3:] > 0, sums[:, :3] / sums[:, 3:].clamp(min=1e-20), colour[BEHIND, y, x])
    colour[BEHIND, y, x] = torch.lerp(colour[BEHIND, y, x], mean, solid[y, x, None])
