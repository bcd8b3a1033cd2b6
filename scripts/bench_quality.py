"""Scores the renderer against truth: a benchmark folder of Cycles renders, and exact light fields made here.

scripts/bench quality [--set DIR] [--crop PX] [--stride N] [--light-fields N] [--backend NAME]

--set DIR: sub-folders with meta.json, sharp.exr, depth.exr and dof_*.exr (stills), or *_####.exr with flow (videos).
PSNR is of display-encoded values clipped to 0..1; `edge` over pixels nearer to a depth step (10 %) than the largest coc
radius; `flicker` is the change along the motion relative to the truth's (ideal 1). Where a clip has a second seed of every
picture (`sharp_seed2`, `dof_seed2` in meta.json, as `scripts/cycles_scenes.py` writes them), `noise taken out` is the same
ratio of what both seeds' changes have in common, root mean square, and so are `first` and `second differences` of each pixel
over time, step by step, `?` where noise hides the truth's (frames --stride apart then tell more). With one seed `grain
smoothed` is the ratio of pictures blurred by a pixel, which takes most of the noise and little else. Light fields print
differences of a 1 cm dolly and of a focus pull, without and with strands of hair half a pixel wide, which no depth map of
whole pixels holds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import light_field
import numpy as np
import OpenEXR
import torch

from vdof import Lens, render
from vdof.bokeh import BokehConfig
from vdof.optics import coc_from_depth

SETTINGS = ((2.0, 1.4), (0.95, 1.8), (9.0, 2.0))
APERTURES: dict[str, dict[str, Any]] = {
    "round": {},
    "blades 5": {"blades": 5},
    "blades 7": {"blades": 7},
    "squeeze 2": {"squeeze": 2.0},
}
APERTURE_SAMPLES = 200
Clip = list[np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, help="folder of benchmark scenes")
    parser.add_argument("--crop", type=int, default=12, help="border left out, px")
    parser.add_argument("--stride", type=int, default=1, help="frames from one to the next of differences over time")
    parser.add_argument("--light-fields", type=int, default=1, help="procedural scenes; 0: none")
    parser.add_argument("--backend", default="auto")
    options = parser.parse_args()
    config = BokehConfig(backend=options.backend)
    print(f"{'scene':<18}{'setting':<16}{'PSNR':>7}{'edge':>7}{'flicker':>9}")
    if options.set:
        score_folder(options.set, options.crop, options.stride, config)
    if options.light_fields:
        score_light_fields(options.light_fields, options.crop, config)


def score_folder(folder: Path, crop: int, stride: int, config: BokehConfig) -> None:
    """Every scene of a benchmark folder, and the mean of the stills."""
    stills = []
    for meta_path in sorted(folder.glob("*/meta.json")):
        meta = json.loads(meta_path.read_text())
        if "frames" in meta:
            score_video(meta_path.parent, meta, crop, stride, config)
            continue
        if "sharp" not in meta:
            continue
        sharp, depth = (read_exr(meta_path.parent / meta[key]) for key in ("sharp", "depth"))
        for setting in meta["settings"]:
            truth = read_exr(meta_path.parent / setting["file"])
            row, _ = score_still(sharp, depth, truth, lens_of(meta, setting), setting["focus_m"], crop, config)
            show(meta["scene"], setting["name"], *row)
            stills.append(row)
    if stills:
        show("MEAN", f"{len(stills)} stills", *np.mean(stills, axis=0))


def score_video(folder: Path, meta: dict[str, Any], crop: int, stride: int, config: BokehConfig) -> None:
    """PSNR and flicker ratio of a clip with flow; with a second seed of every picture, ratios free of noise as well."""
    seeds = ("", "_seed2") if "dof_seed2" in meta["frames"][0] else ("",)
    depths, flows = ([read_exr(folder / frame[key]) for frame in meta["frames"]] for key in ("depth", "flow"))
    rows: list[tuple[float, float]] = []
    ours: list[Clip] = []
    true: list[Clip] = []
    for seed in seeds:
        frames, truths = [], []
        for frame, depth in zip(meta["frames"], depths, strict=True):
            sharp, truth = (read_exr(folder / frame[key + seed]) for key in ("sharp", "dof"))
            row, image = score_still(sharp, depth, truth, lens_of(meta, frame), frame["focus_m"], crop, config)
            rows.append(row)
            frames.append(encode(image))
            truths.append(encode(truth))
        ours.append(frames)
        true.append(truths)
    changes, true_changes = ([follow_changes(clip, flows, depths) for clip in clips] for clips in (ours, true))
    value, edge = np.mean(rows, axis=0)
    flicker = measure_change(changes[0]) / measure_change(true_changes[0])
    show(meta["scene"], f"{len(flows)} frames", value, edge, flicker)
    if len(seeds) == 1:
        calm, true_calm = (follow_changes([smooth(f) for f in clip], flows, depths) for clip in (ours[0], true[0]))
        show_flicker(meta["scene"], "grain smoothed", measure_change(calm) / measure_change(true_calm))
    else:
        show_flicker(meta["scene"], "noise taken out", measure_common(changes) / measure_common(true_changes))
        inner = np.s_[crop : -crop or None, crop : -crop or None]
        cropped = ([[frame[inner] for frame in clip[::stride]] for clip in clips] for clips in (ours, true))
        show_differences(meta["scene"], f"{stride} frames apart" if stride > 1 else "", *cropped)


def score_light_fields(count: int, crop: int, config: BokehConfig) -> None:
    """Round, bladed and squeezed apertures on procedural scenes, then how smoothly a dolly and a pull change."""
    for name, shape in APERTURES.items():
        rows = []
        for seed in range(count):
            planes = light_field.make_scene(seed)
            sharp, depth = light_field.render_sharp(planes)
            for focus, f_number in SETTINGS:
                lens = Lens(focal_length_mm=50, f_number=f_number, **shape)
                truth = render_light_field(planes, lens, focus)
                rows.append(score_still(sharp, depth, truth, lens, focus, crop, config)[0])
        show("light field", name, *np.mean(rows, axis=0))
    for strands in (0, 70):
        dolly = [(light_field.make_scene(0, 0.08 + 0.01 * step, 0, strands), 2.0) for step in range(5)]
        pull = [(light_field.make_scene(0, 0.0, 0, strands), 2.0 + 0.06 * step) for step in range(5)]
        for name, moves in (("dolly 1 cm", dolly), ("focus pull", pull)):
            show_differences(f"{strands} strands", name, *render_moves(moves, config))


def render_light_field(
    planes: list[light_field.Plane], lens: Lens, focus: float, samples: int = APERTURE_SAMPLES, seed: int = 0
) -> np.ndarray:
    depths = torch.tensor([plane.depth for plane in planes]).reshape(1, 1, 1, -1)
    radii = (coc_from_depth(depths, lens, focus, light_field.WIDTH) / 2).flatten().tolist()
    points = light_field.aperture_points(lens, (seed + 1) * samples)[-samples:]
    return light_field.render_truth(planes, radii, points, seed)


def render_moves(
    moves: list[tuple[list[light_field.Plane], float]], config: BokehConfig
) -> tuple[list[Clip], list[Clip]]:
    """Display values of our frames and of the truth's, with two seeds."""
    lens = Lens(focal_length_mm=85, f_number=1.4)
    ours: list[Clip] = [[], []]
    true: list[Clip] = [[], []]
    for planes, focus in moves:
        for seed in (0, 1):
            sharp, depth = light_field.render_sharp(planes, APERTURE_SAMPLES, seed)
            ours[seed].append(encode(blur(sharp, depth, lens, focus, config)))
            true[seed].append(encode(render_light_field(planes, lens, focus, 2 * APERTURE_SAMPLES, seed)))
    return ours, true


