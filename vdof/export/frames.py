"""Stabilised metric depth and coc for Nuke, Resolve and Blender: just what the renderer used, frame by frame.

    <prefix>depth/depth.000012.exr   Z, metres along the optical axis; 10000 m and farther is written as 10000
    <prefix>depth/depth.000012.png   16 bit, disparity: 65535 is 10 1/m (0.1 m), 0 is infinity
    <prefix>depth.mkv                the same codes as FFV1
    <prefix>coc/coc.000012.exr       coc, signed diameter in px, positive behind the focus
    <prefix>coc/coc.000012.png, <prefix>coc.mkv   16 bit: 32768 + 64 * coc
    <prefix>export.json              units, lens and focus of every frame, and how vdof reads the depth back

Files are numbered by the source's frames, and upright, as a player shows the clip. Read back with `depth=files`.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vdof.errors import ConfigError, OutputError
from vdof.export.lens_metadata import exr_lens_attributes
from vdof.lens import Lens
from vdof.video.grey import GreyWriter

log = logging.getLogger(__name__)

FORMATS = ("exr", "png16", "ffv1")
FAR_M = 1e4
"""What infinity becomes in EXR, where infinite values upset other programs; `depth=files` takes it for infinity."""
DISPARITY_SCALE = 10 / 65535
"""1/m per code of 16-bit depth."""
COC_SCALE = 1 / 64
"""px per code of 16-bit coc."""
COC_ZERO = 32768

Map = NDArray[np.float32]


@dataclass
class ExportConfig:
    """What is written beside the clip for other programs."""

    depth: str | None = None
    """exr | png16 | ffv1; null: no depth."""
    coc: str | None = None
    """exr | png16 | ffv1; null: no circle of confusion."""
    opentrackio: bool = False
    """Lens and focus of every frame as OpenTrackIO JSON, a line a frame, beside the clip."""
    dir: str | None = None
    """Folder of depth and coc; null: beside the clip."""

    def __post_init__(self) -> None:
        for name in ("depth", "coc"):
            if getattr(self, name) not in (None, *FORMATS):
                raise ConfigError(f"export.{name}: got {getattr(self, name)!r}, expected one of {', '.join(FORMATS)}")


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What the camera did at a frame."""

    frame: int
    """Index in the source clip."""
    seconds: float
    lens: Lens
    focus_distance_m: float


