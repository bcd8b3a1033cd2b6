"""Colour facts: which matrix, range and curve a clip has, and the curves themselves.

Numbers are FFmpeg's AVCOL_* codes, which are those of ITU-T H.273.
"""

import math
from dataclasses import dataclass

import torch

from vdof.errors import ConfigError, InputError
from vdof.video.config import VideoConfig

UNSPECIFIED = 2
"""AVCOL_SPC / PRI / TRC code for "not said"."""
RANGE_UNSPECIFIED, RANGE_LIMITED, RANGE_FULL = 0, 1, 2

_MATRIX_OF_TAG = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_TAG_OF_MATRIX = {"bt709": 1, "fcc": 4, "bt601": 6, "smpte240m": 7, "bt2020": 9}
_TRANSFER_OF_TAG = {8: "linear", 16: "pq", 18: "hlg"}

PQ_WHITE = 203.0 / 10000.0
"""Diffuse white of PQ as a part of 10 000 cd/m2 (ITU-R BT.2408): linear 1."""


@dataclass(frozen=True, slots=True)
class Colour:
    """The colour tags of a stream as they stand in the file, and what they are taken to mean."""

    matrix_tag: int
    """AVCOL_SPC code in the file; 2 = unspecified."""
    range_tag: int
    """AVCOL_RANGE code in the file; 0 = unspecified."""
    primaries_tag: int
    """AVCOL_PRI code in the file."""
    transfer_tag: int
    """AVCOL_TRC code in the file."""
    matrix: str
    """Matrix used for the pixels: bt601, bt709, bt2020, fcc, smpte240m."""
    range: str
    """Range used for the pixels: limited or full."""
    transfer: str
    """Curve used for the pixels: srgb, pq, hlg, linear."""
    is_rgb: bool
    """The source holds RGB, so that `matrix` and `range` only concern an output in YCbCr."""

    @property
    def av_range(self) -> int:
        """AVCOL_RANGE code of `range`."""
        return RANGE_FULL if self.range == "full" else RANGE_LIMITED

    def tags_for_output(self, *, is_rgb: bool) -> tuple[int, int, int, int]:
        """(matrix, range, primaries, transfer) codes for an output: the source's own, unspecified staying unspecified.

        Only an output that changes between RGB and YCbCr needs new ones, because the source's would be false.
        """
        if is_rgb:
            return 0, RANGE_FULL, self.primaries_tag, self.transfer_tag
        if self.is_rgb:
            return _TAG_OF_MATRIX[self.matrix], self.av_range, self.primaries_tag, self.transfer_tag
        return self.matrix_tag, self.range_tag, self.primaries_tag, self.transfer_tag


def guess_matrix(width: int, height: int) -> str:
    """The matrix of an untagged clip: HD sizes are BT.709, smaller ones BT.601."""
    return "bt709" if width >= 1280 or height > 576 else "bt601"


def read_colour(
    tags: tuple[int, int, int, int],
    size: tuple[int, int],
    config: VideoConfig,
    *,
    is_rgb: bool,
    is_full_by_nature: bool,
) -> Colour:
    """Settle the colour of a stream from its tags, its (width, height) and the configuration.

    `is_full_by_nature`: an untagged range means full, as FFmpeg has it for yuvj and grey formats.
    Raises InputError for a matrix that has no linear form here (YCgCo, ICtCp, constant luminance variants).
    """
    matrix_tag, range_tag, primaries_tag, transfer_tag = tags
    is_full = range_tag == RANGE_FULL or (range_tag == RANGE_UNSPECIFIED and is_full_by_nature)
    return Colour(
        *tags,
        matrix=_settle_matrix(matrix_tag, size, config, is_rgb=is_rgb),
        range=config.range if config.range != "auto" else "full" if is_full and not is_rgb else "limited",
        transfer=config.transfer if config.transfer != "auto" else _TRANSFER_OF_TAG.get(transfer_tag, "srgb"),
        is_rgb=is_rgb,
    )


