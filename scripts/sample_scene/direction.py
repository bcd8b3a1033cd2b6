"""The two shots: where camera and woman are at each frame, how they are lit, and the log that says so."""

import math
from dataclasses import dataclass

import numpy as np

from . import props
from .cafe import WALL_Z
from .camera import Camera, aim_camera
from .hair import Hair
from .pieces import Ribbons, join_leaves, join_ribbons, place_boxes, place_bulbs, place_leaves, place_ribbons
from .river import BANK_Z
from .trace import View

FPS = 24
SENSOR_WIDTH_MM = 36.0
PIVOT = np.array([0.0, 1.44, -0.015])
FACE = np.array([0.0, 1.54, 0.075])


@dataclass(frozen=True, slots=True)
class Shot:
    """What the log says of one shot; distances are those of its middle frame."""

    name: str
    first_frame: int
    last_frame: int
    """inclusive"""
    focal_length_mm: float
    f_number: float
    background_z: float
    """world z of the background, metres"""
    notes: str


SHOTS = (
    Shot(
        "1 quay, medium close",
        0,
        47,
        85.0,
        1.8,
        BANK_Z,
        "Camera moves in 0.30 m. Twig 1.1 m from the lens. Background: lamps on the far bank; houses behind them.",
    ),
    Shot(
        "2 reverse, close on her face",
        48,
        95,
        50.0,
        1.8,
        WALL_Z,
        "Camera goes round her at a constant distance. Background: the cafe's front; string lights hang before it.",
    ),
)
FRAMES = SHOTS[-1].last_frame + 1


def turn_about(axis: str, degrees: float) -> np.ndarray:
    """Rotation matrix about x, y or z."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    if axis == "x":
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == "y":
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def pick_shot(frame: int) -> Shot:
    """The shot a frame belongs to."""
    return next(shot for shot in SHOTS if shot.first_frame <= frame <= shot.last_frame)


def move_camera(frame: int, width: int, height: int) -> Camera:
    """The camera at one frame."""
    shot = pick_shot(frame)
    s = (frame - shot.first_frame) / (shot.last_frame - shot.first_frame)
    lens = (width, height, shot.focal_length_mm, SENSOR_WIDTH_MM)
    if shot is SHOTS[0]:
        drift = 0.004 * math.sin(5.0 * s)
        return aim_camera((0.30 - 0.06 * s, 1.535 + drift, 3.83 - 0.30 * s), (0.235, 1.445, 0.0), *lens)
    angle = math.radians(14.0 + 9.0 * s)
    out = np.array([-math.sin(angle), 0.0, -math.cos(angle)])
    right = np.array([-math.cos(angle), 0.0, math.sin(angle)])
    face = FACE * [1, 1, -1]
    return aim_camera(face + 1.25 * out + [0, 0.015, 0], face - 0.15 * right + [0, -0.045, 0], *lens)


def pose_figure(frame: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World -> body rotation (3,3), the feet's place (3,) and the pose (13,) of trace.View."""
    seconds = frame / FPS
    if frame <= SHOTS[0].last_frame:
        lean, yaw = 0.8 + 1.2 * seconds, -10.0 + 2.0 * math.sin(1.6 * seconds)
        head = (8.0 * math.cos(1.5 * seconds), 2.0 * math.sin(2.1 * seconds), 3.0 * math.sin(1.2 * seconds + 0.6))
        blink_at = 1.25
    else:
        lean, yaw = 1.0, 180.0 + 6.0
        glance = 10.0 + 7.0 * math.cos(1.7 * (seconds - 2))
        head = (glance, 1.5 * math.sin(2.3 * seconds), -2.5 + math.sin(1.9 * seconds))
        blink_at = 3.1
    body = (turn_about("y", yaw) @ turn_about("x", lean)).T
    turn = (turn_about("y", head[0]) @ turn_about("x", head[1]) @ turn_about("z", head[2])).T
    blink = math.exp(-(((seconds - blink_at) / 0.075) ** 2))
    gaze = turn_about("y", -0.45 * head[0]) @ [0.0, -0.02, 1.0]
    pose = np.concatenate([turn.ravel(), [blink], gaze / np.linalg.norm(gaze)])
    feet = np.array([0.006 * math.sin(2.0 * seconds), 0.004 * math.sin(3.1 * seconds), -0.042 * lean * 0.6])
    return body, feet, pose


