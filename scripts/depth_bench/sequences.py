"""Synthetic sequences with exact depth, poses and flow: textured planes, boxes and one subject, ray-cast."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_FAR = 1e9
_TEXTURE_SIDE = 512
_TEXTURES = 10
_TURN = 30
"""frames in which a subject rocks once."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A clip whose geometry is known."""

    name: str
    rgb: np.ndarray
    """(T,H,W,3) float32 display-encoded 0..1."""
    depth: np.ndarray
    """(T,H,W) float32 m along the optical axis."""
    intrinsics: np.ndarray
    """(3,3) px."""
    poses: np.ndarray
    """(T,4,4) camera to world."""
    is_subject: np.ndarray
    """(T,H,W) bool: moves on its own."""
    flow: np.ndarray
    """(T,H,W,2) px from frame t to t-1 (frame 0: zero)."""
    is_seen: np.ndarray
    """(T,H,W) bool: the point was visible in frame t-1."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What stands where; metres, y down, z forward."""

    name: str
    camera: str
    """`still`, `pan`, `dolly` or `handheld`."""
    frames: int
    floor: float
    """Height of the camera above the floor."""
    wall: float = 8.0
    """Distance of the back wall."""
    has_subject: bool = True
    approaches: bool = True
    rocks: bool = False
    """The subject goes to and fro once in 30 frames."""
    fills: bool = False
    """The subject comes so near that it fills the frame."""
    boxes: int = 0


def make_sequence(setting: Setting, seed: int, size: tuple[int, int] = (144, 256)) -> Sequence:
    """Return the sequence; `size` is (height, width) px, `seed` chooses textures, boxes and the shake of the hand."""
    rng = np.random.default_rng(seed)
    textures = [_make_texture(rng) for _ in range(_TEXTURES)]
    boxes = _place_boxes(rng, setting)
    h, w = size
    focal = 350.0 * w / 384
    intrinsics = np.array([[focal, 0, (w - 1) / 2], [0, focal, (h - 1) / 2], [0, 0, 1]])
    poses = _move_camera(setting, rng)
    subject = _move_subject(setting)
    frames = []
    for t in range(setting.frames):
        depth, _, is_subject = _cast(setting, boxes, textures, intrinsics, poses[t], subject[t], size, 1)
        _, rgb, _ = _cast(setting, boxes, textures, intrinsics, poses[t], subject[t], size, 2)
        frames.append((rgb, depth, is_subject))
    rgb, depth, is_subject = (np.stack(part) for part in zip(*frames, strict=True))
    flow, is_seen = _trace(depth, is_subject, intrinsics, poses, subject)
    return Sequence(setting.name, rgb, depth, intrinsics, poses, is_subject, flow, is_seen)


def _make_texture(rng: np.random.Generator) -> np.ndarray:
    """Return (side,side,3) 0..1: coloured noise with structure at several sizes, wrapping around."""
    texture = np.zeros((_TEXTURE_SIDE, _TEXTURE_SIDE, 3), np.float32)
    for sigma, gain in ((1.2, 0.35), (4, 0.6), (16, 1.0), (48, 1.0)):
        noise = rng.standard_normal(texture.shape).astype(np.float32)
        pad = int(3 * sigma) + 1
        noise = np.pad(noise, ((pad, pad), (pad, pad), (0, 0)), mode="wrap")
        smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma), np.float32)[pad:-pad, pad:-pad]
        texture += gain * smooth / smooth.std()
    base = rng.uniform(0.3, 0.65, 3).astype(np.float32)
    return np.clip(base + 0.13 * texture, 0, 1)


