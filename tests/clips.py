"""Little clips made with PyAV, and the facts by which two clips are compared."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from vdof.video.pixels import ACCURATE

Picture = Callable[[int, int, int], np.ndarray]
"""(index, width, height) -> (H,W,3) uint8 RGB."""

VFR_PTS = (0, 512, 1024, 2048, 2560, 4096, 4300, 4812, 6144, 6200, 7000, 8192)
"""Twelve stamps at uneven distances, for a time base of 1/12288."""


def draw_square(index: int, width: int, height: int) -> np.ndarray:
    """A soft coloured ramp with a bright square that moves two pixels per frame."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([40 + 120 * x / width, 60 + 100 * y / height, 160 - 100 * x / width], -1)
    left = (4 + 2 * index) % max(1, width - 12)
    picture[height // 4 : height // 4 + height // 3, left : left + 12] = (220, 200, 180)
    return picture.astype(np.uint8)


@dataclass
class Clip:
    """What to write; every field has a harmless default. Pass it to `write_clip`."""

    frames: int = 12
    size: tuple[int, int] = (64, 48)
    """(width, height)"""
    rate: Fraction = Fraction(24)
    time_base: Fraction = Fraction(1, 12288)
    pts: Sequence[int] | None = None
    """In units of `time_base`; None: even, from `rate`."""
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"crf": "12", "preset": "ultrafast"})
    picture: Picture = draw_square
    tags: tuple[int, int, int, int] = (2, 0, 2, 2)
    """(matrix, range, primaries, transfer) as AVCOL codes; the default is untagged."""
    matrix: int = 5
    """SWS_CS code by which the picture is converted."""
    full_range: bool = False
    sample_aspect_ratio: Fraction | None = None
    rotation_deg: int = 0
    audio: str | None = None
    """Encoder of a sine track: aac, libopus, pcm_s16le, flac."""
    subtitles: Sequence[tuple[float, float, str]] = ()
    """(start s, end s, text), as mov_text or subrip after the container."""
    chapters: Sequence[tuple[float, float, str]] = ()
    """(start s, end s, title)"""
    metadata: dict[str, str] = field(default_factory=dict)
    video_metadata: dict[str, str] = field(default_factory=dict)
    cover: bool = False
    """Add an attached picture (mp4)."""
    attachment: bytes | None = None
    """Add an attachment (mkv)."""

    def list_pts(self) -> list[int]:
        """The stamp of every frame."""
        if self.pts is not None:
            return list(self.pts)
        return [round(k / self.rate / self.time_base) for k in range(self.frames)]


def write_clip(path: Path, clip: Clip | None = None, **changes: Any) -> Path:
    """Write a clip, by default 12 untagged frames of 64x48 at 24 fps; keywords are fields of `Clip`."""
    clip = clip or Clip(**changes)
    options = {"max_interleave_delta": "0"}
    if path.suffix in (".mp4", ".mov", ".m4v"):
        options["video_track_timescale"] = str(clip.time_base.denominator)
        options["movie_timescale"] = str(math.lcm(1000, clip.time_base.denominator))
        if not clip.cover:  # free keys and a cover exclude each other in FFmpeg's muxer
            options["movflags"] = "use_metadata_tags"
    with av.open(str(path), "w", container_options=options) as container:
        video = _add_video(container, clip)
        audio: Any = container.add_stream(clip.audio, rate=48000) if clip.audio else None
        cover = _add_cover(container) if clip.cover else None
        subtitles = _add_subtitles(container, path) if clip.subtitles else None
        if clip.attachment is not None:
            container.add_attachment("note.txt", "text/plain", clip.attachment)
        container.metadata.update(clip.metadata)
        if clip.chapters:
            container.set_chapters([_make_chapter(k, *chapter) for k, chapter in enumerate(clip.chapters)])
        container.start_encoding()
        for packet in cover or ():
            container.mux(packet)
        for start, end, text in clip.subtitles:
            container.mux(_make_subtitle(subtitles, start, end, text, is_mov_text=path.suffix != ".mkv"))
        if audio:
            _write_sine(container, audio, clip)
        _write_pictures(container, video, clip)
    return path


