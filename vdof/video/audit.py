"""Did every frame that the file holds come out of the decoder? Multi-threaded decoders drop damaged ones in silence."""

import logging
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vdof.errors import LostFramesError

log = logging.getLogger(__name__)

_END_TOLERANCE_S = 0.25
"""How much earlier than the container says the last frame may end: stated durations are rounded."""


class Audit:
    """Counts packets in and frames out of one decoder; `close` compares them."""

    def __init__(self, container: InputContainer, stream: VideoStream, path: Path, *, accept_loss: bool) -> None:
        self._path = path
        self._accept_loss = accept_loss
        self._has_hidden_frames = stream.codec_context.name in ("vp8", "libvpx")
        self._expected_packets = _count_expected_packets(container, stream)
        self._expected_end_s = _read_stated_end_s(stream)
        self._packets = 0
        self._shown_packets = 0
        self._frames = 0
        self._interlaced_frames = 0
        self._damaged: list[int] = []
        self._end_s = 0.0
        self._broken_off: str | None = None

    def note_packet(self, packet: av.Packet) -> None:
        """One packet of the stream was read."""
        if packet.size == 0:
            return
        self._packets += 1
        if not packet.is_discard and not (self._has_hidden_frames and _is_hidden_vp8(packet)):
            self._shown_packets += 1

    def note_frame(self, frame: VideoFrame, end_s: float) -> None:
        """One frame came out, shown until `end_s` seconds."""
        self._frames += 1
        self._interlaced_frames += frame.interlaced_frame
        if frame.is_corrupt:
            self._damaged.append(self._frames - 1)
        self._end_s = max(self._end_s, end_s)

    def note_break(self, reason: str) -> None:
        """Reading stopped with an error before the end."""
        self._broken_off = reason

    def check_damage(self) -> None:
        """For a run that stops before the clip's end: only what was read can be judged."""
        self._report(self._describe_damage())

    def close(self) -> None:
        """At the end of the clip. Raises LostFramesError, or logs a warning where loss is accepted."""
        self._report(list(self._describe_losses()))

    def _describe_losses(self) -> list[str]:
        losses = []
        if self._broken_off:
            losses.append(f"reading broke off after {self._packets} packets ({self._broken_off})")
        if self._expected_packets > self._packets:
            losses.append(f"{self._expected_packets - self._packets} of {self._expected_packets} packets are missing")
        lost = self._shown_packets - self._frames
        if lost > 0 and not self._is_field_coded():
            losses.append(f"{lost} of {self._shown_packets} frames were not decoded")
        losses += self._describe_damage()
        if self._expected_end_s and self._end_s < self._expected_end_s - _END_TOLERANCE_S:
            losses.append(f"the video ends at {self._end_s:.2f} s where the file says {self._expected_end_s:.2f} s")
        return losses

    def _describe_damage(self) -> list[str]:
        if not self._damaged:
            return []
        return [f"{len(self._damaged)} of {self._frames} frames are damaged, the first is frame {self._damaged[0]}"]

    def _is_field_coded(self) -> bool:
        """Interlaced streams may hold one packet per field, two per frame."""
        return self._interlaced_frames > 0 and self._shown_packets <= 2 * self._frames

    def _report(self, losses: list[str]) -> None:
        if not losses:
            return
        message = f"{self._path} lost frames in decoding: {'; '.join(losses)}"
        if not self._accept_loss:
            raise LostFramesError(f"{message}; get a whole copy, or set video.accept_loss=true to go on without them")
        log.warning("%s; going on because video.accept_loss=true", message)


def _count_expected_packets(container: InputContainer, stream: VideoStream) -> int:
    """Packets that the container promises; 0 where it makes no promise.

    mp4 and mov: the demuxer's index, in which an edit list is already applied (`stream.frames` still counts what the
    list leaves out). Matroska: the statistics tag, where a muxer wrote one. AVI counts repeated frames: no promise.
    """
    if "mp4" in container.format.name:
        return len(stream.index_entries)
    stated = stream.metadata.get("NUMBER_OF_FRAMES", "")
    return int(stated) if stated.isdigit() else 0


def _read_stated_end_s(stream: VideoStream) -> float | None:
    """Matroska's DURATION tag, `HH:MM:SS.fraction`: the end of the stream's last frame."""
    parts = stream.metadata.get("DURATION", "").split(":")
    try:
        hours, minutes, seconds = (Fraction(part) for part in parts)
    except ValueError:
        return None
    return float(hours * 3600 + minutes * 60 + seconds)


def _is_hidden_vp8(packet: av.Packet) -> bool:
    """VP8 stores reference frames that are never shown as packets of their own: show_frame, RFC 6386 section 9.1."""
    return not bytes(packet)[0] >> 4 & 1
