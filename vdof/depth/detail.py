"""Two looks at a frame made one: levels from the small one, edges from the large one.

A network that sees a frame small knows where things are but not where they end; one that sees it large knows where they end,
and loses what it no longer sees whole (Miangoleh et al., "Boosting Monocular Depth Estimation Models to High-Resolution via
Content-Adaptive Multi-Resolution Merging", CVPR 2021, merge both with a network). Here the small look is filtered with the
large one as guide (guided filter: He, Sun, Tang, PAMI 2013): in every window it is a linear map of the large look, so it takes
over that one's edges but keeps its own levels, and with them its calm from frame to frame.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vdof.filters import average, resize

_REACH = 0.13
"""Of the longer side: how far a window reaches on each side."""
_NOISE = 0.002
"""Of the large look's variance in the frame: what tells nothing of edges."""


def take_detail(levels: Tensor, detail: Tensor) -> Tensor:
    """Return `levels` (B,1,h,w) with the edges of `detail` (B,1,H,W), at the size of `detail`."""
    size = detail.shape[-2], detail.shape[-1]
    reach = max(1, round(_REACH * max(size)))
    spread, centre = torch.std_mean(detail, dim=(1, 2, 3), keepdim=True)
    guide, wanted = (detail - centre) / spread.clamp_min(1e-6), resize(levels, size)
    maps = torch.cat([guide, wanted, guide * guide, guide * wanted], dim=1)
    mean_guide, mean, square, product = average(maps, reach).split(1, dim=1)
    slope = (product - mean_guide * mean) / ((square - mean_guide * mean_guide).clamp_min(0) + _NOISE)
    slope, shift = average(torch.cat([slope, mean - slope * mean_guide], dim=1), reach).split(1, dim=1)
    return slope * guide + shift
