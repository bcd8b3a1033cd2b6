"""The configuration's schema, and its one way from Hydra's tree to plain dataclasses.

Defaults live in the stage dataclasses; `conf/` holds only presets that differ. With `__main__`, the only importer of
hydra and omegaconf.
"""

import difflib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from vdof.analysis.cache import CacheConfig
from vdof.bokeh import BokehConfig
from vdof.calibrate import CalibrateConfig
from vdof.check.config import CheckConfig
from vdof.depth import (
    EmbeddedConfig,
    FilesConfig,
    OnnxConfig,
    TransformersConfig,
    VideoDepthAnythingConfig,
)
from vdof.errors import ConfigError
from vdof.export.frames import ExportConfig
from vdof.focus.config import FocusConfig
from vdof.lens import Lens
from vdof.shots import ShotsConfig
from vdof.stabilise import StabiliseConfig
from vdof.tasks import TASKS, WITHOUT_INPUT
from vdof.video import EncodeConfig, VideoConfig, parse_frame_range


@dataclass
class VdofConfig:
    """One job. A line under each field: meaning, unit, range."""

    input: str = MISSING
    """Path of the clip."""
    output: str | None = None
    """Path of the clip to write; null: `<input name>_vdof` in Hydra's run folder."""
    task: str = "render"
    """What to do: render | check | rank | cache | shots | prompt | exchange | notebook."""
    frames: str | None = None
    """`START:END` in frames, END excluded; null: all."""
    resolution: int | None = None
    """Cap on the longer side in pixels, for a proxy run; null: as the input."""
    device: str = "auto"
    """auto | cpu | cuda | cuda:N."""
    overwrite: bool = False
    """Whether existing outputs may be replaced."""
    reference: str | None = None
    """task=check: path of the same clip before it was blurred; null: judge by the pixels of `input` alone."""
    shot_log: str | None = None
    """Path of a shot log (YAML, CSV, EDL, OTIO or FCPXML) that supplies lens and distances per shot."""
    match: str | None = None
    """task=shots: the shot whose background blur the others shall match, by name or number."""
    prompt: str | None = None
    """task=prompt: a sentence, or a text file of one a line, to read into a log; null: write the sentences of `shot_log`."""
    dir: str | None = None
    """task=rank: folder of the runs to compare, such as a multirun folder."""
    notebook: str = "auto"
    """Record of all runs: a CSV file; auto: notebook.csv above the run folders; off: none is kept."""
    given: list[str] = field(default_factory=list)
    """Filled in by the command: the keys that the command line sets, which win over the shot log."""
    video: VideoConfig = field(default_factory=VideoConfig)
    lens: Lens = field(default_factory=Lens)
    depth: Any = MISSING
    stabilise: StabiliseConfig = field(default_factory=StabiliseConfig)
    shots: ShotsConfig = field(default_factory=ShotsConfig)
    calibrate: CalibrateConfig = field(default_factory=CalibrateConfig)
    focus: FocusConfig = field(default_factory=FocusConfig)
    bokeh: BokehConfig = field(default_factory=BokehConfig)
    encode: EncodeConfig = field(default_factory=EncodeConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    check: CheckConfig = field(default_factory=CheckConfig)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ConfigError(f"task: got {self.task!r}, expected one of {', '.join(TASKS)}")
        if self.resolution is not None and self.resolution < 64:
            raise ConfigError(
                f"resolution: got {self.resolution}, expected at least 64 pixels; leave it out for full size"
            )
        parse_frame_range(self.frames)


GROUPS: dict[str, dict[str, type]] = {
    "lens": {"base": Lens},
    "depth": {
        "base_embedded": EmbeddedConfig,
        "base_onnx": OnnxConfig,
        "base_files": FilesConfig,
        "base_transformers": TransformersConfig,
        "base_video_depth_anything": VideoDepthAnythingConfig,
    },
    "stabilise": {"base": StabiliseConfig},
    "shots": {"base": ShotsConfig},
    "focus": {"base": FocusConfig},
    "bokeh": {"base": BokehConfig},
    "encode": {"base": EncodeConfig},
}


def register_schemas() -> None:
    """Put every schema into Hydra's ConfigStore."""
    store = ConfigStore.instance()
    store.store(name="base_config", node=VdofConfig)
    for group, nodes in GROUPS.items():
        for name, node in nodes.items():
            store.store(group=group, name=name, node=node)


def find_conf() -> Path:
    """Absolute folder of the presets: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise ConfigError(f"conf: no config.yaml in {package / 'conf'} or {package.parent / 'conf'}; reinstall vdof")


def build(tree: DictConfig) -> VdofConfig:
    """Hydra's composed tree as checked dataclasses."""
    if OmegaConf.is_missing(tree, "input") and tree.task in WITHOUT_INPUT:
        tree.input = ""
    if OmegaConf.is_missing(tree, "input"):
        raise ConfigError("input: not given; say which clip, for example: vdof input=clip.mp4")
    missing = sorted(key for key in OmegaConf.missing_keys(tree) if not key.startswith("hydra"))
    if missing:
        raise ConfigError(f"{missing[0]}: not given; say {missing[0]}=VALUE")
    unknown = [str(key) for key in tree if str(key) not in VdofConfig.__dataclass_fields__]
    if unknown:
        raise ConfigError(f"{unknown[0]}: no such key; {suggest_key(unknown[0])}")
    return cast(VdofConfig, OmegaConf.to_object(tree))


def as_plain(config: VdofConfig) -> dict[str, Any]:
    """The resolved configuration as plain values, for the run record."""
    return cast(dict[str, Any], OmegaConf.to_container(OmegaConf.structured(config), resolve=True))


def suggest_key(full_key: str) -> str:
    """What to do about a key that is not in the schema."""
    *parents, key = full_key.split(".")
    if parents == ["depth"]:
        known = sorted({field.name for schema in GROUPS["depth"].values() for field in fields(schema)})
        close = difflib.get_close_matches(key, known, n=1)
        return f"did you mean depth.{close[0]}?" if close else f"estimators know, each some of: {', '.join(known)}"
    node: Any = OmegaConf.structured(VdofConfig)
    for name in parents:
        if not isinstance(node, DictConfig) or name not in node or OmegaConf.is_missing(node, name):
            return "see the README's table of groups"
        node = node[name]
    names = [str(name) for name in node] if isinstance(node, DictConfig) else []
    close = difflib.get_close_matches(key, names, n=1)
    return f"did you mean {'.'.join([*parents, close[0]])}?" if close else f"known here: {', '.join(names)}"
