"""The main job on little clips: what survives, what is written, what is blurred, and what happens when it breaks."""

import gc
import json
import weakref

import av
import cv2
import numpy as np
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from tests.clips import read_facts, write_clip
from tests.striped_clip import HEIGHT, SCALE, WIDTH, draw_stripes, subject_mask, write_depth, write_striped_clip
from vdof import pipeline, second_pass
from vdof.analysis import first_pass
from vdof.config import build, find_conf, register_schemas
from vdof.errors import ConfigError, InputError, OutputError
from vdof.shots import AnalysisFrame
from vdof.stabilise import StabiliseConfig, count_live_frames
from vdof.video import Frame


@pytest.fixture
def job(tmp_path):
    """Compose and run one job; returns the run folder."""

    def run(clip, *overrides, count=12, size=(WIDTH, HEIGHT)):
        depth = write_depth(tmp_path / "depth.mkv", count, *size)
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        register_schemas()
        common = [f"input={clip}", "depth=files", f"depth.path={depth}", f"depth.scale={SCALE}", "stabilise=off"]
        common.append("check.enabled=false")
        with initialize_config_dir(version_base="1.3", config_dir=str(find_conf())):
            tree = compose("config", overrides=[*common, f"cache.dir={tmp_path}/cache", *overrides])
        GlobalHydra.instance().clear()
        pipeline.run(build(tree), folder)
        return folder

    return run


@pytest.fixture
def clip(tmp_path):
    return write_striped_clip(tmp_path / "clip.mp4", audio="aac")


def last_picture(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))[-1].to_ndarray(format="gray").astype(float)


def test_everything_but_the_blur_survives(job, clip):
    folder = job(clip)
    before, after = read_facts(clip), read_facts(folder / "clip_vdof.mp4")
    assert after == before
    assert after.packets


def test_subject_stays_sharp_and_background_is_blurred(job, clip):
    folder = job(clip, "encode=ffv1", "encode.container=mkv", "lens.f_number=0.9")
    picture, source = last_picture(folder / "clip_vdof.mkv"), last_picture(clip)
    inside = cv2.erode(subject_mask().astype(np.uint8), np.ones((17, 17))) > 0
    outside = cv2.dilate(subject_mask().astype(np.uint8), np.ones((33, 33))) == 0
    assert picture[inside].std() > 0.9 * source[inside].std()
    assert picture[outside].std() < 0.3 * source[outside].std()


def test_files_beside_the_clip(job, clip):
    folder = job(clip, "check.enabled=true")
    names = {path.name for path in folder.iterdir()}
    pictures = {"before_after_1.png", "before_after_2.png"}
    assert names == {"clip_vdof.mp4", "shot_log.yaml", "run.json", "check.json", "report.html", *pictures}
    record = json.loads((folder / "run.json").read_text())
    assert record["frames"] == 12
    assert record["device"].startswith("cpu")
    assert len(record["input_sha256"]) == len(record["depth"]["sha256"]) == 64
    assert {"depth", "stabilise", "bokeh", "encode"} <= record["seconds"].keys()
    assert record["config"]["lens"]["focal_length_mm"] == 85
    assert record["versions"]["torch"] == torch.__version__
    (shot,) = yaml.safe_load((folder / "shot_log.yaml").read_text())["shots"]
    assert (shot["first_frame"], shot["last_frame"], shot["subject_distance_m"]) == (0, 11, 2.0)
    assert shot["measured"]["distances"] == "metric depth"
    assert cv2.imread(str(folder / "before_after_1.png")).shape == (HEIGHT, 2 * WIDTH, 3)


def test_logged_coc_is_the_analytic_one(job, clip):
    folder = job(clip)
    (shot,) = yaml.safe_load((folder / "shot_log.yaml").read_text())["shots"]
    f, n, s, z = 0.085, 1.8, 2.0, 10.0
    expected = WIDTH / 0.036 * f / n * f * s / (s - f) * (1 / s - 1 / z)
    assert shot["measured"]["coc_background_px"] == pytest.approx(expected, rel=0.01)


