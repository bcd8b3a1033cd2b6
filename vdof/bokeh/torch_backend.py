"""The backends on torch tensors: one frame through torch operations, or with the splat as Triton kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.bokeh.aperture import SpanTable, span_table
from vdof.bokeh.config import BokehConfig
from vdof.bokeh.ladder import group_borders
from vdof.bokeh.layers import Layers, margin_of, measure_level
from vdof.bokeh.lights import take_lights
from vdof.bokeh.tiles import splat_in_bands
from vdof.bokeh.torch_layers import split_layers
from vdof.bokeh.torch_lights import shine
from vdof.bokeh.torch_splat import splat
from vdof.lens import Lens


def render_frame(rgb: Tensor, radius: Tensor, lens: Lens, config: BokehConfig) -> Tensor:
    """One frame: rgb (3,H,W) linear, radius (H,W) signed px, on one device -> (3,H,W) there."""
    return render_with(splat, rgb, radius, lens, config)


def render_frame_triton(rgb: Tensor, radius: Tensor, lens: Lens, config: BokehConfig) -> Tensor:
    """The same with the splat as Triton kernels."""
    from vdof.bokeh.triton_splat import splat as splat_triton

    return render_with(splat_triton, rgb, radius, lens, config)


def render_with(
    splat_layers: Callable[[Layers, SpanTable, Tensor, float, float], Tensor],
    rgb: Tensor,
    radius: Tensor,
    lens: Lens,
    config: BokehConfig,
) -> Tensor:
    """Split a frame into layers and splat them."""
    lowest, highest = float(radius.min()), float(radius.max())
    largest = max(-lowest, highest, 1.0)
    margin = margin_of(largest)
    padded = F.pad(torch.cat([rgb, radius[None]])[None], (margin,) * 4, mode="replicate")[0]
    colour, signed = padded[:3].permute(1, 2, 0), padded[3]
    borders = torch.from_numpy(group_borders(lowest, highest)).to(rgb.device)
    table, shape = span_table(lens, largest), (lens.cat_eye, lens.squeeze)

    def splat_all(layers: Layers) -> Tensor:
        if config.half:
            layers = replace(layers, colour=layers.colour.half(), weight=layers.weight.half())
        return torch.cat(
            splat_in_bands(lambda part: splat_layers(part, table, borders, *shape), layers, config, "torch")
        )

    if not config.reveal:
        layers = Layers(colour[None], signed[None], torch.ones_like(signed)[None], margin)
        return splat_all(layers).permute(2, 0, 1).contiguous()
    level = measure_level(rgb)
    colour = colour.contiguous()
    lights = take_lights(colour, signed, borders, level, margin)
    if lights:
        inner = colour[margin:-margin, margin:-margin].permute(2, 0, 1)[None]
        colour = F.pad(inner, (margin,) * 4, mode="replicate")[0].permute(1, 2, 0)
    layers = split_layers(colour, signed, margin, level)
    out = splat_all(layers)
    if lights:
        shine(lights, layers, table, borders, *shape, out)
    return out.permute(2, 0, 1).contiguous()
