"""The lens itself: (sharp picture, signed circle of confusion) -> picture with depth of field.

Every pixel is a source that spreads its light over the aperture's shape. Sources are sorted into groups by depth, summed
per group as spans of rows, and the groups are laid over one another front to back. A background layer supplies what a
blurred edge reveals. `api` is the way in; `layers`, `lights` and `aperture` say what is splatted; one room per backend
(`on_numba`, `on_torch`, `on_triton`) splats it, step by step alike.
"""

from vdof.bokeh.api import render, render_coc
from vdof.bokeh.config import BokehConfig, HighlightsConfig

__all__ = ["BokehConfig", "HighlightsConfig", "render", "render_coc"]