def light_figure(frame: int) -> np.ndarray:
    """Lights in the world: rows of position and colour, the last row sky and ground."""
    if frame <= SHOTS[0].last_frame:
        return np.array(
            [
                [-1.6, 2.55, 2.6, 1.65, 1.25, 0.88],
                [1.7, 2.45, -2.2, 2.30, 1.25, 0.50],
                [-2.4, 1.9, -2.0, 0.35, 0.55, 1.10],
                [0.085, 0.115, 0.190, 0.060, 0.045, 0.040],
            ]
        )
    return np.array(
        [
            [-1.7, 2.5, -1.9, 1.20, 0.98, 0.80],
            [1.8, 2.3, 2.0, 2.60, 1.45, 0.60],
            [-2.6, 2.0, 2.2, 1.60, 0.85, 0.35],
            [0.070, 0.095, 0.150, 0.075, 0.052, 0.036],
        ]
    )


def place_scene(frame: int, width: int, height: int, hair: Hair) -> tuple[Camera, View]:
    """Everything one frame of width x height px needs."""
    camera = move_camera(frame, width, height)
    seconds = frame / FPS
    body, feet, pose = pose_figure(frame)
    lights = light_figure(frame)
    lights[:-1, :3] = (lights[:-1, :3] - feet) @ body.T
    eye = body @ (camera.position - feet)
    strands = hair.ribbons(pose[:9].reshape(3, 3), PIVOT, seconds, lights, eye)
    strands = Ribbons(strands.ends @ body + feet, strands.radius, strands.colour)
    by_river = frame <= SHOTS[0].last_frame
    if by_river:
        rods, twig_leaves = props.grow_twig(seconds)
        ribbons = join_ribbons(strands, props.river_rods(), rods)
        leaves = join_leaves(props.river_bush(), twig_leaves)
        bulbs, boxes = props.river_bulbs(seconds), props.river_boxes()
    else:
        ribbons, leaves = join_ribbons(strands, props.cafe_rods()), props.cafe_bushes()
        bulbs, boxes = props.cafe_bulbs(seconds), props.cafe_boxes()
    lamps = np.concatenate([props.PROMENADE_LAMPS, np.tile(props.WARM, (3, 1))], axis=1)
    view = View(
        np.array([width, height, camera.focal_px, seconds]),
        camera.basis,
        camera.position,
        np.ascontiguousarray(body),
        feet,
        pose,
        lights,
        lamps,
        place_ribbons(camera, ribbons),
        place_bulbs(camera, bulbs),
        place_leaves(camera, leaves),
        place_boxes(camera, boxes),
        by_river,
    )
    return camera, view


def measure_distances(shot: Shot) -> tuple[float, float]:
    """Camera to face, and face to the background beside her, metres along the optical axis at the shot's middle frame.

    The background is taken a quarter of the width from the left edge: the cafe's front is seen at an angle.
    """
    frame = (shot.first_frame + shot.last_frame) // 2
    camera = move_camera(frame, 640, 360)
    body, feet, pose = pose_figure(frame)
    face = (FACE - PIVOT) @ pose[:9].reshape(3, 3) + PIVOT
    subject = camera.basis[2] @ (face @ body + feet - camera.position)
    ray = camera.basis[2] - 0.25 * camera.width / camera.focal_px * camera.basis[0]
    background = (shot.background_z - camera.position[2]) / ray[2]
    return float(subject), float(background - subject)
