"""The geometry sentence, out of a log and back into one."""

from types import SimpleNamespace

import pytest

from vdof.errors import ConfigError, InputError, OutputError
from vdof.lens import Lens
from vdof.shotlog import ShotEntry, read_log
from vdof.shotlog.look import look_at
from vdof.shotlog.prompt import from_prompt, write_prompt
from vdof.tasks import prompt

SENTENCE = (
    "85mm spherical, eye level, subject 1.8 m from camera, shelves and window lights 4 m behind, shallow depth of field, "
    "smooth falloff, round bokeh"
)
SHOT = ShotEntry(
    "a", 0, 9, lens={"focal_length_mm": 85.0, "f_number": 1.8}, subject_distance_m=1.8, background_distance_m=4.0,
    camera_height_m=1.6, background="shelves and window lights",
)  # fmt: skip


def test_the_sentence_says_what_the_log_says():
    prompt = write_prompt(look_at(SHOT, Lens()))
    assert prompt.sentence == SENTENCE.replace("85mm spherical", "85mm f/1.8 spherical")
    assert prompt.missing == ()
    assert "deep focus" in prompt.negative
    assert "oval bokeh" in prompt.negative


def test_the_sentence_reads_back():
    found = from_prompt(write_prompt(look_at(SHOT, Lens())).sentence)
    for name in ("subject_distance_m", "background_distance_m", "camera_height_m", "background"):
        assert getattr(found.entry, name) == getattr(SHOT, name)
    assert found.entry.apply_lens(Lens(focal_length_mm=20, f_number=9)) == Lens()
    assert (found.missing, found.unread) == ((), ())


def test_what_a_sentence_does_not_say_is_told():
    found = from_prompt(SENTENCE)
    assert found.missing == ("f-number (as f/1.8)",)
    bare = from_prompt("A woman waits in the rain, neon signs 20 feet behind, cinematic.")
    assert bare.entry.background_distance_m == pytest.approx(6.096)
    assert bare.entry.background == "neon signs"
    assert bare.unread == ("A woman waits in the rain", "cinematic")
    assert bare.entry.notes == "A woman waits in the rain, cinematic"
    assert len(bare.missing) == 5


@pytest.mark.parametrize(
    ("words", "lens"),
    [
        ("50 mm f/2.8 lens", {"focal_length_mm": 50, "f_number": 2.8}),
        ("40mm 2x anamorphic at T2.3", {"focal_length_mm": 40, "squeeze": 2, "f_number": 2.3}),
        ("anamorphic 75mm", {"focal_length_mm": 75, "squeeze": 2}),
        ("6-bladed iris", {"blades": 6}),
        ("9000mm", {}),
    ],
)
def test_lenses_in_words(words, lens):
    found = from_prompt(words).entry.lens
    assert {key: value for key, value in found.items() if key != "sensor_width_mm"} == lens


def test_low_and_high_angles_and_anamorphic_bokeh():
    low = write_prompt(look_at(ShotEntry("a", 0, 9, camera_height_m=0.5, lens={"squeeze": 2.0}), Lens()))
    assert "low angle" in low.sentence
    assert "2x anamorphic" in low.sentence
    assert "oval bokeh" in low.sentence
    assert "high angle" in write_prompt(look_at(ShotEntry("a", 0, 9, horizon=0.1), Lens())).sentence
    assert "subject_distance_m" in low.missing


def run(folder, **values):
    defaults = {"prompt": None, "shot_log": None, "input": "", "output": None, "overwrite": False, "lens": Lens()}
    prompt.run(SimpleNamespace(**defaults | values), folder)


def test_a_sentence_becomes_a_log_that_reads(tmp_path, capsys):
    run(tmp_path, prompt=SENTENCE, input="clips/a.mp4")
    out = capsys.readouterr().out
    assert "not found: f-number (as f/1.8)" in out
    (shot,) = read_log(tmp_path / "shot_log.yaml").shots
    assert (shot.clip, shot.subject_distance_m, shot.lens["focal_length_mm"]) == ("a.mp4", 1.8, 85)
    with pytest.raises(OutputError, match="exists; choose another output or say overwrite=true"):
        run(tmp_path, prompt=SENTENCE)
    run(tmp_path, shot_log=str(tmp_path / "shot_log.yaml"))
    assert SENTENCE.partition("eye level")[2] in capsys.readouterr().out


def test_a_sentence_a_line_for_a_folder_of_clips(tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / "b.mp4").touch()
    (clips / "a.mp4").touch()
    text = tmp_path / "sentences.txt"
    text.write_text(f"{SENTENCE}\n35mm f/2.8, low angle\n")
    run(tmp_path, prompt=str(text), input=str(clips))
    first, second = read_log(tmp_path / "shot_log.yaml").shots
    assert (first.clip, second.clip, second.lens["f_number"]) == ("a.mp4", "b.mp4", 2.8)
    with pytest.raises(InputError, match="2 sentences for 0 clips"):
        run(tmp_path, prompt=str(text), overwrite=True)


def test_nothing_to_do_is_said(tmp_path):
    with pytest.raises(ConfigError, match="task=prompt: give shot_log=FILE"):
        run(tmp_path)
