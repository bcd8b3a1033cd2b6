"""A little striped clip with the depth of a subject before a wall."""

import numpy as np

from tests.clips import write_clip
from vdof.video.grey import GreyWriter

WIDTH, HEIGHT = 128, 96
SCALE = 1e-5
"""1/m per code of the depth clips."""


def draw_stripes(index, width, height):
    """Fine stripes everywhere, so that blur shows wherever it is."""
    picture = np.full((height, width, 3), 60, np.uint8)
    picture[:, (np.arange(width) + index) % 8 < 4] = 200
    return picture


def subject_mask(width=WIDTH, height=HEIGHT):
    y, x = np.mgrid[0:height, 0:width]
    return (np.abs(x - width / 2) < width / 6) & (y > height / 5)


def write_depth(path, count, width=WIDTH, height=HEIGHT):
    """A subject at 2 m before a wall at 10 m."""
    codes = np.where(subject_mask(width, height), 0.5 / SCALE, 0.1 / SCALE).astype(np.uint16)
    with GreyWriter(path, height, width) as writer:
        for _ in range(count):
            writer.write(codes)
    return path


def write_striped_clip(path, **options):
    return write_clip(path, size=(WIDTH, HEIGHT), picture=draw_stripes, **options)
