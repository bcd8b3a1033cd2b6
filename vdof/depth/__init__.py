"""Frame -> disparity: one contract, one file per estimator, no fallback from one to another.

An estimator turns display-encoded frames into disparity, larger is nearer: metric (1/m) or relative (affine in 1/m).
"""

import torch

from vdof.depth.config import (
    EmbeddedConfig,
    FilesConfig,
    OnnxConfig,
    TransformersConfig,
    VideoDepthAnythingConfig,
)
from vdof.depth.contract import DepthEstimator, FrameEstimator, Kind, StreamEstimator, estimate_stream
from vdof.errors import ConfigError

__all__ = [
    "DepthConfig",
    "DepthEstimator",
    "EmbeddedConfig",
    "FilesConfig",
    "FrameEstimator",
    "Kind",
    "OnnxConfig",
    "StreamEstimator",
    "TransformersConfig",
    "VideoDepthAnythingConfig",
    "estimate_stream",
    "open_estimator",
]

DepthConfig = EmbeddedConfig | OnnxConfig | FilesConfig | TransformersConfig | VideoDepthAnythingConfig


def open_estimator(config: DepthConfig, device: torch.device) -> DepthEstimator:
    """The estimator that `config` names."""
    if isinstance(config, EmbeddedConfig):
        from vdof.depth.embedded import EmbeddedEstimator

        return EmbeddedEstimator(device, config.long_side, config.detail)
    if isinstance(config, OnnxConfig):
        from vdof.depth.onnx import OnnxEstimator

        return OnnxEstimator(config, device)
    if isinstance(config, FilesConfig):
        from vdof.depth.files import FilesEstimator

        return FilesEstimator(config)
    if isinstance(config, TransformersConfig):
        from vdof.depth.transformers import TransformersEstimator

        return TransformersEstimator(config, device)
    if isinstance(config, VideoDepthAnythingConfig):
        from vdof.depth.video_depth_anything import VideoDepthAnythingEstimator

        return VideoDepthAnythingEstimator(config, device)
    raise ConfigError(f"depth: got {type(config).__name__}, expected depth=embedded, transformers, onnx, files, ...")
