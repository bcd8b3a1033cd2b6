"""Cuts from and to editing programs: EDL (CMX 3600), OTIO and FCPXML through OpenTimelineIO, and CSV.

OTIO keeps a whole log but for comments. EDL and FCPXML keep names, clips and cuts and lose lens, distances, focus, notes.
Dissolves become cuts; only the first video track is read.
"""

import importlib
import logging
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlparse

import yaml

from vdof.errors import InputError, OutputError
from vdof.shotlog.dump import dump_log, entry_row, format_rate
from vdof.shotlog.entry import OPEN_END, ShotEntry, ShotLog
from vdof.shotlog.nodes import Place
from vdof.shotlog.read_shot import read_shot
from vdof.shotlog.table import read_table, write_table

log = logging.getLogger(__name__)

ADAPTERS = {".edl": "cmx_3600", ".otio": "otio_json", ".fcpxml": "fcpx_xml"}
HOUR_S = 3600
"""Tapes begin at whole hours of timecode."""


def import_log(path: Path, rate: Fraction | None) -> ShotLog:
    """A log out of a CSV, EDL, OTIO or FCPXML file.

    Raises:
        InputError: a kind of file that is not read, or one that its reader refuses.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return read_table(path, rate)
    if suffix not in ADAPTERS:
        raise InputError(f"shot_log: {path} is none of .yaml, .csv, {', '.join(ADAPTERS)}; convert it first")
    if not path.is_file():
        raise InputError(f"shot_log: cannot read {path}: no such file")
    if suffix == ".edl" and rate is None:
        raise InputError(f"{path}: an EDL does not say its frame rate; give the clip as input=CLIP, which does")
    return read_timeline(path, rate)


def export_log(found: ShotLog, path: Path) -> str:
    """The log as text of the kind that the path's ending says; `found.frame_rate` is needed for timelines.

    Raises OutputError for other endings, or a log without frame rate or ends of shots.
    """
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return dump_log(found)
    if suffix == ".csv":
        return write_table(found)
    if suffix not in ADAPTERS:
        raise OutputError(f"output: {path} is none of .yaml, .csv, {', '.join(ADAPTERS)}; choose such a name")
    if found.frame_rate is None or any(shot.last_frame == OPEN_END for shot in found.shots):
        raise OutputError("output: a timeline needs frame_rate in the log and last_frame of every shot; fill them in")
    otio = load_otio()
    text = otio.adapters.write_to_string(make_timeline(otio, found, found.frame_rate), ADAPTERS[suffix])
    return str(text)


def load_otio() -> Any:
    """OpenTimelineIO. Raises InputError where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("opentimelineio")
    except ImportError as error:
        raise InputError("EDL, OTIO and FCPXML need OpenTimelineIO; install vdof[exchange], or use CSV") from error


def read_timeline(path: Path, rate: Fraction | None) -> ShotLog:
    """Shots out of the first video track.

    Where the events come from several media files, each shot is of its own clip, by source time; where there is one file,
    or none is named, the timeline is the clip, and shots are by their place in it.
    """
    otio = load_otio()
    options = {"rate": float(rate)} if path.suffix.lower() == ".edl" and rate is not None else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = otio.adapters.read_from_file(str(path), ADAPTERS[path.suffix.lower()], **options)
    except Exception as error:
        raise InputError(f"{path}: cannot be read as {path.suffix[1:].upper()}: {error}") from error
    clips = list(list_clips(otio, read))
    if not clips:
        raise InputError(f"{path}: no clip in its first video track; expected at least one cut")
    rate = find_rate(clips[0][0].source_range.duration.rate)
    media = [find_media(otio, clip) for clip, _ in clips]
    is_several = len({name for name in media if name}) > 1
    shots: list[ShotEntry] = []
    for number, ((clip, place), name) in enumerate(zip(clips, media, strict=True)):
        stored = clip.metadata.get("vdof")
        if stored:
            shots.append(restore_shot(path, str(stored["shot"]), number, rate))
            continue
        count = round(clip.source_range.duration.value)
        first = find_source_start(clip, rate) if is_several else place
        title = name_once(clip.name or f"shot {number}", shots)
        shots.append(ShotEntry(title, first, first + count - 1, clip=name if is_several else None))
    common = None if is_several else next((name for name in media if name), None)
    return ShotLog(tuple(shots), common, rate, path)


