"""Video in and out with PyAV: frames as float tensors, and everything else of the file carried over untouched."""

from vdof.video.colour import Colour, to_display, to_linear
from vdof.video.config import EncodeConfig, VideoConfig
from vdof.video.encode import choose_container, plan_output, try_encoder
from vdof.video.frame_range import parse_frame_range
from vdof.video.info import VideoInfo, probe
from vdof.video.reader import Frame, FrameReader, read_frames
from vdof.video.turn import turn_back, turn_upright
from vdof.video.writer import Writer

__all__ = [
    "Colour",
    "EncodeConfig",
    "Frame",
    "FrameReader",
    "VideoConfig",
    "VideoInfo",
    "Writer",
    "choose_container",
    "parse_frame_range",
    "plan_output",
    "probe",
    "read_frames",
    "to_display",
    "to_linear",
    "try_encoder",
    "turn_back",
    "turn_upright",
]
