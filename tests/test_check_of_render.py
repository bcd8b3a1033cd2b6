"""The check at the end of a render: true depth is fine, depth that wobbles is flagged, and both are said everywhere."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from tests.clips import write_clip
from vdof import pipeline
from vdof.check import of_clip
from vdof.command import choose_worse
from vdof.config import build, find_conf, register_schemas
from vdof.errors import OutputError
from vdof.shotlog import ShotEntry
from vdof.shots import ShotsConfig
from vdof.video import probe
from vdof.video.grey import GreyWriter

WIDTH, HEIGHT, FRAMES = 128, 96, 40
SCALE = 1e-5
"""1/m per code of the depth clips."""


def draw_noise(index, width, height):
    """Blots that slide past."""
    noise = np.random.default_rng(0).integers(40, 220, (height // 4, width, 3)).astype(np.uint8)
    return np.roll(noise.repeat(4, axis=0).repeat(4, axis=1), -index, axis=1)[:height, :width]


def write_depth(path, gain):
    """A subject at 2 m before a wall at 10 m; all disparity times `gain` of the frame."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    is_subject = (np.abs(x - WIDTH / 2) < WIDTH / 6) & (y > HEIGHT / 5)
    with GreyWriter(path, HEIGHT, WIDTH) as writer:
        for index in range(FRAMES):
            codes = np.where(is_subject, 0.5 / SCALE, 0.1 / SCALE) * gain(index / 24)
            writer.write(codes.astype(np.uint16))
    return path


@pytest.fixture
def run(tmp_path):
    """Compose a job in `tmp_path` and run it with a task's function; returns what that returns."""

    def run_job(task, *overrides):
        register_schemas()
        with initialize_config_dir(version_base="1.3", config_dir=str(find_conf())):
            tree = compose("config", overrides=[f"cache.dir={tmp_path}/cache", "check.diagnostics=false", *overrides])
        GlobalHydra.instance().clear()
        return task(build(tree), tmp_path)

    return run_job


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", size=(WIDTH, HEIGHT), picture=draw_noise, frames=FRAMES)


@pytest.mark.parametrize(("size", "verdict"), [(0.0, "fine"), (0.1, "flagged")])
def test_a_render_is_checked(run, clip, tmp_path, size, verdict):
    depth = write_depth(tmp_path / "depth.mkv", lambda time: 1 + size * math.sin(2 * math.pi * 2 * time))
    files = ("depth=files", f"depth.path={depth}", f"depth.scale={SCALE}", "stabilise=off")
    run(pipeline.run, f"input={clip}", *files, "check.report=false", f"notebook={tmp_path}/notebook.csv")
    found = json.loads((tmp_path / "check.json").read_text())
    assert found["verdict"] == verdict
    assert found["breathing"][0]["mode"] == "pipeline"
    shots = yaml.safe_load((tmp_path / "shot_log.yaml").read_text())["shots"]
    assert shots[0]["measured"]["breathing"] == found["breathing"][0]["score"]
    with (tmp_path / "notebook.csv").open() as file:
        assert float(next(csv.DictReader(file))["breathing"]) == pytest.approx(found["breathing"][0]["score"], abs=1e-3)


def test_a_check_that_is_off_writes_nothing(run, clip, tmp_path):
    depth = write_depth(tmp_path / "depth.mkv", lambda time: 1.0)
    files = ("depth=files", f"depth.path={depth}", f"depth.scale={SCALE}", "stabilise=off", "notebook=off")
    run(pipeline.run, f"input={clip}", *files, "check.enabled=false", "frames=0:4")
    assert not list(Path(tmp_path).glob("*check.json"))
    assert not list(Path(tmp_path).glob("*report.html"))


def test_task_check_returns_its_exit_code(run, clip, tmp_path):
    code = run(of_clip.run, "task=check", f"input={clip}", f"reference={clip}")
    found = json.loads((tmp_path / "check.json").read_text())
    assert code == found["exit_code"] == 0
    assert found["breathing"][0]["mode"] == "reference"
    assert (tmp_path / "report.html").is_file()


def test_where_nothing_can_be_written_is_said_before_the_check(clip):
    assert of_clip.choose_files(str(clip.parent / "new" / "deep" / "a.json"), clip.parent, overwrite=False)
    with pytest.raises(OutputError, match=r"clip\.mp4 is a file; choose another output"):
        of_clip.choose_files(str(clip / "new" / "a.json"), clip.parent, overwrite=False)


def test_cuts_of_a_checked_excerpt_are_frames_of_the_clip(clip):
    none = ShotsConfig(detector="none", cuts=[12])
    log = [ShotEntry("a", 0, 11), ShotEntry("b", 12, 39)]
    for shots, entries in ((none, []), (ShotsConfig(detector="none"), log)):
        looks = list(of_clip.iter_looks(probe(clip), None, entries, shots=shots, frames=range(10, 16)))
        assert [look.shot for look in looks] == [0, 0, 1, 1, 1, 1]


def test_an_excerpt_reads_as_much_of_a_shifted_reference(clip):
    looks = list(of_clip.iter_looks(probe(clip), clip, [], frames=range(0, 6), reference_start=4))
    assert len(looks) == 6
    assert all(look.sharp is not None for look in looks)


def test_a_reference_is_turned_by_its_own_tag(tmp_path):
    turned = write_clip(tmp_path / "turned.mp4", size=(96, 64), picture=draw_noise, frames=4, rotation_deg=90)
    straight = write_clip(tmp_path / "straight.mp4", size=(64, 96), picture=draw_noise, frames=4)
    (look, *_) = of_clip.iter_looks(probe(straight), turned, [])
    assert look.sharp.shape == look.image.shape == (96, 64, 3)


def test_of_two_exit_codes_the_worse():
    assert [choose_worse(*pair) for pair in ((0, 4), (4, 3), (3, 2), (2, 4))] == [4, 3, 2, 2]
