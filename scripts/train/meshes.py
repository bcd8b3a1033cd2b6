"""Meshes for rendered scenes: surfaces of quads with texture coordinates. Metres, x right, y into the scene, z up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Mesh:
    """Quads and where a picture lies on them."""

    points: Points
    """(n,3) m."""
    quads: NDArray[np.int64]
    """(m,4) indices of points, counter-clockwise."""
    uv: Points
    """(n,2) m along the surface; cards: 0..1."""


def sheet(points: Points, uv: Points) -> Mesh:
    """Return a grid (a,b,3) of points with uv (a,b,2) as a mesh."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    corners = (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1])
    return Mesh(points.reshape(-1, 3), np.stack(corners, axis=-1).reshape(-1, 4), uv.reshape(-1, 2))


def join(meshes: list[Mesh]) -> Mesh:
    """Return all of `meshes` as one."""
    starts = np.cumsum([0, *(len(mesh.points) for mesh in meshes[:-1])])
    quads = np.concatenate([mesh.quads + start for mesh, start in zip(meshes, starts, strict=True)])
    return Mesh(np.concatenate([m.points for m in meshes]), quads, np.concatenate([m.uv for m in meshes]))


def place(mesh: Mesh, at: tuple[float, float, float], yaw: float = 0.0, roll: float = 0.0) -> Mesh:
    """Return `mesh` rolled about y, then turned about z (radians), then moved to `at`."""
    c, s, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[cr, 0, sr], [0, 1, 0], [-sr, 0, cr]])
    return Mesh(mesh.points @ turn.T + np.array(at), mesh.quads, mesh.uv)


def card(width: float, height: float) -> Mesh:
    """Return an upright rectangle that faces the camera, its foot's middle at the origin, uv 0..1."""
    x, z = np.meshgrid([-0.5, 0.5], [0.0, 1.0])
    points = np.stack([x * width, np.zeros_like(x), z * height], axis=-1)
    return sheet(points, np.stack([x + 0.5, z], axis=-1))


def ground(width: float, depth: float) -> Mesh:
    """Return a level rectangle about the origin."""
    x, y = np.meshgrid([-0.5 * width, 0.5 * width], [-0.5 * depth, 0.5 * depth])
    return sheet(np.stack([x, y, np.zeros_like(x)], axis=-1), np.stack([x, y], axis=-1))


def box(width: float, depth: float, height: float) -> Mesh:
    """Return a box that stands on the origin."""
    side, front = card(depth, height), card(width, height)
    meshes = [place(front, (0, -depth / 2, 0)), place(front, (0, depth / 2, 0), np.pi)]
    meshes += [place(side, (sign * width / 2, 0, 0), sign * np.pi / 2) for sign in (-1, 1)]
    sizes = ((width, height), (width, height), (depth, height), (depth, height))
    meshes = [Mesh(m.points, m.quads, m.uv * np.array(size)) for m, size in zip(meshes, sizes, strict=True)]
    return join([*meshes, place(ground(width, depth), (0, 0, height)), ground(width, depth)])


def turned(profile: Points, segments: int = 24, flat: float = 1.0) -> Mesh:
    """Return what a lathe makes of `profile` (k,2): radius and height; `flat` times as deep as wide."""
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    radius, height = profile[:, :1], profile[:, 1:]
    points = np.stack(
        [radius * np.sin(angle), -flat * radius * np.cos(angle), np.broadcast_to(height, (len(profile), len(angle)))],
        axis=-1,
    )
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(profile, axis=0).T))])[:, None]
    around = np.broadcast_to(angle * profile[:, 0].max(), (len(profile), len(angle)))
    return sheet(points, np.stack([around, np.broadcast_to(along, around.shape)], axis=-1))


def ball(radii: tuple[float, float, float]) -> Mesh:
    """Return an ellipsoid about the origin."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 14)
    round_one = turned(np.stack([np.cos(angle), np.sin(angle)], axis=1), 20)
    return Mesh(round_one.points * np.array(radii), round_one.quads, round_one.uv * max(radii))


def tube(path: Points, radius: Points, segments: int = 6) -> Mesh:
    """Return a tube along `path` (k,3) of `radius` (k,)."""
    ahead = np.gradient(path, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    helper = np.where(np.abs(ahead[:, 2:]) > 0.9, [[1.0, 0, 0]], [[0, 0, 1.0]])
    across = np.cross(ahead, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    up = np.cross(across, ahead)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    ring = across[:, None] * np.cos(angle)[:, None] + up[:, None] * np.sin(angle)[:, None]
    points = path[:, None] + radius[:, None, None] * ring
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    around = np.broadcast_to(angle * float(radius.max()), points.shape[:2])
    return sheet(points, np.stack([around, np.broadcast_to(along[:, None], around.shape)], axis=-1))


def rod(start: Points, end: Points, radius: float) -> Mesh:
    """Return a straight round bar."""
    return tube(np.linspace(start, end, 3), np.full(3, radius), 10)


def wander(start: Points, towards: Points, length: float, bend: float, rng: Rng, steps: int = 10) -> Points:
    """Return a crooked path (steps,3) that sets out from `start` (3,)."""
    heading = towards / np.linalg.norm(towards) + np.cumsum(rng.normal(0, bend, (steps - 1, 3)), axis=0)
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    return np.concatenate([start[None], start + np.cumsum(heading * length / (steps - 1), axis=0)])


def leaf(length: float, width: float) -> Mesh:
    """Return a curved leaf that grows along z from the origin."""
    t = np.linspace(0, 1, 5)
    half = 0.5 * width * np.sin(np.pi * np.clip(t, 0.03, 0.97)) ** 0.8
    x = np.stack([-half, np.zeros(5), half], axis=1)
    y = np.stack([0.15 * half, np.zeros(5), 0.15 * half], axis=1) - 0.2 * length * t[:, None] ** 2
    points = np.stack([x, y, np.broadcast_to(t[:, None] * length, x.shape)], axis=-1)
    return sheet(points, points[..., ::2].copy())


def tumble(mesh: Mesh, at: Points, rng: Rng) -> Mesh:
    """Return `mesh` in a random attitude at `at` (3,)."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return Mesh(mesh.points @ q.T + at, mesh.quads, mesh.uv)
