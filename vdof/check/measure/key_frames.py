"""Where the codec of a clip starts anew, from its packets, without decoding."""

from __future__ import annotations

from vdof.video import VideoInfo
from vdof.video.info import find_main_video, open_input

MOST_PACKETS = 100_000
"""More are not read: the beats of a codec show in the first hour."""


def find_key_stamps(info: VideoInfo) -> frozenset[int]:
    """Presentation stamps of the key frames; empty where every frame is one."""
    stamps: set[int] = set()
    count = 0
    with open_input(info.path) as container:
        for packet in container.demux(find_main_video(container, info.path)):
            count += packet.size > 0
            if packet.is_keyframe and packet.pts is not None:
                stamps.add(packet.pts)
            if count >= MOST_PACKETS:
                break
    return frozenset(stamps) if len(stamps) < count else frozenset()