def test_output_is_never_overwritten_unasked(job, clip, tmp_path):
    output = tmp_path / "result.mp4"
    job(clip, f"output={output}")
    assert (tmp_path / "result.shot_log.yaml").is_file()
    written = output.stat().st_mtime_ns
    with pytest.raises(OutputError, match="exists; choose another output or say overwrite=true"):
        job(clip, f"output={output}")
    assert output.stat().st_mtime_ns == written
    job(clip, f"output={output}", "overwrite=true")
    assert output.stat().st_mtime_ns > written
    with pytest.raises(OutputError, match="is the input itself"):
        job(clip, f"output={clip}", "overwrite=true")


def test_second_run_takes_pass_1_from_the_cache(job, clip, monkeypatch):
    job(clip)
    monkeypatch.setattr(first_pass, "AnalysisWriter", None)
    folder = job(clip, "overwrite=true", "lens.f_number=4")
    assert "depth" not in json.loads((folder / "run.json").read_text())["seconds"]


def test_without_cache_nothing_stays(job, clip, tmp_path):
    folder = job(clip, "cache.enabled=false")
    assert not list(folder.glob(".*"))
    assert not (tmp_path / "cache").exists()


def test_rotated_clip_is_seen_upright(job, tmp_path):
    clip = write_clip(tmp_path / "phone.mp4", size=(WIDTH, HEIGHT), picture=draw_stripes, rotation_deg=90)
    folder = job(clip, size=(HEIGHT, WIDTH))
    assert read_facts(folder / "phone_vdof.mp4") == read_facts(clip)
    assert cv2.imread(str(folder / "before_after_1.png")).shape == (WIDTH, 2 * HEIGHT, 3)


def test_frame_range_and_proxy_size(job, clip):
    folder = job(clip, "frames=3:9", "resolution=64")
    facts = read_facts(folder / "clip_vdof.mp4")
    assert len(facts.pts) == 6
    assert facts.size == (64, 48)
    (shot,) = yaml.safe_load((folder / "shot_log.yaml").read_text())["shots"]
    assert (shot["first_frame"], shot["last_frame"]) == (3, 8)


def test_configured_cuts_are_frames_of_the_clip(job, clip):
    folder = job(clip, "frames=3:11", "shots.cuts=[6]")
    shots = yaml.safe_load((folder / "shot_log.yaml").read_text())["shots"]
    assert [shot["first_frame"] for shot in shots] == [3, 6]


def test_shot_log_rules(job, clip, tmp_path):
    log = tmp_path / "log.yaml"
    log.write_text(
        "version: 1\nshots:\n"
        "  - {name: wide, first_frame: 0, last_frame: 5, lens: {focal_length_mm: 35, f_number: 2.8}}\n"
        "  - {name: close, first_frame: 6, last_frame: 11, notes: hers}\n"
    )
    wide, close = yaml.safe_load((job(clip, f"shot_log={log}") / "shot_log.yaml").read_text())["shots"]
    assert (wide["name"], wide["last_frame"], wide["lens"]["focal_length_mm"]) == ("wide", 5, 35)
    assert (close["name"], close["first_frame"], close["lens"]["focal_length_mm"], close["notes"]) == (
        "close",
        6,
        85,
        "hers",
    )
    log.write_text("version: 1\nshots:\n  - {first_frame: 0, last_frame: 12}\n")
    with pytest.raises(InputError, match="ends at frame 12, but the clip's last frame is 11"):
        job(clip, f"shot_log={log}", "overwrite=true")


def test_a_log_comes_back_with_its_own_words_and_the_run_is_noted(job, clip, tmp_path):
    log = tmp_path / "log.yaml"
    focus = "{mode: keyframes, keys: [{frame: 0, at: subject}, {timecode: 00:00:00:10, at: 6.0, pull_s: 0.2}]}"
    log.write_text(
        f"version: 1  # mine\nframe_rate: 24\nshots:\n- name: pull\n  first_frame: 0\n  last_frame: 11\n  focus: {focus}\n"
    )
    folder = job(clip, f"shot_log={log}", "focus.speed_dpt_s=10", "export.opentrackio=true")
    written = (folder / "shot_log.yaml").read_text()
    assert written.startswith(log.read_text())
    (shot,) = yaml.safe_load(written)["shots"]
    assert shot["measured"]["focus_distance_m"] == {"first": 2.0, "last": 6.0}
    samples = [json.loads(line) for line in (folder / "opentrackio.jsonl").read_text().splitlines()]
    focused = [sample["lens"]["focusDistance"] for sample in samples]
    assert focused[0] == pytest.approx(2.0, abs=0.01)
    assert focused[5:10] == sorted(focused[5:10])
    assert focused[10:] == pytest.approx([6.0, 6.0])
    header, line = (tmp_path / "notebook.csv").read_text().splitlines()
    assert header.startswith("date,input,frames,shots,lens")
    assert "keyframes" in line
    assert "85 mm f/1.8" in line


