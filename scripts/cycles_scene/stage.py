"""Things on the stage: emission-only meshes. Camera in the origin looking along -z, x right, y up, metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

Point = tuple[float, float, float]
Colour = tuple[float, float, float]


@dataclass
class Stage:
    """An empty Blender scene that things are put on; every thing gets the next object index."""

    photos: list[Path]
    """Photographs for textures."""
    rng: np.random.Generator
    things: list[bpy.types.Object] = field(default_factory=list)
    """In the order of their object index, which starts at 1."""

    def card(self, centre: Point, width: float, height: float, turn: Point = (0, 0, 0), gain: float = 1.0):
        """A flat rectangle with a photograph."""
        x, y = width / 2, height / 2
        corners = [(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)]
        mesh = _mesh(corners, [(0, 1, 2, 3)], [(0, 0), (1, 0), (1, 1), (0, 1)])
        return self.put(mesh, self.photo(gain), centre, turn)

    def ball(self, centre: Point, radii: Point, gain: float = 1.0):
        """An ellipsoid with a photograph around it."""
        return self.put(_ball_mesh(24, 48), self.photo(gain), centre, scale=radii)

    def lamp(self, centre: Point, radius: float, light: Colour):
        """A small ball of one colour."""
        return self.put(_ball_mesh(6, 12), glow(light), centre, scale=(radius,) * 3)

    def leaf(self, centre: Point, length: float, width: float, turn: Point, gain: float = 1.0):
        """A lens-shaped flat leaf with a photograph."""
        along = np.linspace(-1, 1, 17)
        upper = [(t * length / 2, (1 - t * t) * width / 2, 0.0) for t in along]
        lower = [(t * length / 2, -(1 - t * t) * width / 2, 0.0) for t in along[-2:0:-1]]
        points = upper + lower
        uv = [(x / length + 0.5, y / width + 0.5) for x, y, _ in points]
        return self.put(_mesh(points, [tuple(range(len(points)))], uv), self.photo(gain), centre, turn)

    def strands(self, lines: Sequence[Sequence[Point]], radius: float, colour: Colour):
        """Round strands of one colour along broken lines."""
        curve = bpy.data.curves.new("strands", "CURVE")
        curve.dimensions, curve.bevel_depth, curve.bevel_resolution = "3D", radius, 1
        for line in lines:
            spline = curve.splines.new("POLY")
            spline.points.add(len(line) - 1)
            for point, place in zip(spline.points, line, strict=True):
                point.co = (*place, 1)
        return self.put(curve, glow(colour), (0, 0, 0))

    def photo(self, gain: float) -> bpy.types.Material:
        """A material that shows the next photograph `gain` times as bright."""
        path = self.photos[int(self.rng.integers(len(self.photos)))]
        material, emission = _emission(gain)
        nodes = material.node_tree
        picture = nodes.nodes.new("ShaderNodeTexImage")
        picture.image = bpy.data.images.load(str(path), check_existing=True)
        picture.extension = "MIRROR"
        nodes.links.new(picture.outputs["Color"], emission.inputs["Color"])
        return material

    def put(self, data, material, centre: Point, turn: Point = (0, 0, 0), scale: Point = (1, 1, 1)):
        """Make an object of a mesh or curve."""
        data.materials.append(material)
        thing = bpy.data.objects.new("thing", data)
        thing.location, thing.rotation_euler, thing.scale = centre, [math.radians(a) for a in turn], scale
        self.things.append(thing)
        thing.pass_index = len(self.things)
        bpy.context.scene.collection.objects.link(thing)
        return thing


def clear_stage(photos: list[Path], seed: list[int]) -> Stage:
    """A fresh scene with a black world."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.world = bpy.data.worlds.new("black")
    bpy.context.scene.world.color = (0, 0, 0)
    return Stage(photos, np.random.default_rng(seed))


def glow(light: Colour) -> bpy.types.Material:
    """A material of one light."""
    material, emission = _emission(1.0)
    emission.inputs["Color"].default_value = (*light, 1)
    return material


def _emission(strength: float):
    material = bpy.data.materials.new("emission")
    material.use_nodes = True
    material.cycles.emission_sampling = "NONE"
    nodes = material.node_tree
    nodes.nodes.clear()
    emission = nodes.nodes.new("ShaderNodeEmission")
    emission.inputs["Strength"].default_value = strength
    output = nodes.nodes.new("ShaderNodeOutputMaterial")
    nodes.links.new(emission.outputs[0], output.inputs["Surface"])
    return material, emission


def _mesh(points, faces, uv) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new("thing")
    mesh.from_pydata(points, [], faces)
    layer = mesh.uv_layers.new()
    for loop in mesh.loops:
        layer.data[loop.index].uv = uv[loop.vertex_index]
    return mesh


def _ball_mesh(rows: int, columns: int) -> bpy.types.Mesh:
    """A unit ball."""
    points, uv, faces = [], [], []
    for j in range(rows + 1):
        for i in range(columns + 1):
            up, around = math.pi * (j / rows - 0.5), 2 * math.pi * i / columns
            points.append((math.cos(up) * math.sin(around), math.sin(up), -math.cos(up) * math.cos(around)))
            uv.append((2 * i / columns, j / rows))
    for j in range(rows):
        for i in range(columns):
            k = j * (columns + 1) + i
            faces.append((k, k + 1, k + columns + 2, k + columns + 1))
    return _mesh(points, faces, uv)
