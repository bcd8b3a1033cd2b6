"""Reading: every frame once, with its own time; damage is noticed; one frame in memory."""

import logging
import sys
import weakref
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from tests.clips import VFR_PTS, damage, draw_square, write_clip
from vdof.errors import ConfigError, InputError, LostFramesError
from vdof.video import VideoConfig, parse_frame_range, probe, read_frames


def read_all(path, config=None, **kwargs):
    with read_frames(path, config, **kwargs) as reader:
        return list(reader)


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4")


def test_probe_reports_the_clip(tmp_path):
    path = write_clip(
        tmp_path / "a.mp4", audio="aac", rotation_deg=90, sample_aspect_ratio=Fraction(4, 3), tags=(1, 1, 1, 1)
    )
    info = probe(path)
    assert (info.width, info.height, info.time_base, info.frame_rate) == (64, 48, Fraction(1, 12288), 24)
    assert (info.rotation_deg, info.sample_aspect_ratio) == (90, Fraction(4, 3))
    assert (info.bit_depth, info.frame_count_hint, info.has_audio) == (8, 12, True)
    assert (info.colour.matrix, info.colour.matrix_tag) == ("bt709", 1)
    assert info.duration_s == pytest.approx(0.5)


def test_hidden_frames_are_not_counted(tmp_path):
    path = write_clip(tmp_path / "a.mp4", pts=[512 * k - 1536 for k in range(24)])
    assert probe(path).frame_count_hint == len(read_all(path)) == 21


def test_matroska_has_no_frame_count(tmp_path):
    assert probe(write_clip(tmp_path / "a.mkv")).frame_count_hint is None


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_frames_are_numbered_and_timed(tmp_path, suffix):
    frames = read_all(write_clip(tmp_path / f"a.{suffix}"))
    assert [frame.index for frame in frames] == list(range(12))
    seconds = [frame.time_s for frame in frames]
    assert seconds == pytest.approx([k / 24 for k in range(12)], abs=5.1e-4 if suffix == "mkv" else 1e-9)


def test_uneven_times_are_kept(tmp_path):
    frames = read_all(write_clip(tmp_path / "a.mp4", pts=VFR_PTS))
    assert [frame.pts for frame in frames] == list(VFR_PTS)
    assert frames[2].duration == 1024


def test_ntsc_times_are_kept(tmp_path):
    path = write_clip(tmp_path / "a.mp4", rate=Fraction(24000, 1001), time_base=Fraction(1, 24000))
    assert [frame.pts for frame in read_all(path)] == [1001 * k for k in range(12)]


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv444p10le", "yuv422p10le"])
@pytest.mark.parametrize(("matrix", "tag"), [(1, 1), (5, 6), (9, 9)])
@pytest.mark.parametrize("full_range", [False, True])
def test_colours_come_out_right(tmp_path, pixel_format, matrix, tag, full_range):
    path = write_clip(
        tmp_path / "a.mkv",
        frames=1,
        codec="ffv1",
        pixel_format=pixel_format,
        matrix=matrix,
        full_range=full_range,
        tags=(tag, 2 if full_range else 1, 1, 1),
        picture=lambda k, w, h: np.broadcast_to(np.array([200, 120, 30], np.uint8), (h, w, 3)),
    )
    rgb = read_all(path)[0].rgb
    assert rgb.shape == (1, 3, 48, 64)
    assert rgb.dtype == torch.float32
    expected = torch.tensor([200.0, 120.0, 30.0]).view(1, 3, 1, 1).expand_as(rgb) / 255
    torch.testing.assert_close(rgb, expected, atol=(2 if pixel_format == "yuv444p" else 0.5) / 255, rtol=0)


def test_untagged_hd_is_read_as_bt709(tmp_path):
    options = {"frames": 1, "size": (1280, 48), "matrix": 1, "codec": "ffv1", "pixel_format": "yuv444p"}
    rgb = read_all(write_clip(tmp_path / "a.mkv", **options))[0].rgb
    expected = torch.from_numpy(draw_square(0, 1280, 48) / 255).permute(2, 0, 1)[None].float()
    assert (rgb - expected).abs().max() < 2 / 255  # the wrong matrix is off by 20


def test_size_scales_the_picture(clip):
    full, small = read_all(clip)[0].rgb, read_all(clip, size=(32, 24))[0].rgb
    assert small.shape == (1, 3, 24, 32)
    assert (small.mean() - full.mean()).abs() < 0.005


def test_range_yields_source_indices(clip):
    assert [frame.index for frame in read_all(clip, frames=range(3, 7))] == [3, 4, 5, 6]
    assert [frame.index for frame in read_all(clip, frames=parse_frame_range("10:"))] == [10, 11]


def test_range_beyond_the_end(clip):
    with pytest.raises(ConfigError, match="frames starts at 12 but .* has 12 frames"):
        read_all(clip, frames=range(12, 20))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("10:50", range(10, 50)),
        (":50", range(50)),
        ("10:", range(10, sys.maxsize)),
        (":", range(sys.maxsize)),
    ],
)
def test_frame_range_is_parsed(text, expected):
    assert parse_frame_range(text) == expected


@pytest.mark.parametrize("text", ["10", "a:b", "50:10", "10:10", "-5:10", "1:2:3", "1.5:3", ""])
def test_wrong_frame_range(text):
    with pytest.raises(ConfigError, match="frames must"):
        parse_frame_range(text)


def test_one_frame_is_alive_at_a_time(tmp_path):
    alive: weakref.WeakSet = weakref.WeakSet()
    most = 0
    with read_frames(write_clip(tmp_path / "a.mp4", frames=60)) as reader:
        for frame in reader:
            alive.add(frame)
            most = max(most, len(alive))
            del frame
    assert most == 1


def test_closing_early_and_twice(clip):
    reader = read_frames(clip)
    next(reader)
    reader.close()
    reader.close()
    assert list(reader) == []


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_damaged_clip(tmp_path, suffix, caplog):
    path = damage(write_clip(tmp_path / f"a.{suffix}", frames=48), at=0.3)
    with pytest.raises(LostFramesError, match="video.accept_loss=true"):
        read_all(path)
    with caplog.at_level(logging.WARNING):
        frames = read_all(path, VideoConfig(accept_loss=True))
    assert 0 < len(frames) <= 48
    assert "lost frames in decoding" in caplog.text


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_cut_off_clip(tmp_path, suffix):
    path = write_clip(tmp_path / f"a.{suffix}", frames=48)
    if suffix == "mp4":
        path = move_index_to_front(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    with pytest.raises(LostFramesError, match="video.accept_loss=true"):
        read_all(path)


def move_index_to_front(path):
    moved = path.with_name("front.mp4")
    with av.open(str(path)) as source, av.open(str(moved), "w", container_options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return moved


def test_hidden_vp8_frames_are_not_lost(tmp_path):
    path = write_clip(tmp_path / "a.webm", codec="libvpx", frames=40, options={})
    assert len(read_all(path)) == 40


def test_missing_input(tmp_path):
    with pytest.raises(InputError, match=r"nothing.mp4 does not exist; input must be a video file"):
        probe(tmp_path / "nothing.mp4")


def test_folder_as_input(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        probe(tmp_path)


def test_text_as_input(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("not a video")
    with pytest.raises(InputError, match="cannot be read as a video"):
        probe(path)


def test_sound_only(tmp_path):
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), format="s16", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="has no video stream; input must be a video file"):
        probe(path)
    with pytest.raises(InputError, match="has no video stream; reference must be a video file"):
        probe(path, argument="reference")
