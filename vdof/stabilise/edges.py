"""Edges of disparity made as steep as the frame's, and laid on them.

A network's edges are ramps of several pixels. Whoever takes the disparities in a ramp literally blurs a subject's rim by
half and leaves a halo beside it. So each pixel near an edge gets the level of one of the edge's two sides:

1. The levels are the extremes nearby, smoothed over their neighbours.
2. Where a pixel stands between the two is its share of the near side. Shares at the feet of the ramp are believed; a
   linear map from the frame's colours is fitted to them in every small window and all maps that see a pixel are averaged
   (guided filter: He, Sun, Tang, PAMI 2013; here with weights). So the edge moves to where the frame's colours change,
   smoothly: one odd pixel cannot change sides alone. Bodies are made a little wider: outside them, a pixel that mixes
   both sides' colours would be blurred into the background.
3. The share is made steep.

Nothing here is a switch. Steps of no importance, slopes that end nowhere near, and edges that are steep already stay as
they are. Results lie between nearby disparities.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.errors import ShapeError
from vdof.filters import average, highest, lowest, ramp, resize

_LONG_SIDE = 480
"""px: levels and maps are found at no larger size."""
_SAMPLES = 4000
"""Values that the range of disparity is taken from."""
_STEP = (0.1, 0.3)
"""Share of the frame's range of disparity: what is no step, and what is one."""
_RAMP = 3.5
"""px of the disparity's grid on each side of an edge: how wide a network's ramp is."""
_LEAST_REACH = 5
"""px on each side in which an edge's levels are sought."""
_GROWTH = (0.7, 1.0)
"""How much a step grows over twice the distance on the side where it grows more, relative to half of it: an edge, a slope."""
_COLOUR_REACH = 3
"""px on each side of the windows in which shares follow colours."""
_COLOUR_NOISE = 3e-4
"""Variance of the display-encoded colours that tells nothing."""
_LEAST_BELIEF = 0.1
"""In a share of a half, relative to one of 0 or 1."""
_GAIN = 12.0
"""How much steeper shares become."""
_WIDER = 0.15
"""Added to the shares in and around a body: a pixel of mixed colours does less harm in it than outside, in its blur."""
_BODY = 5
"""px on each side that a body covers."""
_BESIDE = 3
"""px around a body that are beside it."""
_HARD_REACH = 5
"""px on each side in which edges are counted as hard or soft."""
_SOFT = (0.15, 0.6)
"""Of a step between neighbours: how much higher the next steps of the same sense are, in a hard edge and in a ramp."""
_SOFT_SHARE = (0.3, 0.7)
"""Of the steps nearby: the share that ramps have where edges stay and where they are made steep."""


Maps = Tensor
"""(1,7,h,w), what is known about the edges of a frame, at the size at which it was found: level of the farther side, level of
the nearer side, trust (0: no edge, 1: an edge), and slope and shift: share of the near side = slope . colour + shift."""


def upsample_guided(disparity: Tensor, rgb: Tensor) -> Tensor:
    """Return the disparity (B,1,H,W) at the size of its frame, steep where it was soft, its edges where the frame's are.

    disparity: (B,1,h,w) of any size; rgb: (B,3,H,W) display-encoded 0..1. Raises ShapeError.
    """
    if disparity.ndim != 4 or disparity.shape[1] != 1:
        raise ShapeError(f"disparity must be (B,1,h,w), got {tuple(disparity.shape)}")
    if rgb.ndim != 4 or rgb.shape[1] != 3 or rgb.shape[0] != disparity.shape[0]:
        raise ShapeError(f"rgb must be ({disparity.shape[0]},3,H,W), got {tuple(rgb.shape)}")
    maps = (maps.detach().float().contiguous().split(1) for maps in (disparity, rgb))
    frames = zip(*maps, strict=True)
    return torch.cat([_steepen(*frame) for frame in frames]).to(disparity.dtype)


