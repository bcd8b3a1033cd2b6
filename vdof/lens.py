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
    "blade_curvature": (0, 1),
    "rotation_deg": (-360, 360),
    "cat_eye": (0, 1),
    "spherical_aberration": (-1, 1),
    "axial_colour_um": (-100, 100),
    "vignetting_stops": (0, 4),
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
    blade_curvature: float = 0.0
    """0: straight blades; 1: so curved that the aperture is round."""
    rotation_deg: float = 0.0
    """Turn of the aperture, degrees counterclockwise as seen behind the focus."""
    aperture_image: str | None = None
    """Path of a picture whose bright part is the aperture; takes the place of the blades."""
    cat_eye: float = 0.0
    """Cut of the discs by the barrel: displacement of the cutting circle in the corners, in aperture radii, 0..1."""
    spherical_aberration: float = 0.0
    """-1..1: above 0 discs behind the focus have a bright ring and those before it a soft rim; below 0 the reverse."""
    axial_colour_um: float = 0.0
    """Longitudinal chromatic aberration: the coc that red and blue have where green is in focus, um on the sensor,
    -100..100. Above 0 discs have a green rim behind the focus and a magenta one before it."""
    vignetting_stops: float = 0.0
    """Light lost in the corners, stops, 0..4; it falls with the square of the distance from the centre."""
    tilt_deg: float = 0.0
    """Turn of the plane of sharp focus about the horizontal axis, degrees: positive is farther at the picture's bottom."""
    swing_deg: float = 0.0
    """Turn of the plane of sharp focus about the vertical axis, degrees: positive is farther at the picture's right."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in LIMITS:
                _require_range(field.name, getattr(self, field.name), *LIMITS[field.name])
        if 0 < self.blades < 3:
            raise ConfigError(
                f"lens.blades must be 0 (round) or 3 to 16, got {self.blades}; set 0, or 5 to 11 as lenses have"
            )


def _require_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"lens.{name} must be from {low:g} to {high:g}, got {value!r}; set it within that range")
