"""Writing: codecs, pixel formats, sizes, and settings that do not fit."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from tests.clips import VFR_PTS, Clip, draw_square, read_facts, write_clip
from tests.video_copies import FAST, X265, assert_same, pass_through
from vdof.errors import ConfigError
from vdof.video import (
    EncodeConfig,
    VideoConfig,
    Writer,
    choose_container,
    plan_output,
    probe,
    read_frames,
    try_encoder,
)

X264_DEEP = EncodeConfig(pixel_format="yuv420p10le", options={"preset": "ultrafast"})


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


def test_picture_is_recognisable_after_x264(tmp_path):
    source = write_clip(tmp_path / "in.mp4")
    pass_through(source, tmp_path / "out.mp4")
    with read_frames(tmp_path / "out.mp4") as reader:
        rgb = next(reader).rgb
    expected = torch.from_numpy(draw_square(0, 64, 48) / 255).permute(2, 0, 1)[None].float()
    assert (rgb - expected).abs().mean() < 0.03


def test_wrong_matrix_setting_changes_nothing_in_a_round_trip(tmp_path):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", frames=2)
    pass_through(source, tmp_path / "out.mkv", EncodeConfig(codec="ffv1"), config=VideoConfig(matrix="bt2020"))
    for before, after in zip(read_planes(source), read_planes(tmp_path / "out.mkv"), strict=True):
        assert np.abs(before - after).mean() < 0.5
    assert_same(source, tmp_path / "out.mkv", but=("last_duration",))
