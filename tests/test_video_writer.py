"""Writing: a run that changes nothing gives the same file but for the coding of the pictures."""

import logging
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from tests.clips import VFR_PTS, Clip, draw_square, read_facts, write_clip
from vdof.errors import ConfigError, InputError, OutputError, ShapeError
from vdof.video import (
    EncodeConfig,
    VideoConfig,
    Writer,
    choose_container,
    parse_frame_range,
    plan_output,
    probe,
    read_frames,
    try_encoder,
)

X265 = EncodeConfig(codec="libx265", pixel_format="yuv420p10le", options={"x265-params": "log-level=none"})
FAST = EncodeConfig(options={"preset": "ultrafast", "crf": "16"})


def pass_through(source, target, encode=FAST, *, frames=None, size=None, overwrite=False, config=None):
    """Decode and encode without a change; returns the number of frames."""
    span, info, count = parse_frame_range(frames), probe(source, config), 0
    with (
        read_frames(source, config, frames=span, size=size, info=info) as reader,
        Writer(target, info, encode, frames=span, size=size, overwrite=overwrite) as writer,
    ):
        for frame in reader:
            writer.write(frame)
            count += 1
    return count


def assert_same(source, target, *, but=()):
    """All facts of two files agree, times exactly; `but` names facts to leave out."""
    expected, got = read_facts(source), read_facts(target)
    for name in expected.__dataclass_fields__:
        if name not in but:
            assert getattr(got, name) == getattr(expected, name), name


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


@pytest.mark.parametrize(
    ("encode", "suffix", "pixel_format", "tag"),
    [
        (X265, "mp4", "yuv420p10le", "hvc1"),
        (EncodeConfig(codec="prores_ks", pixel_format="yuv422p10le", options={"profile": "hq"}), "mov", "yuv422p10le", "apch"),
        (EncodeConfig(codec="ffv1"), "mkv", "yuv420p", None),
        (FAST, "mp4", "yuv420p", "avc1"),
    ],
)  # fmt: skip
def test_presets(tmp_path, encode, suffix, pixel_format, tag):
    source = write_clip(tmp_path / "in.mp4", audio="aac", tags=(1, 1, 1, 1), matrix=1, pts=VFR_PTS)
    target = tmp_path / f"out.{suffix}"
    pass_through(source, target, encode)
    expected, got = read_facts(source), read_facts(target)
    assert got.pixel_format == pixel_format
    assert got.tags == expected.tags
    tolerance = Fraction(1, 2000) if suffix == "mkv" else 0
    assert all(abs(a - b) <= tolerance for a, b in zip(got.pts, expected.pts, strict=True))
    assert [packet[2] for packet in got.packets["audio"]] == [packet[2] for packet in expected.packets["audio"]]
    if tag:
        with av.open(str(target)) as container:
            assert container.streams.video[0].codec_context.codec_tag == tag


@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p12le", "gray", "bgr0"]
)
@pytest.mark.parametrize("full_range", [False, True])
def test_lossless_codec_gives_the_same_pixels(tmp_path, pixel_format, full_range):
    def draw_smooth(index, width, height):
        y, x = np.mgrid[0:height, 0:width] / 64
        return (128 + 60 * np.stack([np.sin(3 * x + index), np.cos(2 * y), np.sin(x + 2 * y)], -1)).astype(np.uint8)

    options = {"codec": "ffv1", "pixel_format": pixel_format, "picture": draw_smooth, "frames": 3}
    if pixel_format == "bgr0":
        options["tags"] = (0, 2, 1, 13)
    elif full_range:
        options |= {"tags": (6, 2, 6, 6), "full_range": True}
    source = write_clip(tmp_path / "in.mkv", **options)
    pass_through(source, tmp_path / "out.mkv", EncodeConfig(codec="ffv1"))
    for before, after in zip(read_planes(source), read_planes(tmp_path / "out.mkv"), strict=True):
        assert np.abs(before - after).max() <= 1
    assert_same(source, tmp_path / "out.mkv", but=("last_duration",))


def read_planes(path):
    """Every plane of every frame as integers, padding left out."""
    planes = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            kind = np.dtype(np.uint8 if frame.format.components[0].bits == 8 else np.uint16)
            for plane in frame.planes:
                rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, plane.line_size // kind.itemsize)
                planes.append(rows[:, : plane.width].astype(int))
    return planes


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (63, 47)])
def test_odd_sizes_are_kept(tmp_path, size, caplog):
    source = write_clip(tmp_path / "in.mkv", size=size, codec="ffv1")
    pass_through(source, tmp_path / "out.mkv")
    got = read_facts(tmp_path / "out.mkv")
    assert got.size == size
    assert f"{size[0]}x{size[1]} is odd" in caplog.text


