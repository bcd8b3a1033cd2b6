"""The backends on torch tensors: one frame through torch operations, or through Triton kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vdof.bokeh.aperture import SpanTable, span_table
from vdof.bokeh.config import BokehConfig
from vdof.bokeh.ladder import group_borders
from vdof.bokeh.layers import Layers, margin_of, measure_level
from vdof.bokeh.lights import Lights, take_lights
from vdof.bokeh.on_torch.layers import split_layers
from vdof.bokeh.on_torch.lights import shine
from vdof.bokeh.on_torch.splat import splat
from vdof.bokeh.tiles import splat_in_bands
from vdof.lens import Lens


class Kit(NamedTuple):
    """How a backend does the three large steps."""

    split: Callable[[Tensor, Tensor, int, float], Layers]
    splat: Callable[[Layers, SpanTable, Tensor, float, float], Tensor]
    shine: Callable[[Lights, Layers, SpanTable, NDArray[np.float32], float, float, Tensor], None]


def render_frame(rgb: Tensor, radius: Tensor, lens: Lens, config: BokehConfig) -> Tensor:
    """One frame: rgb (3,H,W) linear, radius (H,W) signed px, on one device -> (3,H,W) there."""
    return render_with(Kit(split_layers, splat, shine), rgb, radius, lens, config)


def render_frame_triton(rgb: Tensor, radius: Tensor, lens: Lens, config: BokehConfig) -> Tensor:
    """The same with Triton kernels."""
    from vdof.bokeh.on_triton import layers, lights, splat

    kit = Kit(layers.split_layers, splat.splat, lights.shine)
    return render_with(kit, rgb, radius, lens, config)


def render_with(kit: Kit, rgb: Tensor, radius: Tensor, lens: Lens, config: BokehConfig) -> Tensor:
    """Split a frame into layers and splat them. Three numbers of the frame are read back from its device, all at once."""
    lowest, highest, level = torch.stack([*radius.aminmax(), measure_level(rgb)]).tolist()
    largest = max(-lowest, highest, 1.0)
    margin = margin_of(largest)
    colour, signed = extend(rgb, margin), extend(radius[None], margin)[..., 0]
    ladder = group_borders(lowest, highest)
    borders = torch.from_numpy(ladder).to(rgb.device)
    table, shape = span_table(lens, largest), (lens.cat_eye, lens.squeeze)

    def splat_all(layers: Layers) -> Tensor:
        if config.half:
            layers = replace(layers, colour=layers.colour.half(), weight=layers.weight.half())
        bands = splat_in_bands(lambda part: kit.splat(part, table, borders, *shape), layers, config, "torch")
        return bands[0] if len(bands) == 1 else torch.cat(bands)

    if not config.reveal:
        layers = Layers(colour[None], signed[None], torch.ones_like(signed)[None], margin)
        return splat_all(layers).permute(2, 0, 1).contiguous()
    lights = take_lights(colour, signed, borders, level, margin)
    if lights:
        colour = extend(colour[margin:-margin, margin:-margin].permute(2, 0, 1), margin)
    layers = kit.split(colour, signed, margin, level)
    out = splat_all(layers)
    if lights:
        kit.shine(lights, layers, table, ladder, *shape, out)
    return out.permute(2, 0, 1).contiguous()


def extend(values: Tensor, margin: int) -> Tensor:
    """(C,H,W) -> (H,W,C) with `margin` more pixels on every side, which repeat the border."""
    return F.pad(values[None], (margin,) * 4, mode="replicate")[0].permute(1, 2, 0).contiguous()
