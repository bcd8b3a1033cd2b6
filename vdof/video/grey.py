"""Single-channel video: the maps vdof stores (FFV1, 16 bit, bit-exact) and grey clips that others bring."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from vdof.errors import InputError, ShapeError


def read_grey(path: Path) -> Iterator[NDArray[np.float32]]:
    """Frames of a grey video as (H,W) float32 codes: 0..65535 for more than 8 bit, else 0..255.

    Colour clips are refused: a depth pass in false colours is not depth.
    """
    try:
        with av.open(f"file:{path}") as container:
            if not container.streams.video:
                raise InputError(f"{path}: no video stream; expected a grey video")
            for frame in container.decode(video=0):
                yield _luma(frame, path)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path}: cannot be read as a grey video: {error}") from error


def _luma(frame: av.VideoFrame, path: Path) -> NDArray[np.float32]:
    if frame.format.name.startswith("gray"):
        name = "gray" if frame.format.name == "gray" else "gray16le"
        return frame.to_ndarray(format=name).astype(np.float32)
    deep = frame.format.components[0].bits > 8
    rgb = frame.to_ndarray(format="rgb48le" if deep else "rgb24").astype(np.float32)
    spread = float(np.abs(rgb - rgb.mean(-1, keepdims=True)).mean())
    if spread > (512 if deep else 2):
        raise InputError(
            f"{path}: the frames are coloured; expected a grey video whose brightness is depth or disparity"
        )
    return rgb[..., 1]


class GreyWriter:
    """Write (H,W) uint16 maps as FFV1 gray16le in Matroska, bit-exact."""

    def __init__(self, path: Path, height: int, width: int, rate: Fraction | int = 24) -> None:
        self._container = av.open(str(path), "w", format="matroska", container_options={"fflags": "+bitexact"})
        self._stream: Any = self._container.add_stream("ffv1", rate=rate)
        self._stream.height, self._stream.width, self._stream.pix_fmt = height, width, "gray16le"
        self._stream.codec_context.thread_count = 1
        self._shape = (height, width)

    def write(self, codes: NDArray[np.uint16]) -> None:
        """Append one map; its place in the file is its order."""
        if codes.shape != self._shape or codes.dtype != np.uint16:
            raise ShapeError(f"codes must be {self._shape} uint16, got {codes.shape} {codes.dtype}")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), format="gray16le")
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> "GreyWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