def _steepen(disparity: Tensor, rgb: Tensor) -> Tensor:
    """The same of one frame."""
    size = rgb.shape[-2], rgb.shape[-1]
    plain = resize(disparity, size)
    edges = find_edges(disparity, rgb)
    softness = find_softness(plain) if tuple(disparity.shape[-2:]) == size else None
    if plain.device.type != "cpu":
        return place(plain, rgb, softness, edges)
    from vdof.stabilise.edges_numba import place as place_compiled

    soft = None if softness is None else softness[0, 0].numpy()
    placed = place_compiled(plain[0, 0].numpy(), rgb[0].numpy(), soft, edges[0].numpy(), _GAIN)
    return torch.from_numpy(placed)[None, None]


def place(plain: Tensor, rgb: Tensor, softness: Tensor | None, edges: Maps) -> Tensor:
    """Return disparity (1,1,H,W): where there is an edge, the level of the side that its pixel's colour tells."""
    size = plain.shape[-2], plain.shape[-1]
    far, near, trust, *slope, shift = resize(edges, size).split(1, dim=1)
    share = (torch.cat(slope, dim=1) * soften_pixels(rgb)).sum(dim=1, keepdim=True) + shift
    share = ((share - 0.5) * _GAIN + 0.5).clamp(0, 1)
    trust = trust if softness is None else trust * softness
    return plain + trust * (far + share * (near - far) - plain)