def _place_boxes(rng: np.random.Generator, setting: Setting) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return corners (low, high) of boxes that stand on the floor."""
    boxes = []
    for _ in range(setting.boxes):
        width, height, length = rng.uniform(0.3, 1.2, 3)
        x, z = rng.uniform(-2.5, 2.5), rng.uniform(1.8, setting.wall - 1)
        low = np.array([x - width / 2, setting.floor - height, z - length / 2])
        boxes.append((low, np.array([x + width / 2, setting.floor, z + length / 2])))
    return boxes


def _move_camera(setting: Setting, rng: np.random.Generator) -> np.ndarray:
    n = setting.frames
    t = np.arange(n)
    angles, position = np.zeros((n, 3)), np.zeros((n, 3))
    if setting.camera == "pan":
        angles[:, 1] = np.deg2rad(0.12 * t - 3.5)
    elif setting.camera == "dolly":
        position[:, 2] = 0.04 * t
    elif setting.camera == "handheld":
        for curve, gain in ((angles, np.deg2rad(2.5)), (position, 0.12)):
            for axis in range(3):
                phase, rate = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.01, 0.05, 3)
                curve[:, axis] = gain * np.sin(2 * np.pi * rate[None] * t[:, None] + phase).mean(axis=1)
        position[:, 0] += 0.01 * t
    poses = np.tile(np.eye(4), (n, 1, 1))
    for i in range(n):
        poses[i, :3, :3] = cv2.Rodrigues(angles[i])[0]
        poses[i, :3, 3] = position[i]
    return poses


def _move_subject(setting: Setting) -> np.ndarray:
    """Return the subject's centre per frame (T,3)."""
    s = np.linspace(0, 1, setting.frames)
    if setting.rocks:
        turn = 2 * np.pi * np.arange(setting.frames) / _TURN
        return np.stack([0 * s, np.full_like(s, 0.25), 2 + 0.35 * np.sin(turn)], axis=1)
    if setting.fills:
        return np.stack([0 * s, np.full_like(s, 0.25), 1.6 - 0.9 * s], axis=1)
    if setting.approaches:
        return np.stack([-0.6 + s, np.full_like(s, 0.25), 3.2 - 1.8 * s], axis=1)
    return np.stack([-0.5 + 0.8 * s, np.full_like(s, 0.25), np.full_like(s, 2.5)], axis=1)


