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
    tile: int | None = None
    """Rows of the frame splatted at a time, a multiple of 8; null: as many as `tile_memory_gb` holds."""
    tile_memory_gb: float | None = None
    """Working memory of the splat, GB, beside the frame's layers; larger frames are done in bands, with the same result.
    null: 2 on the CPU, a quarter of a CUDA device's memory."""
    half: bool = False
    """torch and Triton: keep colours and opacities of the layers at 16 bits; sums stay at 32."""
    highlights: HighlightsConfig = field(default_factory=HighlightsConfig)
    """Recovery of clipped lights; meant for 8-bit sources, leave it off for scene-linear ones."""

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ConfigError(
                f"bokeh.backend must be one of {', '.join(BACKENDS)}, got {self.backend!r}; choose one of them"
            )
        if self.tile is not None and (self.tile < 8 or self.tile % 8):
            raise ConfigError(f"bokeh.tile must be a multiple of 8 rows, got {self.tile}; set it so, or to null")
        if self.tile_memory_gb is not None and not 0.05 <= self.tile_memory_gb <= 1000:
            raise ConfigError(f"bokeh.tile_memory_gb must be from 0.05 to 1000 GB, got {self.tile_memory_gb:g}")
        if self.half and self.backend == "numba":
            raise ConfigError(
                "bokeh.half: numba has no 16-bit storage; use bokeh.backend=torch or triton, or half=false"
            )
