"""The command line as a user meets it: exit codes, one-line errors, sweeps."""

import subprocess
import sys

import pytest
import yaml

from tests.striped_clip import SCALE, write_depth, write_striped_clip


@pytest.fixture
def clip(tmp_path):
    return write_striped_clip(tmp_path / "clip.mp4", audio="aac")


def run_command(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "vdof", *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


def test_command_line_says_one_line_and_exits_2(tmp_path):
    done = run_command("input=nowhere.mp4", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("vdof: nowhere.mp4 does not exist")


def test_a_sweep_goes_on_past_a_bad_job_and_the_command_line_wins_over_the_log(clip, tmp_path):
    depth = write_depth(tmp_path / "depth.mkv", 12)
    log = tmp_path / "log.yaml"
    log.write_text("version: 1\nshots:\n  - {first_frame: 0, last_frame: 11, lens: {f_number: 1.8, blades: 7}}\n")
    done = run_command(
        "--multirun", f"input=nowhere.mp4,{clip}", "lens.f_number=11", f"shot_log={log}", "depth=files",
        f"depth.path={depth}", f"depth.scale={SCALE}", "frames=:2", f"cache.dir={tmp_path}/cache", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "vdof: nowhere.mp4 does not exist" in done.stderr
    (written,) = tmp_path.glob("multirun/*/*/*/run.json")
    (shot,) = yaml.safe_load(written.with_name("shot_log.yaml").read_text())["shots"]
    assert (shot["lens"]["f_number"], shot["lens"]["blades"]) == (11, 7)


@pytest.mark.slow
def test_multirun_gives_each_job_its_folder(clip, tmp_path):
    depth = write_depth(tmp_path / "depth.mkv", 12)
    done = run_command(
        "--multirun", "lens.f_number=1.2,2.8", f"input={clip}", "depth=files", f"depth.path={depth}",
        f"depth.scale={SCALE}", "frames=:4", f"cache.dir={tmp_path}/cache", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    clips = sorted(tmp_path.glob("multirun/*/*/*/clip_vdof.mp4"))
    assert [path.parent.name.split("lens.")[1] for path in clips] == ["f_number=1.2", "f_number=2.8"]
    assert len(list((tmp_path / "cache").iterdir())) == 1
