"""Every option of every group composes and builds; wrong keys, types and values say so in one line."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from vdof.command import explain, quote_paths
from vdof.config import GROUPS, as_plain, build, find_conf, register_schemas
from vdof.depth import EmbeddedConfig
from vdof.errors import ConfigError
from vdof.lens import Lens
from vdof.shots import ShotsConfig
from vdof.stabilise import StabiliseConfig

OPTIONS = sorted(
    (folder.name, preset.stem)
    for folder in find_conf().iterdir()
    if folder.is_dir()
    for preset in folder.glob("*.yaml")
)


NEEDED = {
    "onnx": ["depth.path=somewhere"],
    "files": ["depth.path=somewhere"],
    "video_depth_anything": ["depth.repository=somewhere", "depth.weights=somewhere"],
}
"""What a depth option has no default for."""


@pytest.fixture(autouse=True)
def hydra_here():
    register_schemas()
    with initialize_config_dir(version_base="1.3", config_dir=str(find_conf())):
        yield
    GlobalHydra.instance().clear()


def make(*overrides):
    return build(compose("config", overrides=["input=clip.mp4", *overrides]))


def test_every_group_has_options():
    assert {group for group, _ in OPTIONS} == set(GROUPS)


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_builds(group, option):
    extra = NEEDED.get(option, []) if group == "depth" else []
    config = make(f"{group}={option}", *extra)
    assert type(getattr(config, group)) in GROUPS[group].values()


def test_defaults_live_in_the_dataclasses():
    config = make()
    assert config.lens == Lens()
    assert config.depth == EmbeddedConfig()
    assert config.shots == ShotsConfig()
    assert config.stabilise == StabiliseConfig()


def test_lens_presets_are_what_they_say():
    assert make("lens=portrait_85_f12").lens.f_number == 1.2
    assert make("lens=spherical_135").lens.focal_length_mm == 135
    anamorphic = make("lens=anamorphic_50").lens
    assert (anamorphic.focal_length_mm, anamorphic.squeeze) == (50, 2)


def test_plain_values_hold_everything():
    plain = as_plain(make("lens.f_number=2.2"))
    assert plain["lens"]["f_number"] == 2.2
    assert plain["depth"]["long_side"] == EmbeddedConfig().long_side


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lens.f_number=0", "f_number"),
        ("frames=20:10", "frames must have START below END, got '20:10'"),
        ("frames=ten", "frames must be START:END"),
        ("resolution=2", "resolution: got 2, expected at least 64"),
        ("task=dance", "task: got 'dance', expected one of render"),
        ("bokeh.backend=metal", "bokeh.backend must be one of"),
        ("focus.point=[0.5,2]", r"focus.point: got \[0.5, 2.0\]"),
        ("focus.mode=nose", "focus.mode: got 'nose', expected one of auto, eyes"),
        ("encode.container=avi", "encode.container must be one of"),
        ("depth=onnx", "depth.path: not given"),
    ],
)
def test_bad_values_say_what_was_expected(override, message):
    with pytest.raises(ConfigError, match=message):
        make(override)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("lens.f_numbr=2", "lens.f_numbr: no such key; did you mean lens.f_number?"),
        ("depth.long_sid=3", "depth.long_sid: no such key; did you mean depth.long_side?"),
        ("inptu=a.mp4", "inptu: no such key; did you mean input?"),
        ("lens.f_number=wide", "lens.f_number: Value 'wide' of type 'str' could not be converted to Float"),
        ("overwrite=perhaps", "overwrite: Value 'perhaps' is not a valid bool (type str)"),
        ("clip.mp4", "clip.mp4: expected KEY=VALUE, as in input=clip.mp4"),
        ("lens=fisheye", "In 'config': Could not find 'lens/fisheye' Available options in 'lens': anamorphic_50"),
    ],
)
def test_hydras_errors_become_one_line(override, line):
    with pytest.raises((HydraException, OmegaConfBaseException)) as caught:
        make(override)
    explained = explain(caught.value)
    assert explained.startswith(line)
    assert "\n" not in explained


def test_input_must_be_given():
    with pytest.raises(ConfigError, match="input: not given; say which clip"):
        build(compose("config"))


def test_odd_paths_are_quoted_for_hydra(tmp_path):
    (tmp_path / "a,b.mp4").touch()
    odd = f"{tmp_path}/it's (1) = a.mp4"
    tree = compose("config", overrides=quote_paths([f"input={odd}", "depth.long_side=320"], is_multirun=False))
    assert tree.input == odd
    assert quote_paths(["input=a (1).mp4,b.mp4"], is_multirun=True) == ["input='a (1).mp4','b.mp4'"]
    assert quote_paths(["output=~/a.mp4"], is_multirun=False) == [f"output='{Path.home()}/a.mp4'"]
    assert quote_paths([f"input={tmp_path}/a,b.mp4"], is_multirun=True) == [f"input='{tmp_path}/a,b.mp4'"]
    assert quote_paths(["input='a b.mp4'", "output=null"], is_multirun=False) == ["input='a b.mp4'", "output=null"]


def test_conf_is_found_beside_the_package():
    assert (find_conf() / "config.yaml").is_file()
    assert Path(find_conf()).is_absolute()
