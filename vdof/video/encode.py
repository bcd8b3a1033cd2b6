"""Facts about encoders and containers: what fits what, and which pixel format to ask for."""

import difflib
import logging
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from vdof.errors import ConfigError, OutputError
from vdof.video.config import CONTAINERS, EncodeConfig
from vdof.video.info import VideoInfo
from vdof.video.pixels import has_alpha, is_rgb_format

log = logging.getLogger(__name__)

MUXER_OF_CONTAINER = {"mp4": "mp4", "m4v": "mp4", "mov": "mov", "mkv": "matroska", "webm": "webm"}

_NEEDS_EVEN_SIZES = ("libx264", "libx265", "libsvtav1", "libopenh264", "_nvenc", "_qsv", "_vaapi", "_videotoolbox")
"""Encoders that refuse subsampled chroma at odd sizes (ffv1, vp9 and prores round up)."""

_KEEPS_RGB = ("ffv1", "libx264rgb", "png", "qtrle", "utvideo")
"""Encoders whose RGB is meant to be used; elsewhere RGB sources become YCbCr, which players expect."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """What the encoder and the muxer are asked for."""

    container: str
    """One of CONTAINERS."""
    muxer: str
    """FFmpeg's name of the container."""
    codec: str
    """FFmpeg's name of the encoder."""
    pixel_format: str
    width: int
    height: int
    options: dict[str, str]
    """Options of the encoder, metadata of HDR10 included."""

    @property
    def is_rgb(self) -> bool:
        return is_rgb_format(self.pixel_format)

    @property
    def is_iso(self) -> bool:
        """Whether the container is of the mp4 and mov family."""
        return self.muxer in ("mp4", "mov")


def choose_container(info: VideoInfo, encode: EncodeConfig) -> str:
    """The container of an output without a name yet: the configured one, or the source's own.

    Raises ConfigError when the source's cannot be written or cannot hold the codec.
    """
    if encode.container is not None:
        return encode.container
    container = info.path.suffix.lower().removeprefix(".")
    if container not in CONTAINERS:
        raise ConfigError(
            f"{info.path.name} is in a container that is not written here (expected {', '.join(CONTAINERS)}); "
            "set encode.container=mkv, or mp4"
        )
    _require_container_takes(container, encode.codec)
    return container


def plan_output(path: Path, info: VideoInfo, encode: EncodeConfig, size: tuple[int, int] | None) -> OutputFormat:
    """Settle container, codec, pixel format and options for an output path.

    Raises ConfigError when they do not fit each other, OutputError for a suffix that is no known container.
    """
    container = path.suffix.lower().removeprefix(".")
    if container not in CONTAINERS:
        raise OutputError(f"output must end in .{', .'.join(CONTAINERS)}, got {path.name!r}")
    if encode.container is not None and MUXER_OF_CONTAINER[encode.container] != MUXER_OF_CONTAINER[container]:
        raise ConfigError(
            f"output ends in .{container} but encode.container is {encode.container}; "
            f"name the output .{encode.container} or set encode.container={container}"
        )
    _require_container_takes(container, encode.codec)
    if has_alpha(info.pixel_format):
        log.warning("the transparency (alpha) of %s is left behind: the output is opaque", info.path.name)
    width, height = size or (info.width, info.height)
    return OutputFormat(
        container=container,
        muxer=MUXER_OF_CONTAINER[container],
        codec=encode.codec,
        pixel_format=choose_pixel_format(info, encode, (width, height)),
        width=width,
        height=height,
        options=_complete_options(info, encode),
    )


def choose_pixel_format(info: VideoInfo, encode: EncodeConfig, size: tuple[int, int]) -> str:
    """The configured pixel format, or the one nearest to the source's; with more chroma where an odd size asks for it.

    Raises ConfigError for a format that the encoder does not take.
    """
    taken = [fmt.name for fmt in _find_encoder(encode.codec).video_formats or ()]
    configured = encode.pixel_format.replace("yuvj", "yuv")  # the range is the source's, and a tag
    if configured == "auto":
        wanted = _list_wanted_formats(info, encode.codec)
    elif configured in taken:
        wanted = [configured, configured.replace("420", "422"), configured.replace("420", "444")]
        wanted.append(configured.replace("422", "444"))
    else:
        raise ConfigError(
            f"encode.pixel_format={encode.pixel_format} is not one that {encode.codec} takes; "
            f"use auto or one of {', '.join(taken)}"
        )
    fitting = [name for name in wanted if name in taken]
    chosen = next((name for name in fitting if _fits_size(name, encode.codec, size)), None)
    if chosen is None:
        raise ConfigError(
            f"{encode.codec} takes none of {', '.join(wanted)} at {size[0]}x{size[1]}; "
            "set encode.pixel_format, or another encode preset"
        )
    if chosen != fitting[0]:
        sides, shape = f"{size[0]}x{size[1]}", fitting[0]
        log.warning(
            "%s is odd and %s cannot encode it as %s: writing %s to keep the size", sides, encode.codec, shape, chosen
        )
    return chosen


