"""The schema of every estimator."""

from dataclasses import dataclass, field

from vdof.errors import ConfigError


@dataclass
class EmbeddedConfig:
    """vdof's own network."""

    long_side: int = 448
    """Working size: longer side of the frame that the network sees, pixels, 64..1024. At 448 a figure of a third of the frame's
    height keeps its head, and one that fills the frame its shape."""
    detail: float = 1.43
    """How many times larger the network sees the frame in a second look, which only edges are taken from, 1..2; 1: no second
    look, in less than half the time."""

    def __post_init__(self) -> None:
        if not 64 <= self.long_side <= 1024:
            raise ConfigError(f"depth.long_side: got {self.long_side}, expected 64..1024 pixels")
        if not 1 <= self.detail <= 2:
            raise ConfigError(
                f"depth.detail: got {self.detail}, expected 1 (no second look) to 2 times depth.long_side"
            )


@dataclass
class OnnxConfig:
    """Any ONNX file with one image input (1 or N,3,H,W) and one map output."""

    path: str = "???"
    """The model file."""
    long_side: int = 384
    """Longer side of the frame that the network sees, pixels, 64..2048."""
    multiple: int = 32
    """Both sides are rounded to a multiple of this."""
    scale: float = 255.0
    """Input = (rgb_0_to_1 * scale - mean) / std."""
    mean: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    std: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0])
    output: str = "disparity"
    """disparity (larger is nearer) | depth (larger is farther, inverted before use)."""
    metric: bool = False
    """Whether the output is in metres (depth) or 1/m (disparity)."""

    def __post_init__(self) -> None:
        if not 64 <= self.long_side <= 2048:
            raise ConfigError(f"depth.long_side: got {self.long_side}, expected 64..2048 pixels")
        if self.multiple < 1:
            raise ConfigError(f"depth.multiple: got {self.multiple}, expected at least 1")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ConfigError(
                f"depth.mean, depth.std: got {self.mean}, {self.std}, expected three numbers each, std above 0"
            )
        if self.output not in ("disparity", "depth"):
            raise ConfigError(f"depth.output: got {self.output!r}, expected disparity or depth")


CONVENTIONS = ("depth_m", "disparity", "inverse")


@dataclass
class FilesConfig:
    """Depth that somebody else made, one map a frame."""

    path: str = "???"
    """A folder of EXR, 16-bit PNG or NPZ (one a frame, in name order), or a grey video."""
    convention: str = "disparity"
    """depth_m: metres; disparity: 1/m; inverse: relative, larger is nearer."""
    scale: float = 1.0
    """Stored value * scale = metres or 1/m. Integer files (PNG16, grey video) store codes 0..65535 (8-bit: 0..255)."""
    first_frame: int = 0
    """The clip's frame that the first map belongs to."""

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise ConfigError(f"depth.convention: got {self.convention!r}, expected one of {', '.join(CONVENTIONS)}")
        if not self.scale > 0:
            raise ConfigError(f"depth.scale: got {self.scale}, expected above 0")
        if self.first_frame < 0:
            raise ConfigError(f"depth.first_frame: got {self.first_frame}, expected 0 or more")


@dataclass
class TransformersConfig:
    """Any AutoModelForDepthEstimation of the transformers package."""

    model: str = "depth-anything/Depth-Anything-V2-Small-hf"
    """A name on the Hugging Face hub, found in its cache on this machine, or a local folder."""
    revision: str | None = None
    """Branch, tag or commit on the hub; null: main."""
    download: bool = False
    """Whether weights that are not on this machine may be downloaded. Never unasked."""
    long_side: int | None = None
    """Longer side of the frame that the network sees, pixels, 64..2048; null: as the model's own preprocessor says."""
    output: str = "auto"
    """disparity | depth | auto: as the kind of model is known to give."""
    metric: bool | None = None
    """Whether the output is in metres (depth) or 1/m (disparity); null: as the kind of model is known to give."""
    half: bool = True
    """16-bit floats on CUDA; the CPU always works in 32."""

    def __post_init__(self) -> None:
        if self.long_side is not None and not 64 <= self.long_side <= 2048:
            raise ConfigError(f"depth.long_side: got {self.long_side}, expected 64..2048 pixels or null")
        if self.output not in ("auto", "disparity", "depth"):
            raise ConfigError(f"depth.output: got {self.output!r}, expected auto, disparity or depth")
        if (self.output == "auto") != (self.metric is None):
            raise ConfigError("depth.output, depth.metric: give both or neither")


ENCODERS = ("vits", "vitb", "vitl")


@dataclass
class VideoDepthAnythingConfig:
    """Video Depth Anything, from a checkout of its repository."""

    repository: str = "???"
    """Folder of the checkout (github.com/DepthAnything/Video-Depth-Anything)."""
    weights: str = "???"
    """The .pth file that its page offers."""
    encoder: str = "vits"
    """vits | vitb | vitl: which of its networks the weights are."""
    metric: bool = False
    """Whether the weights are the metric ones, which give metres."""
    short_side: int = 518
    """Shorter side of the frames that the network sees, pixels, 112..1036; rounded to a multiple of 14."""
    half: bool = True
    """16-bit floats on CUDA; the CPU always works in 32."""

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise ConfigError(f"depth.encoder: got {self.encoder!r}, expected one of {', '.join(ENCODERS)}")
        if not 112 <= self.short_side <= 1036:
            raise ConfigError(f"depth.short_side: got {self.short_side}, expected 112..1036 pixels")
