"""The benchmark's own geometry: what it calls exact depth, poses and flow agree with each other."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from depth_bench.corruption import MODERATE, corrupt
from depth_bench.metrics import fit_to_truth, score
from depth_bench.sequences import Sequence, Setting, make_sequence

from vdof.flow.warp import to_target, warp_array


@pytest.fixture(scope="module")
def sequence() -> Sequence:
    return make_sequence(Setting("test", "pan", 4, 1.3, boxes=2), seed=3, size=(72, 128))


def test_the_flow_carries_the_picture(sequence: Sequence) -> None:
    for t in range(1, 4):
        carried = warp_array(sequence.rgb[t - 1], to_target(sequence.flow[t]))
        difference = np.abs(carried - sequence.rgb[t]).mean(axis=-1)
        assert difference[sequence.is_seen[t]].mean() < 0.02
        assert sequence.is_seen[t].mean() > 0.8


def test_the_truth_scores_as_the_truth(sequence: Sequence) -> None:
    truth = score(1 / sequence.depth, sequence)
    assert truth.abs_rel < 1e-4
    assert truth.tae < 0.6  # points are rounded to pixels
    assert truth.slope == pytest.approx(1, abs=1e-3)


def test_a_scale_and_shift_of_the_whole_cost_nothing(sequence: Sequence) -> None:
    moved = 3 / sequence.depth - 0.2
    assert np.allclose(fit_to_truth(moved, sequence), sequence.depth, rtol=1e-3)


def test_errors_are_the_same_for_the_same_seed_and_cost_accuracy(sequence: Sequence) -> None:
    first, again = (corrupt(sequence.depth, MODERATE, seed=1) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, corrupt(sequence.depth, MODERATE, seed=2))
    assert score(first, sequence).tae > 1
