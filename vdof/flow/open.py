"""A method of finding flow, by its name."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from torch import Tensor

from vdof.flow.config import FlowConfig
from vdof.flow.dis import DisFlow


class Flow(Protocol):
    """A method of finding flow. One object serves one thread."""

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the flow (1,2,h,w) px from a to b, (1,3,h,w) display-encoded 0..1 or (1,1,h,w) grey."""
        ...

    def between_grey(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the flow (h,w,2) px float32 from a to b, both (h,w) uint8."""
        ...


def open_flow(config: FlowConfig | None = None) -> Flow:
    """The method that `config` names. Raises BackendError or ModelError where it cannot work here."""
    config = config or FlowConfig()
    if config.method == "raft":
        from vdof.flow.raft import RaftFlow

        return RaftFlow(config)
    return DisFlow(config)