def damage(path: Path, *, at: float = 0.5, length: int = 400) -> Path:
    """Overwrite a stretch of the file, from the fraction `at` of its size on, with noise."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + length] = (
        np.random.default_rng(3).integers(0, 256, len(data[start : start + length])).astype("u1").tobytes()
    )
    path.write_bytes(data)
    return path


@dataclass
class Facts:
    """What `ffprobe` would tell of a file. Times are exact seconds, so that time bases may differ."""

    pts: list[Fraction] = field(default_factory=list)
    time_base: Fraction | None = None
    size: tuple[int, int] = (0, 0)
    pixel_format: str = ""
    tags: tuple[int, int, int, int] = (2, 0, 2, 2)
    rotation_deg: int = 0
    sample_aspect_ratio: Fraction | None = None
    last_duration: Fraction = Fraction(0)
    packets: dict[str, list[tuple[Fraction, Fraction, str]]] = field(default_factory=dict)
    """Per kind of stream but video: (pts, dts, hash of the payload)."""
    chapters: list[tuple[Fraction, Fraction, str]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    video_metadata: dict[str, str] = field(default_factory=dict)
    disposition: int = 0
    covers: list[bytes] = field(default_factory=list)
    attachments: list[tuple[str | None, bytes]] = field(default_factory=list)


def read_facts(path: Path) -> Facts:
    """Decode a whole file and note what must survive a run."""
    facts = Facts()
    with av.open(str(path)) as container:
        video = next(s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
        for packet in container.demux():
            if packet.stream is video:
                for frame in video.decode(packet):
                    _note_frame(facts, frame, video)
            elif packet.stream.disposition & Disposition.attached_pic and packet.size:
                facts.covers.append(bytes(packet))
            elif packet.size and packet.stream.type != "data":
                stamp = (packet.pts * packet.time_base, packet.dts * packet.time_base)
                facts.packets.setdefault(packet.stream.type, []).append(
                    (*stamp, hashlib.md5(bytes(packet)).hexdigest())
                )
        facts.time_base = video.time_base
        facts.sample_aspect_ratio = video.sample_aspect_ratio or None
        facts.disposition = int(video.disposition)
        facts.metadata, facts.video_metadata = _drop_muxer_keys(container.metadata), _drop_muxer_keys(video.metadata)
        facts.chapters = [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"].get("title", ""))
            for c in container.chapters()
        ]
        facts.attachments = [(stream.name, stream.data) for stream in container.streams.attachments]
    return facts


def _note_frame(facts: Facts, frame: av.VideoFrame, video: Any) -> None:
    assert frame.pts is not None
    facts.pts.append(frame.pts * video.time_base)
    facts.last_duration = frame.duration * video.time_base
    facts.size, facts.pixel_format, facts.rotation_deg = (frame.width, frame.height), frame.format.name, frame.rotation
    facts.tags = (int(frame.colorspace), int(frame.color_range), int(frame.color_primaries), int(frame.color_trc))


def _drop_muxer_keys(metadata: dict[str, str]) -> dict[str, str]:
    made = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration", "vendor_id")
    return {key: value for key, value in metadata.items() if key.lower() not in made}


def _add_video(container: OutputContainer, clip: Clip) -> Any:
    video: Any = container.add_stream(
        clip.codec,
        rate=clip.rate,
        width=clip.size[0],
        height=clip.size[1],
        pix_fmt=clip.pixel_format,
        time_base=clip.time_base,
        options=dict(clip.options) if clip.codec in ("libx264", "libx265") else {},
    )
    video.time_base = clip.time_base
    context = video.codec_context
    context.colorspace, context.color_range, context.color_primaries, context.color_trc = clip.tags
    if clip.sample_aspect_ratio:
        context.sample_aspect_ratio = clip.sample_aspect_ratio
    if clip.rotation_deg:
        video.set_display_rotation(clip.rotation_deg)
    video.metadata.update(clip.video_metadata)
    return video


def _write_pictures(container: OutputContainer, video: Any, clip: Clip) -> None:
    convert = VideoReformatter()
    stamps = clip.list_pts()
    for index, pts in enumerate(stamps):
        source = av.VideoFrame.from_ndarray(np.ascontiguousarray(clip.picture(index, *clip.size)), format="rgb24")
        frame = convert.reformat(
            source,
            format=clip.pixel_format,
            src_colorspace=clip.matrix,
            dst_colorspace=clip.matrix,
            src_color_range=2,
            dst_color_range=2 if clip.full_range else 1,
            interpolation=ACCURATE,
        )
        frame.pts, frame.time_base = pts, clip.time_base
        following = stamps[index + 1] if index + 1 < len(stamps) else pts + round(1 / clip.rate / clip.time_base)
        frame.duration = following - pts
        frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = clip.tags
        container.mux(video.encode(frame))
    container.mux(video.encode(None))


def _write_sine(container: OutputContainer, audio: Any, clip: Clip) -> None:
    """A 440 Hz tone in stereo, as long as the pictures."""
    stamps = clip.list_pts()
    seconds = float((stamps[-1] + (stamps[1] - stamps[0] if len(stamps) > 1 else 1)) * clip.time_base)
    samples = np.sin(2 * np.pi * 440 * np.arange(int(seconds * 48000)) / 48000) * 8000
    for start in range(0, len(samples), 960):
        block = samples[start : start + 960].astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(block, 2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))


def _add_subtitles(container: OutputContainer, path: Path) -> Any:
    stream = container.add_mux_stream("subrip" if path.suffix == ".mkv" else "mov_text", time_base=Fraction(1, 1000))
    stream.metadata["language"] = "deu"
    return stream


def _make_subtitle(stream: Any, start: float, end: float, text: str, *, is_mov_text: bool) -> av.Packet:
    payload = text.encode()
    packet: Any = av.Packet(len(payload).to_bytes(2, "big") + payload if is_mov_text else payload)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = round(start * 1000)
    packet.duration = round((end - start) * 1000)
    return packet


def _make_chapter(index: int, start: float, end: float, title: str) -> Any:
    times = {"start": round(start * 1000), "end": round(end * 1000), "time_base": Fraction(1, 1000)}
    return {"id": index, **times, "metadata": {"title": title}}


def _add_cover(container: OutputContainer) -> list[av.Packet]:
    stream: Any = container.add_stream(
        "mjpeg", rate=1, width=16, height=16, pix_fmt="yuvj420p", time_base=Fraction(1, 25)
    )
    stream.disposition = Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(draw_square(0, 16, 16), format="rgb24").reformat(format="yuvj420p")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return [*stream.encode(frame), *stream.encode(None)]
