import subprocess
import sys
from fractions import Fraction

import pytest
import yaml

from vdof.errors import InputError
from vdof.lens import Lens
from vdof.shotlog import (
    OPEN_END,
    FocusKey,
    ShotEntry,
    ShotReport,
    Target,
    format_timecode,
    parse_timecode,
    read_log,
    read_shot_log,
    write_shot_log,
)

GOOD = """\
version: 1
clip: a.mp4
shots:
  - name: kitchen
    first_frame: 0
    last_frame: 47
    lens: {focal_length_mm: 50, f_number: 2.8}
    subject_distance_m: 1.8
    background_distance_m: 4
    notes: "shelves behind"
  - first_frame: 48
    last_frame: 95
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "log.yaml"
        path.write_text(text)
        return path

    return write


def test_reads_what_it_says(write):
    first, second = read_shot_log(write(GOOD))
    assert first.name == "kitchen"
    assert first.apply_lens(Lens(blades=7)) == Lens(focal_length_mm=50, f_number=2.8, blades=7)
    assert (first.subject_distance_m, first.background_distance_m) == (1.8, 4)
    assert (second.name, second.first_frame, second.last_frame, second.subject_distance_m) == ("shot 1", 48, 95, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "version: 2", r"log.yaml:1: version: expected 1"),
        ("notes:", "note:", r"log.yaml:10: unknown key 'note'"),
        ("first_frame: 48", "first_frame: 40", r"log.yaml:11: shot 'shot 1' begins at 40, before 'kitchen'"),
        ("last_frame: 47", "last_frame: -1", r"log.yaml:6: last_frame: got -1"),
        ("last_frame: 95", "last_frame: 12", r"log.yaml:12: last_frame: got 12, expected at least first_frame"),
        ("subject_distance_m: 1.8", "subject_distance_m: -2", r"log.yaml:8: subject_distance_m: got -2"),
        ("focal_length_mm: 50", "focal_length_mm: 0", r"log.yaml:7: .*focal_length_mm"),
        ("f_number: 2.8", "aperture: 2.8", r"log.yaml:7: lens: unknown key 'aperture'"),
        ("focal_length_mm: 50", "focal_length_mm: fifty", r"log.yaml:7: lens.focal_length_mm: got 'fifty'"),
        ("shots:", "shots: [", r"log.yaml:\d+: not YAML"),
        ("clip: a.mp4", "clip: a.mp4\nclips: 1", r"log.yaml:3: unknown key 'clips'; did you mean 'clip'"),
        ("clip: a.mp4", "clip: a.mp4\nclip: b.mp4", r"log.yaml:3: 'clip' stands here twice"),
        ("clip: a.mp4", "frame_rate: fast", r"log.yaml:2: frame_rate: got 'fast', expected frames a second"),
        ("notes:", "rating: 6\n    notes:", r"log.yaml:10: rating: got 6, expected 1 to 5"),
        ("notes:", "camera_height_m: -1\n    notes:", r"log.yaml:10: camera_height_m: got -1, expected metres above 0"),
        ("first_frame: 48", "first_frame: 48\n    name: kitchen", r"log.yaml:11: two shots are called 'kitchen'"),
        ("first_frame: 48", "first_timecode: 00:00:02:00", r"log.yaml:11: first_timecode: timecodes need frame_rate"),
        ("last_frame: 95", "notes: all", r"log.yaml:11: last_frame: got None, expected a frame number"),
        ("notes:", "focus: nose\n    notes:", r"log.yaml:10: focus: got 'nose', expected subject, or mode"),
        ("notes:", "focus: {mode: nose}\n    notes:", r"log.yaml:10: focus.mode: got 'nose', expected one of subject"),
        (
            "notes:",
            "focus: {mode: point, at: 2}\n    notes:",
            r"log.yaml:10: focus.at: expected \[x, y\] for mode point",
        ),
        ("notes:", "focus: {at: [0.5, 3]}\n    notes:", r"log.yaml:10: focus.at: got \[0.5, 3\], expected \[x, y\]"),
        ("notes:", "focus: {keys: []}\n    notes:", r"log.yaml:10: focus.keys: expected a list of"),
        ("notes:", "focus: {keys: [{frame: 60, at: 2}]}\n    notes:", r"log.yaml:10: focus.keys: frame 60 is outside"),
        (
            "notes:",
            "focus: {keys: [{frame: 6, at: 2}, {frame: 3, at: 2}]}\n    notes:",
            r"log.yaml:10: .*frame 3 comes after 6",
        ),
        ("notes:", "focus: {keys: [{frame: 6, to: 2}]}\n    notes:", r"log.yaml:10: focus.keys: unknown key 'to'"),
        (
            "notes:",
            "focus: {subjects: [{name: a, at: 2}, {name: a, at: 3}]}\n    notes:",
            r"log.yaml:10: .*two different names",
        ),
        (
            "notes:",
            "focus: {subjects: [{name: a, at: 2}, {name: b, at: 3}], sharp: c}\n    notes:",
            r"log.yaml:10: focus.sharp: got 'c', expected both, a or b",
        ),
    ],
)
def test_bad_logs_get_one_line_with_file_and_line_number(write, old, new, message):
    assert old in GOOD
    with pytest.raises(InputError, match=message) as caught:
        read_shot_log(write(GOOD.replace(old, new, 1)))
    assert "\n" not in str(caught.value)


def test_missing_log_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_shot_log(tmp_path / "none.yaml")


def test_what_is_written_reads_back(tmp_path):
    entry = ShotEntry("first: 'odd' name", 0, 23, subject_distance_m=2.0, background_distance_m=6.0, notes="ö")
    report = ShotReport(entry, Lens(focal_length_mm=50), "assumed", {"scale": 0.5})
    path = tmp_path / "shot_log.yaml"
    write_shot_log(path, "clip.mp4", [report], Fraction(24))
    (back,) = read_shot_log(path)
    assert back.apply_lens(Lens()) == Lens(focal_length_mm=50)
    assert (back.name, back.notes, back.last_frame) == (entry.name, entry.notes, 23)
    stored = yaml.safe_load(path.read_text())
    assert stored["shots"][0]["measured"] == {"distances": "assumed", "scale": 0.5}


def test_timecode_counts_whole_frames():
    assert format_timecode(24 * 3661 + 5, Fraction(24000, 1001)) == "01:01:01:05"


@pytest.mark.parametrize(
    ("text", "rate", "frame"),
    [
        ("00:00:02:00", Fraction(24), 48),
        ("01:00:00:05", Fraction(24000, 1001), 86405),
        ("00:01:00;02", Fraction(30000, 1001), 1800),
        ("00:10:00;00", Fraction(30000, 1001), 17982),
        ("00:01:00;04", Fraction(60000, 1001), 3600),
    ],
)
def test_timecodes_are_frames(text, rate, frame):
    assert parse_timecode(text, rate) == frame
    if ";" not in text:
        assert format_timecode(frame, rate) == text


@pytest.mark.parametrize(
    ("text", "rate"),
    [("1:2:3", 24), ("00:00:00:24", 24), ("00:60:00:00", 24), ("00:01:00;00", 30), ("00:00:01;00", 25)],
)
def test_what_is_no_timecode_is_refused(text, rate):
    with pytest.raises(InputError, match="got "):
        parse_timecode(text, Fraction(rate))


def test_timecodes_in_a_log_need_not_be_quoted(write):
    text = GOOD.replace("clip: a.mp4", "clip: a.mp4\nframe_rate: 23.976")
    text = text.replace("first_frame: 48", "first_timecode: 00:00:02:00")
    keys = "[{frame: 0, at: subject}, {timecode: 00:00:01:12, at: [0.3, 0.4], pull_s: 2}]"
    text = text.replace("last_frame: 47", f"last_frame: 47\n    focus: {{keys: {keys}}}")
    found = read_log(write(text))
    assert found.frame_rate == Fraction(24000, 1001)
    assert found.shots[1].first_frame == 48
    assert found.shots[0].focus.keys == (FocusKey(0, Target()), FocusKey(36, Target(point=(0.3, 0.4)), 2))


def test_frame_and_timecode_must_agree(write):
    text = GOOD.replace("clip: a.mp4", "frame_rate: 24").replace(
        "first_frame: 48", "first_frame: 48\n    first_timecode: 00:00:02:01"
    )
    with pytest.raises(InputError, match=r"log.yaml:12: first_timecode: is frame 49, but first_frame says 48"):
        read_shot_log(write(text))


def test_a_log_for_several_clips_is_read_by_clip(write):
    path = write(
        "version: 1\nclip: a.mp4\nshots:\n- {name: one}\n".replace("{name", "{clip: a.mp4, name") + "- {clip: b.mp4}\n"
    )
    assert [shot.last_frame for shot in read_shot_log(path)] == [OPEN_END, OPEN_END]
    assert [shot.name for shot in read_shot_log(path, "b.mp4")] == ["shot 1"]
    with pytest.raises(InputError, match=r"log.yaml:1: no shot of 'c.mp4'"):
        read_shot_log(path, "c.mp4")


RICH = """\
# my film
version: 1
frame_rate: 24
shots:
  # the kitchen
  - name: kitchen   # hers
    first_frame: 0
    last_timecode: 00:00:01:23   # a timecode
    measured:
      distances: assumed
      assumed: {subject_distance_m: 2.5}
    subject_distance_m: 2.5
    lens: {focal_length_mm: 50}  # old glass
    mood: |-
      x
    # still the kitchen

  - first_frame: 48
    last_frame: 95
    background_distance_m: 9
