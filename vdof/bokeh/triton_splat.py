"""The splat as Triton kernels for CUDA: the same records, spans, groups and order as the other backends.

One kernel adds the ends of every span with atomics (so that the last bits may differ from run to run), torch integrates
along the rows, a second kernel interpolates the half-resolution groups and composites each pixel in registers. Imported
only when this backend is used. With TRITON_INTERPRET=1 it runs on the CPU, slowly, which is how it is tested.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from vdof.bokeh.aperture import FINE_OFFSET, STEPS_PER_PIXEL, SpanTable
from vdof.bokeh.layers import CLIP_ROOM, CLIP_ROOM_LEFT, FULL_CLIP, Layers, field_of_view
from vdof.bokeh.small_discs import STEPS
from vdof.bokeh.torch_records import Cut, Records, list_records, radius_at
from vdof.bokeh.torch_splat import place_table

BAND_BYTES = 2 * 2**30
"""Accumulators held at a time; a band has as many rows as fit."""
BLOCK = 256
"""Records or pixels per program."""
ROWS = 4
"""Rows of the discs per program."""


def splat(layers: Layers, table: SpanTable, borders: Tensor, cat_eye: float, squeeze: float) -> Tensor:
    """Layers of sources -> picture (H,W,3), the layers' margin taken off."""
    _, height, width = layers.radius.shape
    margin, device = layers.margin, borders.device
    spans, gain = place_table(table, device)[0], torch.from_numpy(table.gain)
    groups = borders.numel() + 1 + max(layers.group_shift)
    cuts = [Cut(*field_of_view(layers, cat_eye, squeeze, fold).tolist()) for fold in (1, 2)]
    full, half = (list_records(layers, table, borders, cut, fold) for cut, fold in zip(cuts, (1, 2), strict=True))
    size = ((height + 1) // 2, (width + 1) // 2)
    coarse = add_spans(half, spans, gain, table.max_row, cuts[1], 0, size, groups) if half.x.numel() else None
    out = torch.empty(height - 2 * margin, width - 2 * margin, 3, device=device)
    band = max(2, BAND_BYTES // ((width + 2) * groups * 16))
    for first in range(margin, height - margin, band):
        rows = min(band, height - margin - first)
        sums = add_spans(full, spans, gain, table.max_row, cuts[0], first, (rows, width), groups)
        composite(sums, coarse, first, size, margin, out[first - margin : first - margin + rows])
    return out


def add_spans(
    records: Records,
    spans: Tensor,
    gain: Tensor,
    max_row: int,
    cut: Cut,
    first: int,
    size: tuple[int, int],
    groups: int,
) -> Tensor:
    """Light per pixel and group of `size` (rows, width) from row `first` on: (rows,width + 2,groups,4)."""
    rows, width = size
    ends = torch.zeros(rows, width + 2, groups, 4, device=spans.device)
    count = records.x.numel()
    reach = int(max(float(radius_at(records.position[0])), 0.5) + 0.5) if count else 0
    y, group = records.y.int(), records.group.int()
    for part in range(spans.shape[0]):
        _add_spans_kernel[(triton.cdiv(count, BLOCK), triton.cdiv(2 * reach + 1, ROWS))](
            *(records.x, y, records.position, records.side, group, records.light.contiguous(), spans[part], ends),
            *(count, first, rows, width, groups, max_row, reach, spans.shape[2]),
            *(float(gain[0, part]), float(gain[1, part]), cut.x, cut.y, cut.shift_per_px, cut.squeeze),
            STEPS=STEPS_PER_PIXEL,
            FINE=STEPS,
            OFFSET=FINE_OFFSET,
            ROWS=ROWS,
            FULL=FULL_CLIP,
            ROOM=CLIP_ROOM,
            ROOM_LEFT=CLIP_ROOM_LEFT,
            HAS_CUT=cut.shift_per_px > 0,
            BLOCK=BLOCK,
        )
    return ends.cumsum(1)


def composite(
    sums: Tensor, coarse: Tensor | None, first: int, coarse_size: tuple[int, int], margin: int, out: Tensor
) -> None:
    """Write the picture rows `out` (rows,W,3) from the groups of the rows `first` on."""
    rows, width = out.shape[:2]
    _composite_kernel[(rows, triton.cdiv(width, BLOCK))](
        *(sums, sums if coarse is None else coarse, out, first, margin, width, sums.shape[1]),
        *coarse_size,
        GROUPS=sums.shape[2],
        HAS_HALF=coarse is not None,
        BLOCK=BLOCK,
    )


@triton.jit
def _add_spans_kernel(
    x_at, y_at, position_at, side_at, group_at, light_at, spans, ends,
    count, first, rows, width, groups, max_row, reach, radii, gain_before, gain_behind, cut_x, cut_y, cut_shift, squeeze,
    STEPS: tl.constexpr, FINE: tl.constexpr, OFFSET: tl.constexpr, ROWS: tl.constexpr, FULL: tl.constexpr,
    ROOM: tl.constexpr, ROOM_LEFT: tl.constexpr, HAS_CUT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    k = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_record = k < count
    x = tl.load(x_at + k, mask=is_record, other=0.0)
    y = tl.load(y_at + k, mask=is_record, other=-(1 << 30))
    position = tl.load(position_at + k, mask=is_record, other=0.0)
    side = tl.load(side_at + k, mask=is_record, other=1.0)
    group = tl.load(group_at + k, mask=is_record, other=0)
    channel = tl.arange(0, 4)
    light = tl.load(light_at + k[:, None] * 4 + channel[None, :], mask=is_record[:, None], other=0.0)
    j = position.to(tl.int32)
    t = position - j
    size = tl.maximum(position / FINE, (position - OFFSET) / STEPS)
    bright = tl.where(side > 0, gain_behind, gain_before)
    amount = -cut_shift * tl.minimum(size / FULL, 1.0)
    shift_x, shift_y = (x - cut_x) * amount, (y - cut_y) * amount
    for n in tl.static_range(ROWS):
        dy = tl.program_id(1) * ROWS + n - reach
        target = y + dy - first
        is_here = is_record & (target >= 0) & (target < rows) & (tl.abs(dy) <= tl.maximum(size, 0.5) + 0.5)
        row = tl.where(side > 0, max_row + dy, max_row - dy)
        at = spans + (row * radii + j) * 3
        centre, half = tl.load(at, mask=is_here, other=0.0), tl.load(at + 1, mask=is_here, other=0.0)
        height = tl.load(at + 2, mask=is_here, other=0.0)
        centre += t * (tl.load(at + 3, mask=is_here, other=0.0) - centre)
        half += t * (tl.load(at + 4, mask=is_here, other=0.0) - half)
        height += t * (tl.load(at + 5, mask=is_here, other=0.0) - height)
        left, right = x + side * centre - half, x + side * centre + half
        if HAS_CUT:
            off = dy - side * shift_y * size
            circle = size + tl.maximum(ROOM - size / FULL, ROOM_LEFT)
            chord = tl.sqrt(tl.maximum(circle * circle - off * off, 0.0)) / squeeze
            middle = x + side * shift_x * size / squeeze
            left, right = tl.maximum(left, middle - chord), tl.minimum(right, middle + chord)
        is_lit = is_here & (half > 0) & (left < right)
        gain = bright * height
        line = target.to(tl.int64) * (width + 2)
        for end in tl.static_range(2):
            edge = tl.minimum(tl.maximum(left if end == 0 else right, 0.0), width * 1.0)
            signed = gain if end == 0 else -gain
            i = edge.to(tl.int32)
            u = edge - i
            to = ends + (((line + i) * groups + group) * 4)[:, None] + channel[None, :]
            tl.atomic_add(to, light * (signed * (1 - u))[:, None], mask=is_lit[:, None])
            tl.atomic_add(to + groups * 4, light * (signed * u)[:, None], mask=is_lit[:, None])


@triton.jit
def _composite_kernel(
    sums, coarse, out, first, margin, width, stride, coarse_rows, coarse_width,
    GROUPS: tl.constexpr, HAS_HALF: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0)
    x = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    is_pixel = x < width
    here = sums + ((row * stride + x + margin).to(tl.int64) * GROUPS) * 4
    v = tl.minimum(tl.maximum((row + first) * 0.5 - 0.25, 0.0), coarse_rows - 1.0)
    u = tl.minimum(tl.maximum((x + margin) * 0.5 - 0.25, 0.0), coarse_width - 1.0)
    j, i = v.to(tl.int32), u.to(tl.int32)
    v, u = v - j, u - i
    below, beside = tl.minimum(j + 1, coarse_rows - 1), tl.minimum(i + 1, coarse_width - 1)
    red, green, blue = tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32), tl.zeros([BLOCK], tl.float32)
    deep_red, deep_green, deep_blue = red, red, red
    deep, open_share = red, red + 1.0
    for g in range(GROUPS):
        r, n, b, a = red, red, red, red
        for c in tl.static_range(4):
            value = tl.load(here + g * 4 + c, mask=is_pixel, other=0.0)
            if HAS_HALF:
                top, bottom = (
                    coarse + j * (coarse_width + 2) * GROUPS * 4,
                    coarse + below * (coarse_width + 2) * GROUPS * 4,
                )
                tl0 = tl.load(top + (i * GROUPS + g) * 4 + c, mask=is_pixel, other=0.0)
                tl1 = tl.load(top + (beside * GROUPS + g) * 4 + c, mask=is_pixel, other=0.0)
                bl0 = tl.load(bottom + (i * GROUPS + g) * 4 + c, mask=is_pixel, other=0.0)
                bl1 = tl.load(bottom + (beside * GROUPS + g) * 4 + c, mask=is_pixel, other=0.0)
                left, right = tl0 + v * (bl0 - tl0), tl1 + v * (bl1 - tl1)
                value += left + u * (right - left)
            if c == 0:
                r = value
            elif c == 1:
                n = value
            elif c == 2:
                b = value
            else:
                a = value
        is_lit = (a > 1e-5) & (open_share > 0)
        k = tl.where(is_lit, tl.minimum(open_share / tl.maximum(a, 1e-5), 1.0), 0.0)
        fade = tl.where(is_lit, 1.0 - tl.minimum(a * 10, 1.0), 1.0)
        red += r * k
        green += n * k
        blue += b * k
        deep_red = deep_red * fade + r * k
        deep_green = deep_green * fade + n * k
        deep_blue = deep_blue * fade + b * k
        deep = deep * fade + a * k
        open_share -= a * k
    rest = tl.maximum(open_share, 0.0) / tl.maximum(deep, 1e-5)
    to = out + (row * width + x) * 3
    tl.store(to, tl.maximum(red + deep_red * rest, 0.0), mask=is_pixel)
    tl.store(to + 1, tl.maximum(green + deep_green * rest, 0.0), mask=is_pixel)
    tl.store(to + 2, tl.maximum(blue + deep_blue * rest, 0.0), mask=is_pixel)
