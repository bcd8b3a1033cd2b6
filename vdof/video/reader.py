"""Frames of a clip as an iterator, one at a time."""

import logging
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import torch
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdof.errors import ConfigError, InputError
from vdof.video.audit import Audit
from vdof.video.config import VideoConfig
from vdof.video.info import VideoInfo, find_main_video, open_input, probe
from vdof.video.pixels import FrameToTensor

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Frame:
    """One picture and its time."""

    index: int
    """Position in the source in order of presentation, from 0."""
    pts: int
    """Presentation time, in units of `time_base`."""
    time_base: Fraction
    """Seconds per unit."""
    duration: int
    """In units of `time_base`; 0 where the source does not say."""
    rgb: torch.Tensor
    """(1,3,H,W) float32 on the CPU, display-encoded, 0..1."""

    @property
    def time_s(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)


class FrameReader:
    """Iterates over the frames of a clip and holds one at a time. A context manager: `close` frees the decoder.

    At the clip's end the audit compares what the file holds with what came out (LostFramesError).
    """

    def __init__(
        self, info: VideoInfo, config: VideoConfig, frames: range | None, size: tuple[int, int] | None
    ) -> None:
        self.info = info
        self._frames = frames
        self._convert = FrameToTensor(info.colour, info.pixel_format, size)
        self._stack = ExitStack()
        self._container = self._stack.enter_context(open_input(info.path))
        self._stream = find_main_video(self._container, info.path)
        self._audit = Audit(self._container, self._stream, info.path, accept_loss=config.accept_loss)
        self._iterator = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        return next(self._iterator)

    def close(self) -> None:
        """Free the decoder and the file; more than once is fine."""
        self._iterator.close()
        self._stack.close()

    def _read(self) -> Generator[Frame, None, None]:
        clock = _Clock(self.info)
        index = -1
        for index, frame in enumerate(self._decode()):
            if self._frames is not None and index >= self._frames.stop:
                self._audit.check_damage()
                return
            pts, duration = clock.stamp(frame)
            self._audit.note_frame(frame, float((pts + duration) * self.info.time_base))
            self._require_size(frame, index)
            if self._frames is None or index >= self._frames.start:
                yield Frame(index, pts, self.info.time_base, duration, self._convert(frame))
        self._audit.close()
        if self._frames is not None and index < self._frames.start:
            raise ConfigError(f"frames starts at {self._frames.start} but {self.info.path} has {index + 1} frames")

    def _decode(self) -> Iterator[VideoFrame]:
        for other in self._container.streams:
            if other is not self._stream:
                other.discard = Discard.all
        self._stream.thread_type = "AUTO"
        try:
            for packet in self._container.demux(self._stream):
                self._audit.note_packet(packet)
                yield from _decode_leniently(self._stream, packet)
        except av.FFmpegError as error:
            self._audit.note_break(error.strerror or str(error))

    def _require_size(self, frame: VideoFrame, index: int) -> None:
        if (frame.width, frame.height) != (self.info.width, self.info.height):
            raise InputError(
                f"{self.info.path} changes size at frame {index}: got {frame.width}x{frame.height}, expected "
                f"{self.info.width}x{self.info.height}; cut the clip there and treat the parts one by one"
            )


class _Clock:
    """Gives every frame a pts: its own, or where it has none the decode time or the predecessor's end."""

    def __init__(self, info: VideoInfo) -> None:
        self._usual_duration = max(1, round(1 / (info.frame_rate * info.time_base)))
        self._next_pts = 0
        self._has_warned = False

    def stamp(self, frame: VideoFrame) -> tuple[int, int]:
        """(pts, duration) in units of the stream's time base."""
        pts = frame.pts
        if pts is None:
            pts = frame.dts if frame.dts is not None and frame.dts >= self._next_pts else self._next_pts
            if not self._has_warned:
                log.warning("the source has frames without a time stamp; their times follow from their order")
                self._has_warned = True
        self._next_pts = pts + (frame.duration or self._usual_duration)
        return pts, frame.duration


def _decode_leniently(stream: VideoStream, packet: av.Packet) -> list[VideoFrame]:
    """Damaged packets give no frame; the audit counts them."""
    try:
        return stream.decode(packet)
    except av.InvalidDataError:
        return []


def read_frames(
    path: Path | str,
    config: VideoConfig | None = None,
    *,
    frames: range | None = None,
    size: tuple[int, int] | None = None,
    info: VideoInfo | None = None,
) -> FrameReader:
    """Open a clip for reading frame by frame; use it in a `with`, or run it to its end.

    `frames`: source indices to yield (see `parse_frame_range`). `size`: (width, height) to scale to. `info`: spares a
    second probe. Raises InputError for an unreadable clip; while iterating LostFramesError for a damaged one, and
    ConfigError for a range beyond its end.
    """
    config = config or VideoConfig()
    return FrameReader(info or probe(path, config), config, frames, size)