def _list_wanted_formats(info: VideoInfo, codec: str) -> list[str]:
    """Formats from the best match downwards: RGB as it is where that is usual, then chroma kept, raised, lowered."""
    depths = [depth for depth in (8, 10, 12, 16) if depth >= info.bit_depth] or [16]
    depths += [depth for depth in (12, 10, 8) if depth < depths[0]]
    names: list[str] = []
    if info.colour.is_rgb and codec in _KEEPS_RGB:
        names += (
            ["bgr0", "rgb24", "gbrp"] if info.bit_depth <= 8 else [f"gbrp{depth}le" for depth in depths if depth > 8]
        )
    for depth in depths:
        suffix = "" if depth == 8 else f"{depth}le"
        if info.pixel_format.startswith("gray"):
            names.append(f"gray{suffix}")
        names += [f"yuv{chroma}p{suffix}" for chroma in _list_chroma(info)]
    return names


def _list_chroma(info: VideoInfo) -> list[str]:
    """Chroma layouts by preference; RGB sources are not raised to 4:4:4, which few players show."""
    for chroma in ("444", "422"):
        if not info.colour.is_rgb and (chroma in info.pixel_format or info.pixel_format in _PACKED.get(chroma, ())):
            return [chroma, *[other for other in ("444", "422", "420") if other != chroma]]
    return ["420", "422", "444"]


_PACKED = {
    "422": ("uyvy422", "yuyv422", "nv16", "nv20le", "p210le", "y210le", "v210"),
    "444": ("nv24", "nv42", "vuya", "vuyx", "xv30le", "p410le"),
}


def _fits_size(pixel_format: str, codec: str, size: tuple[int, int]) -> bool:
    if not any(name in codec for name in _NEEDS_EVEN_SIZES):
        return True
    layout = av.VideoFormat(pixel_format)
    step_x, step_y = 16 // layout.chroma_width(16), 16 // layout.chroma_height(16)
    return size[0] % step_x == 0 and size[1] % step_y == 0


def _find_encoder(name: str) -> av.Codec:
    try:
        codec = av.Codec(name, "w")
    except ValueError as error:
        raise ConfigError(
            f"encode.codec={name} is no encoder of this FFmpeg; try libx264, libx265, prores_ks or ffv1"
        ) from error
    if codec.type != "video":
        raise ConfigError(f"encode.codec={name} encodes {codec.type}; name a video encoder such as libx264")
    return codec


def _require_container_takes(container: str, codec: str) -> None:
    """Every muxer says what it takes; ProRes and FFV1 in mp4 are refused although FFmpeg may write them."""
    _find_encoder(codec)
    with av.open(os.devnull, "w", format=MUXER_OF_CONTAINER[container]) as muxer:
        takes = codec in muxer.supported_codecs
    if not takes:
        raise ConfigError(
            f"a .{container} file cannot hold {codec}; set encode.container=mkv (mov for prores_ks), "
            "or choose another encode preset"
        )


def _complete_options(info: VideoInfo, encode: EncodeConfig) -> dict[str, str]:
    """The encoder's options, checked, with HDR10 metadata which encoders do not take from the frames."""
    _require_known_options(encode)
    options = dict(encode.options)
    if info.hdr10 is None:
        return options
    keys = {
        "libx265": ("x265-params", "master-display", "max-cll"),
        "libx264": ("x264-params", "mastering-display", "cll"),
    }
    if encode.codec not in keys:
        log.warning("%s cannot carry the source's HDR10 metadata: left behind (libx265 keeps it)", encode.codec)
        return options
    key, display, light = keys[encode.codec]
    given = {display: info.hdr10.mastering_display, light: info.hdr10.content_light_level}
    parts = [options[key]] if options.get(key) else []
    options[key] = ":".join(parts + [f"{name}={value}" for name, value in given.items() if value])
    return options


LARGEST_CRF = {"libx264": 51, "libx265": 51, "libsvtav1": 63, "libvpx-vp9": 63, "libaom-av1": 63}
"""Encoders cut larger numbers off without a word."""


def try_encoder(output: OutputFormat, rate: Fraction) -> None:
    """Open the encoder as the run will, before it begins. Raises ConfigError where it refuses its options."""
    largest, crf = LARGEST_CRF.get(output.codec), output.options.get("crf")
    if largest is not None and crf is not None:
        try:
            is_fine = 0 <= float(crf) <= largest
        except ValueError:
            is_fine = False
        if not is_fine:
            raise ConfigError(f"encode.options.crf: got {crf}, expected 0 (lossless) to {largest} for {output.codec}")
    context: Any = av.CodecContext.create(output.codec, "w")
    context.width, context.height, context.pix_fmt = output.width, output.height, output.pixel_format
    context.time_base, context.framerate = 1 / rate, rate
    context.options = dict(output.options)
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        raise ConfigError(
            f"{output.codec} was refused at {output.width}x{output.height} {output.pixel_format} ({error}); "
            f"check encode.options: {output.options}"
        ) from error


def _require_known_options(encode: EncodeConfig) -> None:
    """FFmpeg ignores options that it does not know; a typing slip must not pass for a setting."""
    supported = av.CodecContext.create(encode.codec, "w").supported_options
    known = {option.name for option in (*supported.generic, *supported.private)}
    for name in encode.options:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"see `ffmpeg -h encoder={encode.codec}`"
            raise ConfigError(f"encode.options has {name}, which {encode.codec} does not know; {hint}")
