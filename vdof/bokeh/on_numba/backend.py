"""The CPU backend: one frame through the compiled kernels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdof.bokeh.aperture import span_table
from vdof.bokeh.config import BokehConfig
from vdof.bokeh.ladder import group_borders
from vdof.bokeh.layers import Layers, margin_of, measure_level
from vdof.bokeh.lights import take_lights
from vdof.bokeh.on_numba.layers import split_layers
from vdof.bokeh.on_numba.lights import shine
from vdof.bokeh.on_numba.splat import splat
from vdof.bokeh.tiles import splat_in_bands
from vdof.lens import Lens


def render_frame(rgb: Tensor, radius: Tensor, lens: Lens, config: BokehConfig) -> Tensor:
    """One frame: rgb (3,H,W) linear, radius (H,W) signed px, both on the cpu -> (3,H,W)."""
    lowest, highest = float(radius.min()), float(radius.max())
    largest = max(-lowest, highest, 1.0)
    margin = margin_of(largest)
    borders = group_borders(lowest, highest)
    colour = pad(rgb.permute(1, 2, 0).numpy(), margin)
    signed = pad(radius.numpy(), margin)
    table = span_table(lens, largest)

    def splat_all(layers: Layers) -> NDArray[np.float32]:
        bands = splat_in_bands(
            lambda part: splat(part, table, borders, lens.cat_eye, lens.squeeze), layers, config, "numba"
        )
        return bands[0] if len(bands) == 1 else np.concatenate(bands)

    if not config.reveal:
        layers = Layers(colour[None], signed[None], np.ones_like(signed)[None], margin)
        return finish(splat_all(layers))
    level = float(measure_level(rgb))
    lights = take_lights(torch.from_numpy(colour), torch.from_numpy(signed), torch.from_numpy(borders), level, margin)
    if lights:
        repeat_border(colour, margin)
    layers = split_layers(colour, signed, margin, level)
    out = splat_all(layers)
    if lights:
        shine(lights, layers, table, borders, lens.cat_eye, lens.squeeze, out)
    return finish(out)


def finish(out: NDArray[np.float32]) -> Tensor:
    """(H,W,3) -> (3,H,W)."""
    return torch.from_numpy(out).permute(2, 0, 1).contiguous()


def pad(values: NDArray[np.float32], margin: int) -> NDArray[np.float32]:
    """(H,W,...) with `margin` more pixels on every side, which repeat the border."""
    height, width = values.shape[:2]
    padded = np.empty((height + 2 * margin, width + 2 * margin, *values.shape[2:]), np.float32)
    padded[margin:-margin, margin:-margin] = values
    repeat_border(padded, margin)
    return padded


def repeat_border(padded: NDArray[np.float32], margin: int) -> None:
    """Write the border of the picture over the margin around it."""
    padded[margin:-margin, :margin] = padded[margin:-margin, margin : margin + 1]
    padded[margin:-margin, -margin:] = padded[margin:-margin, -margin - 1 : -margin]
    padded[:margin] = padded[margin]
    padded[-margin:] = padded[-margin - 1]
