"""Optical flow between two frames, warping along it, and the forward-backward check.

Flow is `(B,2,h,w)` pixels, x then y: the pixel `(x, y)` of frame a lies at `(x + u, y + v)` in frame b.
OpenCV is imported when flow is first asked for, so the rest of the package runs without it.
"""

from vdof.flow.config import FlowConfig
from vdof.flow.open import Flow, open_flow
from vdof.flow.warp import is_consistent, warp

__all__ = ["Flow", "FlowConfig", "is_consistent", "open_flow", "warp"]
