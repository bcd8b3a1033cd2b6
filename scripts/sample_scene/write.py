"""Files: the film with its sound, its true disparity, its log, and an excerpt cut out of another film."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import yaml
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from .direction import FPS, FRAMES, SENSOR_WIDTH_MM, SHOTS, measure_distances
from .sound import RATE, make_sound

DISPARITY_SCALE = 2e-4
BT709 = 1
ACCURATE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND
ACCURATE |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP


def encode_srgb(picture: np.ndarray) -> np.ndarray:
    """Scene-linear (H,W,3) -> sRGB-encoded 16-bit codes (H,W,3)."""
    linear = np.clip(picture, 0.0, 1.0)
    encoded = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055)
    return np.ascontiguousarray(np.round(encoded * 65535)).astype(np.uint16)


def add_film_stream(container, width: int, height: int):
    """H.264 stream tagged BT.709, limited range."""
    stream = container.add_stream("h264", rate=FPS, options={"crf": "18", "preset": "slow", "x264-params": "threads=2"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, FPS)
    context = stream.codec_context
    context.color_range = ColorRange.MPEG
    context.colorspace = context.color_primaries = context.color_trc = BT709
    return stream


def add_depth_stream(container, width: int, height: int):
    """Lossless 16-bit grey stream."""
    options = {"level": "3", "coder": "1", "context": "0", "slices": "4", "g": "96"}
    stream = container.add_stream("ffv1", rate=FPS, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "gray16le"
    stream.time_base = stream.codec_context.time_base = Fraction(1, FPS)
    return stream


def convert_to_bt709(frame: av.VideoFrame) -> av.VideoFrame:
    """RGB -> yuv420p with BT.709's matrix, limited range."""
    return frame.reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=ACCURATE,
    )


def send_frame(container, stream, frame, pts: int) -> None:
    """Encode and write one frame."""
    frame.pts, frame.time_base = pts, Fraction(1, FPS)
    container.mux(stream.encode(frame))


def write_film(film: Path, depth: Path, frames: Iterable[tuple[np.ndarray, np.ndarray]], size: tuple[int, int]) -> None:
    """Write pictures (H,W,3 scene-linear) to `film`, disparities (H,W in 1/m) to `depth`; size is (width, height)."""
    with av.open(str(film), "w") as out, av.open(str(depth), "w") as out_depth:
        out.metadata["title"] = "vdof sample: two shots"
        out_depth.metadata["comment"] = f"disparity in 1/m = code * {DISPARITY_SCALE}; 0 = sky"
        video, grey = add_film_stream(out, *size), add_depth_stream(out_depth, *size)
        audio = out.add_stream("aac", rate=RATE, layout="stereo")
        audio.bit_rate = 96000
        for n, (picture, disparity) in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(encode_srgb(picture), format="rgb48le")
            send_frame(out, video, convert_to_bt709(frame), n)
            code = np.round(disparity / DISPARITY_SCALE).astype(np.uint16)
            send_frame(out_depth, grey, av.VideoFrame.from_ndarray(code, format="gray16le"), n)
        out.mux(video.encode(None))
        out_depth.mux(grey.encode(None))
        write_sound(out, audio, make_sound(FRAMES / FPS, SHOTS[1].first_frame / FPS))


def write_sound(container, stream, sound: np.ndarray) -> None:
    """Encode stereo sound (2,n) float32."""
    for start in range(0, sound.shape[1], 1024):
        block = np.ascontiguousarray(sound[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_log(path: Path, clip: str) -> None:
    """The shot log of the film, with distances measured in the scene."""
    shots = []
    for shot in SHOTS:
        subject, background = measure_distances(shot)
        lens = {"focal_length_mm": shot.focal_length_mm, "f_number": shot.f_number, "sensor_width_mm": SENSOR_WIDTH_MM}
        shots.append(
            {
                "name": shot.name,
                "first_frame": shot.first_frame,
                "last_frame": shot.last_frame,
                "lens": lens,
                "subject_distance_m": round(subject, 2),
                "background_distance_m": round(background, 1),
                "notes": shot.notes,
            }
        )
    log = {"version": 1, "clip": clip, "shots": shots}
    path.write_text(yaml.safe_dump(log, sort_keys=False, width=100), encoding="utf-8")


def stamp(packet: av.Packet) -> int:
    """Presentation stamp of a packet that has one."""
    assert packet.pts is not None
    return packet.pts


def excerpt_film(source: Path, target: Path, seconds: float) -> int:
    """Copy about the first `seconds` of a film, packet for packet, to `target`; returns the number of frames.

    Ends where no later frame is needed, so that nothing is encoded again.
    """
    with av.open(str(source)) as film, av.open(str(target), "w") as out:
        video, audio = film.streams.video[0], film.streams.audio[0]
        rate = video.average_rate or Fraction(24)
        packets = [packet for packet in film.demux(video, audio) if packet.dts is not None]
        seen = [packet for packet in packets if packet.stream is video]
        count = min(len(seen), round(seconds * rate))
        while count > 1 and max(stamp(p) for p in seen[:count]) > min(map(stamp, seen[count:]), default=1 << 62):
            count -= 1
        end = float(count / rate)
        copies = {stream.index: out.add_stream_from_template(stream) for stream in (video, audio)}
        out.metadata["title"] = "Big Buck Bunny (excerpt)"
        out.metadata["copyright"] = "(c) copyright 2008, Blender Foundation / www.bigbuckbunny.org, CC BY 3.0"
        kept = {id(packet) for packet in seen[:count]}
        for packet in packets:
            if id(packet) in kept or (packet.stream is audio and stamp(packet) * packet.time_base < end):
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    return count
