"""From the shot log to coc, on the two-shot sample with its true depth."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vdof.analysis import AnalysisWriter
from vdof.calibrate import CalibrateConfig
from vdof.errors import InputError
from vdof.focus import FocusConfig
from vdof.lens import Lens
from vdof.optics import coc_scale
from vdof.plan import plan_shots
from vdof.shotlog import read_shot_log
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
    """(T,H,W) in 1/m; every second pixel."""
    codes = read_grey(SAMPLES / "two_shots_depth.mkv")
    return np.stack([frame[::2, ::2] for frame in codes]).astype(np.float32) * DISPARITY_SCALE


@pytest.fixture
def plan_true_depth(truth, tmp_path):
    """Plan the sample with each shot's true disparity scaled and shifted at will."""

    def plan(changes=((1, 0), (1, 0)), log=LOG, kind="disparity_relative", **focus):
        with AnalysisWriter(tmp_path / f"analysis{len(list(tmp_path.iterdir()))}", kind, {}) as writer:
            for index, disparity in enumerate(truth):
                gain, shift = changes[index // 48]
                writer.write(index, index, index // 48, torch.from_numpy(disparity * gain + shift)[None, None])
            analysis = writer.finish()
        return plan_shots(Config(log, **focus), Info(), analysis, read_shot_log(log) if log else [], lambda: iter(()))

    return plan


def read_coc(plan, truth, frame, place, change=(1, 0)):
    """coc, px, that the plan gives to what is seen at a pixel."""
    step, (x, y) = plan.frames[frame], place
    seen = np.median(truth[frame, y // 2 - 2 : y // 2 + 3, x // 2 - 2 : x // 2 + 3]) * change[0] + change[1]
    return coc_scale(step.lens, step.focus_distance_m, WIDTH) * (1 / step.focus_distance_m - step.scale.to_metric(seen))


def analytic_coc(entry):
    """coc, px, of the logged background with focus on the logged subject."""
    lens, s = entry.apply_lens(Lens()), entry.subject_distance_m
    return coc_scale(lens, s, WIDTH) * (1 / s - 1 / (s + entry.background_distance_m))


@pytest.mark.parametrize(("gain", "shift"), [(1, 0), (0.5, 0.2), (2, -0.1), (1.3, 3)])
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
