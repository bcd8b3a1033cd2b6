"""Frame -> disparity: one contract, one file per estimator, no fallback from one to another.

An estimator turns display-encoded frames into disparity, larger is nearer: metric (1/m) or relative (affine in 1/m).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from vdof.errors import ConfigError

Kind = Literal["disparity_relative", "disparity_metric"]


class DepthEstimator(Protocol):
    """What the pipeline needs of any source of depth."""

    kind: Kind
    """Whether the values are 1/m or only affine in it."""

    def describe(self) -> dict[str, Any]:
        """Name and content hashes of what decides the result: goes into the cache key and the run record."""
        ...

    def estimate(self, rgb: Tensor, indices: Sequence[int]) -> Tensor:
        """Disparity of a batch.

        Args:
            rgb: (B,3,H,W) display-encoded, 0..1.
            indices: the frames' indices in the source clip, B of them.

        Returns:
            (B,1,h,w) finite float32 at the estimator's own working size.
        """
        ...


@dataclass
class EmbeddedConfig:
    """vdof's own network."""

    long_side: int = 384
    """Working size: longer side of the frame that the network sees, pixels, 64..1024."""

    def __post_init__(self) -> None:
        if not 64 <= self.long_side <= 1024:
            raise ConfigError(f"depth.long_side: got {self.long_side}, expected 64..1024 pixels")


@dataclass
class OnnxConfig:
    """Any ONNX file with one image input (1 or N,3,H,W) and one map output."""

    path: str = "???"
    """The model file."""
    long_side: int = 384
    """Longer side of the frame that the network sees, pixels, 64..2048."""
    multiple: int = 32
    """Both sides are rounded to a multiple of this."""
    scale: float = 255.0
    """Input = (rgb_0_to_1 * scale - mean) / std."""
    mean: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    std: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0])
    output: str = "disparity"
    """disparity (larger is nearer) | depth (larger is farther, inverted before use)."""
    metric: bool = False
    """Whether the output is in metres (depth) or 1/m (disparity)."""

    def __post_init__(self) -> None:
        if not 64 <= self.long_side <= 2048:
            raise ConfigError(f"depth.long_side: got {self.long_side}, expected 64..2048 pixels")
        if self.multiple < 1:
            raise ConfigError(f"depth.multiple: got {self.multiple}, expected at least 1")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ConfigError(
                f"depth.mean, depth.std: got {self.mean}, {self.std}, expected three numbers each, std above 0"
            )
        if self.output not in ("disparity", "depth"):
            raise ConfigError(f"depth.output: got {self.output!r}, expected disparity or depth")


CONVENTIONS = ("depth_m", "disparity", "inverse")


@dataclass
class FilesConfig:
    """Depth that somebody else made, one map a frame."""

    path: str = "???"
    """A folder of EXR, 16-bit PNG or NPZ (one a frame, in name order), or a grey video."""
    convention: str = "disparity"
    """depth_m: metres; disparity: 1/m; inverse: relative, larger is nearer."""
    scale: float = 1.0
    """Stored value * scale = metres or 1/m. Integer files (PNG16, grey video) store codes 0..65535 (8-bit: 0..255)."""

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise ConfigError(f"depth.convention: got {self.convention!r}, expected one of {', '.join(CONVENTIONS)}")
        if not self.scale > 0:
            raise ConfigError(f"depth.scale: got {self.scale}, expected above 0")


DepthConfig = EmbeddedConfig | OnnxConfig | FilesConfig


def open_estimator(config: DepthConfig, device: torch.device) -> DepthEstimator:
    """The estimator that `config` names."""
    if isinstance(config, EmbeddedConfig):
        from vdof.depth.embedded import EmbeddedEstimator

        return EmbeddedEstimator(device, config.long_side)
    if isinstance(config, OnnxConfig):
        from vdof.depth.onnx import OnnxEstimator

        return OnnxEstimator(config, device)
    if isinstance(config, FilesConfig):
        from vdof.depth.files import FilesEstimator

        return FilesEstimator(config)
    raise ConfigError(f"depth: got {type(config).__name__}, expected depth=embedded, depth=onnx or depth=files")
