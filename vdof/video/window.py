"""The stretch of the source's time that an excerpt covers, and how packets and chapters are cut to it.

An excerpt is moved to begin at 0: the first frame of the range is at 0, and sound, subtitles and chapters move with it.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from vdof.errors import ConfigError
from vdof.video.info import VideoInfo, find_main_video, open_input

if TYPE_CHECKING:
    from av.container.core import Chapter  # only in the stubs

_REORDER_PACKETS = 64
"""Packets read beyond the range: more than any codec's B-frames lie out of order."""


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds of the source, exact."""

    start: Fraction
    stop: Fraction | None
    """None: to the end."""


def find_window(info: VideoInfo, frames: range) -> Window:
    """Times of the first frame of a range and of the first one after it, from the packets, without decoding.

    Raises ConfigError for a range that begins beyond the clip's end.
    """
    stamps = []
    with open_input(info.path) as container:
        for packet in container.demux(find_main_video(container, info.path)):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if packet.size and stamp is not None and not packet.is_discard:
                stamps.append(stamp)
            if len(stamps) >= frames.stop + _REORDER_PACKETS:
                break
    stamps.sort()
    if frames.start >= len(stamps):
        raise ConfigError(f"frames starts at {frames.start} but {info.path} has {len(stamps)} frames")
    stop = stamps[frames.stop] * info.time_base if frames.stop < len(stamps) else None
    return Window(stamps[frames.start] * info.time_base, stop)


def fit_packet(packet: av.Packet, window: Window) -> bool:
    """Move a packet into the window's time; False for one outside.

    A subtitle on screen at an edge is shortened. Sound is kept whole from the packet before the window on, which a
    decoder needs to start cleanly: its times are below 0, so that players do not present it.
    """
    if packet.stream.disposition & Disposition.attached_pic:
        packet.pts = packet.dts = 0
        return True
    time_base, is_subtitle = packet.time_base, packet.stream.type == "subtitle"
    assert packet.dts is not None
    pts, duration = packet.pts if packet.pts is not None else packet.dts, packet.duration or 0
    reach = duration if is_subtitle else 2 * duration
    is_past = (pts + reach) * time_base <= window.start and pts * time_base < window.start
    if is_past or (window.stop is not None and pts * time_base >= window.stop):
        return False
    shift = round(window.start / time_base)
    packet.dts, packet.pts = packet.dts - shift, pts - shift
    if is_subtitle:
        end = packet.pts + duration
        if window.stop is not None:
            end = min(end, round((window.stop - window.start) / time_base))
        packet.pts = packet.dts = max(0, packet.pts)
        packet.duration = max(0, end - packet.pts)
    return True


def cut_chapters(chapters: "list[Chapter]", window: Window | None) -> "list[Chapter]":
    """Chapters that reach into the window, cut and moved with it."""
    if window is None:
        return chapters
    cut = []
    for chapter in chapters:
        time_base = chapter["time_base"]
        if time_base is None:
            continue
        start = max(Fraction(0), chapter["start"] * time_base - window.start)
        stop = chapter["end"] * time_base - window.start
        if window.stop is not None:
            stop = min(stop, window.stop - window.start)
        if stop > start:
            moved = chapter.copy()
            moved["start"], moved["end"] = round(start / time_base), round(stop / time_base)
            cut.append(moved)
    return cut
