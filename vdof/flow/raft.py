"""`flow.method=raft`: RAFT (Teed and Deng, ECCV 2020) as torchvision carries it, on a CUDA device."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.errors import BackendError, ModelError
from vdof.flow.config import FlowConfig
from vdof.flow.images import check_frames

_MULTIPLE = 8
"""px: the network works at an eighth of the frame's size."""
_SMALLEST_SIDE = 128
"""px: its coarsest correlation level needs as many."""


class RaftFlow:
    """Dense flow by RAFT.

    Raises:
        BackendError: torchvision or a CUDA device is missing.
        ModelError: the weights are not on this machine or not this network's.
    """

    def __init__(self, config: FlowConfig, device: torch.device | None = None) -> None:
        """Load the network onto `device`; None: the first CUDA device."""
        networks = _import_networks()
        if device is None:
            if not torch.cuda.is_available():
                raise BackendError("flow.method=raft needs a CUDA device and none is here; use flow.method=dis")
            device = torch.device("cuda")
        self._device = device
        self._network = _load_network(networks, config.network, _find_weights(networks, config), device)

    @torch.inference_mode()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """See `Flow.__call__`."""
        check_frames(a, b)
        h, w = a.shape[-2:]
        flow = self._network(self._prepare(a), self._prepare(b))[-1]
        return flow[..., :h, :w].float().to(a.device)

    def between_grey(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """See `Flow.between_grey`; the network sees grey in all three channels."""
        first, second = (torch.from_numpy(image)[None, None].float() / 255 for image in (a, b))
        return np.ascontiguousarray(self(first, second)[0].permute(1, 2, 0).numpy())

    def _prepare(self, frame: Tensor) -> Tensor:
        """The frame in -1..1 with three channels, its edges repeated right and below to a size the network takes."""
        h, w = frame.shape[-2:]
        pad = [_fill(w), _fill(h)]
        padded = F.pad(frame.to(self._device, torch.float32), (0, pad[0], 0, pad[1]), mode="replicate")
        return (padded.clamp(0, 1) * 2 - 1).expand(-1, 3, -1, -1)


def _fill(side: int) -> int:
    return max(_SMALLEST_SIDE, -(-side // _MULTIPLE) * _MULTIPLE) - side


def _find_weights(networks: Any, config: FlowConfig) -> Path:
    weights = getattr(networks, f"Raft_{config.network.capitalize()}_Weights").DEFAULT
    usual = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    path = Path(config.weights) if config.weights else usual
    if not path.is_file():
        raise ModelError(f"flow.weights: no such file {path}; download {weights.url} and say flow.weights=FILE")
    return path


@lru_cache(maxsize=2)
def _load_network(networks: Any, name: str, path: Path, device: torch.device) -> Any:
    """One network for all threads: it keeps no state between frames."""
    network = getattr(networks, f"raft_{name}")(weights=None)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a broken file raises many classes
        line = " ".join(str(error).split())[:200]  # torch names the weights from its second line on
        raise ModelError(f"flow.weights: {path} does not fit flow.network={name}: {line}") from error
    return network.to(device).eval()


def _import_networks() -> Any:
    try:
        from torchvision.models import optical_flow
    except ImportError as error:
        raise BackendError(
            "flow.method=raft needs torchvision in the version that fits torch: pip install torchvision"
        ) from error
    return optical_flow
