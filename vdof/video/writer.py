"""Writes treated frames with everything else of the source, into a temporary file that takes its name when whole."""

import logging
import math
import os
import uuid
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream

from vdof.errors import ConfigError, InputError, OutputError, ShapeError
from vdof.video.config import EncodeConfig
from vdof.video.encode import plan_output
from vdof.video.info import VideoInfo, find_main_video, open_input
from vdof.video.passthrough import PacketCopier, needs_metadata_tags, select_metadata
from vdof.video.pixels import TensorToFrame
from vdof.video.reader import Frame
from vdof.video.window import find_window

log = logging.getLogger(__name__)

_LARGEST_TIMESCALE = 2**31 - 1
_HEVC_ENCODERS = ("libx265", "hevc_nvenc")
_ROUNDED_SIZE = Fraction(1, 50)
"""Largest change of shape that counts as rounding to whole pixels."""


class Writer:
    """A context manager that encodes frames in the order given and copies the rest of the source beside them.

    The whole clip keeps its time stamps. With a frame range the excerpt is moved to begin at 0, audio, subtitles and
    chapters with it. Leaving the `with` normally puts the file in place; leaving it by an exception leaves nothing.
    """

    def __init__(
        self,
        path: Path | str,
        info: VideoInfo,
        encode: EncodeConfig | None = None,
        *,
        frames: range | None = None,
        size: tuple[int, int] | None = None,
        overwrite: bool = False,
    ) -> None:
        """`frames`: the range going to be written, None for all. `size`: (width, height), None for the source's.

        Raises OutputError when the path cannot be written or exists, ConfigError when codec, container and pixel
        format do not fit each other. Nothing is created before `__enter__`.
        """
        self.path = Path(path)
        self._info = info
        self._overwrite = overwrite
        self._frames = frames
        self._output = plan_output(self.path, info, encode or EncodeConfig(), size)
        self._to_frame = TensorToFrame(info.colour, self._output.pixel_format, is_rgb=self._output.is_rgb)
        self._temporary = self.path.with_name(f".{self.path.stem}.{uuid.uuid4().hex[:8]}.part{self.path.suffix}")
        self._stack = ExitStack()
        self._target: Any = None
        self._start_pts = 0
        self._last_pts: int | None = None
        self._durations: dict[int, int] = {}
        _require_writable(self.path, info.path, overwrite=overwrite)

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._discard()
            raise
        return self

    def write(self, frame: Frame) -> None:
        """Encode one frame: rgb (1,3,H,W), display-encoded; its pts and duration are kept."""
        expected = (1, 3, self._output.height, self._output.width)
        if tuple(frame.rgb.shape) != expected:
            raise ShapeError(f"rgb must be {expected} to fit the output, got {tuple(frame.rgb.shape)}")
        pts = frame.pts - self._start_pts
        if self._last_pts is not None and pts <= self._last_pts:
            raise InputError(
                f"frame {frame.index} has pts {frame.pts}, not after the frame before it; "
                "repair the clip's time stamps first (ffmpeg -i CLIP -c copy -fflags +genpts OUT)"
            )
        self._last_pts = pts
        picture = self._to_frame(frame.rgb)
        picture.pts, picture.time_base, picture.duration = pts, frame.time_base, frame.duration
        self._durations[pts] = frame.duration
        self._mux(self._video.encode(picture))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard()
            return
        try:
            self._finish()
        except BaseException:
            self._discard()
            raise

    def _open(self) -> None:
        source = self._stack.enter_context(open_input(self._info.path))
        main = find_main_video(source, self._info.path)
        window = None if self._frames is None else find_window(self._info, self._frames)
        if window is not None:
            self._start_pts = int(window.start / self._info.time_base)
        self._target = self._open_target(source)
        self._copier = PacketCopier(source, main, self._target, self._output, window)
        for stream in source.streams:
            if stream is main:
                self._video = self._add_video(main)
            else:
                self._copier.add_stream(stream)
        self._copier.copy_file_facts()
        if not self._output.is_iso and (self._info.time_base * 1000).denominator != 1:
            log.info(".%s keeps milliseconds: times are rounded to them (mp4 and mov do not)", self._output.container)
        try:
            self._target.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise ConfigError(
                f"{self._output.codec} into .{self._output.container} was refused ({error}); check encode.options"
            ) from error

    def _open_target(self, source: InputContainer) -> OutputContainer:
        """The muxer, told to hold no packets back (we interleave them) and to leave time stamps alone.

        Sound often begins a little before 0 (the encoder's priming); by default Matroska would move everything instead.
        """
        options = {"max_interleave_delta": "1", "avoid_negative_ts": "disabled"}
        time_base = self._info.time_base
        if self._output.is_iso and time_base.denominator <= _LARGEST_TIMESCALE:
            options["video_track_timescale"] = str(time_base.denominator)
            # In this unit edit lists say where a track begins, and chapters when (in FFmpeg's own, milliseconds).
            options["movie_timescale"] = str(min(math.lcm(1000, time_base.denominator), _LARGEST_TIMESCALE))
        if needs_metadata_tags(source, self._output):
            options["movflags"] = "use_metadata_tags"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            return av.open(f"file:{self._temporary}", "w", format=self._output.muxer, container_options=options)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written ({error.strerror}); choose another output") from error

    def _add_video(self, main: VideoStream) -> VideoStream:
        output, info = self._output, self._info
        video = self._target.add_stream(
            output.codec,
            rate=info.frame_rate,
            width=output.width,
            height=output.height,
            pix_fmt=output.pixel_format,
            time_base=info.time_base,
            options=dict(output.options),
        )
        assert isinstance(video, VideoStream)
        video.time_base = info.time_base
        context = video.codec_context
        context.thread_type = "AUTO"  # type: ignore[assignment]  # slices alone would cost x264 quality
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = (
            info.colour.tags_for_output(is_rgb=output.is_rgb)
        )
        if output.codec in _HEVC_ENCODERS and output.is_iso:
            context.codec_tag = "hvc1"
        if aspect := scale_pixel_aspect(info, (output.width, output.height)):
            context.sample_aspect_ratio = aspect
        video.set_display_matrix(info.display_matrix)
        video.metadata.update(select_metadata(main.metadata, keep_timecode=self._frames is None))
        video.disposition = main.disposition
        return video

    def _mux(self, packets: list[av.Packet]) -> None:
        try:
            for packet in packets:
                if packet.dts is not None:
                    self._copier.copy_until(packet.dts * packet.time_base)
                if packet.pts is not None:
                    packet.duration = self._durations.pop(packet.pts, 0)  # not every encoder passes it on
                self._target.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(
                f"{self.path} cannot be written ({error.strerror}); free space or choose another output"
            ) from error

    def _finish(self) -> None:
        if self._last_pts is None:
            raise OutputError(f"{self.path} would hold no frame: none was written; check the frames range")
        self._mux(self._video.encode(None))
        self._copier.finish()
        try:
            self._target.close()
            self._stack.close()
            with open(self._temporary, "rb") as file:
                os.fsync(file.fileno())
            self._put_in_place()
        except (av.FFmpegError, OSError) as error:
            raise OutputError(
                f"{self.path} cannot be finished ({error.strerror}); free space or choose another output"
            ) from error

    def _put_in_place(self) -> None:
        """Give the file its name, but never over one that another job has written meanwhile, unless that may be replaced."""
        if not self._overwrite:
            try:
                os.link(self._temporary, self.path)
            except FileExistsError as error:
                raise OutputError(f"{self.path} was written by another job meanwhile; choose another output") from error
            except OSError:
                log.debug("%s is on a file system without links", self.path)
            else:
                self._temporary.unlink()
                return
        os.replace(self._temporary, self.path)

    def _discard(self) -> None:
        """Close what is open, without a word about errors that follow from the first, and remove the temporary file."""
        if self._target is not None:
            with suppress(av.FFmpegError, OSError):
                self._target.close()
        self._stack.close()
        self._temporary.unlink(missing_ok=True)


def scale_pixel_aspect(info: VideoInfo, size: tuple[int, int]) -> Fraction | None:
    """Width over height of an output pixel that keeps the picture's shape; rounding of the size is let be."""
    stretch = Fraction(info.width * size[1], info.height * size[0])
    if abs(stretch - 1) < _ROUNDED_SIZE:
        return info.sample_aspect_ratio
    return ((info.sample_aspect_ratio or 1) * stretch).limit_denominator(65535)


def _require_writable(path: Path, source: Path, *, overwrite: bool) -> None:
    if not path.exists():
        return
    if path.is_dir():
        raise OutputError(f"{path} is a folder; output must name a file")
    if path.samefile(source):
        raise OutputError(f"{path} is the input itself; choose another output")
    if not overwrite:
        raise OutputError(f"{path} exists; set overwrite=true to replace it, or choose another output")
