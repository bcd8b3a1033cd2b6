"""The groups of the splat as Triton kernels: running sums along rows, half resolution interpolated, composited."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def integrate_kernel(ends, width, BLOCK: tl.constexpr):
    """Running sums along one row of one group, in place."""
    channel = tl.arange(0, 4)[None, :]
    line = ends + tl.program_id(0).to(tl.int64) * width * 4
    carried = tl.zeros([4], tl.float32)
    start = 0
    while start < width:
        x = (start + tl.arange(0, BLOCK))[:, None]
        value = tl.load(line + x * 4 + channel, mask=x < width, other=0.0)
        tl.store(line + x * 4 + channel, tl.cumsum(value, 0) + carried[None, :], mask=x < width)
        carried += tl.sum(value, 0)
        start += BLOCK


@triton.jit
def composite_kernel(
    ends, carried, coarse, out, first, margin, width, stride, coarse_rows, coarse_width, groups,
    HAS_HALF: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Sum the ends of the spans along a row and lay its groups over one another, front to back, as `composite` of
    `vdof.bokeh.on_torch.splat`; `carried` is what the groups sum up to so far."""
    row, channel = tl.program_id(0), tl.arange(0, 4)[None, :]
    v = tl.minimum(tl.maximum((row + first) * 0.5 - 0.25, 0.0), coarse_rows - 1.0)
    j, line = v.to(tl.int32), groups * (coarse_width + 2).to(tl.int64)
    top, below = j * line, tl.minimum(j + 1, coarse_rows - 1) * line
    start = 0
    while start < margin + width:
        x = start + tl.arange(0, BLOCK)
        here = ends + (row.to(tl.int64) * groups * stride + x)[:, None] * 4 + channel
        u = tl.minimum(tl.maximum(x * 0.5 - 0.25, 0.0), coarse_width - 1.0)
        i = u.to(tl.int32)
        u = (u - i)[:, None]
        colour = tl.zeros([BLOCK, 4], tl.float32)
        deepest = colour
        g = 0
        while g < groups:
            value = tl.load(here + g * stride * 4, mask=(x < stride)[:, None], other=0.0)
            so_far = carried + (row * groups + g) * 4 + channel
            before = tl.load(so_far)
            tl.debug_barrier()  # all have read it
            tl.store(so_far, before + tl.sum(value, 0)[None, :])
            group = before + tl.cumsum(value, 0)
            if HAS_HALF:
                beside = tl.minimum(i + 1, coarse_width - 1)[:, None] * 4 + channel
                at = coarse + g * (coarse_width + 2) * 4
                left = _lerp(at, top, below, i[:, None] * 4 + channel, v - j)
                group += left + u * (_lerp(at, top, below, beside, v - j) - left)
            colour, deepest = _lay(colour, deepest, group)
            g += 1
        rest = tl.maximum(1 - _alpha(colour), 0.0) / tl.maximum(_alpha(deepest), 1e-5)
        to = out + (row.to(tl.int64) * width + x - margin)[:, None] * 3 + channel
        is_shown = ((x >= margin) & (x < margin + width))[:, None] & (channel < 3)
        tl.store(to, tl.maximum(colour + deepest * rest, 0.0), mask=is_shown)
        start += BLOCK


@triton.jit
def _lay(colour, deepest, group):
    """Lay what is in front, and of that what lies deepest, over a group (BLOCK,4)."""
    alpha, open_share = _alpha(group), tl.maximum(1 - _alpha(colour), 0.0)
    is_lit = (alpha > 1e-5) & (open_share > 0)
    visible = tl.where(is_lit, group * tl.minimum(open_share / tl.maximum(alpha, 1e-5), 1.0), 0.0)
    deepest = tl.where(is_lit, deepest * (1 - tl.minimum(alpha * 10, 1.0)), deepest) + visible
    return colour + visible, deepest


@triton.jit
def _alpha(light):
    """The last of four channels, (BLOCK,1)."""
    return tl.sum(tl.where(tl.arange(0, 4)[None, :] == 3, light, 0.0), 1)[:, None]


@triton.jit
def _lerp(at, top, below, x, v):
    """Values between the rows `top` and `below`."""
    upper = tl.load(at + top * 4 + x)
    return upper + v * (tl.load(at + below * 4 + x) - upper)
