"""The lens: its numbers, their ranges, and nothing else. Formulas are in `vdof.optics`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from vdof.errors import ConfigError

LIMITS: dict[str, tuple[float, float]] = {
    "focal_length_mm": (1, 2000),
    "f_number": (0.5, 64),
    "sensor_width_mm": (1, 200),
    "blades": (0, 16),
    "squeeze": (1, 4),
    "tilt_deg": (-80, 80),
    "swing_deg": (-80, 80),
}


@dataclass
class Lens:
    """A lens on a sensor, and the schema of the `lens` config group. Raises ConfigError for a value out of range."""

    focal_length_mm: float = 85.0
    """Focal length, mm, 1..2000."""
    f_number: float = 1.8
    """Focal length over aperture diameter, 0.5..64."""
    sensor_width_mm: float = 36.0
    """Width of the sensor that the picture's width shows, mm, 1..200."""
    blades: int = 0
    """Aperture blades, 3..16; 0 is a round aperture."""
    squeeze: float = 1.0
    """Anamorphic factor, 1..4: discs keep their height and are this much narrower."""
    tilt_deg: float = 0.0
    """Turn of the plane of sharp focus about the horizontal axis, degrees: positive is farther at the picture's bottom."""
    swing_deg: float = 0.0
    """Turn of the plane of sharp focus about the vertical axis, degrees: positive is farther at the picture's right."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in LIMITS:
                _require_range(field.name, getattr(self, field.name), *LIMITS[field.name])
        if 0 < self.blades < 3:
            raise ConfigError(f"lens.blades must be 0 (round) or 3 to 16, got {self.blades}; set 0, or 5 to 11 as lenses have")


def _require_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"lens.{name} must be from {low:g} to {high:g}, got {value!r}; set it within that range")
