"""The report's pictures: frames of a clip, read in one decode, and JPEGs as data URIs."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vdof.video import VideoConfig, VideoInfo, probe, turn_upright
from vdof.video.info import find_main_video, open_input
from vdof.video.pixels import FrameToTensor

Picture = NDArray[np.uint8]
"""(H,W,3) RGB, display-encoded."""

LONGEST_READ = 1920
"""px of the longer side as read; a report shows nothing larger."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How large pictures are in the page."""

    width: int
    """px, of a whole frame; crops are at most 2/3 as wide."""
    jpeg: int
    """0..100."""


LADDER = (Quality(1280, 88), Quality(960, 85), Quality(720, 80), Quality(540, 74), Quality(360, 66), Quality(200, 50))
"""From the best; the first whose page is small enough is taken."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture in the page."""

    uri: str
    width: int
    height: int


def read_pictures(path: Path, config: VideoConfig, wanted: Collection[int]) -> dict[int, Picture]:
    """Frames of a clip by number, upright, at most `LONGEST_READ` px; those past its end are not there.

    Decodes up to the last one, converts only these. Raises InputError as `probe` does.
    """
    info = probe(path, config)
    convert = FrameToTensor(info.colour, info.pixel_format, fit_even(info.width, info.height, LONGEST_READ))
    found: dict[int, Picture] = {}
    with open_input(path) as container:
        stream = find_main_video(container, path)
        stream.thread_type = "AUTO"
        index = 0
        for packet in container.demux(stream):
            if index > max(wanted, default=-1):
                break
            for frame in decode_leniently(stream, packet):
                if index in wanted:
                    found[index] = to_picture(convert(frame), info)
                index += 1
    return found


def decode_leniently(stream: av.VideoStream, packet: av.Packet) -> list[av.VideoFrame]:
    """Damage was reported when the clip was checked."""
    try:
        return stream.decode(packet)
    except av.InvalidDataError:
        return []


def fit_even(width: int, height: int, longest: int) -> tuple[int, int]:
    """(width, height) with the longer side at most `longest`; even where it is scaled."""
    ratio = longest / max(width, height)
    if ratio >= 1:
        return width, height
    return 2 * max(1, round(width * ratio / 2)), 2 * max(1, round(height * ratio / 2))


def to_picture(rgb: torch.Tensor, info: VideoInfo) -> Picture:
    """(1,3,H,W) display-encoded -> upright (H,W,3) bytes."""
    upright = turn_upright(rgb, info)[0].permute(1, 2, 0).numpy()
    return np.ascontiguousarray((upright.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def show(picture: Picture, width: int, quality: int) -> Shown:
    """As a data URI, at most so wide; tall pictures are held to 1.25 times the width in height."""
    ratio = min(1.0, width / picture.shape[1], 1.25 * width / picture.shape[0])
    if ratio < 1:
        size = (max(1, round(picture.shape[1] * ratio)), max(1, round(picture.shape[0] * ratio)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, code = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    uri = "data:image/jpeg;base64," + base64.b64encode(code.tobytes()).decode("ascii")
    return Shown(uri, picture.shape[1], picture.shape[0])


def crop(picture: Picture, box: tuple[float, float, float, float]) -> tuple[Picture, tuple[float, float, float, float]]:
    """The part in `box` (x0, y0, x1, y1, fractions) with room around, and the box that was cut.

    At least a sixth of the frame's longer side, so that one sees where one is.
    """
    height, width = picture.shape[:2]
    centre = ((box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height)
    least = max(height, width) / 6
    half = [max(least, 1.3 * (box[k + 2] - box[k]) * size) / 2 for k, size in enumerate((width, height))]
    half = [max(half[0], half[1] * 1.25), max(half[1], half[0] * 0.56)]
    edges = [
        int(np.clip(centre[k] + sign * half[k], 0, size)) for sign in (-1, 1) for k, size in enumerate((width, height))
    ]
    x0, y0, x1, y1 = edges
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    cut = (x0 / width, y0 / height, x1 / width, y1 / height)
    return np.ascontiguousarray(picture[y0:y1, x0:x1]), cut
