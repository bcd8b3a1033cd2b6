"""The files of samples/ agree with each other: clip, true depth and shot log."""

from pathlib import Path

import av
import numpy as np
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "samples"
DISPARITY_SCALE = 2e-4  # said in samples/README.md
FACE = {23: (214, 143), 71: (439, 151)}  # frame -> pixel (x, y) between the eyes, the shots' middle frames
BACKGROUND = {23: (330, 135), 71: (160, 30)}  # on the far bank's trees; on the cafe front


@pytest.fixture(scope="module")
def log() -> dict:
    return yaml.safe_load((SAMPLES / "two_shots.shot_log.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def disparity() -> np.ndarray:
    """(T,H,W) in 1/m"""
    with av.open(str(SAMPLES / "two_shots_depth.mkv")) as film:
        codes = [frame.to_ndarray() for frame in film.decode(video=0)]
    return np.stack(codes).astype(np.float32) * DISPARITY_SCALE


@pytest.fixture(scope="module")
def thumbnails() -> np.ndarray:
    """(T,90,160) grey codes"""
    with av.open(str(SAMPLES / "two_shots.mp4")) as film:
        small = [frame.to_ndarray(format="gray")[::4, ::4] for frame in film.decode(video=0)]
    return np.stack(small).astype(np.float32)


@pytest.fixture
def scene_scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))


def test_samples_stay_under_six_megabytes():
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 6e6


def test_clip_depth_and_log_have_the_same_frames(log, disparity, thumbnails):
    firsts = [shot["first_frame"] for shot in log["shots"]]
    lasts = [shot["last_frame"] for shot in log["shots"]]
    assert firsts == [0] + [last + 1 for last in lasts[:-1]]
    assert len(disparity) == len(thumbnails) == lasts[-1] + 1
    assert log["clip"] == "two_shots.mp4"


def test_the_cut_is_where_the_log_says(log, thumbnails):
    change = np.abs(np.diff(thumbnails, axis=0)).mean(axis=(1, 2))
    cut = int(change.argmax()) + 1
    assert cut == log["shots"][1]["first_frame"]
    assert change[cut - 1] > 4 * np.sort(change)[-2]


@pytest.mark.parametrize("index", [0, 1])
def test_the_logged_distances_are_those_of_the_true_depth(log, disparity, index):
    shot = log["shots"][index]
    frame = (shot["first_frame"] + shot["last_frame"]) // 2
    x, y = FACE[frame]
    subject = 1 / np.median(disparity[frame, y - 4 : y + 5, x - 4 : x + 5])
    assert subject == pytest.approx(shot["subject_distance_m"], abs=0.06)
    x, y = BACKGROUND[frame]
    background = 1 / np.median(disparity[frame, y - 3 : y + 4, x - 3 : x + 4]) - subject
    assert background == pytest.approx(shot["background_distance_m"], rel=0.06)


def test_depth_has_a_foreground_a_subject_and_a_sky(disparity):
    assert 1 / disparity[:48].max() < 1.4
    assert (disparity[23] == 0).any()
    assert disparity.max() < 65535 * DISPARITY_SCALE


@pytest.mark.parametrize(("name", "seconds"), [("two_shots.mp4", 4.0), ("bbb.mp4", 4.0)])
def test_clips_have_picture_and_sound_of_one_length(name, seconds):
    with av.open(str(SAMPLES / name)) as film:
        video, audio = film.streams.video[0], film.streams.audio[0]
        packets = [packet for packet in film.demux(video, audio) if packet.size]
        shown = sum(packet.stream is video for packet in packets) / video.average_rate
        heard = max(float((p.pts + p.duration) * p.time_base) for p in packets if p.stream is audio)
    assert float(shown) == pytest.approx(seconds, abs=0.1)
    assert heard == pytest.approx(seconds, abs=0.1)


def test_the_film_is_tagged_bt709_limited():
    with av.open(str(SAMPLES / "two_shots.mp4")) as film:
        context = film.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)


def test_an_excerpt_holds_every_frame_it_promises(scene_scripts, tmp_path):
    from sample_scene.write import excerpt_film

    count = excerpt_film(SAMPLES / "bbb.mp4", tmp_path / "short.mp4", 1.5)
    with av.open(str(tmp_path / "short.mp4")) as film:
        pts = [frame.pts for frame in film.decode(video=0)]
    assert 30 <= count <= 38
    assert len(pts) == count
    assert len(set(np.diff(pts))) == 1


@pytest.mark.slow
def test_the_scene_traces_to_the_shipped_depth(scene_scripts, disparity):
    from sample_scene.direction import place_scene
    from sample_scene.hair import Hair
    from sample_scene.trace import trace_picture

    _, view = place_scene(71, 640, 360, Hair())
    picture, traced = trace_picture(view, most_rays=1)
    assert np.isfinite(picture).all()
    assert np.mean(np.abs(traced - disparity[71]) <= DISPARITY_SCALE) > 0.999