class Exporter:
    """Collects frames; when the block ends well the files take their places, otherwise nothing is left."""

    def __init__(
        self, config: ExportConfig, clip: Path, prefix: str, rate: Fraction | None, *, overwrite: bool
    ) -> None:
        """Files are named `prefix...` beside `clip`. Raises OutputError where one exists and may not be replaced."""
        self._config, self._rate = config, rate or Fraction(24)
        self._clip = clip.name
        self._folder = Path(config.dir) if config.dir else clip.parent
        self._names = {
            kind: f"{prefix}{kind}" + (".mkv" if form == "ffv1" else "")
            for kind, form in (("depth", config.depth), ("coc", config.coc))
            if form
        }
        self._targets = [self._folder / name for name in (*self._names.values(), f"{prefix}export.json") if self._names]
        self._frames: list[dict[str, Any]] = []
        self._videos: dict[str, GreyWriter] = {}
        self._clipped: set[str] = set()
        for target in self._targets:
            check_replaceable(target, overwrite=overwrite)

    def __enter__(self) -> Exporter:
        if self._targets:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._part = Path(tempfile.mkdtemp(prefix=".export.", suffix=".part", dir=self._folder))
            except OSError as error:
                raise OutputError(f"export.dir: cannot write to {self._folder}: {error.strerror}") from error
        return self

    def write(self, facts: FrameFacts, disparity: Tensor, coc: Tensor) -> None:
        """Append a frame: metric `disparity` (1,1,H,W) 1/m and `coc` (1,1,H,W) px."""
        if not self._targets:
            return
        self._frames.append(describe_frame(facts))
        for kind, value in (("depth", disparity), ("coc", coc)):
            if kind in self._names:
                self._write_map(kind, facts, value[0, 0].float().cpu().numpy())

    def _write_map(self, kind: str, facts: FrameFacts, value: Map) -> None:
        form = self._config.depth if kind == "depth" else self._config.coc
        if form == "exr":
            stored = to_metres(value) if kind == "depth" else value
            self._make_folder(kind)
            path = self._part / self._names[kind] / f"{kind}.{facts.frame:06d}.exr"
            write_exr(path, "Z" if kind == "depth" else "coc", stored, facts)
            return
        codes = self._to_codes(kind, value)
        if form == "png16":
            self._make_folder(kind)
            write_png(self._part / self._names[kind] / f"{kind}.{facts.frame:06d}.png", codes)
            return
        if kind not in self._videos:
            height, width = codes.shape
            self._videos[kind] = GreyWriter(self._part / self._names[kind], height, width, self._rate)
        self._videos[kind].write(codes)

    def _make_folder(self, kind: str) -> None:
        (self._part / self._names[kind]).mkdir(exist_ok=True)

    def _to_codes(self, kind: str, value: Map) -> NDArray[np.uint16]:
        codes = value / DISPARITY_SCALE if kind == "depth" else value / COC_SCALE + COC_ZERO
        if kind not in self._clipped and (codes.max() > 65535 or codes.min() < 0):
            self._clipped.add(kind)
            limit = "nearer than 0.1 m" if kind == "depth" else "beyond 512 px"
            log.warning("export.%s: values %s are clipped in 16 bit; use export.%s=exr", kind, limit, kind)
        return np.clip(np.round(codes), 0, 65535).astype(np.uint16)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._targets:
            return
        try:
            for video in self._videos.values():
                video.__exit__(kind, error, trace)
            if kind is None:
                (self._part / self._targets[-1].name).write_text(json.dumps(self._describe(), indent=1) + "\n", "utf-8")
                self._put_in_place()
        finally:
            shutil.rmtree(self._part, ignore_errors=True)

    def _put_in_place(self) -> None:
        for target in self._targets:
            if target.is_dir():
                shutil.rmtree(target)
            (self._part / target.name).replace(target)
        log.info("wrote %s", ", ".join(str(target) for target in self._targets))

    def _describe(self) -> dict[str, Any]:
        first = self._frames[0]["frame"] if self._frames else 0
        record: dict[str, Any] = {"clip": self._clip, "frame_rate": str(self._rate), "first_frame": first}
        if "depth" in self._names:
            is_exr = self._config.depth == "exr"
            convention = "depth_m" if is_exr else "disparity"
            scale = "" if is_exr else f" depth.scale={DISPARITY_SCALE!r}"
            name = self._names["depth"]
            record["depth"] = {
                "path": name,
                "unit": f"m, {FAR_M:g} and beyond is {FAR_M:g}"
                if is_exr
                else "1/m, value = code * scale; 0 is infinity",
                "scale": 1.0 if is_exr else DISPARITY_SCALE,
                "read_back": f"depth=files depth.path={name} depth.convention={convention}{scale} "
                f"depth.first_frame={first} stabilise=off",
            }
        if "coc" in self._names:
            unit = "px, signed diameter, positive behind the focus"
            codes = {} if self._config.coc == "exr" else {"scale": COC_SCALE, "zero": COC_ZERO}
            record["coc"] = {"path": self._names["coc"], "unit": unit, **codes}
        return {**record, "frames": self._frames}


def check_replaceable(target: Path, *, overwrite: bool) -> None:
    """Raise OutputError where `target` exists and may not, or should not, be replaced."""
    if not target.exists():
        return
    if not overwrite:
        raise OutputError(f"export: {target} exists; choose another output or say overwrite=true")
    if target.is_dir():
        prefix = target.name.rpartition(".")[2]
        foreign = [path.name for path in target.iterdir() if not path.name.startswith(f"{prefix}.")]
        if foreign:
            raise OutputError(
                f"export: {target} holds other files ({foreign[0]}); move them or choose another export.dir"
            )


def describe_frame(facts: FrameFacts) -> dict[str, Any]:
    """A frame's line in export.json."""
    return {
        "frame": facts.frame,
        "seconds": round(facts.seconds, 6),
        "focal_length_mm": facts.lens.focal_length_mm,
        "f_number": facts.lens.f_number,
        "sensor_width_mm": facts.lens.sensor_width_mm,
        "squeeze": facts.lens.squeeze,
        "focus_distance_m": round(facts.focus_distance_m, 5),
    }


def to_metres(disparity: Map) -> Map:
    """Depth in metres, at most `FAR_M`, of metric disparity."""
    return (1 / np.maximum(disparity, np.float32(1 / FAR_M))).astype(np.float32)


def write_exr(path: Path, channel: str, value: Map, facts: FrameFacts) -> None:
    """One float channel with OpenEXR's standard attributes for lens, focus and sensor."""
    import OpenEXR

    header = {
        "type": OpenEXR.scanlineimage,
        "compression": OpenEXR.ZIP_COMPRESSION,
        "imageCounter": int(facts.frame),
        **exr_lens_attributes(facts.lens, facts.focus_distance_m, value.shape[0] / value.shape[1]),
    }
    with OpenEXR.File(header, {channel: np.ascontiguousarray(value, np.float32)}) as file:
        file.write(str(path))


def write_png(path: Path, codes: NDArray[np.uint16]) -> None:
    """One grey 16-bit picture."""
    import cv2

    if not cv2.imwrite(str(path), codes):
        raise OutputError(f"export: cannot write {path}; is the disk full?")
