"""Between encoded pictures and float tensors. Encoded integers exist only inside this file's calls.

swscale resamples chroma (and scales) at the source's own depth; the matrix is ours, in float. swscale's own step to RGB
was measured off by up to a code from 8 bits to deeper RGB (it multiplies by 256 where 257 is meant), and its step from
deep to 8 bits truncates or dithers.
"""

import numpy as np
import torch
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from vdof.errors import InputError, ShapeError
from vdof.video.colour import RANGE_FULL, RANGE_LIMITED, Colour
from vdof.video.ycbcr import apply_to_codes, map_codes_to_rgb, map_rgb_to_codes, write_codes

ACCURATE = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
"""The default flags are off by about one code."""


class FrameToTensor:
    """Converts decoded pictures of one stream; keeps swscale's tables between calls."""

    def __init__(self, colour: Colour, pixel_format: str, size: tuple[int, int] | None = None) -> None:
        self._size = size
        self._planar = find_planar_format(pixel_format)
        self._bit_depth = get_bit_depth(self._planar)
        self._range = RANGE_FULL if pixel_format.startswith("yuvj") else RANGE_LIMITED
        self._reformatter = VideoReformatter()
        if colour.is_rgb:
            affine = _map_gbr_to_rgb(self._bit_depth)
        else:
            affine = map_codes_to_rgb(colour.matrix, self._bit_depth, is_full_range=colour.range == "full")
        if self._planar.startswith("gray"):
            affine = _hold_chroma_at_middle(affine, self._bit_depth)
        self._affine = affine.astype(np.float32)

    def __call__(self, frame: VideoFrame) -> torch.Tensor:
        """A decoded picture to display-encoded RGB (1,3,H,W) float32 in 0..1, scaled to `size` (w, h) if given."""
        width, height = self._size or (frame.width, frame.height)
        try:
            planar = _reformat(self._reformatter, frame, (width, height), self._planar, self._range)
        except OSError as error:
            raise InputError(
                f"pixel format {frame.format.name} cannot be read ({error.strerror}); convert the clip"
            ) from error
        planes = [_view_plane(planar, index, self._bit_depth) for index in range(len(planar.planes))]
        rgb = np.empty((1, 3, height, width), np.float32)
        apply_to_codes(planes[0], planes[1 % len(planes)], planes[2 % len(planes)], self._affine, rgb[0])
        return torch.from_numpy(rgb)


class TensorToFrame:
    """Converts display-encoded RGB to pictures in the encoder's pixel format; the inverse of FrameToTensor."""

    def __init__(self, colour: Colour, pixel_format: str, *, is_rgb: bool) -> None:
        self._pixel_format = pixel_format
        self._planar = find_planar_format(pixel_format)
        self._bit_depth = get_bit_depth(self._planar)
        self._tags = colour.tags_for_output(is_rgb=is_rgb)
        self._reformatter = VideoReformatter()
        if is_rgb:
            affine = _map_rgb_to_gbr(self._bit_depth)
        else:
            affine = map_rgb_to_codes(colour.matrix, self._bit_depth, is_full_range=colour.range == "full")
        self._affine = affine.astype(np.float32)

    def __call__(self, rgb: torch.Tensor) -> VideoFrame:
        """(1,3,H,W) display-encoded RGB to a picture, clipped to 0..1 and rounded to the nearest code, with tags."""
        if rgb.ndim != 4 or rgb.shape[:2] != (1, 3):
            raise ShapeError(f"rgb must be (1,3,H,W), got {tuple(rgb.shape)}")
        height, width = rgb.shape[2:]
        display = rgb[0].detach().to("cpu", torch.float32).contiguous().numpy()
        planar = VideoFrame(width, height, self._planar)
        for index in range(len(planar.planes)):
            plane = _view_plane(planar, index, self._bit_depth)
            write_codes(display, self._affine[index], 2**self._bit_depth - 1, plane)
        frame = _reformat(self._reformatter, planar, (width, height), self._pixel_format, RANGE_LIMITED)
        frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = self._tags
        return frame


def _map_rgb_to_gbr(bit_depth: int) -> np.ndarray:
    """(3,4): the planes of gbrp, which keeps G, B, R, out of RGB in 0..1."""
    largest = 2**bit_depth - 1
    return np.array([[0, largest, 0, 0], [0, 0, largest, 0], [largest, 0, 0, 0]], np.float64)


def _map_gbr_to_rgb(bit_depth: int) -> np.ndarray:
    unit = 1 / (2**bit_depth - 1)
    return np.array([[0, 0, unit, 0], [unit, 0, 0, 0], [0, unit, 0, 0]], np.float64)


def _hold_chroma_at_middle(affine: np.ndarray, bit_depth: int) -> np.ndarray:
    """The same map for pictures that only have a luma plane."""
    held = np.zeros_like(affine)
    held[:, 0] = affine[:, 0]
    held[:, 3] = affine[:, 3] + affine[:, 1:3].sum(1) * 2 ** (bit_depth - 1)
    return held


def find_planar_format(pixel_format: str) -> str:
    """The full-resolution planar format of the same depth: gray, gbrp or yuv444p, from 8 to 16 bits."""
    depth = get_bit_depth(pixel_format)
    family = "gbrp" if is_rgb_format(pixel_format) else "gray" if pixel_format.startswith("gray") else "yuv444p"
    depths = (8, 9, 10, 12, 14, 16)
    depth = next((candidate for candidate in depths if candidate >= depth), 16)
    return family if depth == 8 else f"{family}{depth}le"


def is_rgb_format(pixel_format: str) -> bool:
    """Whether a pixel format holds RGB (pal8 included)."""
    return VideoFormat(pixel_format).is_rgb or pixel_format == "pal8"


def has_alpha(pixel_format: str) -> bool:
    """Whether a pixel format has a plane of transparency."""
    return any(component.is_alpha for component in VideoFormat(pixel_format).components)


def get_bit_depth(pixel_format: str) -> int:
    """Bits of the deepest component."""
    return max(component.bits for component in VideoFormat(pixel_format).components)


def _reformat(
    reformatter: VideoReformatter, frame: VideoFrame, size: tuple[int, int], pixel_format: str, color_range: int
) -> VideoFrame:
    """Change layout and size only. Matrix and range are given as equal on both sides, so that codes stay codes."""
    return reformatter.reformat(
        frame,
        width=size[0],
        height=size[1],
        format=pixel_format,
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=color_range,
        dst_color_range=color_range,
        interpolation=ACCURATE,
    )


def _view_plane(frame: VideoFrame, index: int, bit_depth: int) -> np.ndarray:
    """One plane as (H,W) integers, a view without the padding at the rows' ends."""
    plane = frame.planes[index]
    kind = np.dtype(np.uint8 if bit_depth == 8 else np.uint16)
    flat = np.frombuffer(memoryview(plane), kind)
    return flat.reshape(plane.height, plane.line_size // kind.itemsize)[:, : plane.width]
