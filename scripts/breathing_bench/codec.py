"""Pictures through H.264 and back."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np


def transcode(pictures: list[np.ndarray], crf: int, rate: int = 24) -> Iterator[tuple[np.ndarray, bool]]:
    """Pictures (h,w,3) 0..1 as a player would see them, and which are key frames."""
    height, width = (side - side % 2 for side in pictures[0].shape[:2])
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, rate), Fraction(rate)
    encoder.options = {"crf": str(crf), "preset": "veryfast"}
    decoder = av.CodecContext.create("h264", "r")
    packets = []
    for number, picture in enumerate(pictures):
        codes = (picture[:height, :width] * 255 + 0.5).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), format="rgb24")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    for packet in [*packets, None]:
        for frame in decoder.decode(packet):
            yield frame.to_ndarray(format="rgb24").astype(np.float32) / 255, frame.key_frame