@pytest.mark.parametrize(
    ("encode", "expected"),
    [(X265, "yuv444p10le"), (EncodeConfig(codec="prores_ks", pixel_format="yuv422p10le"), "yuv422p10le")],
)
def test_odd_size_in_a_chosen_format(tmp_path, encode, expected):
    source = write_clip(tmp_path / "in.mkv", size=(67, 49), codec="ffv1")
    pass_through(source, tmp_path / "out.mov", encode)
    got = read_facts(tmp_path / "out.mov")
    assert (got.size, got.pixel_format) == ((67, 49), expected)


def test_odd_size_that_cannot_be_kept(tmp_path):
    info = probe(write_clip(tmp_path / "in.mkv", size=(63, 48), codec="ffv1"))
    with pytest.raises(ConfigError, match="libx264 takes none of nv12.* at 63x48"):
        Writer(tmp_path / "out.mkv", info, EncodeConfig(pixel_format="nv12"))


def test_size_keeps_the_shape(tmp_path):
    source = write_clip(tmp_path / "in.mp4", sample_aspect_ratio=Fraction(4, 3))
    pass_through(source, tmp_path / "half.mp4", size=(32, 24))
    assert (read_facts(tmp_path / "half.mp4").size, read_facts(tmp_path / "half.mp4").sample_aspect_ratio) == (
        (32, 24),
        Fraction(4, 3),
    )
    pass_through(source, tmp_path / "narrow.mp4", size=(32, 48))
    assert read_facts(tmp_path / "narrow.mp4").sample_aspect_ratio == Fraction(8, 3)


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


def test_interrupted_run_leaves_nothing(tmp_path):
    source = write_clip(tmp_path / "in.mp4", frames=48, audio="aac")

    def write_some():
        with read_frames(source) as reader, Writer(tmp_path / "out.mp4", reader.info, FAST) as writer:
            for frame in reader:
                writer.write(frame)
                if frame.index == 20:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_some()
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_interrupted_run_keeps_the_old_output(tmp_path):
    source, target = write_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="stop"), Writer(target, probe(source), FAST, overwrite=True):
        raise ValueError("stop")
    assert target.read_bytes() == b"old"


def test_no_frame_written(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match="would hold no frame"), Writer(tmp_path / "out.mp4", probe(source), FAST):
        pass
    assert not (tmp_path / "out.mp4").exists()


