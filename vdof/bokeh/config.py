"""What can be chosen about the renderer."""

from __future__ import annotations

from dataclasses import dataclass

from vdof.errors import ConfigError

BACKENDS = ("auto", "numba", "triton", "torch")


@dataclass
class BokehConfig:
    """Schema of the `bokeh` config group. Raises ConfigError for a value out of range."""

    backend: str = "auto"
    """auto: numba on the CPU, Triton on CUDA where it is installed, torch otherwise. Or one of numba, triton, torch."""
    reveal: bool = True
    """Estimate what lies behind blurred edges; off is faster and leaves the edges' own colours."""

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ConfigError(f"bokeh.backend must be one of {', '.join(BACKENDS)}, got {self.backend!r}; choose one of them")
