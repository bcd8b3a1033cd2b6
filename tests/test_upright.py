import numpy as np
import pytest

from vdof.subject import find_subject
from vdof.upright import UPRIGHT, Lean, measure_lean, straighten

HEIGHT, WIDTH = 180, 320
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
ROW = Y / HEIGHT
FEET = 0.85


def paint(slope, feet=FEET, background=0.2):
    """A figure on a floor. The floor has its disparity where the feet are; the figure leans by `slope` above them."""
    floor = np.maximum(background, 1.0 + 4.0 * (ROW - feet))
    figure = (np.abs(X / WIDTH - 0.5) < 0.06) & (ROW > 0.2) & (ROW < feet)
    return np.where(figure, 1.0 + slope * (ROW - feet), floor).astype(np.float32), figure


def test_lean_is_taken_out_down_to_the_feet():
    disparity, figure = paint(slope=0.6)
    subject = find_subject(disparity)
    lean = measure_lean(disparity, subject)
    assert lean.slope == pytest.approx(0.6, rel=0.15)
    assert lean.reference_row == pytest.approx(FEET, abs=0.05)
    upright = straighten(disparity, subject.mask, lean)
    assert np.ptp(disparity[figure]) > 0.35
    assert np.abs(upright[figure] - 1.0).max() < 0.12
    assert np.abs(upright[figure] - 1.0).mean() < 0.04


def test_what_is_not_the_subject_keeps_its_values():
    disparity, figure = paint(slope=0.6)
    subject = find_subject(disparity)
    upright = straighten(disparity, subject.mask, measure_lean(disparity, subject))
    far_from_it = np.abs(X / WIDTH - 0.5) > 0.12
    assert (upright[far_from_it] == disparity[far_from_it]).all()
    behind = ~figure & (ROW < 0.5)
    assert np.abs(upright[behind] - disparity[behind]).max() < 0.05


def test_an_upright_subject_is_left_alone():
    disparity, figure = paint(slope=0.0)
    subject = find_subject(disparity)
    lean = measure_lean(disparity, subject)
    assert lean.slope < 0.05
    assert np.abs(straighten(disparity, subject.mask, lean)[figure] - disparity[figure]).max() < 0.03


def test_close_shot_takes_the_faces_disparity():
    figure = ((np.abs(X / WIDTH - 0.5) < 0.08) & (ROW > 0.2)) | ((np.abs(X / WIDTH - 0.5) < 0.2) & (ROW > 0.5))
    disparity = np.where(figure, 1.0 + 0.5 * (ROW - 0.35), 0.2).astype(np.float32)
    subject = find_subject(disparity)
    lean = measure_lean(disparity, subject)
    assert 0.3 < lean.reference_row < 0.55
    upright = straighten(disparity, subject.mask, lean)
    assert np.ptp(upright[figure & (ROW < 0.95)]) < 0.13


def test_scale_and_shift_change_nothing_but_units():
    disparity, _ = paint(slope=0.6)
    plain = find_subject(disparity)
    scaled = find_subject(5 * disparity - 2)
    lean, lean_scaled = measure_lean(disparity, plain), measure_lean(5 * disparity - 2, scaled)
    assert lean_scaled.slope == pytest.approx(5 * lean.slope, rel=1e-3)
    upright = straighten(disparity, plain.mask, lean)
    assert straighten(5 * disparity - 2, scaled.mask, lean_scaled) == pytest.approx(5 * upright - 2, abs=2e-3)


def test_no_subject_no_change():
    flat = np.ones((HEIGHT, WIDTH), np.float32)
    assert measure_lean(flat, find_subject(flat)) == UPRIGHT
    mask = np.zeros((90, 160), bool)
    assert straighten(flat, mask, Lean(1.0, 0.5)) is flat