def test_existing_output(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    (tmp_path / "out.mp4").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists; set overwrite=true"):
        pass_through(source, tmp_path / "out.mp4")
    pass_through(source, tmp_path / "out.mp4", overwrite=True)
    assert len(read_facts(tmp_path / "out.mp4").pts) == 12


def test_a_file_that_another_job_wrote_meanwhile_stays(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    out = tmp_path / "out.mp4"
    writer = Writer(out, probe(source), FAST)
    writer.__enter__()
    for frame in read_frames(source):
        writer.write(frame)
    out.write_bytes(b"theirs")
    with pytest.raises(OutputError, match="was written by another job meanwhile"):
        writer.__exit__(None, None, None)
    assert out.read_bytes() == b"theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_output_over_the_input(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match="is the input itself"):
        pass_through(source, source, overwrite=True)


def test_output_folder_is_made(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    pass_through(source, tmp_path / "a" / "b" / "out.mp4")
    assert (tmp_path / "a" / "b" / "out.mp4").exists()


def test_output_permissions_are_ordinary(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    pass_through(source, tmp_path / "out.mp4")
    (tmp_path / "plain").touch()
    assert (tmp_path / "out.mp4").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_unknown_suffix(tmp_path):
    info = probe(write_clip(tmp_path / "in.mp4"))
    with pytest.raises(OutputError, match=r"output must end in .mp4, .m4v, .mov, .mkv, .webm, got 'out.avi'"):
        Writer(tmp_path / "out.avi", info, FAST)


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


def test_wrong_shape(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    with (
        pytest.raises(ShapeError, match=r"rgb must be \(1, 3, 48, 64\)"),
        read_frames(source) as reader,
        Writer(tmp_path / "out.mp4", reader.info, FAST) as writer,
    ):
        writer.write(replace(next(reader), rgb=torch.zeros(1, 3, 10, 10)))


def test_frames_out_of_order(tmp_path):
    source = write_clip(tmp_path / "in.mp4")

    def write_backwards():
        with read_frames(source) as reader, Writer(tmp_path / "out.mp4", reader.info, FAST) as writer:
            for frame in reversed(list(reader)):
                writer.write(frame)

    with pytest.raises(InputError, match="not after the frame before it"):
        write_backwards()


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (EncodeConfig(codec="nonsense"), "encode.codec=nonsense is no encoder"),
        (EncodeConfig(codec="aac"), "encode.codec=aac encodes audio"),
        (EncodeConfig(codec="prores_ks"), "a .mp4 file cannot hold prores_ks; set encode.container"),
        (EncodeConfig(pixel_format="rgb24"), "encode.pixel_format=rgb24 is not one that libx264 takes"),
        (EncodeConfig(options={"presett": "fast"}), "encode.options has presett.*did you mean preset"),
        (EncodeConfig(container="mkv"), "output ends in .mp4 but encode.container is mkv"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, encode, message):
    info = probe(write_clip(tmp_path / "in.mp4"))
    with pytest.raises(ConfigError, match=message):
        Writer(tmp_path / "out.mp4", info, encode)


def test_refused_value_of_an_option(tmp_path):
    info = probe(write_clip(tmp_path / "in.mp4"))
    with (
        pytest.raises(ConfigError, match="libx264 into .mp4 was refused"),
        Writer(tmp_path / "out.mp4", info, EncodeConfig(options={"preset": "nonsense"})),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crf": "99"}, r"encode.options.crf: got 99, expected 0 \(lossless\) to 51 for libx264"),
        ({"crf": "high"}, "encode.options.crf: got high"),
        ({"preset": "nonsense"}, "libx264 was refused at 64x48"),
    ],
)
def test_the_encoder_is_tried_before_the_work(tmp_path, options, message):
    info = probe(write_clip(tmp_path / "in.mp4"))
    path = tmp_path / "out.mp4"
    with pytest.raises(ConfigError, match=message):
        try_encoder(plan_output(path, info, EncodeConfig(options=options), None), info.frame_rate)
    try_encoder(plan_output(path, info, EncodeConfig(options={"crf": "0"}), None), info.frame_rate)


def test_default_container(tmp_path):
    mkv = probe(write_clip(tmp_path / "in.mkv"))
    avi = probe(write_clip(tmp_path / "in.avi", audio="pcm_s16le"))
    webm = probe(write_clip(tmp_path / "in.webm", codec="libvpx-vp9"))
    assert choose_container(mkv, FAST) == "mkv"
    assert choose_container(mkv, EncodeConfig(container="mov")) == "mov"
    with pytest.raises(ConfigError, match="container that is not written here.*encode.container=mkv"):
        choose_container(avi, FAST)
    with pytest.raises(ConfigError, match="a .webm file cannot hold libx264; set encode.container=mkv"):
        choose_container(webm, FAST)


def test_avi_source(tmp_path):
    source = write_clip(tmp_path / "in.avi", audio="pcm_s16le", options={"bf": "0"})
    assert pass_through(source, tmp_path / "out.mkv") == 12


X264_DEEP = EncodeConfig(pixel_format="yuv420p10le", options={"preset": "ultrafast"})


@pytest.mark.parametrize("encode", [X265, X264_DEEP])
def test_hdr10_metadata_survives(tmp_path, encode):
    light = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    source = write_clip(
        tmp_path / "in.mkv",
        Clip(
            codec="libx265",
            pixel_format="yuv420p10le",
            tags=(9, 1, 9, 16),
            matrix=9,
            options={"x265-params": f"log-level=none:hdr10=1:{light}"},
        ),
    )
    pass_through(source, tmp_path / "out.mp4", encode)
    assert probe(source).hdr10 is not None
    assert probe(tmp_path / "out.mp4").hdr10 == probe(source).hdr10
    assert probe(source).colour.transfer == "pq"


def test_wrong_matrix_setting_changes_nothing_in_a_round_trip(tmp_path):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", frames=2)
    pass_through(source, tmp_path / "out.mkv", EncodeConfig(codec="ffv1"), config=VideoConfig(matrix="bt2020"))
    for before, after in zip(read_planes(source), read_planes(tmp_path / "out.mkv"), strict=True):
        assert np.abs(before - after).mean() < 0.5
    assert_same(source, tmp_path / "out.mkv", but=("last_duration",))


def test_picture_is_recognisable_after_x264(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    pass_through(source, tmp_path / "out.mp4")
    with read_frames(tmp_path / "out.mp4") as reader:
        rgb = next(reader).rgb
    expected = torch.from_numpy(draw_square(0, 64, 48) / 255).permute(2, 0, 1)[None].float()
    assert (rgb - expected).abs().mean() < 0.03
