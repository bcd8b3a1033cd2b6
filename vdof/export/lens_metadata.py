"""Lens and focus of a frame as other programs read them: OpenEXR attributes and OpenTrackIO samples.

Both lose what they have no word for: aperture shape beyond the f-number, aberrations, tilt, notes, and where the distances
come from. Sources: OpenEXR "Standard Attributes" (openexr.com); SMPTE RIS OSVP OpenTrackIO 1.0 schema (opentrackio.org).
"""

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from vdof.errors import OutputError
from vdof.files import write_text
from vdof.lens import Lens
from vdof.shotlog.timecode import format_timecode


def exr_lens_attributes(lens: Lens, focus_distance_m: float, height_over_width: float) -> dict[str, Any]:
    """Header entries for `OpenEXR.File`: standard names, and `vdof:` for what has none.

    `focus` is metres, `aperture` an f-number, focal lengths and sensor are millimetres, as the standard says.
    """
    sensor = (lens.sensor_width_mm, lens.sensor_width_mm * height_over_width)
    return {
        "focus": float(focus_distance_m),
        "aperture": float(lens.f_number),
        "nominalFocalLength": float(lens.focal_length_mm),
        "pinholeFocalLength": float(lens.focal_length_mm),
        "lensModel": f"vdof {lens.focal_length_mm:g} mm f/{lens.f_number:g}",
        "sensorOverallDimensions": np.array(sensor, np.float32),
        "vdof:squeeze": float(lens.squeeze),
        "vdof:blades": int(lens.blades),
    }


def opentrackio_samples(
    frames: Iterable[tuple[int, Lens, float]], rate: Fraction, size: tuple[int, int], source: str
) -> Iterator[dict[str, Any]]:
    """One OpenTrackIO sample a frame.

    Args:
        frames: index in the clip, lens, and focus distance in metres.
        rate: frames per second.
        size: width and height of the picture, pixels.
        source: the clip's name; sample and source ids follow from it, so that the same run gives the same file.
    """
    for index, lens, focus_m in frames:
        yield {
            "protocol": {"name": "OpenTrackIO", "version": [1, 0, 0]},
            "sampleId": uuid5(NAMESPACE_URL, f"{source}#{index}").urn,
            "sourceId": uuid5(NAMESPACE_URL, source).urn,
            "static": describe_camera(lens, rate, size),
            "timing": describe_timing(index, rate),
            "lens": {"fStop": lens.f_number, "focusDistance": focus_m, "pinholeFocalLength": lens.focal_length_mm},
        }


def describe_camera(lens: Lens, rate: Fraction, size: tuple[int, int]) -> dict[str, Any]:
    """What does not change: millimetres, pixels."""
    width, height = size
    sensor = {"height": lens.sensor_width_mm * height / width, "width": lens.sensor_width_mm}
    return {
        "camera": {
            "activeSensorPhysicalDimensions": sensor,
            "activeSensorResolution": {"height": height, "width": width},
            "anamorphicSqueeze": as_ratio(Fraction(lens.squeeze).limit_denominator(1000)),
            "captureFrameRate": as_ratio(rate),
        },
        "lens": {"nominalFocalLength": lens.focal_length_mm},
    }


def describe_timing(index: int, rate: Fraction) -> dict[str, Any]:
    """The frame's timecode from the start of the clip."""
    parts = map(int, format_timecode(index, rate).split(":"))
    timecode = dict(zip(("hours", "minutes", "seconds", "frames"), parts, strict=True))
    return {
        "mode": "internal",
        "sampleRate": as_ratio(rate),
        "timecode": {**timecode, "frameRate": as_ratio(rate)},
    }


def as_ratio(value: Fraction) -> dict[str, int]:
    return {"num": value.numerator, "denom": value.denominator}


def write_opentrackio(path: Path, samples: Iterable[dict[str, Any]]) -> None:
    """JSON Lines: a sample a line."""
    write_text(path, "".join(json.dumps(sample) + "\n" for sample in samples))


def choose_track(is_wanted: bool, clip: Path, prefix: str, *, overwrite: bool) -> Path | None:
    """Where the samples go, beside the clip; None where nobody wants them. Raises OutputError where that file exists."""
    if not is_wanted:
        return None
    path = clip.with_name(f"{prefix}opentrackio.jsonl")
    if path.exists() and not overwrite:
        raise OutputError(f"export: {path} exists; choose another output or say overwrite=true")
    return path
