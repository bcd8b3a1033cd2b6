"""The teacher's careful word on pictures."""

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from train import careful
from train.scenes import load_one


def favour_the_right(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Stand for a teacher that takes what is bright for near, and what is on the right side too."""
    grey = rgb[:, None, ::2, ::2].mean(axis=-1, dtype=np.float32) / 255
    return {"disparity": grey + np.linspace(0, 1, grey.shape[3], dtype=np.float32)}


def test_a_careful_look_does_not_favour_a_side(tmp_path: Path) -> None:
    image = np.full((96, 160, 3), 40, np.uint8)
    image[30:70, 60:100] = 220
    seen = careful.look_carefully(favour_the_right, image)
    assert seen.shape == (96, 160)
    assert np.abs(seen[:, :40].mean() - seen[:, 120:].mean()) < 0.01
    assert seen[40:60, 70:90].min() > seen[:20].max() + 1
    cv2.imwrite(str(tmp_path / "one.jpg"), image)
    assert careful.write_labels(favour_the_right, [tmp_path / "one.jpg"], tmp_path / "labels") == 1
    assert careful.write_labels(favour_the_right, [tmp_path / "one.jpg"], tmp_path / "labels") == 0
    labelled = load_one(tmp_path / "one.jpg", tmp_path / "labels")
    assert labelled.rgb.shape == (96, 160, 3)
    assert labelled.disparity[50, 80] > 0.9 * 65535
