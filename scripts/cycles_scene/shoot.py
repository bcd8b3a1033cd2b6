"""Cycles renders of a stage: sharp, defocused, depth and flow, written as OpenEXR in the layout of a benchmark folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import OpenEXR

SENSOR_MM = 36.0
FAR_M = 1000.0
GEOMETRY_FILTER = 0.01
"""Width, px, of the pixel filter where geometry is rendered, so that depth is that of the pixel's middle."""


class Camera:
    """A thin lens in the origin that looks along -z."""

    def __init__(self, width: int, height: int, focal_mm: float, threads: int) -> None:
        scene = bpy.context.scene
        self.data = bpy.data.cameras.new("camera")
        self.data.lens, self.data.sensor_width, self.data.sensor_fit = focal_mm, SENSOR_MM, "HORIZONTAL"
        self.data.clip_start, self.data.clip_end = 0.01, 10 * FAR_M
        scene.camera = bpy.data.objects.new("camera", self.data)
        scene.collection.objects.link(scene.camera)
        scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
        scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
        scene.render.threads_mode, scene.render.threads = "FIXED", threads
        scene.render.use_persistent_data = True
        scene.render.image_settings.file_format, scene.render.image_settings.color_depth = "OPEN_EXR", "32"
        scene.render.film_transparent = False
        scene.cycles.use_denoising = False
        scene.cycles.max_bounces = 0
        self.size, self.focal_mm = (height, width), focal_mm

    def shoot_sharp(self, samples: int, seed: int = 0) -> np.ndarray:
        """(H,W,3) through a pinhole, pixels as boxes."""
        self.data.dof.use_dof = False
        return self._shoot(samples, 0.0, seed)

    def shoot_defocused(self, f_number, focus_m, blades, aspect, samples, threshold, seed=0) -> np.ndarray:
        """(H,W,3) through the lens. Cycles takes the pinhole's image distance, so its aperture is a little larger."""
        dof = self.data.dof
        dof.use_dof, dof.focus_distance = True, focus_m
        dof.aperture_fstop = f_number * (focus_m - self.focal_mm / 1000) / focus_m
        dof.aperture_blades, dof.aperture_ratio, dof.aperture_rotation = blades, aspect, 0.0
        return self._shoot(samples, threshold, seed)

    def shoot_geometry(self) -> tuple[np.ndarray, np.ndarray]:
        """Place (H,W,3), m, of what each pixel's middle shows and its object index (H,W), 0 for nothing."""
        self.data.dof.use_dof = False
        layer, found = bpy.context.view_layer, []
        for material in (_tell("ShaderNodeNewGeometry", "Position"), _tell("ShaderNodeObjectInfo", "Object Index")):
            layer.material_override = material
            found.append(self._shoot(1, 0.0, 0, GEOMETRY_FILTER))
        layer.material_override = None
        return found[0], np.rint(found[1][..., 0]).astype(int)

    def _shoot(self, samples: int, threshold: float, seed: int, filter_width: float = 0.0) -> np.ndarray:
        scene = bpy.context.scene
        cycles = scene.cycles
        cycles.pixel_filter_type = "BLACKMAN_HARRIS" if filter_width else "BOX"
        cycles.filter_width = filter_width or 1.0
        cycles.samples, cycles.seed = samples, seed
        cycles.use_adaptive_sampling = threshold > 0
        cycles.adaptive_threshold, cycles.adaptive_min_samples = threshold or 0.01, min(samples, 256)
        with tempfile.TemporaryDirectory() as folder:
            scene.render.filepath = f"{folder}/frame.exr"
            with _silence():
                bpy.ops.render.render(write_still=True)
            with OpenEXR.File(scene.render.filepath, separate_channels=True) as file:
                channels = file.channels()
                return np.stack([np.array(channels[c].pixels, np.float32) for c in "RGB"], -1)


def depth_of(place: np.ndarray, index: np.ndarray) -> np.ndarray:
    """(H,W) metres along the axis."""
    return np.where(index > 0, -place[..., 2], FAR_M).astype(np.float32)


def flow_between(place, index, before, after, focal_mm) -> np.ndarray:
    """(H,W,2) px, x right and y down, of what each pixel shows; before, after: 4x4 matrices of the things."""
    height, width = index.shape
    flow = np.zeros((height, width, 2), np.float32)
    focal_px = focal_mm / SENSOR_MM * width
    for k in np.unique(index[index > 0]):
        here = place[index == k]
        there = np.c_[here, np.ones(len(here))] @ (after[k - 1] @ np.linalg.inv(before[k - 1])).T
        moved = [p[:, :2] / -p[:, 2:3] * focal_px for p in (here, there)]
        flow[index == k] = (moved[1] - moved[0]) * (1, -1)
    return flow


def write_exr(path: Path, values: np.ndarray) -> None:
    """(H,W,3) as R, G, B; (H,W,2) as U, V; (H,W) as Z."""
    names = {3: "RGB", 2: "UV", 1: "Z"}
    planes = values[..., None] if values.ndim == 2 else values
    channels = {n: np.ascontiguousarray(planes[..., i], np.float32) for i, n in enumerate(names[planes.shape[2]])}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(path))


def _tell(node: str, output: str) -> bpy.types.Material:
    """A material that shines with a value of the geometry."""
    material = bpy.data.materials.new(output)
    material.use_nodes = True
    nodes = material.node_tree
    nodes.nodes.clear()
    source, emission = nodes.nodes.new(node), nodes.nodes.new("ShaderNodeEmission")
    target = nodes.nodes.new("ShaderNodeOutputMaterial")
    nodes.links.new(source.outputs[output], emission.inputs["Color"])
    nodes.links.new(emission.outputs[0], target.inputs["Surface"])
    return material


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Blender writes its progress straight to the process's output."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
