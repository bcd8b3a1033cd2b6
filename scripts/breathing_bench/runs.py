"""A film, an injected wobble, and the score that the check gives it, in each of its three ways."""

from __future__ import annotations

import cv2
import numpy as np

from breathing_bench.codec import transcode
from breathing_bench.paths import PULLS, Wobble, wobble_disparity
from breathing_bench.stage import FRAME_RATE, Film, Shown, blur, expose, film
from vdof.check.look import LensState, Look
from vdof.check.measure.lens_gauge import LensGauge
from vdof.check.measure.pixel_gauge import PixelGauge
from vdof.check.verdict import Breathing
from vdof.focus.observe import smooth_track

SMOOTHING_S = 0.4
"""How slowly focus follows, s: standard deviation of a window, as `focus.smoothing_s`."""

LOW_RATE = 14
"""Steps of crf by which the kind lowrate is compressed more: 24 at 480x270 is about 32 at 720p."""
GRAIN = 1.5 / 255
"""Noise of a sensor at night, display-encoded."""


def run_pipeline(setting: Film, wobble: Wobble, noise: float = 0.004) -> Breathing:
    """vdof's own coc: disparity with grain, and focus that follows it unless it is pulled."""
    rng = np.random.default_rng(setting.seed + 1)
    phase = rng.uniform(0, 2 * np.pi)
    frames = list(film(setting))
    span = max(float(np.ptp(item.disparity)) for item in frames)
    seen = [wobble_disparity(wobble, item.seconds, phase) for item in frames]
    focus = np.array([item.focus for item in frames])
    times = np.array([item.seconds for item in frames])
    is_planned = setting.kind in PULLS
    if not is_planned:
        focus = smooth_track(
            np.array([a * f + b * span for f, (a, b) in zip(focus, seen, strict=True)]), times, SMOOTHING_S
        )
    gauge = LensGauge(1.0, SMOOTHING_S)
    ratio = 320 / setting.size[1]
    size = (320, round(setting.size[0] * ratio))
    for number, (item, (gain, offset)) in enumerate(zip(frames, seen, strict=True)):
        grain = noise * span * cv2.resize(rng.standard_normal((18, 32)).astype(np.float32), size)
        disparity = gain * cv2.resize(item.disparity, size, interpolation=cv2.INTER_AREA) + offset * span + grain
        sharp = cv2.resize(expose(item.sharp, item.exposure), size, interpolation=cv2.INTER_AREA)
        scale = item.scale * ratio
        coc = (scale * (focus[number] - disparity)).astype(np.float32)
        lens = LensState(scale, float(focus[number]), is_planned)
        gauge.add(Look(number, item.seconds, 0, sharp, sharp, coc, lens=lens))
    return gauge.finish()


def run_pixels(setting: Film, wobble: Wobble, *, has_reference: bool, crf: int = 20) -> Breathing:
    """Pixels after a codec, with or without the sharp film."""
    rng = np.random.default_rng(setting.seed + 1)
    phase = rng.uniform(0, 2 * np.pi)
    sharp: list[np.ndarray] = []
    blurred: list[np.ndarray] = []
    for item in film(setting):
        gain, offset = wobble_disparity(wobble, item.seconds, phase)
        picture = expose(blur(item, find_coc(item, setting, gain, offset)), item.exposure)
        if setting.kind == "night":
            picture = add_grain(picture, rng)
        blurred.append(picture)
        if has_reference:
            sharp.append(expose(item.sharp, item.exposure))
    gauge = PixelGauge("reference" if has_reference else "blind", 1.0)
    crf += LOW_RATE if setting.kind == "lowrate" else 0
    partners = transcode(sharp, crf) if has_reference else None
    for number, (image, is_key) in enumerate(transcode(blurred, crf)):
        partner = next(partners)[0] if partners is not None else None
        gauge.add(Look(number, number / FRAME_RATE, 0, image, partner, is_key=is_key))
    return gauge.finish()


def add_grain(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grey (h,w,3) with a sensor's noise."""
    noise = GRAIN * rng.standard_normal((*picture.shape[:2], 1))
    return np.clip(picture + noise, 0, 1).astype(np.float32)


def find_coc(item: Shown, setting: Film, gain: float, offset: float) -> list[float]:
    """Diameter of each plane's disc, px: the pulse is of the blur itself."""
    largest = setting.blur * setting.size[1]
    return [gain * item.scale * (item.focus - near) + offset * largest for _, _, near in item.layers]
