"""Thumbnails of several runs at the same moment and of the same part, and the contact sheet as a picture."""

from collections.abc import Sequence

import cv2
import numpy as np

from vdof.check.ranking.order import Run
from vdof.check.report.pictures import Picture, read_pictures
from vdof.video import VideoConfig, probe

PART = 1 / 3
"""Width and height of the enlarged part, of the frame's."""
COMPARE_WIDTH = 240
SAME = 3.0
"""Codes (of 255) within which a pixel is the same in all runs."""
INK, QUIET, PAPER, WARN = (26, 27, 28), (98, 102, 106), (244, 244, 242), (168, 72, 10)
MARGIN, LINE = 28, 26
FONT = "sans"


def read_moment(runs: Sequence[Run], config: VideoConfig) -> tuple[int, list[Picture]]:
    """The middle of the shortest clip, and every run's picture of it, upright."""
    counts = [count_frames(run, config) for run in runs]
    frame = min(counts) // 2
    found = [read_pictures(run.clip, config, {frame, 0}) for run in runs]
    return frame, [pictures.get(frame, pictures.get(0, np.zeros((9, 16, 3), np.uint8))) for pictures in found]


def count_frames(run: Run, config: VideoConfig) -> int:
    frames = run.record.get("frames")
    return frames if isinstance(frames, int) and frames > 0 else probe(run.clip, config).frame_count_hint or 1


def find_part(pictures: Sequence[Picture]) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1), fractions: the part that holds most of what is sharp in all runs next to what differs most.

    That is the subject's edge. The middle, where the runs do not differ or are not of one shape.
    """
    middle = ((1 - PART) / 2, (1 - PART) / 2, (1 + PART) / 2, (1 + PART) / 2)
    shapes = {round(picture.shape[1] / picture.shape[0], 2) for picture in pictures}
    if len(pictures) < 2 or len(shapes) > 1:
        return middle
    height = max(6, round(COMPARE_WIDTH / shapes.pop()))
    grey = np.stack([shrink(picture, COMPARE_WIDTH, height) for picture in pictures])
    detail = np.stack([np.hypot(cv2.Sobel(image, -1, 1, 0), cv2.Sobel(image, -1, 0, 1)) for image in grey])
    size = (round(COMPARE_WIDTH * PART), round(height * PART))
    spread = grey.std(0)
    stays = np.where(spread < SAME, detail.min(0), 0).astype(np.float32)
    differs, is_sharp = (cv2.blur(values, size) for values in (spread, stays))
    half = (size[0] // 2, size[1] // 2)
    inside = np.s_[half[1] : height - half[1], half[0] : COMPARE_WIDTH - half[0]]
    found = (differs * is_sharp)[inside]
    if differs[inside].max() < 0.5 or found.max() <= 0:
        return middle
    row, column = np.unravel_index(int(found.argmax()), found.shape)
    x0, y0 = min(int(column) / COMPARE_WIDTH, 1 - PART), min(int(row) / height, 1 - PART)
    return x0, y0, x0 + PART, y0 + PART


def shrink(picture: Picture, width: int, height: int) -> np.ndarray:
    """Grey (h,w) float32, 0..255."""
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).mean(-1)


def cut(picture: Picture, part: tuple[float, float, float, float]) -> Picture:
    """The part (fractions) of a picture."""
    height, width = picture.shape[:2]
    x0, y0 = int(part[0] * width), int(part[1] * height)
    return picture[y0 : max(y0 + 1, int(part[3] * height)), x0 : max(x0 + 1, int(part[2] * width))]


def draw_sheet(title: str, cells: Sequence[tuple[Picture, Sequence[str], bool]], part: tuple[float, ...]) -> Picture:
    """The contact sheet (H,W,3): cells of picture, lines of text, and whether the second warns; the part is framed."""
    columns = min(len(cells), 3 if len(cells) <= 9 else 4 if len(cells) <= 24 else 6)
    width = 1760 // columns - MARGIN
    drawn = [draw_cell(*cell, part, width) for cell in cells]
    height = max(cell.shape[0] for cell in drawn)
    rows = -(-len(cells) // columns)
    sheet = np.full((rows * (height + MARGIN) + 90, columns * (width + MARGIN) + MARGIN, 3), PAPER, np.uint8)
    write(sheet, title, (MARGIN, 56), 30, INK, sheet.shape[1] - 2 * MARGIN, weight=600)
    for place, cell in enumerate(drawn):
        x, y = MARGIN + place % columns * (width + MARGIN), 90 + place // columns * (height + MARGIN)
        sheet[y : y + cell.shape[0], x : x + width] = cell
    return sheet


def draw_cell(picture: Picture, lines: Sequence[str], is_warning: bool, part: tuple[float, ...], width: int) -> Picture:
    """One run: the whole with the part framed, the part enlarged, and its lines of text."""
    box = (part[0], part[1], part[2], part[3])
    whole, detail = (scale_to(image, width) for image in (picture, cut(picture, box)))
    height = whole.shape[0]
    first, last = ((int(box[k] * width), int(box[k + 1] * height)) for k in (0, 2))
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):
        cv2.rectangle(whole, first, last, colour, thickness)
    text = np.full((LINE * len(lines) + 16, width, 3), PAPER, np.uint8)
    for number, line in enumerate(lines):
        colour = INK if number == 0 else WARN if is_warning and number == 1 else QUIET
        write(text, line, (0, LINE * (number + 1) - 4), 19, colour, width, weight=600 if number == 0 else 400)
    gap = np.full((8, width, 3), PAPER, np.uint8)
    return np.vstack([text, whole, gap, detail])


def scale_to(picture: Picture, width: int) -> Picture:
    """The picture at this width."""
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    method = cv2.INTER_AREA if picture.shape[1] > width else cv2.INTER_CUBIC
    return np.ascontiguousarray(np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8))


def write(
    image: Picture, text: str, at: tuple[int, int], size: int, colour: tuple[int, ...], room: int, *, weight: int
) -> None:
    """Text on an RGB picture, cut with an ellipsis where there is no room."""
    font = cv2.FontFace(FONT)

    def measure(words: str) -> int:
        return int(cv2.getTextSize((1, 1), words, (0, 0), font, size, weight)[2])

    if measure(text) > room:
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if measure(text[:middle] + "...") <= room else (low, middle - 1)
        text = text[:low] + "..."
    cv2.putText(image, text, at, colour, font, size, weight)
