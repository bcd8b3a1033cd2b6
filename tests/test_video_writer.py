"""Writing: a run that changes nothing gives the same file but for the coding of the pictures."""

import logging
from fractions import Fraction

import pytest

from tests.clips import VFR_PTS, read_facts, write_clip
from tests.video_copies import FAST, assert_same, pass_through
from vdof.errors import ConfigError, OutputError
from vdof.video import (
    EncodeConfig,
    Writer,
    probe,
)

VARIANTS = {
    "plain": {},
    "sound": {"audio": "aac"},
    "uneven times": {"pts": VFR_PTS, "audio": "aac"},
    "ntsc": {"rate": Fraction(24000, 1001), "time_base": Fraction(1, 24000)},
    "starts late": {"pts": [5000 + 512 * k for k in range(12)], "audio": "aac"},
    "B-frames": {"options": {"preset": "medium", "bf": "3"}, "frames": 30},
    "pixel aspect": {"sample_aspect_ratio": Fraction(16, 11)},
    "turned": {"rotation_deg": 90},
    "turned the other way": {"rotation_deg": -90},
    "bt709 tags": {"tags": (1, 1, 1, 1), "matrix": 1},
    "bt601 tags": {"tags": (6, 1, 6, 6)},
    "full range": {"tags": (6, 2, 6, 6), "full_range": True},
    "10 bits": {"pixel_format": "yuv420p10le", "tags": (9, 1, 9, 16), "matrix": 9},
    "4:2:2": {"pixel_format": "yuv422p"},
    "4:4:4": {"pixel_format": "yuv444p"},
    "chapters": {"chapters": [(0, 0.201, "one"), (0.201, 0.499, "two")]},
    "edit list": {"pts": [512 * k - 1536 for k in range(24)], "audio": "aac", "options": {"bf": "2"}},
    "metadata": {"metadata": {"title": "T", "com.example.own": "x", "comment": "ü"}},
    "subtitles": {"subtitles": [(0.0, 0.2, "hello"), (0.3, 0.45, "again")], "audio": "aac"},
    "one frame": {"frames": 1},
}


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_everything_survives(tmp_path, variant, suffix):
    source = write_clip(tmp_path / f"in.{suffix}", **VARIANTS[variant])
    target = tmp_path / f"out.{suffix}"
    pass_through(source, target)
    # mkv: x264 clips become mkv with a millisecond clock, so that what is stored last is rounded
    assert_same(source, target, but=("last_duration",) if suffix == "mkv" else ())


@pytest.mark.parametrize("audio", ["flac", "libopus", "pcm_s16le"])
def test_sound_of_any_kind_survives_in_mkv(tmp_path, audio):
    source = write_clip(tmp_path / "in.mkv", audio=audio, metadata={"title": "T"}, attachment=b"abc")
    pass_through(source, tmp_path / "out.mkv")
    assert_same(source, tmp_path / "out.mkv", but=("last_duration",))


def test_webm_with_vp9(tmp_path):
    source = write_clip(tmp_path / "in.webm", codec="libvpx-vp9", audio="libopus", tags=(1, 1, 1, 1), matrix=1)
    pass_through(source, tmp_path / "out.webm", EncodeConfig(codec="libvpx-vp9", options={"deadline": "realtime"}))
    assert_same(source, tmp_path / "out.webm", but=("last_duration",))


def test_transparency_is_named(tmp_path, caplog):
    source = write_clip(tmp_path / "in.mov", codec="prores_ks", pixel_format="yuva444p10le", frames=2)
    pass_through(source, tmp_path / "out.mov", EncodeConfig(codec="prores_ks"))
    assert "the transparency (alpha) of in.mov is left behind" in caplog.text
    assert read_facts(tmp_path / "out.mov").pixel_format.startswith("yuv444p")