def test_log_of_a_quick_try_does_not_cut_the_whole_clip(job, clip, tmp_path):
    folder = job(clip, "frames=0:6")
    log = tmp_path / "try.yaml"
    log.write_text((folder / "shot_log.yaml").read_text())
    folder = job(clip, f"shot_log={log}", "overwrite=true")
    assert len(yaml.safe_load((folder / "shot_log.yaml").read_text())["shots"]) == 1


def test_unfit_output_is_refused_before_any_work(job, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "analyse", None)
    for name, message in (("a.avi", "must end in"), ("a", "expected a file name"), ("", "is a folder")):
        (tmp_path / "dir.mp4").mkdir(exist_ok=True)
        with pytest.raises(OutputError, match=message):
            job(clip, f"output={tmp_path}/{name or 'dir.mp4'}")


def test_nothing_whole_is_left_when_it_breaks_off(job, clip, tmp_path, monkeypatch):
    real, calls = second_pass.render_coc, []

    def break_off(*args):
        calls.append(1)
        if len(calls) == 7:
            raise RuntimeError("power cut")
        return real(*args)

    monkeypatch.setattr(second_pass, "render_coc", break_off)
    with pytest.raises(RuntimeError, match="power cut"):
        job(clip)
    assert list((tmp_path / "run").iterdir()) == []


def test_live_frames_are_bounded(job, tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "long.mp4", size=(WIDTH, HEIGHT), frames=84)
    alive = {Frame: weakref.WeakSet(), AnalysisFrame: 0}
    most = {Frame: 0, AnalysisFrame: 0}
    real_read, real_write = second_pass.read_frames, first_pass.AnalysisWriter.write

    def count_frames(*args, **kwargs):
        reader = real_read(*args, **kwargs)
        next_frame = type(reader).__next__

        class Counting(type(reader)):
            def __next__(self):
                frame = next_frame(self)
                alive[Frame].add(frame)
                most[Frame] = max(most[Frame], len(alive[Frame]))
                return frame

        reader.__class__ = Counting
        return reader

    def count_analysis(self, index, *args):
        if index % 20 == 19:
            most[AnalysisFrame] = max(most[AnalysisFrame], sum(type(o) is AnalysisFrame for o in gc.get_objects()))
        return real_write(self, index, *args)

    monkeypatch.setattr(second_pass, "read_frames", count_frames)
    monkeypatch.setattr(first_pass.AnalysisWriter, "write", count_analysis)
    little = StabiliseConfig(block=4, look_ahead=4, offsets=[1], trend_frames=1)
    settings = [
        f"stabilise.{name}={getattr(little, name)}" for name in ("block", "look_ahead", "offsets", "trend_frames")
    ]
    job(clip, "stabilise=default", *settings, count=84)
    assert 0 < most[Frame] <= second_pass.MAX_LIVE_FRAMES
    bound = 2 * (count_live_frames(little) + second_pass.MAX_LIVE_FRAMES)
    assert 0 < most[AnalysisFrame] <= bound < 84


def test_focus_on_a_point_of_the_background_leaves_the_metres_alone(job, clip):
    folder = job(clip, "depth.convention=inverse", "focus.point=[0.05,0.1]", "calibrate.subject_distance_m=2",
                 "calibrate.background_distance_m=8")  # fmt: skip
    (shot,) = yaml.safe_load((folder / "shot_log.yaml").read_text())["shots"]
    assert shot["measured"]["focus_distance_m"]["last"] == pytest.approx(10, rel=0.03)
    assert shot["measured"]["coc_background_px"] == pytest.approx(0, abs=0.1)


def test_a_distance_nearer_than_the_lens_focuses_is_refused(job, clip):
    with pytest.raises(ConfigError, match="focus.distance_m: got 0.05 m, but 85 mm focuses from"):
        job(clip, "focus.distance_m=0.05")