def _settle_matrix(tag: int, size: tuple[int, int], config: VideoConfig, *, is_rgb: bool) -> str:
    if config.matrix != "auto":
        return config.matrix
    if is_rgb or tag in (UNSPECIFIED, 3, 0):
        return guess_matrix(*size)
    if tag not in _MATRIX_OF_TAG:
        raise InputError(
            f"the clip is tagged with colour matrix {tag}, which cannot be converted; expected one of "
            f"{', '.join(_TAG_OF_MATRIX)}; set video.matrix=bt709 (or bt601, bt2020) to decide yourself"
        )
    return _MATRIX_OF_TAG[tag]


def to_linear(rgb: torch.Tensor, transfer: str) -> torch.Tensor:
    """Display-encoded values (any shape, 0..1) to scene-linear light where 1 is diffuse white; above 1 is kept."""
    if transfer == "srgb":
        return _srgb_to_linear(rgb)
    if transfer == "pq":
        return _pq_to_linear(rgb)
    if transfer == "hlg":
        return _hlg_to_linear(rgb)
    if transfer == "linear":
        return rgb
    raise ConfigError(f"transfer must be srgb, pq, hlg or linear, got {transfer!r}")


def to_display(rgb: torch.Tensor, transfer: str) -> torch.Tensor:
    """Scene-linear light (any shape, 1 = diffuse white) to display values, not clipped; inverse of `to_linear`."""
    if transfer == "srgb":
        return _linear_to_srgb(rgb)
    if transfer == "pq":
        return _linear_to_pq(rgb)
    if transfer == "hlg":
        return _linear_to_hlg(rgb)
    if transfer == "linear":
        return rgb
    raise ConfigError(f"transfer must be srgb, pq, hlg or linear, got {transfer!r}")


def _srgb_to_linear(rgb: torch.Tensor) -> torch.Tensor:
    """IEC 61966-2-1, the straight part continued below 0 and the power above 1."""
    power = ((rgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(rgb <= 0.04045, rgb / 12.92, power)


def _linear_to_srgb(rgb: torch.Tensor) -> torch.Tensor:
    threshold = 0.04045 / 12.92
    power = 1.055 * rgb.clamp_min(threshold) ** (1 / 2.4) - 0.055
    return torch.where(rgb <= threshold, rgb * 12.92, power)


_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq_to_linear(rgb: torch.Tensor) -> torch.Tensor:
    """SMPTE ST 2084 EOTF, scaled so that 203 cd/m2 is 1."""
    root = rgb.clamp_min(0) ** (1 / _PQ_M2)
    return ((root - _PQ_C1).clamp_min(0) / (_PQ_C2 - _PQ_C3 * root)) ** (1 / _PQ_M1) / PQ_WHITE


def _linear_to_pq(rgb: torch.Tensor) -> torch.Tensor:
    power = (rgb.clamp_min(0) * PQ_WHITE) ** _PQ_M1
    return ((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2


_HLG_A = 0.17883277
_HLG_B = 1 - 4 * _HLG_A
_HLG_C = 0.5 - _HLG_A * math.log(4 * _HLG_A)
_HLG_WHITE = (math.exp((0.75 - _HLG_C) / _HLG_A) + _HLG_B) / 12
"""Scene light of diffuse white, the signal .75 (ITU-R BT.2408)."""


def _hlg_to_linear(rgb: torch.Tensor) -> torch.Tensor:
    """ITU-R BT.2100 inverse OETF of hybrid log-gamma, scaled so that the signal .75 is 1."""
    signal = rgb.clamp_min(0)
    logarithmic = (((signal.clamp_min(0.5) - _HLG_C) / _HLG_A).exp() + _HLG_B) / 12
    return torch.where(signal <= 0.5, signal * signal / 3, logarithmic) / _HLG_WHITE


def _linear_to_hlg(rgb: torch.Tensor) -> torch.Tensor:
    light = rgb.clamp_min(0) * _HLG_WHITE
    logarithmic = _HLG_A * (12 * light.clamp_min(1 / 12) - _HLG_B).log() + _HLG_C
    return torch.where(light <= 1 / 12, (3 * light).sqrt(), logarithmic)