def show_differences(scene: str, setting: str, ours: list[Clip], true: list[Clip]) -> None:
    """Root mean square of first and second differences over time that both seeds have in common, ours over the truth's."""
    for order, name in ((1, "first"), (2, "second")):
        ratios = []
        for step in range(len(ours[0]) - order):
            mine, truth = (
                [[np.diff(np.stack(clip[step : step + order + 1]), order, axis=0)] for clip in clips]
                for clips in (ours, true)
            )
            common = truth[0][0] * truth[1][0]
            is_clear = common.mean() > 4 * common.std() / np.sqrt(common.size)
            ratios.append(f"{measure_common(mine) / measure_common(truth):.2f}" if is_clear else "?")
        print(f"{scene:<18}{setting:<16}{name} differences {'/'.join(ratios)}", flush=True)


def score_still(
    sharp: np.ndarray, depth: np.ndarray, truth: np.ndarray, lens: Lens, focus: float, crop: int, config: BokehConfig
) -> tuple[tuple[float, float], np.ndarray]:
    """((PSNR, edge PSNR), our picture)."""
    image = blur(sharp, depth, lens, focus, config)
    coc = coc_from_depth(torch.from_numpy(depth)[None, None], lens, focus, depth.shape[1])[0, 0].numpy()
    inner = np.s_[crop : -crop or None, crop : -crop or None]
    error = ((encode(image) - encode(truth)) ** 2)[inner]
    edge = error[edge_band(depth, coc)[inner]]
    return (psnr(error), psnr(edge) if edge.size else float("nan")), image