def restore_shot(path: Path, text: str, number: int, rate: Fraction) -> ShotEntry:
    """A whole shot out of what `make_timeline` stored."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None
    return read_shot(Place(path), node, number, rate)


def list_clips(otio: Any, read: Any) -> Iterator[tuple[Any, int]]:
    """The clips of the first video track, and the frame at which each begins there."""
    timelines = [read] if isinstance(read, otio.schema.Timeline) else list(read.find_children(otio.schema.Timeline))
    for timeline in timelines[:1]:
        for track in timeline.video_tracks()[:1]:
            for clip in track.find_clips():
                if clip.source_range is None:
                    clip.source_range = clip.available_range()
                yield clip, round(track.range_of_child(clip).start_time.value)


def find_media(otio: Any, clip: Any) -> str:
    """File name of what a clip shows; empty where nothing says."""
    reference = clip.media_reference
    if isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
        return PurePosixPath(unquote(urlparse(reference.target_url).path)).name
    reel = clip.metadata.get("cmx_3600", {}).get("reel", "")
    return str(getattr(reference, "name", "") or ("" if reel in ("AX", "BL") else reel))


def find_source_start(clip: Any, rate: Fraction) -> int:
    """First source frame of a clip, from 0: beyond its media's own start or, where that is not known, a whole hour."""
    start = round(clip.source_range.start_time.value)
    known = clip.media_reference.available_range if clip.media_reference else None
    if known is not None:
        return int(start - round(known.start_time.value))
    return int(start % (HOUR_S * round(rate)))


def find_rate(rate: float) -> Fraction:
    """The exact rate that a float stands for."""
    whole = round(rate)
    ntsc = Fraction(whole * 1000, 1001)
    return ntsc if abs(rate - float(ntsc)) < abs(rate - whole) else Fraction(rate).limit_denominator(1000)


def name_once(name: str, shots: list[ShotEntry]) -> str:
    """The name, with a number after it where it is taken."""
    taken = {shot.name for shot in shots}
    tries = (f"{name} {number}" for number in range(2, len(shots) + 3))
    return name if name not in taken else next(title for title in tries if title not in taken)


def make_timeline(otio: Any, found: ShotLog, rate: Fraction) -> Any:
    """The log as a timeline with one video track; gaps between shots of one clip stay gaps."""
    timeline = otio.schema.Timeline(name=Path(found.clip or "shots").stem)
    track = otio.schema.Track(name="V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    is_several = any(shot.clip for shot in found.shots)
    fps = float(rate)
    end = 0

    def make_range(first: int, count: int) -> Any:
        return otio.opentime.TimeRange(otio.opentime.RationalTime(first, fps), otio.opentime.RationalTime(count, fps))

    for shot in found.shots:
        count = shot.last_frame - shot.first_frame + 1
        if not is_several and shot.first_frame > end:
            track.append(otio.schema.Gap(source_range=make_range(0, shot.first_frame - end)))
        end = shot.last_frame + 1
        media = otio.schema.ExternalReference(
            target_url=shot.clip or found.clip or "clip", available_range=make_range(0, end)
        )
        row = entry_row(shot, rate)
        stored = {"version": 1, "shot": yaml.safe_dump(row, sort_keys=False), "frame_rate": format_rate(rate)}
        track.append(
            otio.schema.Clip(
                shot.name,
                media_reference=media,
                source_range=make_range(shot.first_frame, count),
                metadata={"vdof": stored},
            )
        )
    return timeline
