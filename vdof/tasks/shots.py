"""`task=shots`: the shots of a log side by side, what does not go together, and `match=SHOT`."""

import math
from pathlib import Path

from vdof.config import VdofConfig
from vdof.errors import ConfigError, InputError
from vdof.say import say
from vdof.shotlog.entry import OPEN_END, ShotLog
from vdof.shotlog.flags import describe_lens, list_flags, say_stops
from vdof.shotlog.gather import gather_log
from vdof.shotlog.look import Look, find_look, look_at, match_blur
from vdof.video import VideoInfo, probe

USUAL_WIDTH_PX = 1920
"""Frame width of the pixel figures where neither a clip nor a run of any of the shots says."""
FASTEST_MADE = 0.94
"""Smallest f-number, on full frame, that lenses are sold with (.95, rounded)."""
CLIP_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")


def run(config: VdofConfig, run_folder: Path) -> None:
    """Print table, flags and, with `match`, what would make the other shots match."""
    del run_folder
    if config.shot_log is None:
        raise ConfigError("shot_log: not given; task=shots compares the shots of a log: shot_log=shot_log.yaml")
    infos = probe_clips(Path(config.input)) if config.input else {}
    rates = [info.frame_rate for info in infos.values()]
    found = gather_log(Path(config.shot_log), rates[0] if rates else None)
    widths = check_clips(found, Path(config.input), infos)
    looks = [look_at(entry, config.lens) for entry in found.shots]
    say(format_table(looks, [find_width(look, found, widths) for look in looks]))
    flags = list_flags(looks)
    say("\n" + ("\n".join(f"! {flag}." for flag in flags) if flags else "No flags: the shots go together."))
    if config.match is not None:
        say("\n" + format_matches(looks, config.match))


def probe_clips(path: Path) -> dict[str, VideoInfo]:
    """What is known of a clip, or of all clips of a folder, by file name."""
    clips = sorted(item for item in path.iterdir() if item.suffix.lower() in CLIP_SUFFIXES) if path.is_dir() else [path]
    return {clip.name: probe(clip) for clip in clips}


def check_clips(found: ShotLog, path: Path, infos: dict[str, VideoInfo]) -> dict[str, int]:
    """Frame width of every clip, by file name; the log must fit them.

    Raises:
        InputError: a clip that the log names is not there, or a shot goes past its clip's end.
    """
    for entry in found.shots if infos else ():
        name = entry.clip or (found.clip if path.is_dir() else path.name)
        if name is not None and name not in infos:
            raise InputError(f"{found.path}:{entry.line}: shot {entry.name!r} is of {name}, which is not in {path}")
        count = infos[name].frame_count_hint if name is not None else None
        if count is not None and entry.last_frame != OPEN_END and entry.last_frame >= count:
            raise InputError(
                f"{found.path}:{entry.line}: shot {entry.name!r} ends at frame {entry.last_frame}, but the last frame of "
                f"{name} is {count - 1}; correct last_frame"
            )
    return {name: info.height if info.rotation_deg % 180 else info.width for name, info in infos.items()}


def find_width(look: Look, found: ShotLog, widths: dict[str, int]) -> int:
    """Pixels across the shot's picture."""
    name = look.entry.clip or found.clip
    if name in widths:
        return widths[name]
    if len(widths) == 1:
        return next(iter(widths.values()))
    known = [entry.measured.get("width_px") for entry in (look.entry, *found.shots)]
    return next((width for width in known if isinstance(width, int) and width > 0), USUAL_WIDTH_PX)


def format_table(looks: list[Look], widths: list[int]) -> str:
    """The shots as aligned columns; `~` before a distance that was assumed."""
    head = ("shot", "frames", "lens", "subject m", "behind it m", "blur px", "blur %", "sharp m", "focus", "rating")
    rows = [head, *(format_row(look, width) for look, width in zip(looks, widths, strict=True))]
    sizes = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip() for row in rows]
    note = f"blur: coc of the background, in px of a {describe_widths(widths)} frame and % of its width; ~ assumed"
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], note])


def format_row(look: Look, width: int) -> tuple[str, ...]:
    entry = look.entry
    end = "end" if entry.last_frame == OPEN_END else str(entry.last_frame)
    mark = "~" if look.is_assumed else ""
    sensor = "" if look.lens.sensor_width_mm == 36 else f" /{look.lens.sensor_width_mm:g}"
    return (
        entry.name,
        f"{entry.first_frame}-{end}",
        describe_lens(look.lens) + sensor,
        "?" if look.subject_m is None else f"{mark}{look.subject_m:.2f}",
        "?" if look.background_m is None else f"{mark}{look.background_m:.3g}",
        "?" if look.blur is None else f"{look.blur * width:.1f}",
        "?" if look.blur is None else f"{100 * look.blur:.2f}",
        "?" if look.sharp is None else f"{look.sharp[0]:.2f}-{format_far(look.sharp[1])}",
        "as run" if entry.focus is None else entry.focus.mode.replace("_", " "),
        "" if entry.rating is None else str(entry.rating),
    )


def format_far(distance: float) -> str:
    return "inf" if math.isinf(distance) else f"{distance:.2f}"


def describe_widths(widths: list[int]) -> str:
    return " or ".join(str(width) for width in sorted(set(widths))) + " px wide"


def format_f_number(look: Look, f_number: float | None) -> str:
    if f_number is None:
        return "no f-number from 0.5 to 64"
    is_real = f_number * look.equivalent_f_number / look.lens.f_number >= FASTEST_MADE
    return f"f/{f_number:.2g}" + ("" if is_real else " (faster than lenses are made)")


def format_matches(looks: list[Look], name: str) -> str:
    """What would give each other shot the background blur of the one named."""
    wanted = find_look(looks, name)
    if wanted.blur is None:
        raise ConfigError(f"match: {wanted.name} has no distances in the log; fill in subject and background")
    lines = [
        f"To match the background of {wanted.name} ({100 * wanted.blur:.2f} % of the width), change one of these "
        "(a subject keeps its distance to the background):"
    ]
    for look in looks:
        if look is wanted:
            continue
        if look.blur is None:
            lines.append(f"  {look.name}: no distances in the log")
            continue
        match = match_blur(look, wanted.blur)
        if abs(match.stops) < 0.05:
            lines.append(f"  {look.name}: matches as it is")
            continue
        ways = [
            format_f_number(look, match.f_number),
            f"subject at {match.subject_m:.2f} m" if match.subject_m else "",
            f"background {match.background_m:.3g} m behind" if match.background_m else "",
        ]
        lines.append(f"  {look.name}: now {say_stops(match.stops)} blur; " + ", or ".join(way for way in ways if way))
    return "\n".join(lines)
