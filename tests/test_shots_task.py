"""`task=shots`: table, flags and matching, on logs that a camera person would write."""

import math
from types import SimpleNamespace

import pytest

from tests.clips import write_clip
from vdof.errors import ConfigError, InputError
from vdof.lens import Lens
from vdof.shotlog import ShotEntry
from vdof.shotlog.flags import list_flags
from vdof.shotlog.look import count_stops, find_blur, look_at, match_blur
from vdof.tasks import shots

LONG = {"focal_length_mm": 85.0, "f_number": 2.0}


def shoot(name, lens=LONG, subject=2.0, background=4.0, first=0, **rest):
    entry = ShotEntry(
        name, first, first + 9, lens=dict(lens), subject_distance_m=subject, background_distance_m=background, **rest
    )
    return look_at(entry, Lens())


def render(look, share, **measured):
    """Measured as a run would that gave the background this blur."""
    return {"coc_background_px": share * 1000, "width_px": 1000, **measured}


def test_shots_of_one_lens_have_no_flags():
    assert list_flags([shoot("a"), shoot("b", subject=2.6), shoot("c", subject=1.5)]) == []


def test_another_lens_needs_a_reason():
    wide = {"focal_length_mm": 35.0, "f_number": 2.0}
    (flag,) = list_flags([shoot("a"), shoot("b", wide)])
    assert flag.startswith("a -> b: 85 mm f/2 becomes 35 mm f/2 and no reason is given; background blur")
    assert "stops less. Write lens_reason at b" in flag
    assert list_flags([shoot("a"), shoot("b", wide, lens_reason="establishing")]) == []
    assert list_flags([shoot("a"), shoot("b", wide, notes="wider lens for the room")]) == []


def test_spherical_and_anamorphic_do_not_mix():
    (flag,) = list_flags([shoot("a"), shoot("b"), shoot("c", {**LONG, "squeeze": 2.0})])
    assert flag.startswith("c: anamorphic, while the other 2 shots are not")


def test_a_move_whose_blur_was_kept_by_the_aperture():
    near = find_blur(Lens(focal_length_mm=85, f_number=2), 2.0, 4.0)
    far = find_blur(Lens(focal_length_mm=85, f_number=2), 4.0, 4.0)
    flags = list_flags([shoot("a"), shoot("b", {**LONG, "f_number": 2 * far / near}, subject=4.0, lens_reason="-")])
    (flag,) = flags
    stops = abs(count_stops(far, near))
    assert f"the background should have {stops:.1f} stops less blur" in flag
    assert "Set f_number of b to 2" in flag


def test_a_move_that_the_render_did_not_follow_and_the_reverse():
    one = shoot("a")
    one = shoot("a", measured=render(one, one.blur))
    stuck = shoot("b", subject=4.0, measured=render(one, one.blur))
    (flag,) = list_flags([one, stuck])
    assert "the subject goes from 2 to 4 m; by the log the background blur changes by" in flag
    assert "as rendered by +0.0" in flag
    changed = shoot("b", measured=render(one, one.blur / 2))
    (flag,) = list_flags([one, changed])
    assert "the subject stays at 2 m" in flag
    assert "2.0 stops too little" in flag


def test_a_walk_under_fixed_focus():
    measured = {"subject_moves_m": {"first": 4.0, "last": 2.0}, "focus_distance_m": {"first": 4.0, "last": 4.0}}
    (flag,) = list_flags([shoot("a", measured=measured)])
    assert flag.startswith("a: the subject goes from 4.0 to 2.0 m and focus stays at 4.0 m")
    assert "2.0 stops more were due" in flag


def test_a_wide_lens_that_isolates():
    (flag,) = list_flags([shoot("a", {"focal_length_mm": 18.0, "f_number": 0.6})])
    assert flag.startswith("a: 18 mm f/0.6 is 2.0 stops faster than any lens so wide")
    assert "Set f_number to 1.2 or more" in flag
    honest = shoot("a", {"focal_length_mm": 18.0, "f_number": 1.4})
    assert list_flags([honest]) == []
    pretending = shoot("a", {"focal_length_mm": 18.0, "f_number": 1.4}, measured=render(honest, 4 * honest.blur))
    (flag,) = list_flags([pretending])
    assert "was rendered with 4.0 stops more blur than such a lens has there" in flag


def test_the_same_set_up_with_another_blur():
    flags = list_flags([shoot("a"), shoot("b", subject=5.0), shoot("c", {**LONG, "f_number": 2.8}, lens_reason="")])
    flag = next(flag for flag in flags if "same set-up" in flag)
    assert flag.startswith(
        "a, c: the same set-up, but the background of c has 1.0 stop less blur. Set f_number of c to 2,"
    )


def test_matching_solves_each_number_exactly():
    look, wanted = shoot("a", {"focal_length_mm": 50.0, "f_number": 2.8}, subject=1.5), 0.01
    match = match_blur(look, wanted)
    assert find_blur(Lens(focal_length_mm=50, f_number=match.f_number), 1.5, 4.0) == pytest.approx(wanted)
    assert find_blur(look.lens, match.subject_m, 4.0) == pytest.approx(wanted)
    assert find_blur(look.lens, 1.5, match.background_m) == pytest.approx(wanted)
    assert match_blur(look, 0.5).background_m is None


