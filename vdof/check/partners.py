"""Which frame of the sharp reference each frame of a clip was made from."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing

from vdof.check.look import LONG_SIDE
from vdof.errors import InputError
from vdof.stream import prefetch
from vdof.video import Frame, VideoConfig, VideoInfo, read_frames

log = logging.getLogger(__name__)

_SAME_RATE = 0.01
"""Relative difference below which two rates are one, and frames belong together by their number."""
_LATE = 0.2
"""Share of a frame's time by which two frames that show the same moment may differ."""

Pair = tuple[Frame, Frame | None]


def open_pairs(
    stack: ExitStack,
    info: VideoInfo,
    reference: VideoInfo | None,
    video: VideoConfig,
    frames: range | None,
    reference_start: int,
) -> Iterator[Pair]:
    """Every frame of the clip at working size with its partner: by number, or by time where the rates differ.

    Raises:
        InputError: the reference has another shape, or no frame for one of the clip's.
    """
    pictures = open_small(stack, info, video, frames)
    if reference is None:
        return ((picture, None) for picture in pictures)
    require_same_shape(info, reference)
    first = frames.start if frames else 0
    if abs(info.frame_rate / reference.frame_rate - 1) <= _SAME_RATE:
        last = min(frames.stop + reference_start, sys.maxsize) if frames else sys.maxsize
        partners = open_small(stack, reference, video, range(first + reference_start, last))
        return pair_by_number(pictures, partners, info, reference)
    start = round(first * reference.frame_rate / info.frame_rate) + reference_start
    partners = open_small(stack, reference, video, range(start, sys.maxsize))
    return pair_by_time(pictures, partners, info, reference)


def open_small(stack: ExitStack, info: VideoInfo, video: VideoConfig, frames: range | None) -> Iterator[Frame]:
    """The frames of a file at working size, decoded in a thread of their own."""
    ratio = min(1.0, LONG_SIDE / max(info.width, info.height))
    size = (max(16, round(info.width * ratio)), max(16, round(info.height * ratio)))
    reader = stack.enter_context(read_frames(info.path, video, frames=frames, size=size, info=info))
    return stack.enter_context(closing(prefetch(reader)))


def pair_by_number(
    pictures: Iterator[Frame], partners: Iterator[Frame], info: VideoInfo, reference: VideoInfo
) -> Iterator[Pair]:
    """The first with the first, the second with the second, ...; that their times go apart is said once."""
    begins: tuple[float, float] | None = None
    far = 1 / float(info.frame_rate)
    for position, picture in enumerate(pictures):
        partner = next(partners, None)
        if partner is None:
            raise end_error(position, info, reference)
        begins = begins or (picture.time_s, partner.time_s)
        delay = find_delay(picture, partner, begins)
        if abs(delay) > far:
            log.warning(
                "reference: frame %d of %s is shown %.2f s %s than that of %s, frames are compared by number; where they do "
                "not show the same, give a reference with the same times",
                *(picture.index, reference.path, abs(delay), "later" if delay > 0 else "earlier", info.path),
            )
            far = math.inf
        yield picture, partner


def pair_by_time(
    pictures: Iterator[Frame], partners: Iterator[Frame], info: VideoInfo, reference: VideoInfo
) -> Iterator[Pair]:
    """Each with the one that is shown as long after the first."""
    near = _LATE / float(max(info.frame_rate, reference.frame_rate))
    begins: tuple[float, float] | None = None
    partner = next(partners, None)
    for position, picture in enumerate(pictures):
        if partner is not None and begins is None:
            begins = picture.time_s, partner.time_s
        while partner is not None and begins is not None and find_delay(picture, partner, begins) < -near:
            partner = next(partners, None)
        if partner is None or begins is None:
            raise end_error(position, info, reference)
        if find_delay(picture, partner, begins) > near:
            raise InputError(
                f"reference: {reference.path} has {float(reference.frame_rate):.5g} frames a second and none at the time of "
                f"frame {picture.index} of {info.path}, which has {float(info.frame_rate):.5g}; give a reference of the "
                "same frame rate"
            )
        yield picture, partner


def find_delay(picture: Frame, partner: Frame, begins: tuple[float, float]) -> float:
    """Seconds by which the partner is shown later, each counted from where its file begins."""
    return (partner.time_s - begins[1]) - (picture.time_s - begins[0])


def end_error(position: int, info: VideoInfo, reference: VideoInfo) -> InputError:
    return InputError(
        f"reference: {reference.path} ends after {position} frames of {info.path}, which goes on; give the clip that it was "
        "made from, and check.reference_start if it was cut"
    )


def require_same_shape(info: VideoInfo, other: VideoInfo) -> None:
    """Raise InputError where the reference cannot be the clip's."""
    shapes = [
        (item.height, item.width) if item.rotation_deg % 180 else (item.width, item.height) for item in (info, other)
    ]
    (width, height), (other_width, other_height) = shapes
    if abs(width * other_height / (height * other_width) - 1) > 0.02:
        raise InputError(
            f"reference: {other.path} is {other_width}x{other_height}, {info.path} is {width}x{height}; give the clip that "
            "it was made from"
        )
