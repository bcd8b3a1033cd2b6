"""How blurred one picture is against another: in pixels, and how much of a small change is seen."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from vdof.check.measure.pixel_blur import NOTHING_BLURRED, compare

FINE = 4
"""Pixels of the scene across one of the picture: what blurs it knows nothing of the picture's grid."""
SIZE = (192, 256)


def make_scene():
    """Noise with structure of many sizes, as light."""
    rng = np.random.default_rng(3)
    size = (SIZE[0] * FINE, SIZE[1] * FINE)
    layers = [cv2.GaussianBlur(rng.standard_normal(size), (0, 0), sigma) * sigma for sigma in (2, 5, 14, 40)]
    scene = sum(layers)
    return (0.4 + 0.1 * scene / scene.std()).clip(0.01, 1)


def photograph(scene, radius):
    """The scene behind discs of `radius` px of the picture, display-encoded."""
    across, down = np.fft.fftfreq(scene.shape[1]) * scene.shape[1], np.fft.fftfreq(scene.shape[0]) * scene.shape[0]
    away = np.hypot(across[None], down[:, None])
    disc = np.clip(radius * FINE + 0.5 - away, 0, 1) if radius else (away == 0).astype(float)
    light = np.fft.irfft2(np.fft.rfft2(scene) * np.fft.rfft2(disc / disc.sum()), scene.shape)
    light = cv2.resize(light, SIZE[::-1], interpolation=cv2.INTER_AREA)
    return np.sqrt(light).astype(np.float32)


def find_size(picture, sharp):
    """log2 of the blur that most points see on the level that tells it best."""
    y, x = np.mgrid[0.15:0.85:6j, 0.15:0.85:8j]
    sight = SimpleNamespace(places=np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32))
    sizes = [float(np.median(blur.size)) for blur in compare(picture, sharp, sight)]
    return np.array(sizes)


@pytest.mark.parametrize("radius", [1.0, 1.5, 2.0, 3.0, 4.0, 5.5, 7.0])
def test_blur_is_told_in_pixels_and_small_changes_in_full(radius):
    scene = make_scene()
    sharp = photograph(scene, 0)
    sizes = [find_size(photograph(scene, radius * gain), sharp) for gain in (1 / 1.03, 1.0, 1.03)]
    level = int(np.argmin(np.abs(np.log2(radius / 1.1) - np.arange(len(sizes[1])))))
    assert np.sqrt(np.exp2(2 * sizes[1][level]) - NOTHING_BLURRED**2) == pytest.approx(radius, rel=0.05)
    seen = (sizes[2] - sizes[0])[level] / (2 * np.log2(1.03))
    assert seen == pytest.approx(radius**2 / (radius**2 + NOTHING_BLURRED**2), rel=0.12)
