"""Lights spread on the CPU: every row of the picture takes its span of every disc and traces what stands before it."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from vdof.bokeh.aperture import SpanTable
from vdof.bokeh.ladder import fine_borders, middle_of_groups
from vdof.bokeh.layers import OWN, RIM, Layers, field_of_view
from vdof.bokeh.lights import NEARER, Lights, aim
from vdof.bokeh.on_numba.splat import clip_span, span_at
from vdof.bokeh.on_torch.records import Cut
from vdof.compiled import compiled, f4, ramp
from vdof.threads import run_rows

FAINT = f4(1e-6)
"""Light that is not worth tracing."""


def shine(
    lights: Lights,
    layers: Layers,
    table: SpanTable,
    borders: NDArray[np.float32],
    cat_eye: float,
    squeeze: float,
    out: NDArray[np.float32],
) -> None:
    """Add the lights to the picture `out` (H,W,3), the layers' margin taken off."""
    field = field_of_view(layers, cat_eye, squeeze, 1)
    borders = fine_borders(borders)
    edges = torch.from_numpy(borders)
    cones = aim(lights, layers, table, edges, Cut(*field.tolist()))
    side = np.where(lights.radius.numpy() < 0, f4(-1), f4(1))
    columns = (lights.x + 0.5, cones.position, torch.from_numpy(side), *cones.light.unbind(1))
    records = torch.stack([column.float() for column in columns], 1).numpy()
    start = np.searchsorted(lights.cell.numpy(), np.arange(len(lights.centre) + 1))
    cells = (start, lights.y.numpy(), lights.centre.numpy(), cones.reach.numpy(), cones.first_group.numpy())
    rim = min(RIM, len(layers.radius) - 1)
    before = (layers.radius[OWN], layers.weight[OWN], layers.radius[rim], layers.weight[rim] * f4(rim == RIM))
    groups = (borders, middle_of_groups(borders))
    shape = (table.spans, table.gain, table.max_row, field)
    run_rows(_shine_rows, 0, out.shape[0], records, *cells, *before, *groups, *shape, layers.margin, out)


@compiled
def _shine_rows(
    y0, y1,
    records, start, row, centre, reach, first_group,
    own_radius, own_weight, rim_radius, rim_weight, borders, middles,
    spans, gain, max_row, field, margin, out,
):  # fmt: skip
    line = np.zeros((own_radius.shape[1] + 2, 3), np.float32)
    last = own_radius.shape[1]
    for y in range(y0 + margin, y1 + margin):
        for cell in range(reach.size):
            if abs(f4(y) - centre[cell, 1]) > f4(reach[cell]):
                continue
            x0 = max(int(centre[cell, 0]) - reach[cell], 0)
            x1 = min(int(centre[cell, 0]) + reach[cell] + 1, last)
            for k in range(start[cell], start[cell + 1]):
                if abs(y - row[k]) <= max_row:
                    _add_light(line, x0, x1, y - row[k], row[k], records[k], spans, gain, max_row, field)
            _trace_line(
                line, x0, x1, y, centre[cell], first_group[cell],
                own_radius, own_weight, rim_radius, rim_weight, borders, middles, margin, out[y - margin],
            )  # fmt: skip


@compiled
def _add_light(line, x0, x1, dy, row, record, spans, gain, max_row, field):
    """Add the spans that one source has `dy` rows below it to the differences of a row."""
    x, side = record[0], record[2]
    for part in range(spans.shape[0]):
        left, right, height = span_at(x, record[1], side, dy, spans[part], max_row)
        if field[2] > f4(0):
            left, right = clip_span(field, x, row, dy, side, record[1], left, right)
        if left < right:
            bright = height * (gain[1, part] if side > f4(0) else gain[0, part])
            _add_end(line, min(max(left, f4(x0)), f4(x1)), bright, record)
            _add_end(line, min(max(right, f4(x0)), f4(x1)), -bright, record)


@compiled
def _add_end(line, x, sign, record):
    """One end of a span: its light shared between the two pixels about the fractional position `x`."""
    i = int(x)
    right = sign * (x - f4(i))
    left = sign - right
    for c in range(3):
        line[i, c] += left * record[3 + c]
        line[i + 1, c] += right * record[3 + c]


@compiled
def _trace_line(
    line, x0, x1, y, light, first_group, own_radius, own_weight, rim_radius, rim_weight, borders, middles, margin, out
):
    """Integrate the differences of one row of a disc, shadow them, add them to the picture and clear them."""
    red = green = blue = f4(0)
    for x in range(x0, x1 + 2):
        red += line[x, 0]
        green += line[x, 1]
        blue += line[x, 2]
        line[x, 0] = line[x, 1] = line[x, 2] = f4(0)
        if x < margin or x >= margin + out.shape[0] or max(red, green, blue) < FAINT:
            continue
        open_share = f4(1)
        if first_group <= borders.size:
            open_share = _trace(
                x, y, light, first_group, own_radius, own_weight, rim_radius, rim_weight, borders, middles
            )
        out[x - margin, 0] += red * open_share
        out[x - margin, 1] += green * open_share
        out[x - margin, 2] += blue * open_share


@compiled
def _trace(x, y, light, first_group, own_radius, own_weight, rim_radius, rim_weight, borders, middles):
    """Share of the light that reaches pixel (x, y): 1 less the surfaces that the ray meets, group by group."""
    u, v = (f4(x) - light[0]) / light[2], (f4(y) - light[1]) / light[2]
    farthest = light[2] - f4(NEARER[0])
    open_share = f4(1)
    for group in range(first_group, borders.size + 1):
        low = borders[group - 1] if group > 0 else f4(-1e9)
        if low >= farthest:
            break
        high = min(borders[group] if group < borders.size else f4(1e9), farthest)
        middle = light[2] - middles[group]
        i = int(math.floor(light[0] + middle * u + f4(0.5)))
        j = int(math.floor(light[1] + middle * v + f4(0.5)))
        for jj in range(max(0, j - 1), min(own_radius.shape[0], j + 2)):
            for ii in range(max(0, i - 1), min(own_radius.shape[1], i + 2)):
                r = own_radius[jj, ii]
                if low <= r < high:
                    open_share -= own_weight[jj, ii] * _touch(light, r, u, v, ii, jj)
                r = rim_radius[jj, ii]
                if low <= r < high and rim_weight[jj, ii] > f4(0):
                    open_share -= rim_weight[jj, ii] * _touch(light, r, u, v, ii, jj)
        if open_share <= f4(0):
            return f4(0)
    return open_share


@compiled
def _touch(light, r, u, v, i, j):
    """How far a ray passes through the pixel (i, j) of a surface of radius `r`: bilinear, 0..1, if it is before the light."""
    depth = light[2] - r
    across = f4(1) - abs(light[0] + depth * u - f4(i))
    along = f4(1) - abs(light[1] + depth * v - f4(j))
    return max(across, f4(0)) * max(along, f4(0)) * ramp(depth, NEARER)
