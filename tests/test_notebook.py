"""The record of runs: appended, never rewritten, and read back by rating and score."""

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest

from vdof.errors import InputError, OutputError
from vdof.lens import Lens
from vdof.notebook import append_run, find_notebook
from vdof.shotlog import ShotEntry, ShotReport
from vdof.tasks import notebook


def report(name="a", f_number=1.8, breathing=None):
    measured = {"coc_background_px": 19.2, "width_px": 1920, "assumed": {"subject_distance_m": 2.5}}
    if breathing is not None:
        measured["breathing"] = breathing
    entry = ShotEntry(name, 0, 9, background_distance_m=4.0)
    return ShotReport(entry, Lens(f_number=f_number), "background given, the other assumed", measured)


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_lies_above_the_run_folders():
    assert find_notebook("auto", Path("outputs/2026-01-31/12-00-00")) == Path("outputs/notebook.csv")
    assert find_notebook("auto", Path("multirun/2026-01-31/12-00-00/0_a")) == Path("multirun/notebook.csv")
    assert find_notebook("auto", Path("elsewhere/run")) == Path("elsewhere/notebook.csv")
    assert find_notebook("off", Path("outputs/2026-01-31/12-00-00")) is None
    assert find_notebook("my.csv", Path("outputs/2026-01-31/12-00-00")) == Path("my.csv")


def test_every_run_adds_a_line(tmp_path):
    path = tmp_path / "new" / "notebook.csv"
    append_run(path, Path("a.mp4"), Path("a_vdof.mp4"), 24, [report()])
    append_run(
        path, Path("b, c.mp4"), Path("b_vdof.mp4"), 48, [report("a"), report("b", 2.8, 0.12), report("c", 2.8, 0.31)]
    )
    one, two = read(path)
    assert (one["input"], one["frames"], one["lens"], one["rating"]) == ("a.mp4", "24", "85 mm f/1.8", "")
    assert (one["subject_m"], one["background_m"], one["blur_percent"], one["breathing"]) == ("2.5", "4", "1.00", "")
    assert (two["input"], two["shots"], two["lens"], two["breathing"]) == (
        "b, c.mp4",
        "3",
        "85 mm f/1.8; 85 mm f/2.8",
        "0.31",
    )


def test_what_people_did_to_it_stays(tmp_path):
    path = tmp_path / "notebook.csv"
    path.write_text("mood,rating,input,lens\ngrim,4,old.mp4,50 mm")
    append_run(path, Path("a.mp4"), Path("a_vdof.mp4"), 24, [report()])
    assert path.read_text() == "mood,rating,input,lens\ngrim,4,old.mp4,50 mm\n,,a.mp4,85 mm f/1.8\n"


def test_another_table_is_not_written_into(tmp_path):
    path = tmp_path / "notebook.csv"
    path.write_text("name,price\n")
    with pytest.raises(OutputError, match="has no columns `input` and `rating`"):
        append_run(path, Path("a.mp4"), Path("a_vdof.mp4"), 24, [report()])
    assert path.read_text() == "name,price\n"


def test_best_and_worst_are_shown(tmp_path, capsys):
    path = tmp_path / "notebook.csv"
    lines = [f"clip{i}.mp4,85 mm f/1.8,{i % 5 + 1},{i / 10}" for i in range(12)]
    path.write_text("input,lens,rating,breathing\n" + "\n".join(lines) + "\nunrated.mp4,35 mm f/2,,\n")
    notebook.run(SimpleNamespace(notebook=str(path)), tmp_path)
    by_rating, by_breathing = capsys.readouterr().out.split("by breathing")
    assert by_rating.index("clip4.mp4") < by_rating.index("... worst") < by_rating.index("clip0.mp4")
    assert by_breathing.index("clip0.mp4") < by_breathing.index("... worst") < by_breathing.index("clip11.mp4")
    assert "unrated.mp4" not in by_rating
    assert "13 runs" in by_rating


def test_an_empty_notebook_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="no run is recorded here yet"):
        notebook.run(SimpleNamespace(notebook="auto"), tmp_path / "outputs" / "2026-01-31" / "12")
