"""Ranking: which runs are found, in which order they stand, in what they differ, and what the sheets show."""

import json
import re
import shutil

import cv2
import numpy as np
import pytest

from tests.clips import write_clip
from tests.test_report import Page
from vdof.check.ranking.order import find_runs, list_differences, order
from vdof.check.ranking.pictures import draw_sheet, find_part
from vdof.check.result_file import write_result
from vdof.check.verdict import FINE, FLAGGED, Breathing, CheckResult, Diagnostic
from vdof.config import VdofConfig
from vdof.errors import ConfigError, InputError, OutputError
from vdof.tasks import rank


def make_run(
    folder, softness=5.0, breathing=0.01, halo=0.1, seconds=1.0, verdict=FINE, prefix="", source="a", **arguments
):
    """One output: clip, run.json and check.json."""
    folder.mkdir(parents=True, exist_ok=True)
    clip = write_clip(folder / (f"{prefix}mp4" if prefix else f"{source}_vdof.mp4"), size=(64, 48), frames=5)
    config = {
        "input": f"/clips/{source}.mp4",
        "output": str(clip),
        "given": [key.replace("__", ".") for key in arguments],
        "cache": {"dir": str(folder)},
    }
    for key, value in arguments.items():
        group, _, name = key.partition("__")
        config[group] = {name: value} if name else value
    record = {"frames": 5, "seconds": {"bokeh": seconds, "check": 99.0}, "config": config}
    (folder / f"{prefix}run.json").write_text(json.dumps(record))
    diagnostics = [Diagnostic("halo", "Double edges", halo, 0.2, False, "", "")]
    figures = {} if softness is None else {"transition_percent": softness}
    result = CheckResult(str(clip), [Breathing("pipeline", breathing, 0.02, verdict, "Why.")], diagnostics, figures)
    write_result(folder / f"{prefix}check.json", result)
    return clip


def test_order_is_flagged_last_then_softness_breathing_halo_speed(tmp_path):
    make_run(tmp_path / "flagged", softness=50, breathing=0.3, verdict=FLAGGED)
    make_run(tmp_path / "flagged less", softness=5, breathing=0.2, verdict=FLAGGED)
    make_run(tmp_path / "hard", softness=2)
    make_run(tmp_path / "soft", softness=9)
    make_run(tmp_path / "soft stiller", softness=9.1, breathing=0.001)
    make_run(tmp_path / "soft cleaner", softness=9, halo=0.05)
    make_run(tmp_path / "soft cleaner faster", softness=9, halo=0.05, seconds=0.5)
    make_run(tmp_path / "unknown", softness=None)
    assert [run.name for run in order(find_runs(tmp_path))] == [
        "soft stiller", "soft cleaner faster", "soft cleaner", "soft", "hard", "unknown", "flagged less", "flagged",
    ]  # fmt: skip


def test_figures_come_from_the_files(tmp_path):
    make_run(tmp_path / "x", softness=4.0, breathing=0.01, halo=0.3, seconds=2.0)
    (run,) = find_runs(tmp_path)
    assert (run.softness, run.breathing, run.halo, run.frames_per_second) == (4.0, 0.01, 0.3, 2.5)


def test_runs_are_found_with_either_file_with_prefixes_and_after_a_move(tmp_path):
    make_run(tmp_path / "a" / "one")
    make_run(tmp_path / "a", prefix="clip.")
    make_run(tmp_path / "a" / "two")
    (tmp_path / "a" / "two" / "run.json").unlink()
    make_run(tmp_path / "a" / "three")
    (tmp_path / "a" / "three" / "check.json").unlink()
    gone = make_run(tmp_path / "a" / "gone")
    gone.unlink()
    shutil.move(tmp_path / "a", tmp_path / "b")
    found = find_runs(tmp_path / "b")
    assert sorted(run.name for run in found) == ["clip", "one", "three", "two"]
    assert all(run.clip.is_relative_to(tmp_path / "b") for run in found)
    assert {run.name: run.breathing for run in found}["three"] is None


