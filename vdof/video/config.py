"""What the user may set about reading and writing video: the schemas of the groups `video` and `encode`."""

from dataclasses import dataclass, field

from vdof.errors import ConfigError

MATRICES = ("auto", "bt601", "bt709", "bt2020")
RANGES = ("auto", "limited", "full")
TRANSFERS = ("auto", "srgb", "pq", "hlg", "linear")
CONTAINERS = ("mp4", "m4v", "mov", "mkv", "webm")


@dataclass
class VideoConfig:
    """How the source is read. `auto` follows the file's tags, and the rule of `colour.py` where it has none."""

    accept_loss: bool = False
    """Go on when the decoder lost or damaged frames."""
    matrix: str = "auto"
    """YCbCr matrix: auto, bt601, bt709, bt2020."""
    range: str = "auto"
    """Code range: auto, limited, full."""
    transfer: str = "auto"
    """Curve between display values and light: auto, srgb, pq, hlg, linear."""

    def __post_init__(self) -> None:
        _require_one_of("video.matrix", self.matrix, MATRICES)
        _require_one_of("video.range", self.range, RANGES)
        _require_one_of("video.transfer", self.transfer, TRANSFERS)


@dataclass
class EncodeConfig:
    """How the result is written. The presets live in `conf/encode`."""

    codec: str = "libx264"
    """Name of an FFmpeg encoder."""
    pixel_format: str = "auto"
    """FFmpeg pixel format; auto keeps the source's depth and chroma where the encoder can."""
    container: str | None = None
    """mp4, m4v, mov, mkv or webm; null keeps the source's."""
    options: dict[str, str] = field(default_factory=dict)
    """Options of the encoder, as `ffmpeg -h encoder=NAME` lists them."""

    def __post_init__(self) -> None:
        if not self.codec:
            raise ConfigError("encode.codec is empty; name an FFmpeg encoder such as libx264")
        if self.container is not None:
            self.container = self.container.lower().removeprefix(".")
            _require_one_of("encode.container", self.container, CONTAINERS)
        self.options = {str(key): str(value) for key, value in self.options.items()}


def _require_one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{key} must be one of {', '.join(allowed)}, got {value!r}")
