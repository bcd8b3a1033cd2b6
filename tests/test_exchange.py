"""Logs to other programs and back; what each kind of file keeps."""

import json
from fractions import Fraction

import numpy as np
import OpenEXR
import pytest

from vdof.errors import InputError, OutputError
from vdof.export.lens_metadata import exr_lens_attributes, opentrackio_samples, write_opentrackio
from vdof.lens import Lens
from vdof.shotlog import FocusKey, NamedTarget, ShotEntry, ShotFocus, ShotLog, Target, read_log
from vdof.shotlog.exchange import export_log

PULL = ShotFocus("keyframes", keys=(FocusKey(0, Target()), FocusKey(24, Target(distance_m=2.5), 1.5)))
PAIR = ShotFocus("two_subjects", subjects=(NamedTarget("A", Target(point=(0.3, 0.5))), NamedTarget("B", Target(2.0))))
LOG = ShotLog(
    (
        ShotEntry(
            "one, wide", 0, 47, lens={"focal_length_mm": 35.0, "f_number": 2.8, "blades": 9}, subject_distance_m=3.0,
            background_distance_m=6.5, notes='says "hi", then\nleaves', lens_reason="establishing", rating=4, focus=PULL,
            camera_height_m=1.6, horizon=0.45, background="shelves", atmosphere="haze",
        ),
        ShotEntry("two", 48, 95, subject_distance_m=1.2, focus=PAIR),
    ),
    clip="film.mp4",
    frame_rate=Fraction(24000, 1001),
)  # fmt: skip
CLIPS = ShotLog(
    (ShotEntry("a", 0, 47, clip="a.mp4"), ShotEntry("b", 10, 30, clip="b.mp4"), ShotEntry("c", 60, 90, clip="a.mp4")),
    frame_rate=Fraction(24),
)


def send(log, tmp_path, name, rate=None):
    path = tmp_path / name
    path.write_text(export_log(log, path))
    return read_log(path, rate)


@pytest.mark.parametrize("name", ["log.yaml", "log.csv"])
def test_yaml_and_csv_keep_the_whole_log(tmp_path, name):
    back = send(LOG, tmp_path, name)
    assert back.shots == LOG.shots
    assert (back.clip, back.frame_rate) == (LOG.clip, LOG.frame_rate)


def test_csv_keeps_several_clips(tmp_path):
    assert send(CLIPS, tmp_path, "log.csv").shots == CLIPS.shots


def test_csv_from_a_spreadsheet_with_semicolons_and_a_mark(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes("\ufeffname;first_frame;last_frame;f_number;notes\nkitchen;0;47;2.8;a, b\n".encode())
    (shot,) = read_log(path).shots
    assert (shot.name, shot.last_frame, shot.lens, shot.notes) == ("kitchen", 47, {"f_number": 2.8}, "a, b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,first_frame,last_frame,aperture\n", r"log.csv:1: unknown column 'aperture'"),
        ("name,first_frame,last_frame,f_number\na,0,9,2\nb,10,19,0\n", r"log.csv:3: lens.f_number must be from 0.5"),
        ("name,first_frame,last_frame\na,0,9\nb,5,19\n", r"log.csv:3: shot 'b' begins at 5, before 'a' has ended"),
        ("name,first_frame,last_frame\na,0,9,7\n", r"log.csv:2: more cells than columns"),
        ("name,first_frame,last_frame\n", r"log.csv:1: expected a header and at least one shot"),
    ],
)
def test_bad_tables_get_one_line_with_file_and_line(tmp_path, text, message):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_log(path)


def test_otio_keeps_the_whole_log(tmp_path):
    pytest.importorskip("opentimelineio")
    back = send(LOG, tmp_path, "log.otio")
    assert back.shots == LOG.shots
    assert back.frame_rate == LOG.frame_rate