def test_only_arguments_that_differ_are_shown_given_ones_first(tmp_path):
    make_run(tmp_path / "1", depth="embedded", lens__f_number=1.2, source="long name one")
    make_run(tmp_path / "2", depth="embedded", lens__f_number=2.8, source="two")
    labels = list_differences(find_runs(tmp_path))
    assert labels[0] == [("lens.f_number", "1.2"), ("input", "long name one.mp4")]
    assert labels[1] == [("lens.f_number", "2.8"), ("input", "two.mp4")]


def test_part_is_where_what_stays_meets_what_differs():
    rng = np.random.default_rng(1)
    subject = rng.integers(0, 256, (90, 160, 3)).astype(np.uint8)
    pictures = []
    for value in (40, 90):
        picture = np.full((90, 160, 3), value, np.uint8)
        picture[60:, 120:] = subject[60:, 120:]
        pictures.append(picture)
    x0, y0, x1, y1 = find_part(pictures)
    assert x0 < 120 / 160 < x1
    assert y0 < 60 / 90 < y1
    assert find_part(pictures[:1]) == pytest.approx((1 / 3, 1 / 3, 2 / 3, 2 / 3))
    assert find_part([pictures[0]] * 2) == pytest.approx((1 / 3, 1 / 3, 2 / 3, 2 / 3))


def test_sheet_has_room_for_every_run():
    cell = (np.zeros((48, 64, 3), np.uint8), ["1. " + "long " * 80, "figures", "more"], True)
    few, many = (draw_sheet("title", [cell] * count, (0.1, 0.1, 0.4, 0.4)) for count in (3, 7))
    assert few.shape[1] == many.shape[1]
    assert many.shape[0] > 2 * few.shape[0]


def test_task_writes_both_sheets_and_prints_the_order(tmp_path, capsys):
    name = "b <script> & c"
    make_run(tmp_path / "a", softness=3, lens__f_number=1.2)
    make_run(tmp_path / name, softness=8, lens__f_number=2.8)
    (tmp_path / name / "report.html").write_text("x")
    config = VdofConfig(input="", task="rank", dir=str(tmp_path))
    rank.run(config, tmp_path)
    assert capsys.readouterr().out.splitlines()[0].startswith("1. lens.f_number=2.8  transition 8.0 % of width")
    text = (tmp_path / "rank.html").read_text()
    page = Page(text)
    assert page.open == []
    assert page.tags.count("script") == 1
    assert page.values("data-softness") == ["8", "3"]
    assert page.values("href") == ["b%20%3Cscript%3E%20%26%20c/report.html"]
    assert not re.search(r"https?:|url\(", re.sub(r'"data:[^"]*"', "", text))
    assert cv2.imread(str(tmp_path / "rank.png")) is not None
    with pytest.raises(OutputError, match="overwrite=true"):
        rank.run(config, tmp_path)


def test_errors_say_what_to_give(tmp_path):
    with pytest.raises(ConfigError, match="dir: not given"):
        rank.run(VdofConfig(input="", task="rank"), tmp_path)
    with pytest.raises(InputError, match="no readable run.json or check.json"):
        find_runs(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        find_runs(tmp_path / "missing")


def test_a_run_whose_clip_is_no_video_is_left_out(tmp_path, caplog):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b")
    (tmp_path / "b" / "a_vdof.mp4").write_text("no video")
    assert [run.clip.parent.name for run in find_runs(tmp_path)] == ["a"]
    assert "cannot be read as a video" in caplog.text


def test_a_run_whose_clip_is_gone_is_left_out(tmp_path, caplog):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b")
    (tmp_path / "b" / "a_vdof.mp4").rename(tmp_path / "b" / "depth.mp4")
    assert [run.clip.parent.name for run in find_runs(tmp_path)] == ["a"]
    assert "the clip of this run is gone" in caplog.text


@pytest.mark.parametrize("name", ["run.json", "check.json"])
@pytest.mark.parametrize("text", ['{"config": "x"}', "{", "[]"])
def test_a_run_with_a_broken_file_is_left_out_and_the_others_are_ranked(tmp_path, caplog, name, text):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b")
    (tmp_path / "b" / name).write_text(text)
    assert [run.clip.parent.name for run in find_runs(tmp_path)] == ["a"]
    assert [str(tmp_path / "b" / name) in record.message for record in caplog.records] == [True]
    (tmp_path / "a" / name).write_text(text)
    with pytest.raises(InputError, match="no readable run.json"):
        find_runs(tmp_path)
