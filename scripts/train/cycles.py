"""Draw the rendered scenes with Blender's Cycles (PyPI's bpy, an extra package, only to make training material)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
from numpy.typing import NDArray

from train.props import Paint, Part
from train.scenes import Scene, defocus, pack
from train.views import Aspects, View, compose
from vdof.errors import BackendError

SIZES = ((256, 448), (256, 448), (288, 384), (384, 288))
SHARE_DEFOCUSED = 0.35
_FAR = 1e6


def photograph(renderer: Renderer, aspects: Aspects, rng: np.random.Generator) -> Scene:
    """Return a random rendered scene in which there is something to tell apart within the rows."""
    size = SIZES[rng.integers(len(SIZES))]
    while True:
        light, depth = renderer(compose(rng, aspects), size)
        disparity = 1 / depth
        if (disparity - disparity.mean(axis=1, keepdims=True)).std() > 0.04 * disparity.max():
            break
    encoded = np.clip(light * np.exp(rng.uniform(-0.3, 0.5)), 0, 1) ** (1 / 2.2)
    rgb = (encoded * 255 + 0.5).astype(np.uint8)
    if rng.uniform() < SHARE_DEFOCUSED:
        rgb = defocus(rgb, depth, rng)
    return pack(rgb, disparity)


class Renderer:
    """Blender with one empty scene, on one CPU thread."""

    def __init__(self, pictures: list[Path], cutouts: list[Path], samples: int = 6) -> None:
        """Cover what is drawn with `pictures` and, with alpha, `cutouts`. Raises BackendError."""
        try:
            import bpy
        except ImportError:
            raise BackendError("bpy: not installed, needed to render scenes; pip install bpy==4.2.0") from None
        self._bpy: Any = bpy
        self._pictures, self._cutouts = pictures, cutouts
        bpy.ops.wm.read_factory_settings(use_empty=True)
        scene = self._scene = bpy.context.scene
        scene.render.engine, scene.render.threads_mode, scene.render.threads = "CYCLES", "FIXED", 1
        scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", samples, False
        scene.cycles.use_adaptive_sampling, scene.cycles.max_bounces = False, 0
        scene.cycles.transparent_max_bounces = 6
        scene.view_layers[0].use_pass_z = True
        settings = scene.render.image_settings
        settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"
        scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        scene.collection.objects.link(scene.camera)
        scene.world = bpy.data.worlds.new("world")
        scene.world.use_nodes = True
        scene.world.cycles.sampling_method = "NONE"

    def __call__(self, view: View, size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return linear rgb (H,W,3) and depth (H,W) m along the optical axis of `view` at `size` = (H,W)."""
        self._clear()
        for part in view.parts:
            self._add(part, view)
        self._look(view, size)
        with tempfile.TemporaryDirectory() as folder:
            self._scene.render.filepath = f"{folder}/frame.exr"
            self._bpy.ops.render.render(write_still=True)
            return _read(Path(folder) / "frame.exr")

    def _clear(self) -> None:
        data = self._bpy.data
        kept = {self._scene.camera.name}
        for block in (data.objects, data.meshes, data.materials, data.images, data.lights):
            data.batch_remove([one for one in block if one.name not in kept])

    def _look(self, view: View, size: tuple[int, int]) -> None:
        """Set the camera, the sky and the sun."""
        scene, camera = self._scene, self._scene.camera
        scene.render.resolution_y, scene.render.resolution_x = size
        scene.render.resolution_percentage = 100
        scene.cycles.seed = view.seed
        camera.location = (0, 0, view.height)
        camera.rotation_euler = (np.pi / 2 - view.pitch, view.roll, 0)
        camera.data.sensor_fit, camera.data.sensor_width = "HORIZONTAL", 36
        camera.data.lens, camera.data.clip_start, camera.data.clip_end = 36 * view.focal, 0.02, 2000
        background = scene.world.node_tree.nodes["Background"]
        background.inputs[0].default_value = (*view.sky, 1)
        if view.sun:
            light = self._bpy.data.lights.new("sun", "SUN")
            light.energy, light.angle = view.sun, 0.1
            sun = self._bpy.data.objects.new("sun", light)
            sun.rotation_mode, sun.rotation_quaternion = "QUATERNION", _aim(view.light)
            scene.collection.objects.link(sun)

    def _add(self, part: Part, view: View) -> None:
        """Build one mesh."""
        mesh, data = part.mesh, self._bpy.data
        built = data.meshes.new("part")
        count = len(mesh.quads)
        built.vertices.add(len(mesh.points))
        built.vertices.foreach_set("co", mesh.points.astype(np.float32).ravel())
        built.loops.add(4 * count)
        built.loops.foreach_set("vertex_index", mesh.quads.astype(np.int32).ravel())
        built.polygons.add(count)
        built.polygons.foreach_set("loop_start", np.arange(0, 4 * count, 4, dtype=np.int32))
        built.uv_layers.new().data.foreach_set("uv", mesh.uv[mesh.quads.ravel()].astype(np.float32).ravel())
        built.update(calc_edges=True)
        built.materials.append(self._mix(part.paint, view))
        self._scene.collection.objects.link(data.objects.new("part", built))

    def _mix(self, paint: Paint, view: View) -> Any:
        """Return a material that shines by itself: its colour times the view's light on its slope, and the sun's."""
        material = self._bpy.data.materials.new("paint")
        material.use_nodes = True
        material.cycles.emission_sampling = "NONE"
        nodes, links = material.node_tree.nodes, material.node_tree.links
        nodes.clear()
        colour, alpha = self._colour(paint, nodes, links)
        shine = nodes.new("ShaderNodeEmission")
        links.new(colour, shine.inputs["Color"])
        found = shine.outputs[0]
        if view.sun:
            shine.inputs["Strength"].default_value = view.ambient * paint.gain
            found = _add_shaders(nodes, links, found, colour)
        else:
            links.new(_slope(nodes, links, view, paint.gain), shine.inputs["Strength"])
        if alpha is not None:
            mixed = nodes.new("ShaderNodeMixShader")
            links.new(alpha, mixed.inputs[0])
            links.new(nodes.new("ShaderNodeBsdfTransparent").outputs[0], mixed.inputs[1])
            links.new(found, mixed.inputs[2])
            found = mixed.outputs[0]
        links.new(found, nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
        return material

    def _colour(self, paint: Paint, nodes: Any, links: Any) -> tuple[Any, Any]:
        """Return the sockets of colour and of alpha (None: opaque)."""
        where = nodes.new("ShaderNodeMapping")
        links.new(nodes.new("ShaderNodeTexCoord").outputs["UV"], where.inputs["Vector"])
        is_cutout = paint.pattern == "cutout"
        where.inputs["Scale"].default_value = (1, 1, 1) if is_cutout else (paint.density,) * 3
        if paint.pattern in {"photograph", "cutout"}:
            stock = self._cutouts if is_cutout else self._pictures
            node = nodes.new("ShaderNodeTexImage")
            node.image = self._bpy.data.images.load(str(stock[int(paint.picture * len(stock))]))
            links.new(where.outputs[0], node.inputs[0])
            return node.outputs["Color"], node.outputs["Alpha"] if is_cutout else None
        if paint.pattern == "plain":
            node = nodes.new("ShaderNodeRGB")
            node.outputs[0].default_value = (*paint.colours[0], 1)
            return node.outputs[0], None
        node = nodes.new(f"ShaderNodeTex{paint.pattern.capitalize()}")
        links.new(where.outputs[0], node.inputs["Vector"])
        ramp = nodes.new("ShaderNodeMix")
        ramp.data_type = "RGBA"
        links.new(node.outputs["Distance" if paint.pattern == "voronoi" else "Fac"], ramp.inputs["Factor"])
        for socket, colour in zip(ramp.inputs[6:8], paint.colours, strict=True):
            socket.default_value = (*colour, 1)
        return ramp.outputs[2], None


def _add_shaders(nodes: Any, links: Any, shine: Any, colour: Any) -> Any:
    lit, both = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeAddShader")
    links.new(colour, lit.inputs["Color"])
    links.new(shine, both.inputs[0])
    links.new(lit.outputs[0], both.inputs[1])
    return both.outputs[0]


def _slope(nodes: Any, links: Any, view: View, gain: float) -> Any:
    """Return a socket that says how bright light from one side makes a slope, without shadows."""
    dot = nodes.new("ShaderNodeVectorMath")
    dot.operation = "DOT_PRODUCT"
    dot.inputs[1].default_value = view.light
    links.new(nodes.new("ShaderNodeNewGeometry").outputs["Normal"], dot.inputs[0])
    scaled = nodes.new("ShaderNodeMapRange")
    links.new(dot.outputs["Value"], scaled.inputs["Value"])
    limits = {"From Min": -1, "From Max": 1, "To Min": view.ambient * gain, "To Max": gain}
    for name, value in limits.items():
        scaled.inputs[name].default_value = value
    return scaled.outputs[0]


def _aim(light: tuple[float, float, float]) -> Any:
    from mathutils import Vector

    return Vector(light).to_track_quat("Z", "Y")


def _read(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = {name.split(".", 1)[1]: channel.pixels for name, channel in file.channels().items()}
    rgb = np.stack([channels[f"Combined.{c}"] for c in "RGB"], axis=-1)
    return rgb, np.minimum(channels["Depth.Z"], _FAR)
