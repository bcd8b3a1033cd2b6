"""The CPU backend: one frame through the compiled kernels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vdof.bokeh.aperture import span_table
from vdof.bokeh.config import BokehConfig
from vdof.bokeh.ladder import group_borders
from vdof.bokeh.layers import Layers, margin_of
from vdof.bokeh.numba_layers import split_layers
from vdof.bokeh.numba_splat import splat
from vdof.lens import Lens


def render_frame(rgb: Tensor, radius: Tensor, lens: Lens, config: BokehConfig) -> Tensor:
    """One frame: rgb (3,H,W) linear, radius (H,W) signed px, both on the cpu -> (3,H,W)."""
    signed = radius.numpy()
    lowest, highest = float(signed.min()), float(signed.max())
    largest = max(-lowest, highest, 1.0)
    margin = margin_of(largest)
    colour = np.pad(rgb.permute(1, 2, 0).numpy(), ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    signed = np.pad(signed, margin, mode="edge")
    if config.reveal:
        layers = split_layers(colour, signed, margin)
    else:
        layers = Layers(colour[None], signed[None], np.ones_like(signed)[None], margin)
    out = splat(layers, span_table(lens, largest), group_borders(lowest, highest), lens.cat_eye, lens.squeeze)
    return torch.from_numpy(out).permute(2, 0, 1).contiguous()