@pytest.mark.parametrize("name", ["log.edl", "log.fcpxml"])
def test_edl_and_fcpxml_keep_cuts_and_names_of_one_clip(tmp_path, name):
    pytest.importorskip("opentimelineio")
    log = ShotLog(
        (ShotEntry("one", 0, 47), ShotEntry("two", 48, 95), ShotEntry("three", 96, 119)), "a.mp4", Fraction(24)
    )
    back = send(log, tmp_path, name, Fraction(24))
    assert [(shot.name, shot.first_frame, shot.last_frame) for shot in back.shots] == [
        ("one", 0, 47), ("two", 48, 95), ("three", 96, 119),
    ]  # fmt: skip
    assert all(shot.lens == {} and shot.subject_distance_m is None for shot in back.shots)


def test_an_edl_of_several_tapes_is_read_by_source_time(tmp_path):
    pytest.importorskip("opentimelineio")
    path = tmp_path / "cut.edl"
    path.write_text(
        "TITLE: cut\nFCM: NON-DROP FRAME\n\n"
        "001  A001     V     C        01:00:01:00 01:00:03:00 00:00:00:00 00:00:02:00\n* FROM CLIP NAME: kitchen\n"
        "002  A002     V     C        01:00:00:12 01:00:02:00 00:00:02:00 00:00:03:12\n* FROM CLIP NAME: street\n"
    )
    shots = read_log(path, Fraction(24)).shots
    assert [(shot.name, shot.clip, shot.first_frame, shot.last_frame) for shot in shots] == [
        ("kitchen", "A001", 24, 71), ("street", "A002", 12, 47),
    ]  # fmt: skip


def test_an_edl_needs_a_frame_rate(tmp_path):
    (tmp_path / "cut.edl").write_text("TITLE: cut\n")
    with pytest.raises(InputError, match="does not say its frame rate; give the clip as input=CLIP"):
        read_log(tmp_path / "cut.edl")


def test_a_broken_timeline_is_one_line(tmp_path):
    pytest.importorskip("opentimelineio")
    (tmp_path / "cut.otio").write_text("{nonsense")
    with pytest.raises(InputError, match="cut.otio: cannot be read as OTIO"):
        read_log(tmp_path / "cut.otio")


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(OutputError, match="is none of .yaml, .csv, .edl"):
        export_log(LOG, tmp_path / "log.doc")
    with pytest.raises(InputError, match="is none of .yaml, .csv, .edl"):
        read_log(tmp_path / "log.doc")


def test_exr_keeps_the_lens(tmp_path):
    attributes = exr_lens_attributes(Lens(focal_length_mm=50, f_number=2.8, squeeze=2, blades=9), 3.25, 9 / 16)
    pixels = np.zeros((4, 6, 3), np.float32)
    path = str(tmp_path / "frame.exr")
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **attributes}
    with OpenEXR.File(header, {"RGB": pixels}) as file:
        file.write(path)
    with OpenEXR.File(path) as file:
        back = dict(file.header())
    sensor = attributes.pop("sensorOverallDimensions")
    assert {key: back[key] for key in attributes} == pytest.approx(attributes)
    assert back["sensorOverallDimensions"] == pytest.approx(sensor)
    assert (back["focus"], back["nominalFocalLength"]) == (3.25, 50.0)


def test_opentrackio_has_one_sample_a_frame(tmp_path):
    lens = Lens(focal_length_mm=50, f_number=2.8, squeeze=2)
    frames = [(24, lens, 3.0), (25, lens, 2.5)]
    path = tmp_path / "clip.opentrackio.jsonl"
    write_opentrackio(path, opentrackio_samples(frames, Fraction(24), (1920, 1080), "clip.mp4"))
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first["lens"] == {"fStop": 2.8, "focusDistance": 3.0, "pinholeFocalLength": 50}
    assert second["lens"]["focusDistance"] == 2.5
    assert first["timing"]["timecode"] | {"frameRate": 0} == {
        "hours": 0, "minutes": 0, "seconds": 1, "frames": 0, "frameRate": 0,
    }  # fmt: skip
    assert first["static"]["camera"]["activeSensorPhysicalDimensions"] == {"height": 20.25, "width": 36.0}
    assert first["static"]["camera"]["anamorphicSqueeze"] == {"num": 2, "denom": 1}
    assert first["sampleId"] != second["sampleId"]
