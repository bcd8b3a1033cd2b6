import numpy as np
import pytest
import torch

from vdof.config import VdofConfig
from vdof.focus.follow import fade_large, follow
from vdof.focus.observe import Observation, observe_subject
from vdof.focus.subject import PackedMask, search_subject
from vdof.focus.upright import Lean, Stance, measure_stance, straighten

HEIGHT, WIDTH = 180, 320
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
ROW = Y / HEIGHT
FEET = 0.85


def paint(slope, feet=FEET, background=0.2):
    """A figure on a floor. The floor has its disparity where the feet are; the figure leans by `slope` above them."""
    floor = np.maximum(background, 1.0 + 4.0 * (ROW - feet))
    figure = (np.abs(X / WIDTH - 0.5) < 0.06) & (ROW > 0.2) & (feet > ROW)
    return np.where(figure, 1.0 + slope * (ROW - feet), floor).astype(np.float32), figure


def stand_up(disparity):
    """Find, measure and straighten as the plan does for a single frame."""
    subject = search_subject(disparity).measure(0)
    stance = measure_stance(disparity, subject)
    slope, feet = stance.slope, stance.feet
    lean = Lean(slope, subject.row if feet is None else feet, 1.0 if feet is None else feet)
    return straighten(disparity, subject.mask, lean), lean


def test_lean_is_taken_out_down_to_the_feet():
    disparity, figure = paint(slope=0.6)
    upright, lean = stand_up(disparity)
    assert lean.slope == pytest.approx(0.6, rel=0.15)
    assert lean.reference_row == pytest.approx(FEET, abs=0.05)
    assert np.ptp(disparity[figure]) > 0.35
    assert np.abs(upright[figure] - 1.0).max() < 0.12
    assert np.abs(upright[figure] - 1.0).mean() < 0.04


def test_what_is_not_the_subject_keeps_its_values():
    disparity, figure = paint(slope=0.6)
    upright, _ = stand_up(disparity)
    far_from_it = np.abs(X / WIDTH - 0.5) > 0.12
    assert (upright[far_from_it] == disparity[far_from_it]).all()
    behind = ~figure & (ROW < 0.5)
    assert np.abs(upright[behind] - disparity[behind]).max() < 0.05


def test_an_upright_subject_is_left_alone():
    disparity, figure = paint(slope=0.0)
    upright, lean = stand_up(disparity)
    assert lean.slope < 0.05
    assert np.abs(upright[figure] - disparity[figure]).max() < 0.03


def test_what_a_figure_wavers_by_is_put_back():
    disparity, figure = paint(slope=0.0)
    lifted = straighten(disparity, search_subject(disparity).measure(0).mask, Lean(0.0, 0.5, FEET, lift=0.05))
    inside = figure & (ROW > 0.25) & (ROW < 0.6) & (np.abs(X / WIDTH - 0.5) < 0.05)
    assert lifted[inside] - disparity[inside] == pytest.approx(0.05, abs=0.005)
    far_from_it = np.abs(X / WIDTH - 0.5) > 0.12
    assert (lifted[far_from_it] == disparity[far_from_it]).all()
    assert fade_large(np.array([0.05, -0.1, 0.15, 0.3]), 0.1) == pytest.approx([0.05, -0.1, 0.075, 0.0])


def test_close_shot_takes_the_faces_disparity():
    figure = ((np.abs(X / WIDTH - 0.5) < 0.08) & (ROW > 0.2)) | ((np.abs(X / WIDTH - 0.5) < 0.2) & (ROW > 0.5))
    disparity = np.where(figure, 1.0 + 0.5 * (ROW - 0.35), 0.2).astype(np.float32)
    upright, lean = stand_up(disparity)
    assert lean.foot_row == 1.0
    assert 0.3 < lean.reference_row < 0.55
    assert np.ptp(upright[figure]) < 0.13


def paint_cut_off(sofa):
    """A wide figure, nearer lower down, that the frame cuts off below; `sofa`: it sits on one that comes up beside it."""
    figure = (np.abs(X / WIDTH - 0.5) < 0.05 + 0.15 * ROW) & (ROW > 0.15)
    leaning = 1.3 + 0.7 * (ROW - 1)
    beside = np.where((ROW > 0.45) & sofa, leaning - 0.2, 0.2)
    return np.where(figure, leaning, beside).astype(np.float32), figure


@pytest.mark.parametrize(("sofa", "least", "most"), [(True, 0.0, 0.1), (False, 0.5, 0.8)])
def test_what_sits_on_a_sofa_keeps_its_depth_and_who_stands_free_does_not(sofa, least, most):
    disparity, figure = paint_cut_off(sofa)
    observed = list(observe_subject([torch.from_numpy(disparity)[None, None]] * 3))
    _, leans = follow(VdofConfig(input="clip.mp4"), observed, np.arange(3) / 24, is_metric=False)
    assert least <= leans[1].slope <= most
    assert leans[1].foot_row == 1.0
    upright = straighten(disparity, observed[1].figure.unpack(), leans[1])
    assert (np.abs(upright - disparity)[figure].max() < 0.05) == sofa


def test_scale_and_shift_change_nothing_but_units():
    disparity, _ = paint(slope=0.6)
    upright, lean = stand_up(disparity)
    upright_scaled, lean_scaled = stand_up(5 * disparity - 2)
    assert lean_scaled.slope == pytest.approx(5 * lean.slope, rel=1e-3)
    assert upright_scaled == pytest.approx(5 * upright - 2, abs=2e-3)


def test_no_subject_no_change():
    flat = np.ones((HEIGHT, WIDTH), np.float32)
    assert measure_stance(flat, search_subject(flat).measure(0)) == Stance()
    mask = np.zeros((90, 160), bool)
    assert straighten(flat, mask, Lean(1.0, 0.5, 1.0)) is flat


def test_focus_holds_still_where_the_estimate_leans_more_and_less_and_follows_an_approach():
    seconds = np.arange(120) / 15
    slopes = 0.65 + 0.3 * np.sin(2 * np.pi * seconds / 2)
    approach = 1.0 + 0.1 * seconds
    mask = PackedMask.pack(np.ones((2, 2), bool))
    observed = [
        Observation(level + slope * (0.35 - 0.6), 0.1, 0.0, 1.5, row=0.35, stance=Stance(slope, 0.85), figure=mask)
        for level, slope in zip(approach, slopes, strict=True)
    ]
    track, leans = follow(VdofConfig(input="clip.mp4"), observed, seconds, is_metric=False)
    at_middle = track + [lean.slope * (0.6 - lean.reference_row) for lean in leans]
    assert at_middle == pytest.approx(approach, abs=1e-3)
    assert np.ptp((track - approach)[30:-30]) < 0.02
