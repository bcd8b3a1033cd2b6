"""Make a benchmark folder with Blender's Cycles: thin-lens truth of scenes that are built here.

python scripts/cycles_scenes.py OUT --photos DIR [--scenes hair night] [--width 480] [--samples 2048] [--seed 0]

Needs an interpreter with `bpy` (Blender as a module, 4.2 or later) and OpenEXR; it is no dependency of vdof. Shading is
emission only, so that nothing but the lens differs between sharp and truth. `scripts/bench quality --set OUT` scores it.
Clips are rendered twice with other seeds (*_seed2.exr), so that the truth's noise can be told.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

try:
    import bpy
except ImportError:
    sys.exit("cycles_scenes: bpy is missing; run this with a Python that has Blender as a module (pip install bpy)")

import numpy as np
from cycles_scene.shoot import FAR_M, SENSOR_MM, Camera, depth_of, flow_between, write_exr
from cycles_scene.shots import SHOTS, Setting, Shot
from cycles_scene.stage import Stage, clear_stage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photographs (*.jpg) for textures")
    parser.add_argument("--pattern", default="*.jpg")
    parser.add_argument("--scenes", nargs="+", default=list(SHOTS), choices=list(SHOTS))
    parser.add_argument("--width", type=int, default=480)
    parser.add_argument("--samples", type=int, default=2048, help="most samples of a pixel")
    parser.add_argument("--threshold", type=float, default=0.01, help="Cycles' adaptive threshold")
    parser.add_argument("--seed", type=int, default=0, help="of textures and places")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    photos = sorted(options.photos.glob(options.pattern))
    if not photos:
        sys.exit(f"cycles_scenes: no {options.pattern} in {options.photos}; give a folder of photographs")
    for name in options.scenes:
        stage = clear_stage(photos, [options.seed, list(SHOTS).index(name)])
        shot = SHOTS[name](stage)
        camera = Camera(options.width, options.width * 9 // 16, shot.focal_mm, options.threads)
        folder = options.out / (name if options.seed == 0 else f"{name}_{options.seed}")
        folder.mkdir(parents=True, exist_ok=True)
        started = time.time()
        meta = describe(folder.name, shot, camera)
        meta |= (
            shoot_clip(folder, stage, shot, camera, options)
            if shot.move
            else shoot_stills(folder, shot, camera, options)
        )
        meta["seconds"] = round(time.time() - started, 1)
        (folder / "meta.json").write_text(json.dumps(meta, indent=1))
        print(name, meta["seconds"], "s", flush=True)


def describe(name: str, shot: Shot, camera: Camera) -> dict:
    height, width = camera.size
    return {
        "scene": name,
        "width": width,
        "height": height,
        "focal_mm": shot.focal_mm,
        "sensor_mm": SENSOR_MM,
        "far_metres": FAR_M,
    }


def shoot_stills(folder: Path, shot: Shot, camera: Camera, options: argparse.Namespace) -> dict:
    place, index = camera.shoot_geometry()
    write_exr(folder / "depth.exr", depth_of(place, index))
    write_exr(folder / "sharp.exr", camera.shoot_sharp(256))
    settings = []
    for setting in shot.settings:
        file = f"dof_{setting.name}.exr"
        write_exr(folder / file, shoot(camera, setting, options))
        settings.append(row_of(setting) | {"name": setting.name, "file": file})
    return {"sharp": "sharp.exr", "depth": "depth.exr", "settings": settings}


def shoot_clip(folder: Path, stage: Stage, shot: Shot, camera: Camera, options: argparse.Namespace) -> dict:
    frames = []
    for i, setting in enumerate(shot.settings):
        after = [move_things(stage, shot, i + 1), move_things(stage, shot, i)]
        place, index = camera.shoot_geometry()
        flow = flow_between(place, index, after[1], after[0], shot.focal_mm)
        row = row_of(setting) | {"index": i}
        pictures = {"depth": depth_of(place, index), "flow": flow}
        for seed, ending in ((2 * i, ""), (2 * i + 1, "_seed2")):
            pictures["sharp" + ending] = camera.shoot_sharp(256, seed)
            pictures["dof" + ending] = shoot(camera, setting, options, seed)
        for key, picture in pictures.items():
            stem, _, ending = key.partition("_")
            row[key] = f"{stem}_{i + 1:04d}{'_' + ending if ending else ''}.exr"
            write_exr(folder / row[key], picture)
        frames.append(row)
    return {"frames": frames}


def move_things(stage: Stage, shot: Shot, frame: int) -> list[np.ndarray]:
    """Put the things where they are in `frame`; their matrices."""
    assert shot.move is not None
    shot.move(frame)
    bpy.context.view_layer.update()
    return [np.array(thing.matrix_world) for thing in stage.things]


def shoot(camera: Camera, setting: Setting, options: argparse.Namespace, seed: int = 0) -> np.ndarray:
    lens = (setting.f_number, setting.focus_m, setting.blades, setting.aspect)
    return camera.shoot_defocused(*lens, options.samples, options.threshold, seed)


def row_of(setting: Setting) -> dict:
    return {
        "f_number": setting.f_number,
        "focus_m": setting.focus_m,
        "blades": setting.blades,
        "aspect": setting.aspect,
    }


if __name__ == "__main__":
    main()