def _cast(
    setting: Setting,
    boxes: list[tuple[np.ndarray, np.ndarray]],
    textures: list[np.ndarray],
    intrinsics: np.ndarray,
    pose: np.ndarray,
    subject: np.ndarray,
    size: tuple[int, int],
    oversample: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return depth (H,W) m, rgb (H,W,3), is_subject (H,W), colour averaged over `oversample`^2 rays a pixel."""
    h, w = size
    ray, origin = _aim(intrinsics, pose, size, oversample), pose[:3, 3]
    nearest = np.full(ray.shape[:2], _FAR)
    rgb = np.zeros((*ray.shape[:2], 3), np.float32)
    is_subject = np.zeros(ray.shape[:2], bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        wall = (setting.wall + 0.15 * origin[0] - origin[2]) / (ray[..., 2] - 0.15 * ray[..., 0])
        _paint(nearest, rgb, wall, textures[0], origin, ray, (0, 1), 90)
        floor = (setting.floor - origin[1]) / ray[..., 1]
        _paint(nearest, rgb, floor, textures[1], origin, ray, (0, 2), 90)
        for number, box in enumerate(boxes):
            _paint_box(nearest, rgb, box, textures[3 + number % 7], origin, ray)
        if setting.has_subject:
            hit = (subject[2] - origin[2]) / ray[..., 2]
            point = origin + ray * hit[..., None] - subject
            is_on = (point[..., 0] / 0.35) ** 2 + (point[..., 1] / 0.75) ** 2 < 1
            hit = np.where(is_on, hit, _FAR)
            is_subject = (hit > 0) & (hit < nearest)
            _paint(nearest, rgb, hit, textures[2], origin - subject, ray, (0, 1), 160)
    if oversample > 1:
        rgb = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA)
    return nearest.astype(np.float32), rgb, is_subject


def _aim(intrinsics: np.ndarray, pose: np.ndarray, size: tuple[int, int], oversample: int) -> np.ndarray:
    """Return the rays (H o,W o,3) in the world, of unit length along the optical axis."""
    y, x = np.mgrid[0 : size[0] * oversample, 0 : size[1] * oversample]
    x, y = ((axis + 0.5) / oversample - 0.5 for axis in (x, y))
    focal = intrinsics[0, 0]
    ray = np.stack([(x - intrinsics[0, 2]) / focal, (y - intrinsics[1, 2]) / focal, np.ones_like(x)], -1)
    return ray @ pose[:3, :3].T


def _paint_box(
    nearest: np.ndarray,
    rgb: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
    texture: np.ndarray,
    origin: np.ndarray,
    ray: np.ndarray,
) -> None:
    """Cover what lies behind the six sides of the box (low, high), in place."""
    low, high = box
    for axis in range(3):
        others = [i for i in range(3) if i != axis]
        for side in box:
            hit = (side[axis] - origin[axis]) / ray[..., axis]
            point = origin + ray * hit[..., None]
            is_on = np.all((point >= low - 1e-9)[..., others] & (point <= high + 1e-9)[..., others], axis=-1)
            _paint(nearest, rgb, np.where(is_on, hit, _FAR), texture, origin, ray, (others[0], others[1]), 200)


def _paint(
    nearest: np.ndarray,
    rgb: np.ndarray,
    hit: np.ndarray,
    texture: np.ndarray,
    origin: np.ndarray,
    ray: np.ndarray,
    axes: tuple[int, int],
    texels_per_metre: float,
) -> None:
    """Cover what lies behind `hit` with the texture, in place."""
    covers = (hit > 0.05) & (hit < nearest)
    nearest[covers] = hit[covers]
    point = origin + ray[covers] * hit[covers][:, None]
    u, v = (np.mod(point[:, axis] * texels_per_metre, _TEXTURE_SIDE - 1).astype(np.float32) for axis in axes)
    rgb[covers] = _lookup(texture, u, v)


def _lookup(texture: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the texture's colours (n,3) at n positions, bilinear."""
    left, top = (np.minimum(axis.astype(np.int32), _TEXTURE_SIDE - 2) for axis in (u, v))
    a, b = (u - left)[:, None], (v - top)[:, None]
    upper = texture[top, left] * (1 - a) + texture[top, left + 1] * a
    lower = texture[top + 1, left] * (1 - a) + texture[top + 1, left + 1] * a
    return upper * (1 - b) + lower * b


def _trace(
    depth: np.ndarray, is_subject: np.ndarray, intrinsics: np.ndarray, poses: np.ndarray, subject: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return flow (T,H,W,2) px from t to t-1 and whether the point was visible there (T,H,W)."""
    n, h, w = depth.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    pixels = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(intrinsics).T
    flow, is_seen = np.zeros((n, h, w, 2), np.float32), np.zeros((n, h, w), bool)
    for t in range(1, n):
        point = (pixels * depth[t][..., None]) @ poses[t, :3, :3].T + poses[t, :3, 3]
        point -= is_subject[t][..., None] * (subject[t] - subject[t - 1])
        before = (point - poses[t - 1, :3, 3]) @ poses[t - 1, :3, :3]
        target = before @ intrinsics.T
        target = (target[..., :2] / target[..., 2:]).astype(np.float32)
        flow[t] = target - np.stack([x, y], -1)
        u, v = (np.round(target[..., axis]).astype(int) for axis in (0, 1))
        is_inside = (u >= 0) & (u < w) & (v >= 0) & (v < h)
        there = depth[t - 1][v.clip(0, h - 1), u.clip(0, w - 1)]
        is_seen[t] = is_inside & (np.abs(there - before[..., 2]) < 0.05 * before[..., 2])
    return flow, is_seen