def blur(sharp: np.ndarray, depth: np.ndarray, lens: Lens, focus: float, config: BokehConfig) -> np.ndarray:
    rgb = torch.from_numpy(np.ascontiguousarray(sharp)).permute(2, 0, 1)[None]
    out = render(rgb, torch.from_numpy(depth)[None, None], lens, focus, config)
    return out[0].permute(1, 2, 0).numpy()


def psnr(squared_error: np.ndarray) -> float:
    return float(-10 * np.log10(max(squared_error.mean(), 1e-10)))


def edge_band(depth: np.ndarray, coc: np.ndarray) -> np.ndarray:
    """Pixels within the largest coc radius (at least 2 px) of a depth step of 10 %."""
    near, far = cv2.erode(depth, np.ones((3, 3))), cv2.dilate(depth, np.ones((3, 3)))
    is_flat = (far - near <= 0.1 * near).astype(np.uint8)
    reach = max(2, int(np.ceil(np.percentile(np.abs(coc), 99.5) / 2)))
    return cv2.distanceTransform(is_flat, cv2.DIST_L2, 5) <= reach


def follow_changes(frames: Clip, flows: Clip, depths: Clip) -> Clip:
    """Changes (n,3) of display values along the motion per step, where the flow stays inside and on the same depth (8 %)."""
    changes = []
    height, width = depths[0].shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    for i, flow in enumerate(flows[:-1]):
        at_x, at_y = x + flow[..., 0], y + flow[..., 1]
        warped = cv2.remap(frames[i + 1], at_x, at_y, cv2.INTER_LINEAR)
        depth = cv2.remap(depths[i + 1], at_x, at_y, cv2.INTER_NEAREST)
        is_inside = (at_x >= 0) & (at_y >= 0) & (at_x <= width - 1) & (at_y <= height - 1)
        is_same = is_inside & (np.abs(depth - depths[i]) < 0.08 * depths[i])
        changes.append((warped - frames[i])[is_same])
    return changes


def measure_change(changes: Clip) -> float:
    """Mean absolute change."""
    return float(np.abs(np.concatenate(changes)).mean())


def smooth(frame: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.0))


def measure_common(seeds: list[Clip]) -> float:
    """Root mean square of what the changes of two seeds have in common: their noise, being independent, is no part of it."""
    first, second = (np.concatenate(seed) for seed in seeds)
    return float(np.sqrt(max((first * second).mean(), 1e-12)))


def encode(linear: np.ndarray) -> np.ndarray:
    """Scene-linear to sRGB display values in 0..1."""
    clipped = np.clip(linear, 0, 1)
    return np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * np.maximum(clipped, 1e-8) ** (1 / 2.4) - 0.055)


def read_exr(path: Path) -> np.ndarray:
    """(H,W,3) of R, G, B, (H,W,2) of U, V, or (H,W) of Z."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = {name: np.array(channel.pixels, np.float32) for name, channel in file.channels().items()}
    names = next(group for group in ("RGB", "UV", "Z") if group[0] in channels)
    return np.stack([channels[name] for name in names], -1).squeeze()


def lens_of(meta: dict[str, Any], setting: dict[str, Any]) -> Lens:
    return Lens(
        focal_length_mm=meta["focal_mm"],
        f_number=setting["f_number"],
        sensor_width_mm=meta["sensor_mm"],
        blades=setting["blades"],
        squeeze=setting["aspect"],
    )


def show(scene: str, setting: str, value: float, edge: float, flicker: float | None = None) -> None:
    print(f"{scene:<18}{setting:<16}{value:7.2f}{edge:7.2f}" + (f"{flicker:9.3f}" if flicker else ""), flush=True)


def show_flicker(scene: str, setting: str, ratio: float) -> None:
    print(f"{scene:<18}{setting:<16}{ratio:23.3f}", flush=True)


if __name__ == "__main__":
    main()
