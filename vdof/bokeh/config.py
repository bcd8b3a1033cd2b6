"""What can be chosen about the renderer."""

from __future__ import annotations

from dataclasses import dataclass, field

from vdof.errors import ConfigError

BACKENDS = ("auto", "numba", "triton", "torch")


@dataclass
class HighlightsConfig:
    """How clipped lights are recovered. Raises ConfigError for a value out of range."""

    gain: float = 0.0
    """How much brighter than the clipping point a clipped light is taken to be, 0..100; 0 leaves the picture as it is."""
    threshold: float = 0.8
    """Scene-linear value, 0..1, from which a pixel counts as nearly clipped."""
    roll_off: float = 2.0
    """Power with which the gain rises between the threshold and the clipping point, 0.25..8."""

    def __post_init__(self) -> None:
        for name, low, high in (("gain", 0.0, 100.0), ("threshold", 0.0, 0.999), ("roll_off", 0.25, 8.0)):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    f"bokeh.highlights.{name} must be from {low:g} to {high:g}, got {getattr(self, name)!r}; "
                    "set it within that range"
                )


@dataclass
class BokehConfig:
    """Schema of the `bokeh` config group. Raises ConfigError for a value out of range."""

    backend: str = "auto"
    """auto: numba on the CPU, Triton on CUDA where it is installed, torch otherwise. Or one of numba, triton, torch."""
    reveal: bool = True
    """Take mixed pixels apart and estimate what lies behind blurred edges; off is faster and plainer."""
    highlights: HighlightsConfig = field(default_factory=HighlightsConfig)
    """Recovery of clipped lights; meant for 8-bit sources, leave it off for scene-linear ones."""

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ConfigError(
                f"bokeh.backend must be one of {', '.join(BACKENDS)}, got {self.backend!r}; choose one of them"
            )
