"""Print how the packaged depth network compares with its teacher and with a vertical ramp.

    python scripts/evaluate_depth.py --teacher TEACHER.onnx --clips DIR [--bench DIR] [--person-mask MASK.tflite]
                                     [--weights FILE.npz] [--pictures DIR]

On held-out clips: rank correlation with the teacher, whole and row-removed (each row's mean taken out of both maps),
and the share of same-row pairs (one pixel on the person, one off) that puts the person nearer.
On scenes with true depth (--bench: folders of sharp*.exr, depth*.exr): both correlations with true disparity.
A vertical ramp (lower is nearer) is what a network that has learnt nothing of the picture would give.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import OpenEXR
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from train import images, losses, people
from train.teacher import Teacher

from vdof.depth import EmbeddedConfig, embedded

Predict = Callable[[Tensor], Tensor]
Mask = NDArray[np.bool_]


def main() -> None:
    """Print one table per kind of test material, then speed."""
    options = _parse()
    torch.set_num_threads(options.threads)
    teacher = Teacher(options.teacher, options.threads)
    predictors: dict[str, Predict] = {
        "teacher": lambda rgb: _ask_teacher(teacher, rgb, options.long_side),
        "ramp": _draw_ramp,
        "net": _open_net(options),
    }
    compare_on_clips(options, predictors)
    if options.bench:
        compare_on_true_depth(options.bench, predictors)
    compare_speed(predictors)


def compare_on_clips(options: argparse.Namespace, predictors: dict[str, Predict]) -> None:
    """Print agreement with the teacher, person-before-background order and flicker, per clip and on average."""
    person = people.PersonMatte(options.person_mask) if options.person_mask else None
    print(f"{'clip':24s} {'map':8s} {'rank':>6s} {'row-removed':>12s} {'person nearer':>14s} {'flicker':>8s}")
    totals: dict[str, list[list[float]]] = {name: [] for name in predictors}
    for clip in images.VALIDATION_CLIPS:
        rows: dict[str, list[list[float]]] = {name: [] for name in predictors}
        for index, (rgb, following) in enumerate(read_frame_pairs(options.clips / clip, options.every)):
            maps = {name: predict(rgb) for name, predict in predictors.items()}
            size = (maps["teacher"].shape[2], maps["teacher"].shape[3])
            maps = {name: _fit(value, size) for name, value in maps.items()}
            mask = find_person(person, rgb, size) if person else np.zeros(size, dtype=bool)
            for name, value in maps.items():
                rows[name].append(
                    [
                        losses.rank_correlation(value, maps["teacher"]),
                        losses.row_removed_rank_correlation(value, maps["teacher"]),
                        share_of_person_nearer(value.numpy(), mask),
                        measure_flicker(rgb, following, value, _fit(predictors[name](following), size)),
                    ]
                )
            if options.pictures and index in (0, 8):
                _write_picture(options.pictures / f"{Path(clip).stem}_{index}.png", rgb, maps)
        for name, values in rows.items():
            totals[name].append(_mean(values))
            _print_row(Path(clip).stem, name, totals[name][-1])
    for name, values in totals.items():
        _print_row("mean of the clips", name, _mean(values))


def compare_on_true_depth(folder: Path, predictors: dict[str, Predict]) -> None:
    """Print both rank correlations with true disparity at the teacher's size, per scene and on average."""
    print(f"\n{'scene':24s} {'map':8s} {'rank':>6s} {'row-removed':>12s}")
    totals: dict[str, list[list[float]]] = {name: [] for name in predictors}
    for scene in sorted(path for path in folder.iterdir() if path.is_dir()):
        pairs = list(zip(sorted(scene.glob("sharp*.exr")), sorted(scene.glob("depth*.exr")), strict=True))[::6]
        rows: dict[str, list[list[float]]] = {name: [] for name in predictors}
        for sharp, depth in pairs:
            rgb = _encode_srgb(_read_exr(sharp)[..., :3])
            maps = {name: predict(rgb) for name, predict in predictors.items()}
            size = maps["teacher"].shape[-2:]
            true = _fit(1 / torch.from_numpy(_read_exr(depth)[..., 0])[None, None], size)
            for name, value in maps.items():
                flat = _fit(value, size)
                rows[name].append(
                    [losses.rank_correlation(flat, true), losses.row_removed_rank_correlation(flat, true)]
                )
        for name, values in rows.items():
            totals[name].append(_mean(values))
            _print_row(scene.name, name, totals[name][-1])
    for name, values in totals.items():
        _print_row("mean of the scenes", name, _mean(values))


def compare_speed(predictors: dict[str, Predict]) -> None:
    """Print frames per second of each map from a 1280x720 frame, preparation included."""
    rgb = torch.rand(1, 3, 720, 1280)
    seconds: dict[str, list[float]] = {name: [] for name in predictors}
    for _ in range(12):
        for name, predict in predictors.items():
            begun = time.perf_counter()
            predict(rgb)
            seconds[name].append(time.perf_counter() - begun)
    rates = {name: round(1 / float(np.median(values)), 1) for name, values in seconds.items()}
    print(f"\nframes per second from 1280x720: {rates}")


