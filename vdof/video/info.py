"""What is known of a clip before its frames are read."""

import logging
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdof.errors import InputError
from vdof.video.colour import RANGE_UNSPECIFIED, UNSPECIFIED, Colour, read_colour
from vdof.video.config import VideoConfig
from vdof.video.pixels import get_bit_depth, is_rgb_format

log = logging.getLogger(__name__)

_PROBE_PACKETS = 500
"""Video packets read in search of a first frame before the clip counts as undecodable."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The main video stream of a file. Sizes are as coded: a rotation is a tag and not applied."""

    path: Path
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    time_base: Fraction
    """Seconds per unit of pts."""
    frame_rate: Fraction
    """Frames per second as the container states or suggests it; a clip may still vary."""
    start_pts: int
    """pts of the first frame, in units of `time_base`."""
    sample_aspect_ratio: Fraction | None
    """Width over height of one pixel; None where the file does not say."""
    display_matrix: tuple[int, ...] | None
    """Nine fixed-point numbers as the container holds them, or None."""
    rotation_deg: int
    """Counter-clockwise turn that the display matrix asks a player for."""
    pixel_format: str
    """FFmpeg's name of the decoded format."""
    bit_depth: int
    """Bits per component."""
    colour: Colour
    duration_s: float | None
    """Seconds, or None where the container does not say."""
    frame_count_hint: int | None
    """Frames as the container counts them, what an edit list hides left out; None where it does not (mkv, webm)."""
    has_audio: bool
    codec: str
    """FFmpeg's name of the decoder."""
    hdr10: "Hdr10 | None"
    """Mastering display and light level, where the source is tagged with them."""


@dataclass(frozen=True, slots=True)
class Hdr10:
    """Static HDR metadata in the units that x264 and x265 take."""

    mastering_display: str | None
    """`G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)`: chromaticities in 1/50000, luminance in 1/10000 cd/m2."""
    content_light_level: str | None
    """`MaxCLL,MaxFALL` in cd/m2."""


@contextmanager
def open_input(path: Path, argument: str = "input") -> Iterator[InputContainer]:
    """Open a media file for reading. Raises InputError, which names the `argument`, when it is missing, unreadable or none."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}; {argument} must be a video file")
    try:
        container = av.open(f"file:{path}", metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise InputError(
            f"{path} cannot be read as a video ({error.strerror}); give a file that ffprobe opens"
        ) from error
    with container:
        yield container


def find_main_video(container: InputContainer, path: Path, argument: str = "input") -> VideoStream:
    """The best video stream that is not a cover picture. Raises InputError when there is none."""
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise InputError(f"{path} has no video stream; {argument} must be a video file")
    if streams[0].codec_context is None:
        raise InputError(f"{path} is in a video codec that this build of FFmpeg cannot decode; convert it first")
    return streams[0]


def probe(path: Path | str, config: VideoConfig | None = None, argument: str = "input") -> VideoInfo:
    """Read a clip's facts from its header and first frame.

    Raises InputError when it is not a readable video; `argument` is how the user calls it.
    """
    path, config = Path(path), config or VideoConfig()
    with open_input(path, argument) as container:
        stream = find_main_video(container, path, argument)
        frame = _decode_first_frame(container, stream, path)
        frame_format = frame.format
        is_rgb = is_rgb_format(frame_format.name)
        info = VideoInfo(
            path=path,
            width=frame.width,
            height=frame.height,
            time_base=stream.time_base or Fraction(1, 1000),
            frame_rate=stream.guessed_rate or stream.average_rate or Fraction(25),
            start_pts=frame.pts if frame.pts is not None else frame.dts or 0,
            sample_aspect_ratio=stream.sample_aspect_ratio or None,
            display_matrix=_read_display_matrix(frame),
            rotation_deg=frame.rotation,
            pixel_format=frame_format.name,
            bit_depth=get_bit_depth(frame_format.name),
            colour=read_colour(
                _read_tags(frame, stream),
                (frame.width, frame.height),
                config,
                is_rgb=is_rgb,
                is_full_by_nature=frame_format.name.startswith(("yuvj", "gray")),
            ),
            duration_s=_read_duration(container, stream),
            frame_count_hint=_count_stated_frames(container, stream),
            has_audio=bool(container.streams.audio),
            codec=stream.codec_context.name,
            hdr10=_read_hdr10(frame),
        )
    if frame.interlaced_frame:
        log.warning("%s is interlaced: frames are treated as one picture; deinterlace it first for clean edges", path)
    return info


def _decode_first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    try:
        for count, packet in enumerate(container.demux(stream)):
            for frame in _decode_leniently(stream, packet):
                return frame
            if count >= _PROBE_PACKETS:
                break
    except av.FFmpegError as error:
        raise InputError(f"{path} breaks off before its first frame ({error.strerror}); get a whole copy") from error
    raise InputError(f"{path} has a video stream but no frame can be decoded from it; get a whole copy or convert it")


def _decode_leniently(stream: VideoStream, packet: av.Packet) -> list[VideoFrame]:
    """Damage is the audit's business, once all frames are read; here it only delays the first frame."""
    try:
        return stream.decode(packet)
    except av.InvalidDataError:
        return []


def _read_tags(frame: VideoFrame, stream: VideoStream) -> tuple[int, int, int, int]:
    """(matrix, range, primaries, transfer), the frame's word before the container's."""
    context = stream.codec_context
    return (
        int(frame.colorspace) if frame.colorspace != UNSPECIFIED else int(context.colorspace),
        int(frame.color_range) if frame.color_range != RANGE_UNSPECIFIED else int(context.color_range),
        int(frame.color_primaries) if frame.color_primaries != UNSPECIFIED else int(context.color_primaries),
        int(frame.color_trc) if frame.color_trc != UNSPECIFIED else int(context.color_trc),
    )


def _count_stated_frames(container: InputContainer, stream: VideoStream) -> int | None:
    if "mp4" in container.format.name and len(stream.index_entries):
        return sum(not entry.is_discard for entry in stream.index_entries)
    stated = stream.metadata.get("NUMBER_OF_FRAMES", "")
    return int(stated) if stated.isdigit() else stream.frames or None


def _read_duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _read_display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    data = _find_side_data(frame, "DISPLAYMATRIX")
    return None if data is None else struct.unpack("<9i", data)


def _read_hdr10(frame: VideoFrame) -> Hdr10 | None:
    display, light = _find_side_data(frame, "MASTERING_DISPLAY_METADATA"), _find_side_data(frame, "CONTENT_LIGHT_LEVEL")
    mastering = None if display is None else _format_mastering_display(display)
    level = None if light is None else "{},{}".format(*struct.unpack_from("=2I", light))
    return Hdr10(mastering, level) if mastering or level else None


def _format_mastering_display(data: bytes) -> str | None:
    """AVMasteringDisplayMetadata: ten rationals (R, G, B, white as x,y; min, max luminance), then two flags."""
    numbers = struct.unpack_from("=22i", data)
    if not (numbers[20] and numbers[21]):
        return None
    values = [Fraction(numbers[2 * k], numbers[2 * k + 1] or 1) for k in range(10)]
    rx, ry, gx, gy, bx, by, wx, wy = (round(value * 50000) for value in values[:8])
    darkest, brightest = (round(value * 10000) for value in values[8:])
    return f"G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({brightest},{darkest})"


def _find_side_data(frame: VideoFrame, name: str) -> bytes | None:
    for data in cast(Iterable[SideData], frame.side_data):
        if data.type.name == name:
            return bytes(data)
    return None
