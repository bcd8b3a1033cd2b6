"""Depth that holds still: what flickers is taken out, what moves is kept.

growth.py       how much nearer things come, from flow alone
pairs.py        two frames -> the affine map between their disparities
synchronise.py  all pairs of a window -> one scale and shift per frame, and their slow trend
jumps.py        what steps from one frame to the next, as networks that work in windows do
level.py        what is taken off each frame: the fast part, and the trend too where the camera stands still
smooth.py       the flow-guided filter that looks both ways in time
window.py       the stream: frames of one shot in, the same frames out, a bounded number alive
edges.py        disparity to frame size, its edges steep and where the frame has them
"""

from vdof.stabilise.config import StabiliseConfig, count_live_frames
from vdof.stabilise.edges import upsample_guided
from vdof.stabilise.window import stabilise, stabilise_stream

__all__ = ["StabiliseConfig", "count_live_frames", "stabilise", "stabilise_stream", "upsample_guided"]