# the end
""".replace("    mood: |-\n      x\n", "    atmosphere: |-\n      haze,\n      then sun\n")


def report(entry, subject=3.0):
    measured = {"assumed": {"subject_distance_m": subject, "background_distance_m": 7.5}, "scale": 0.5}
    if entry.background_distance_m is not None:
        del measured["assumed"]["background_distance_m"]
    return ShotReport(entry, entry.apply_lens(Lens()), "assumed", measured)


def test_a_run_renews_measured_and_keeps_every_other_line(write, tmp_path):
    source, out = write(RICH), tmp_path / "out.yaml"
    shots = read_shot_log(source)
    write_shot_log(out, "a.mp4", [report(shot) for shot in shots], Fraction(24), source)
    written, asked = out.read_text().splitlines(), RICH.splitlines()
    owned = {8, 9, 10, 11}  # `measured`, and the distance that the last run had assumed
    assert [line for number, line in enumerate(asked) if number not in owned and line not in written] == []
    assert source.read_text() == RICH
    first, second = yaml.safe_load(out.read_text())["shots"]
    assert first["measured"]["scale"] == second["measured"]["scale"] == 0.5
    assert first["subject_distance_m"] == first["measured"]["assumed"]["subject_distance_m"] == 3.0
    assert (second["background_distance_m"], second["subject_distance_m"]) == (9, 3.0)
    again = tmp_path / "again.yaml"
    write_shot_log(again, "a.mp4", [report(shot) for shot in read_shot_log(out)], Fraction(24), out)
    assert again.read_text() == out.read_text()


def test_a_number_that_the_user_corrected_is_the_users(write, tmp_path):
    source, out = (
        write(RICH.replace("    subject_distance_m: 2.5", "    subject_distance_m: 1.8")),
        tmp_path / "out.yaml",
    )
    shots = read_shot_log(source)
    assert [shot.subject_distance_m for shot in shots] == [1.8, None]
    assert read_shot_log(write(RICH))[0].subject_distance_m is None
    write_shot_log(
        out, "a.mp4", [report(shots[0]), report(shots[1])], Fraction(24), write(RICH.replace(": 2.5\n", ": 1.8\n"))
    )
    assert "    subject_distance_m: 1.8\n" in out.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nshots: [{first_frame: 0, last_frame: 47, notes: hers}]\n",
        "version: 1\nshots:\n- {first_frame: 0, last_frame: 47, notes: hers}  # one line",
        "version: 1\nshots:\n    -   first_frame: 0\n        last_frame: 47\n        notes: hers\n        measured:\n",
    ],
)
def test_logs_of_other_layouts_are_renewed_too(write, tmp_path, text):
    source, out = write(text), tmp_path / "out.yaml"
    write_shot_log(out, "a.mp4", [report(shot) for shot in read_shot_log(source)], Fraction(24), source)
    (shot,) = yaml.safe_load(out.read_text())["shots"]
    assert (shot["first_frame"], shot["last_frame"], shot["notes"]) == (0, 47, "hers")
    assert shot["measured"]["scale"] == 0.5
    assert read_shot_log(out)[0].subject_distance_m is None


def test_shots_that_the_log_did_not_have_are_put_in_by_time(write, tmp_path):
    source, out = write("version: 1\nshots:\n- first_frame: 48\n  last_frame: 95\n"), tmp_path / "out.yaml"
    new = [ShotEntry("start", 0, 47), ShotEntry("end", 96, 99)]
    write_shot_log(out, "a.mp4", [report(shot) for shot in (*read_shot_log(source), *new)], Fraction(24), source)
    assert [shot.name for shot in read_shot_log(out)] == ["start", "shot 1", "end"]


def test_the_command_line_reaches_tasks_without_a_clip(write, tmp_path):
    log = write(GOOD)

    def command(*arguments):
        words = [sys.executable, "-m", "vdof", *arguments]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    shots = command("task=shots", f"shot_log={log}", "match=kitchen")
    assert shots.returncode == 0, shots.stderr
    assert "50 mm f/2.8" in shots.stdout
    assert "To match the background of kitchen" in shots.stdout
    table = command("task=exchange", f"shot_log={log}", "output=new.csv")
    assert table.returncode == 0, table.stderr
    assert "focal_length_mm" in (tmp_path / "new.csv").read_text()
    notebook = command("task=notebook")
    assert notebook.returncode == 2
    assert notebook.stderr.startswith("vdof: notebook: no run is recorded here yet")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["log.yaml", "new.csv"]