def share_of_person_nearer(disparity: NDArray[np.float32], on_person: Mask, pairs: int = 20000) -> float:
    """Return the share of random same-row pairs (person, background) in which the person has more disparity."""
    rng = np.random.default_rng(0)
    nearer = []
    usable = [row for row in range(len(on_person)) if 0 < on_person[row].sum() < on_person.shape[1]]
    if on_person.mean() < 0.005 or not usable:
        return float("nan")
    for row in usable:
        inside, outside = disparity[row, on_person[row]], disparity[row, ~on_person[row]]
        count = pairs // len(usable)
        nearer.append(rng.choice(inside, count) > rng.choice(outside, count))
    return float(np.mean(nearer))


def find_person(matte: people.PersonMatte, rgb: Tensor, size: tuple[int, int]) -> Mask:
    """Return where the frame (1,3,H,W) shows a person, at `size`."""
    pixels = (rgb[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    return cv2.resize(matte(pixels), (size[1], size[0])) > 0.5


def measure_flicker(rgb: Tensor, following: Tensor, disparity: Tensor, next_disparity: Tensor) -> float:
    """Return the mean change along the flow over the map's spread, where forward and backward flow agree.

    Like OPWd, but divided by the map's standard deviation: relative maps have no zero to be divided by.
    """
    height, width = disparity.shape
    grey = [
        (F.interpolate(x, size=(height, width), mode="area")[0].mean(0).numpy() * 255).astype(np.uint8)
        for x in (rgb, following)
    ]
    flow: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back, forth = flow.calc(grey[1], grey[0], None), flow.calc(grey[0], grey[1], None)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    source = (x + back[..., 0], y + back[..., 1])
    there = cv2.remap(forth, *source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(99, 99))
    agrees = np.linalg.norm(there + back, axis=2) < 1
    warped = cv2.remap(disparity.numpy(), *source, cv2.INTER_LINEAR)
    return float(np.abs(warped - next_disparity.numpy())[agrees].mean() / disparity.std())


def read_frame_pairs(clip: Path, every: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield every `every`-th frame and the one after it as display-encoded RGB (1,3,H,W) in 0..1."""
    with av.open(str(clip)) as container:
        kept = None
        for index, frame in enumerate(container.decode(video=0)):
            if index % every > 1:
                continue
            rgb = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)[None].float() / 255
            if kept is not None:
                yield kept, rgb
            kept = rgb if index % every == 0 else None


def _ask_teacher(teacher: Teacher, rgb: Tensor, long_side: int) -> Tensor:
    scale = long_side / max(rgb.shape[-2:])
    height, width = (round(side * scale / 32) * 32 for side in rgb.shape[-2:])
    seen = F.interpolate(rgb, size=(height, width), mode="area")
    return torch.from_numpy(teacher((seen * 255).permute(0, 2, 3, 1).round().byte().numpy())["disparity"])


def _draw_ramp(rgb: Tensor) -> Tensor:
    """Rows rise to the bottom; a grain too small to matter stands for what the ramp does not say within a row."""
    grain = torch.rand(1, 1, 96, 160, generator=torch.Generator().manual_seed(0))
    return torch.linspace(0.2, 1, 96)[None, None, :, None] + 1e-5 * grain


def _open_net(options: argparse.Namespace) -> Predict:
    packed = options.weights.read_bytes() if options.weights else None
    return embedded.EmbeddedEstimator(torch.device("cpu"), options.long_side, options.detail, packed)


def _fit(value: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(value, size=size[-2:], mode="area" if value.shape[-1] > size[-1] else "bilinear")[0, 0]


def _encode_srgb(linear: NDArray[np.float32]) -> Tensor:
    x = np.clip(linear, 0, 1)
    encoded = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return torch.from_numpy(encoded.astype(np.float32)).permute(2, 0, 1)[None]


def _read_exr(path: Path) -> NDArray[np.float32]:
    with OpenEXR.File(str(path)) as file:
        pixels = next(iter(file.channels().values())).pixels
    return np.asarray(pixels, dtype=np.float32).reshape(*pixels.shape[:2], -1)


def _write_picture(path: Path, rgb: Tensor, maps: dict[str, Tensor]) -> None:
    height, width = maps["teacher"].shape
    frame = (F.interpolate(rgb, size=(height, width), mode="area")[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    panels = [cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)]
    for name in ("teacher", "net"):
        low, high = np.percentile(maps[name].numpy(), (1, 99))
        grey = np.clip((maps[name].numpy() - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        panels.append(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.hstack(panels))


def _mean(rows: list[list[float]]) -> list[float]:
    columns = np.array(rows).T
    return [float(np.nanmean(column)) if np.isfinite(column).any() else float("nan") for column in columns]


def _print_row(place: str, name: str, values: list[float]) -> None:
    print(f"{place:24s} {name:8s} " + "  ".join(f"{value:8.3f}" for value in values), flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--person-mask", type=Path)
    parser.add_argument("--weights", type=Path, help="another .npz than the package's")
    parser.add_argument("--pictures", type=Path, help="folder for frame | teacher | net")
    parser.add_argument("--long-side", type=int, default=EmbeddedConfig.long_side)
    parser.add_argument("--detail", type=float, default=EmbeddedConfig.detail, help="the net's second look; 1: none")
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
