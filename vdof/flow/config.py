"""How optical flow is found: the schema."""

from __future__ import annotations

from dataclasses import dataclass

from vdof.errors import ConfigError

_METHODS = ("dis", "raft")
_NETWORKS = ("large", "small")
PRESETS = ("ultrafast", "fast", "medium")


@dataclass
class FlowConfig:
    """How optical flow is found."""

    method: str = "dis"
    """`dis`: OpenCV's Dense Inverse Search (Kroeger et al. 2016). `raft`: torchvision's RAFT, on a CUDA device."""
    preset: str = "medium"
    """dis: ultrafast, fast or medium; fast takes about twice as long as ultrafast, medium six times."""
    long_side: int = 448
    """px: dis: larger frames are reduced to this for the search; flow comes back at the frame's own size."""
    network: str = "large"
    """raft: large or small."""
    weights: str | None = None
    """raft: torchvision's weights file; null: where torchvision itself keeps it. Never downloaded."""

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ConfigError(f"flow.method must be one of {', '.join(_METHODS)}, got {self.method!r}")
        if self.preset not in PRESETS:
            raise ConfigError(f"flow.preset must be one of {', '.join(PRESETS)}, got {self.preset!r}")
        if self.long_side < 64:
            raise ConfigError(f"flow.long_side must be >= 64 px, got {self.long_side}")
        if self.network not in _NETWORKS:
            raise ConfigError(f"flow.network must be one of {', '.join(_NETWORKS)}, got {self.network!r}")
