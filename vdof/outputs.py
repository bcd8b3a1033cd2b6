"""Where a run's files go, its record, and its before/after pictures."""

import json
import math
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdof.analysis.store import Analysis
from vdof.errors import OutputError
from vdof.files import replace_when_whole, write_text
from vdof.video import EncodeConfig, VideoInfo, choose_container, plan_output, try_encoder

PACKAGES = ("vdof", "torch", "av", "numpy", "opencv-python", "kornia", "hydra-core", "numba", "onnxruntime")
_PREVIEW_WIDTH = 960
"""px; each half of a before/after picture is at most this wide."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files that a run writes."""

    clip: Path
    shot_log: Path
    run_record: Path
    previews: tuple[Path, Path]
    check: Path
    """What the check found, as JSON."""
    report: Path
    """The same as a page."""
    prefix: str
    """What the names of all but the clip begin with."""


def choose_outputs(
    output: str | None, info: VideoInfo, encode: EncodeConfig, run_folder: Path, *, overwrite: bool
) -> Outputs:
    """Names for all files: plain ones in the run folder, or beginning with the clip's name beside `output`.

    Raises:
        OutputError: one of them exists and may not be replaced, or the clip would replace its own source.
        ConfigError: the encoder does not fit the container.
    """
    if output is None:
        clip, prefix = run_folder / f"{info.path.stem}_vdof.{choose_container(info, encode)}", ""
    else:
        clip = Path(output)
        if not clip.suffix:
            raise OutputError(f"output: got {output}, expected a file name that ends in .mp4, .mov, .mkv or .webm")
        prefix = f"{clip.stem}."
    folder = clip.parent
    previews = (folder / f"{prefix}before_after_1.png", folder / f"{prefix}before_after_2.png")
    outputs = Outputs(
        clip,
        folder / f"{prefix}shot_log.yaml",
        folder / f"{prefix}run.json",
        previews,
        folder / f"{prefix}check.json",
        folder / f"{prefix}report.html",
        prefix,
    )
    try_encoder(plan_output(clip, info, encode, None), info.frame_rate)
    if clip.is_dir():
        raise OutputError(f"output: {clip} is a folder; give the name of a file in it")
    if clip.exists() and clip.samefile(info.path):
        raise OutputError(f"output: {clip} is the input itself; choose another name")
    for path in (clip, outputs.shot_log, outputs.run_record, outputs.check, outputs.report, *previews):
        if path.exists() and not overwrite:
            raise OutputError(f"output: {path} exists; choose another output or say overwrite=true")
    return outputs


def make_preview(before: Tensor, after: Tensor) -> Picture:
    """(H,2W,3) RGB: before on the left and after on the right; both (1,3,H,W) display-encoded."""
    halves = [to_bytes(image) for image in (before, after)]
    height, width = halves[0].shape[:2]
    if width > _PREVIEW_WIDTH:
        size = (_PREVIEW_WIDTH, round(height * _PREVIEW_WIDTH / width))
        halves = [cv2.resize(half, size, interpolation=cv2.INTER_AREA) for half in halves]
    return np.hstack(halves)


def write_previews(outputs: Outputs, previews: list[Picture]) -> None:
    """The before/after pictures as PNG."""
    for path, picture in zip(outputs.previews, previews, strict=True):
        with replace_when_whole(path) as temporary:
            if not cv2.imwrite(str(temporary), picture[..., ::-1]):
                raise OutputError(f"{path}: the picture could not be written; free space or choose another output")


def to_bytes(image: Tensor) -> Any:
    """(1,3,H,W) display-encoded -> (H,W,3) uint8."""
    return (image[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def write_run_record(
    path: Path,
    config: dict[str, Any],
    source_sha256: str,
    analysis: Analysis,
    device: torch.device,
    seconds: dict[str, float],
    frames: int,
) -> dict[str, Any]:
    """`run.json`: all that is needed to know how a clip came about. Returns what it holds."""
    record = {
        "input_sha256": source_sha256,
        "frames": frames,
        "shots": len(analysis.shots),
        "depth": analysis.estimator,
        "camera": describe_camera(analysis.fov_deg),
        "device": describe_device(device),
        "seconds": seconds,
        "versions": list_versions(),
        "config": config,
    }
    write_text(path, json.dumps(record, indent=2, default=str) + "\n")
    return record


def describe_camera(fov_deg: float | None) -> dict[str, float] | None:
    """Field of view, and focal length on 36 mm, of the camera that took the clip; None: nobody measured it."""
    if fov_deg is None:
        return None
    focal_length_mm = 18 / math.tan(math.radians(fov_deg) / 2)
    return {"horizontal_fov_deg": round(fov_deg, 2), "focal_length_35mm_equivalent": round(focal_length_mm, 2)}


def describe_device(device: torch.device) -> str:
    """The device by its name."""
    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    return f"cpu {platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def list_versions() -> dict[str, str]:
    """What ran; torch says of itself for which device it was built."""
    found = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found, "torch": torch.__version__}
