from fractions import Fraction

import pytest
import yaml

from vdof.errors import InputError
from vdof.lens import Lens
from vdof.shotlog import ShotEntry, ShotReport, format_timecode, read_shot_log, write_shot_log

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
        ("clip: a.mp4", "clip: a.mp4\nclips: 1", r"log.yaml:3: unknown key 'clips'"),
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