@pytest.mark.parametrize(("suffix", "audio"), [("ts", "aac"), ("flv", None), ("mkv", "libopus")])
def test_other_containers_into_mp4(tmp_path, suffix, audio):
    source = write_clip(tmp_path / f"in.{suffix}", audio=audio, frames=30, pts=None)
    pass_through(source, tmp_path / "out.mp4")
    expected, got = read_facts(source), read_facts(tmp_path / "out.mp4")
    assert got.pts == expected.pts
    assert len(got.packets.get("audio", ())) == len(expected.packets.get("audio", ()))


def test_stamps_missing_in_the_source(tmp_path, caplog):
    source = write_clip(tmp_path / "in.h264", rate=Fraction(25))
    assert pass_through(source, tmp_path / "out.mp4") == 12
    assert "frames without a time stamp" in caplog.text
    assert read_facts(tmp_path / "out.mp4").pts == [Fraction(k, 25) for k in range(12)]


def test_cover_picture_survives(tmp_path):
    source = write_clip(tmp_path / "in.mp4", cover=True, audio="aac", metadata={"title": "T"})
    pass_through(source, tmp_path / "out.mp4")
    assert len(read_facts(source).covers) == 1
    assert_same(source, tmp_path / "out.mp4")


def test_excerpt_begins_at_zero_with_its_sound(tmp_path):
    source = write_clip(
        tmp_path / "in.mp4",
        frames=48,
        audio="aac",
        subtitles=[(0.0, 0.6, "first"), (1.9, 2.0, "last")],
        chapters=[(0, 1, "one"), (1, 2, "two")],
    )
    assert pass_through(source, tmp_path / "out.mp4", frames="12:36") == 24
    whole, part = read_facts(source), read_facts(tmp_path / "out.mp4")
    assert part.pts == [time - Fraction(1, 2) for time in whole.pts[12:36]]
    times = {payload: pts for pts, _, payload in whole.packets["audio"]}
    assert all(
        abs(times[payload] - Fraction(1, 2) - pts) < Fraction(1, 48000) for pts, _, payload in part.packets["audio"]
    )
    first, last = part.packets["audio"][0][0], part.packets["audio"][-1][0]
    assert -0.045 < first <= 0
    assert 0.97 < last < 1
    assert part.chapters == [(0, Fraction(1, 2), "one"), (Fraction(1, 2), 1, "two")]
    assert part.packets["subtitle"][0][0] == 0


def test_excerpt_of_uneven_times(tmp_path):
    source = write_clip(tmp_path / "in.mp4", pts=VFR_PTS)
    pass_through(source, tmp_path / "out.mp4", frames="3:")
    assert [int(time * 12288) for time in read_facts(tmp_path / "out.mp4").pts] == [pts - 2048 for pts in VFR_PTS[3:]]


def test_excerpt_beyond_the_end(tmp_path):
    info = probe(write_clip(tmp_path / "in.mp4"))
    with (
        pytest.raises(ConfigError, match="frames starts at 20 but .* has 12 frames"),
        Writer(tmp_path / "out.mp4", info, FAST, frames=range(20, 30)),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_sound_that_the_container_cannot_hold(tmp_path):
    source = write_clip(tmp_path / "in.mkv", audio="aac")
    encode = EncodeConfig(codec="libvpx-vp9", options={"deadline": "realtime"})
    with pytest.raises(OutputError, match=r"a .webm file cannot hold the source's audio \(aac"):
        pass_through(source, tmp_path / "out.webm", encode)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_what_is_left_behind_is_named(tmp_path, caplog):
    source = write_clip(tmp_path / "in.mkv", subtitles=[(0, 0.2, "hello")], attachment=b"abc")
    with caplog.at_level(logging.WARNING):
        pass_through(source, tmp_path / "out.mp4")
    assert "subtitle stream 1 of the source is left behind: srt does not go into .mp4" in caplog.text.replace(
        "subrip", "srt"
    )
    assert "attachment stream 2 of the source is left behind" in caplog.text


def test_avi_source(tmp_path):
    source = write_clip(tmp_path / "in.avi", audio="pcm_s16le", options={"bf": "0"})
    assert pass_through(source, tmp_path / "out.mkv") == 12