LOG = """\
version: 1
clip: a.mp4
shots:
  - name: near
    first_frame: 0
    last_frame: 5
    lens: &long {focal_length_mm: 85, f_number: 2}
    subject_distance_m: 2
    background_distance_m: 4
  - {name: far, first_frame: 6, last_frame: 11, lens: *long, subject_distance_m: 4, background_distance_m: 4, rating: 5}
  - {name: unknown, first_frame: 12, last_frame: 13}
"""


def run(capsys, log, *, source="", match=None):
    shots.run(SimpleNamespace(shot_log=str(log), input=str(source), match=match, lens=Lens()), log)
    return capsys.readouterr().out


def test_table_says_what_the_optics_say(tmp_path, capsys):
    log = tmp_path / "log.yaml"
    log.write_text(LOG)
    out = run(capsys, log, match="near")
    near = next(line for line in out.splitlines() if line.startswith("near"))
    s, f, n = 2.0, 0.085, 2.0
    blur = f * f * s / (n * (s - f) * 0.036) * (1 / s - 1 / 6)
    assert f"{1920 * blur:.1f}  " in near
    assert f"{100 * blur:.2f}  " in near
    h = f * f / (n * 0.00003)
    assert f"{s * h / (h + s - f):.2f}-{s * h / (h - s + f):.2f}" in near
    assert "unknown" in out
    assert "?" in out
    far_blur = f * f * 4 / (n * (4 - f) * 0.036) * (1 / 4 - 1 / 8)
    assert f"far: now {abs(2 * math.log2(far_blur / blur)):.1f} stops less blur; f/{n * far_blur / blur:.2g}" in out
    assert "unknown: no distances in the log" in out


def test_clips_are_checked_and_give_their_width(tmp_path, capsys):
    log = tmp_path / "log.yaml"
    log.write_text(LOG)
    clip = write_clip(tmp_path / "a.mp4", size=(128, 96), frames=14)
    assert "128 px wide" in run(capsys, log, source=clip)
    short = write_clip(tmp_path / "short.mp4", size=(128, 96), frames=13)
    with pytest.raises(
        InputError, match=r"log.yaml:11: shot 'unknown' ends at frame 13, but the last frame of short.mp4 is 12"
    ):
        run(capsys, log, source=short)


def test_the_clip_gives_timecodes_their_rate(tmp_path, capsys):
    log = tmp_path / "log.yaml"
    log.write_text("version: 1\nshots:\n  - {first_timecode: 00:00:00:00, last_timecode: 00:00:00:13}\n")
    clip = write_clip(tmp_path / "a.mp4", size=(128, 96), frames=14)
    assert "0-13" in run(capsys, log, source=clip)
    with pytest.raises(InputError, match="timecodes need frame_rate"):
        run(capsys, log)


def test_one_log_serves_a_folder_of_clips(tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_clip(clips / name, size=(128, 96), frames=6)
    log = tmp_path / "log.yaml"
    log.write_text("version: 1\nshots:\n  - {name: one, clip: a.mp4}\n  - {name: two, clip: b.mp4, last_frame: 5}\n")
    assert "0-end" in run(capsys, log, source=clips)
    log.write_text("version: 1\nshots:\n  - {name: one, clip: c.mp4}\n")
    with pytest.raises(InputError, match=r"log.yaml:3: shot 'one' is of c.mp4, which is not in"):
        run(capsys, log, source=clips)


def test_a_folder_of_runs_is_one_table(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shot_log.yaml").write_text(
            f"version: 1\nclip: {name}.mp4\nshots:\n  - {{name: shot 0, first_frame: 0, last_frame: 5}}\n"
        )
    out = run(capsys, tmp_path)
    assert "a: shot 0" in out
    assert "b: shot 0" in out


def test_copies_of_one_log_in_several_runs_are_one(tmp_path, capsys):
    shots = ("- {name: one, clip: a.mp4%s}", "- {name: two, clip: b.mp4%s}")
    measured = ", measured: {assumed: {subject_distance_m: 2.0}}"
    for number, marks in enumerate(((measured, ""), ("", measured))):
        (tmp_path / str(number)).mkdir()
        lines = [shot % mark for shot, mark in zip(shots, marks, strict=True)]
        (tmp_path / str(number) / "shot_log.yaml").write_text("version: 1\nshots:\n" + "\n".join(lines) + "\n")
    out = run(capsys, tmp_path)
    assert [out.count(name) for name in ("one", "two", "~2.00")] == [1, 1, 2]


def test_what_is_missing_is_said(tmp_path, capsys):
    with pytest.raises(ConfigError, match="shot_log: not given; task=shots compares the shots of a log"):
        shots.run(SimpleNamespace(shot_log=None, input="", match=None, lens=Lens()), tmp_path)
    log = tmp_path / "log.yaml"
    log.write_text(LOG)
    with pytest.raises(ConfigError, match="match: no shot is called 'middle'; known: near, far, unknown"):
        run(capsys, log, match="middle")
