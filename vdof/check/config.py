"""What can be set about the check: the schema of the config group `check`."""

from __future__ import annotations

from dataclasses import dataclass

from vdof.errors import ConfigError


@dataclass
class CheckConfig:
    """Whether the blur breathes, and the picture's diagnostics. Thresholds are RMS stops of blur diameter."""

    enabled: bool = True
    """Check at the end of every render."""
    diagnostics: bool = True
    """Measure the table of diagnostics as well."""
    report: bool = True
    """Write report.html beside check.json."""
    pipeline_stops: float = 0.02
    """Flag a render from this score on, judged by its own circles of confusion."""
    reference_stops: float = 0.02
    """Flag a clip judged against its sharp reference from this score on."""
    blind_stops: float = 0.05
    """Flag a clip judged by its own pixels alone from this score on."""
    reference_start: int = 0
    """Frame of the reference that the first frame checked shows."""

    def __post_init__(self) -> None:
        for name in ("pipeline_stops", "reference_stops", "blind_stops"):
            if not 0 < getattr(self, name) <= 10:
                raise ConfigError(f"check.{name}: got {getattr(self, name)}, expected above 0, up to 10 stops")
        if self.reference_start < 0:
            raise ConfigError(f"check.reference_start: got {self.reference_start}, expected a frame from 0 on")
