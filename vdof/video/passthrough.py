"""What is carried over from the source untouched: audio, subtitles, attachments, cover pictures, chapters, metadata.

The source is opened a second time and only its other streams are read, so that decoding and encoding of the video stay
independent and one packet is held at a time.
"""

import logging
from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Discard, Disposition, Stream
from av.video.stream import VideoStream

from vdof.errors import OutputError
from vdof.video.encode import OutputFormat
from vdof.video.window import Window, cut_chapters, fit_packet

log = logging.getLogger(__name__)

_MADE_BY_THE_MUXER = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration",
    "number_of_frames", "number_of_bytes", "bps",
}  # fmt: skip
"""Metadata that describes the source file itself and would be false of another; `_statistics…` too."""

_ITUNES_KEYS = {
    "title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping",
    "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "episode_sort", "season_number",
    "media_type", "hd_video", "gapless_playback", "compilation", "track", "disc", "creation_time", "location",
}  # fmt: skip
"""Keys that plain mp4 metadata has atoms for; any other needs the muxer's `use_metadata_tags`."""


def select_metadata(metadata: dict[str, str], *, keep_timecode: bool) -> dict[str, str]:
    """Metadata of a file or stream that stays true of the new one."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _MADE_BY_THE_MUXER
        and not key.lower().startswith("_statistics")
        and (keep_timecode or key.lower() != "timecode")
    }


def needs_metadata_tags(source: InputContainer, output: OutputFormat) -> bool:
    """Whether an mp4 or mov must use free metadata keys to keep all of the source's."""
    free = {key for key in select_metadata(source.metadata, keep_timecode=False) if key.lower() not in _ITUNES_KEYS}
    if output.muxer != "mp4":
        return output.muxer == "mov"
    has_cover = any(stream.disposition & Disposition.attached_pic for stream in source.streams)
    if free and has_cover:
        log.warning("metadata %s is left behind: an mp4 with a cover picture cannot hold it", ", ".join(sorted(free)))
    return bool(free) and not has_cover


class PacketCopier:
    """Copies the packets of every stream but the main video, up to a given time at each call."""

    def __init__(
        self,
        source: InputContainer,
        main: VideoStream,
        target: OutputContainer,
        output: OutputFormat,
        window: Window | None,
    ) -> None:
        """`window` cuts and moves what is copied; None copies all as it is. Add the streams, then copy."""
        self._source = source
        self._main = main
        self._target = target
        self._output = output
        self._copies: dict[int, Stream] = {}
        self._window = window
        self._packets: Iterator[av.Packet] | None = None
        self._pending: av.Packet | None = None
        self._untimed = 0

    def add_stream(self, stream: Stream) -> None:
        """Give the target a stream like this one, or say in the log what stays behind.

        Raises OutputError for audio that the container cannot hold.
        """
        if isinstance(stream, AttachmentStream):
            self._add_attachment(stream)
        elif stream.type == "data":
            self._skip_data(stream)
        elif stream.type == "video" and not stream.disposition & Disposition.attached_pic:
            self._warn_left(stream, "only the first video stream is treated")
        elif stream.type == "video" and self._output.muxer == "mov":
            self._warn_left(stream, ".mov holds no cover picture")
        else:
            self._add_template(stream)

    def copy_file_facts(self) -> None:
        """The file's metadata and chapters."""
        keep_timecode = self._window is None
        if not keep_timecode and "timecode" in self._source.metadata | self._main.metadata:
            log.warning("the source's timecode is left behind: it would be wrong for an excerpt")
        self._target.metadata.update(select_metadata(self._source.metadata, keep_timecode=keep_timecode))
        chapters = cut_chapters(self._source.chapters(), self._window)
        if chapters:
            self._target.set_chapters(chapters)

    def copy_until(self, time_s: Fraction | None) -> None:
        """Write the packets due up to `time_s` of the output; None: all that are left."""
        while (packet := self._take()) is not None:
            if time_s is not None and packet.dts is not None and packet.dts * packet.time_base > time_s:
                self._pending = packet
                return
            self._write(packet)

    def finish(self) -> None:
        """Write what is left, and say what had no place in time."""
        self.copy_until(None)
        if self._untimed:
            log.warning("%d packets without a time stamp were left behind", self._untimed)

    def _take(self) -> av.Packet | None:
        packet, self._pending = self._pending, None
        if self._packets is None:
            self._packets = self._read()
        return packet or next(self._packets, None)

    def _read(self) -> Iterator[av.Packet]:
        for stream in self._source.streams:
            if stream.index not in self._copies:
                stream.discard = Discard.all
        if not self._copies:
            return
        for packet in self._source.demux([self._source.streams[index] for index in self._copies]):
            if packet.size == 0 or _is_blank(packet):
                continue
            if packet.dts is None:
                is_cover = packet.stream.disposition & Disposition.attached_pic
                packet.dts = packet.pts = 0 if is_cover else packet.pts
            if packet.dts is None:
                self._untimed += 1
            elif self._window is None or fit_packet(packet, self._window):
                yield packet

    def _write(self, packet: av.Packet) -> None:
        source = packet.stream
        packet.stream = self._copies[source.index]
        try:
            self._target.mux(packet)
        except av.FFmpegError as error:
            raise OutputError(
                f"a packet of {source.type} stream {source.index} cannot be written to .{self._output.container} "
                f"({error.strerror}); set encode.container=mkv or remux the source first"
            ) from error

    def _add_template(self, stream: Stream) -> None:
        try:
            copy = self._target.add_stream_from_template(stream, opaque=True)
        except ValueError as error:
            name = stream.codec_context.name if stream.codec_context else "unknown codec"
            if stream.type == "audio":
                raise OutputError(
                    f"a .{self._output.container} file cannot hold the source's audio ({name}, stream {stream.index}); "
                    "set encode.container=mkv or mov"
                ) from error
            self._warn_left(stream, f"{name} does not go into .{self._output.container}")
            return
        copy.metadata.update(select_metadata(stream.metadata, keep_timecode=self._window is None))
        copy.disposition = stream.disposition
        self._copies[stream.index] = copy

    def _add_attachment(self, stream: AttachmentStream) -> None:
        if self._output.muxer != "matroska":
            self._warn_left(stream, f".{self._output.container} holds no attachments")
            return
        mimetype = stream.mimetype or "application/octet-stream"
        self._target.add_attachment(stream.name or f"attachment {stream.index}", mimetype, stream.data)

    def _skip_data(self, stream: Stream) -> None:
        """The tracks that hold chapters and timecode are made anew, from the chapters and the timecode tag."""
        if "timecode" not in stream.metadata and not self._source.chapters():
            self._warn_left(stream, "data tracks are not copied")

    def _warn_left(self, stream: Stream, reason: str) -> None:
        log.warning("%s stream %d of the source is left behind: %s", stream.type, stream.index, reason)


def _is_blank(packet: av.Packet) -> bool:
    """Whether this is the pause between two mov_text subtitles, which FFmpeg's muxer writes anew by itself."""
    return packet.stream.type == "subtitle" and packet.size == 2 and bytes(packet) == b"\0\0"
