"""From the shot log to coc, on the two-shot sample with its true depth."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vdof.analysis.store import AnalysisWriter
from vdof.calibrate import CalibrateConfig, Framing
from vdof.errors import BackendError, ConfigError, InputError
from vdof.focus.config import FocusConfig
from vdof.focus.faces import Face
from vdof.focus.observe import Observation
from vdof.lens import Lens
from vdof.optics import coc_scale
from vdof.plan import check_wishes, plan_shots, tie_to_metres
from vdof.shotlog import read_shot_log
from vdof.shots import AnalysisFrame
from vdof.stabilise import StabiliseConfig
from vdof.video.grey import read_grey

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
LOG = SAMPLES / "two_shots.shot_log.yaml"
DISPARITY_SCALE = 2e-4  # said in samples/README.md
WIDTH, HEIGHT = 640, 360
FACE = {23: (214, 143), 71: (439, 151)}  # frame -> pixel (x, y) between the eyes, as in test_samples.py
BACKGROUND = {23: (330, 135), 71: (160, 30)}  # on the far bank's trees; on the cafe front


class Info:
    """What the plan asks of a clip."""

    width, height, rotation_deg, time_base, frame_rate = WIDTH, HEIGHT, 0, Fraction(1, 24), Fraction(24)


class Config:
    """What the plan asks of a configuration."""

    def __init__(self, shot_log=None, **focus):
        self.shot_log, self.frames, self.lens = shot_log, None, Lens()
        self.focus, self.calibrate, self.stabilise = FocusConfig(**focus), CalibrateConfig(), StabiliseConfig()


@pytest.fixture(scope="module")
def truth():
    """(T,H,W) in 1/m; every fourth pixel."""
    codes = read_grey(SAMPLES / "two_shots_depth.mkv")
    return np.stack([frame[::4, ::4] for frame in codes]).astype(np.float32) * DISPARITY_SCALE


@pytest.fixture
def plan_true_depth(truth, tmp_path):
    """Plan the sample with each shot's true disparity scaled and shifted at will."""

    def plan(changes=((1, 0), (1, 0)), log=LOG, kind="disparity_relative", pictures=(), **focus):
        with AnalysisWriter(tmp_path / f"analysis{len(list(tmp_path.iterdir()))}", kind, {}) as writer:
            for index, disparity in enumerate(truth):
                gain, shift = changes[index // 48]
                writer.write(index, index, index // 48, torch.from_numpy(disparity * gain + shift)[None, None])
            analysis = writer.finish()
        return plan_shots(
            Config(log, **focus), Info(), analysis, read_shot_log(log) if log else [], lambda: iter(pictures)
        )

    return plan


def read_coc(plan, truth, frame, place, change=(1, 0)):
    """coc, px, that the plan gives to what is seen at a pixel."""
    step, (x, y) = plan.frames[frame], place
    seen = np.median(truth[frame, y // 4 - 1 : y // 4 + 2, x // 4 - 1 : x // 4 + 2]) * change[0] + change[1]
    return coc_scale(step.lens, step.focus_distance_m, WIDTH) * (1 / step.focus_distance_m - step.scale.to_metric(seen))


def analytic_coc(entry):
    """coc, px, of the logged background with focus on the logged subject."""
    lens, s = entry.apply_lens(Lens()), entry.subject_distance_m
    return coc_scale(lens, s, WIDTH) * (1 / s - 1 / (s + entry.background_distance_m))


@pytest.mark.parametrize(("gain", "shift"), [(0.5, 0.2), pytest.param(2, -0.1, marks=pytest.mark.slow)])
def test_background_coc_is_the_analytic_one_whatever_the_scale_of_the_estimate(plan_true_depth, truth, gain, shift):
    changes = ((1, 0), (gain, shift))
    plan = plan_true_depth(changes)
    for entry, (frame, place), change in zip(read_shot_log(LOG), BACKGROUND.items(), changes, strict=True):
        assert read_coc(plan, truth, frame, place, change) == pytest.approx(analytic_coc(entry), rel=0.03)
        assert plan.reports[frame // 48].measured["coc_background_px"] == pytest.approx(analytic_coc(entry), rel=0.03)


def test_face_is_sharp_in_both_shots(plan_true_depth, truth):
    plan = plan_true_depth()
    for frame, place in FACE.items():
        assert abs(read_coc(plan, truth, frame, place)) < 0.04 * plan.reports[frame // 48].measured["coc_infinity_px"]


def test_eyes_are_sharp_and_as_far_as_the_log_says(plan_true_depth, truth, monkeypatch):
    height, width = 90, 160

    class OneFace:
        """A face at the sample's own, in every frame but a few."""

        def __init__(self):
            self.calls = 0

        def find(self, picture):
            x, y = np.array(FACE[max(frame for frame in FACE)]) * (width / WIDTH)
            oval = np.array([[x - 3, y - 4], [x + 3, y - 4], [x + 3, y + 4], [x - 3, y + 4]], np.float32)
            return [Face(np.array([[x - 1, y], [x + 1, y]], np.float32), (0.0, 0.0), oval, 1.0)]

        def refine(self, picture, near):
            self.calls += 1
            return None if self.calls % 7 == 0 else self.find(picture)[0]

    monkeypatch.setattr("vdof.plan.open_face_finder", lambda models: OneFace())
    grey = [AnalysisFrame(i, i, torch.full((1, 3, height, width), 0.5)) for i in range(len(truth))]
    plan = plan_true_depth(pictures=grey, mode="eyes")
    frame = max(FACE)
    assert abs(read_coc(plan, truth, frame, FACE[frame])) < 0.04 * plan.reports[1].measured["coc_infinity_px"]
    focus = np.array([step.focus_distance_m for step in plan.frames[48:]])
    assert np.median(focus) == pytest.approx(read_shot_log(LOG)[1].subject_distance_m, rel=0.05)
    assert np.abs(np.diff(1 / focus)).max() < 0.05


def test_metric_depth_is_used_as_it_is(plan_true_depth):
    plan = plan_true_depth(kind="disparity_metric")
    assert {step.scale.scale for step in plan.frames} == {1.0}
    assert plan.frames[23].focus_distance_m == pytest.approx(3.6, rel=0.05)


def change_log(tmp_path, **changes):
    """The sample's log with text replaced."""
    text = LOG.read_text(encoding="utf-8")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "log.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_metric_depth_that_disagrees_with_the_log_is_said(plan_true_depth, tmp_path, caplog):
    log = change_log(tmp_path, subject=("subject_distance_m: 3.61", "subject_distance_m: 7"))
    plan = plan_true_depth(log=log, kind="disparity_metric")
    assert "says subject 7 m, metric depth 3.6" in caplog.text
    assert plan.reports[0].measured["depth_says"]["subject_distance_m"] == pytest.approx(3.6, rel=0.03)
    assert plan.reports[0].entry.subject_distance_m == 7


def test_swapped_distances_are_an_error_where_the_depth_is_metric(plan_true_depth, tmp_path):
    log = change_log(
        tmp_path,
        subject=("subject_distance_m: 1.18", "subject_distance_m: 9.5"),
        behind=("_m: 9.5\n  notes", "_m: 1.18\n  notes"),
    )
    log.write_text(log.read_text().replace("background_distance_m: 9.5", "background_distance_m: 1.18"))
    with pytest.raises(InputError, match=r"log.yaml:15\).*look swapped.*exchange them"):
        plan_true_depth(log=log, kind="disparity_metric")


@pytest.mark.parametrize("kind", ["disparity_relative", "disparity_metric"])
def test_a_background_nearer_than_the_subject_is_an_error_with_file_and_line(kind):
    entry = read_shot_log(LOG)[0]
    with pytest.raises(InputError, match=r"shot_log.yaml:4\).*background nearer than the subject"):
        tie_to_metres(
            Config(LOG), kind, entry, Lens(), Framing(0, False, 16 / 9), [Observation(0.2, 0.4, 0.1, 0.5)], 0.2, 0.4
        )


def test_what_a_run_needs_is_looked_for_before_its_first_pass(monkeypatch):
    config = Config(LOG)
    config.lens = Lens(aperture_image="/no/such.png")
    with pytest.raises(ConfigError, match="lens.aperture_image: no file at /no/such.png"):
        check_wishes(config, [])
    monkeypatch.setattr("vdof.focus.open_faces.find_spec", lambda name: None)
    config.focus = FocusConfig(mode="eyes")
    with pytest.raises(BackendError, match="focus.mode=eyes needs ai-edge-litert"):
        check_wishes(config, [])


def test_keyframes_pull_from_the_subject_to_a_distance(plan_true_depth, tmp_path):
    keys = "focus: {mode: keyframes, keys: [{frame: 0, at: subject}, {frame: 40, at: 8.0, pull_s: 0.5}]}"
    log = change_log(tmp_path, focus=("  subject_distance_m: 3.61", f"  {keys}\n  subject_distance_m: 3.61"))
    focus = np.array([step.focus_distance_m for step in plan_true_depth(log=log).frames[:48]])
    assert focus[:28] == pytest.approx(np.full(28, 3.6), rel=0.06)
    assert focus[40:] == pytest.approx(np.full(8, 8.0), rel=1e-3)
    assert 3.7 < focus[34] < 7.9
    assert np.abs(np.diff(1 / focus)).max() * 24 < 2.0


def test_two_subjects_stop_the_lens_down_until_both_are_sharp(plan_true_depth, tmp_path):
    both = "focus: {mode: two_subjects, subjects: [{name: she, at: subject}, {name: he, at: 4.4}]}"
    log = change_log(tmp_path, focus=("  subject_distance_m: 3.61", f"  {both}\n  subject_distance_m: 3.61"))
    plan = plan_true_depth(log=log)
    step, limit = plan.frames[23], WIDTH / 1200
    for distance in (3.6, 4.4):
        coc = coc_scale(step.lens, step.focus_distance_m, WIDTH) * (1 / step.focus_distance_m - 1 / distance)
        assert abs(coc) < 1.1 * limit
    assert step.lens.f_number > 5
    assert plan.reports[0].measured["f_number"] == step.lens.f_number
    assert plan.reports[0].lens.f_number == 1.8


def test_one_of_two_subjects_is_named(plan_true_depth, tmp_path):
    one = "focus: {mode: two_subjects, sharp: he, subjects: [{name: she, at: subject}, {name: he, at: 4.4}]}"
    log = change_log(tmp_path, focus=("  subject_distance_m: 3.61", f"  {one}\n  subject_distance_m: 3.61"))
    plan = plan_true_depth(log=log)
    assert plan.frames[23].focus_distance_m == pytest.approx(4.4)
    assert plan.frames[23].lens.f_number == 1.8


def test_two_subjects_too_far_apart_say_so(plan_true_depth, tmp_path):
    both = "focus: {mode: two_subjects, subjects: [{name: she, at: 0.5}, {name: he, at: 40}]}"
    log = change_log(tmp_path, focus=("  subject_distance_m: 3.61", f"  {both}\n  subject_distance_m: 3.61"))
    with pytest.raises(InputError, match=r"she at 0.50 m and he at 40.00 m need f/\d+ to be sharp together"):
        plan_true_depth(log=log)


def test_one_known_distance_solves_the_scale_and_the_rest_is_marked(plan_true_depth, tmp_path):
    log = change_log(tmp_path, behind=("  background_distance_m: 240.4\n", ""))
    (report, _) = plan_true_depth(log=log).reports
    assert report.distances == "subject given, the other assumed"
    assert report.measured["assumed"] == {"background_distance_m": pytest.approx(10.83)}


def test_without_a_log_all_is_assumed(plan_true_depth):
    (report, _) = plan_true_depth(log=None).reports
    assert report.distances == "assumed"
    assert set(report.measured["assumed"]) == {"subject_distance_m", "background_distance_m"}