def find_edges(disparity: Tensor, rgb: Tensor) -> Maps:
    """Find the edges of disparity (1,1,h,w) in a frame (1,3,H,W)."""
    height, width = rgb.shape[-2:]
    ratio = min(1.0, _LONG_SIDE / max(height, width))
    size = max(1, round(height * ratio)), max(1, round(width * ratio))
    level, colour = resize(disparity, size), resize(rgb, size)
    reach = max(_LEAST_REACH, 1 + round(_RAMP * size[1] / disparity.shape[-1]))
    far, near = lowest(level, reach), highest(level, reach)
    trust = find_steps(level, far, near, reach)
    step = near - far + 1e-9
    smoothed = smooth(torch.cat([far * step, near * step, step], dim=1), reach // 2)
    far, near = (smoothed[:, :2] / smoothed[:, 2:]).split(1, dim=1)
    share = ((level - far) / (near - far).clamp_min(1e-9)).clamp(0, 1)
    slope, shift = fit_to_colour(share, colour).split([3, 1], dim=1)
    return torch.cat([far, near, trust, slope, shift + _WIDER * find_bodies(share)], dim=1)


def find_bodies(share: Tensor) -> Tensor:
    """Return 0..1 (1,1,h,w) of the share of the near side: 1 on and beside what is near and no strand."""
    return smooth(highest(lowest(share, _BODY), _BODY + _BESIDE), 1)


def find_steps(level: Tensor, far: Tensor, near: Tensor, reach: int) -> Tensor:
    """Return 0..1 (1,1,h,w): 1 where the step between the extremes within `reach` matters and is over within it."""
    values = level.flatten()[:: max(1, level.numel() // _SAMPLES)]
    low, high = torch.quantile(values, torch.tensor([0.02, 0.98], device=values.device))
    unit = (high - low).clamp_min(1e-9)
    step = near - far
    beyond = torch.maximum(highest(near, reach) - near, far - lowest(far, reach))
    is_over = 1 - ramp(2 * beyond / step.clamp_min(1e-9), _GROWTH)
    weight = ((highest(level, 1) - lowest(level, 1)) / unit) ** 2 + 1e-9
    smoothed = smooth(torch.cat([is_over * weight, weight], dim=1), reach)
    return smooth(ramp(step / unit, _STEP) * smoothed[:, :1] / smoothed[:, 1:], reach // 2)


def fit_to_colour(share: Tensor, colour: Tensor) -> Tensor:
    """Return slope and shift (1,4,h,w) of the linear maps from colour (1,3,h,w) to share (1,1,h,w), averaged."""
    if share.device.type == "cpu":
        from vdof.stabilise.edges_numba import fit_to_colour as fit_compiled

        noise = (_COLOUR_REACH, _COLOUR_NOISE, _LEAST_BELIEF)
        maps = torch.from_numpy(fit_compiled(share[0, 0].numpy(), colour[0].numpy(), *noise))[None]
    else:
        maps = solve_windows(share, colour)
    return average(maps, _COLOUR_REACH)


def solve_windows(share: Tensor, colour: Tensor) -> Tensor:
    """Return slope and shift (1,4,h,w) of the linear map from colour to share in each pixel's window."""
    weight = _LEAST_BELIEF + (2 * share - 1) ** 2
    red, green, blue = colour.split(1, dim=1)
    products = [share, red * red, red * green, red * blue, green * green, green * blue, blue * blue]
    values = torch.cat([colour, *products, colour * share], dim=1) * weight
    total = average(torch.cat([weight, values], dim=1), _COLOUR_REACH)
    r, g, b, s, rr, rg, rb, gg, gb, bb, rs, gs, bs = (total[:, 1:] / total[:, :1]).split(1, dim=1)
    rr, gg, bb = (square - mean * mean + _COLOUR_NOISE for square, mean in ((rr, r), (gg, g), (bb, b)))
    rg, rb, gb, rs, gs, bs = rg - r * g, rb - r * b, gb - g * b, rs - r * s, gs - g * s, bs - b * s
    c_rr, c_rg, c_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    scale = 1 / (rr * c_rr + rg * c_rg + rb * c_rb)
    a_r = (c_rr * rs + c_rg * gs + c_rb * bs) * scale
    a_g = (c_rg * rs + c_gg * gs + c_gb * bs) * scale
    a_b = (c_rb * rs + c_gb * gs + c_bb * bs) * scale
    return torch.cat([a_r, a_g, a_b, s - a_r * r - a_g * g - a_b * b], dim=1)


def find_softness(disparity: Tensor) -> Tensor:
    """Return 0..1 (1,1,H,W): 0 where the edges nearby go from side to side within a pixel, 1 where they are ramps."""
    if disparity.device.type == "cpu":
        from vdof.stabilise.edges_numba import count_ramps as count_compiled

        counted = torch.from_numpy(count_compiled(disparity[0, 0].numpy(), _SOFT))[None]
    else:
        counted = count_ramps(disparity)
    steps, ramps = average(counted, _HARD_REACH).split(1, dim=1)
    return ramp(ramps / (steps + 1e-12), _SOFT_SHARE)


def count_ramps(disparity: Tensor) -> Tensor:
    """Return (1,2,H,W): the size of the steps at each pixel, and of those that are parts of ramps."""
    steps, ramps = torch.zeros_like(disparity), torch.zeros_like(disparity)
    for dim in (2, 3):
        step = disparity.diff(dim=dim, append=disparity.narrow(dim, -1, 1))
        ahead = torch.cat([step.narrow(dim, 1, step.shape[dim] - 1), torch.zeros_like(step.narrow(dim, 0, 1))], dim=dim)
        behind = torch.cat(
            [torch.zeros_like(step.narrow(dim, 0, 1)), step.narrow(dim, 0, step.shape[dim] - 1)], dim=dim
        )
        sense = step.sign()
        more = ((behind * sense).clamp_min(0) + (ahead * sense).clamp_min(0)) / step.abs().clamp_min(1e-12)
        steps += step.abs()
        ramps += step.abs() * ramp(more, _SOFT)
    return torch.cat([steps, ramps], dim=1)


def soften_pixels(rgb: Tensor) -> Tensor:
    """Return `rgb` (1,3,H,W) smoothed over 3x3 px by 1-2-1: no pixel decides alone."""
    padded = F.pad(rgb, (1, 1, 1, 1), mode="replicate")
    rows = (padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]) / 4
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 4


def smooth(maps: Tensor, reach: int) -> Tensor:
    """Return `maps` (1,C,h,w) averaged twice over `reach` px on each side."""
    return average(average(maps, reach), reach)
