"""The film's sound: a quiet synthesised stereo bed; water and city hum first, a cafe and a few notes after the cut."""

import numpy as np

RATE = 48000


def filter_noise(rng, count: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Gaussian noise (2,count) between two frequencies, unit rms."""
    spectrum = np.fft.rfft(rng.normal(size=(2, count)), axis=1)
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= 1 / (1 + (low_hz / np.maximum(hertz, 1)) ** 4) / (1 + (hertz / high_hz) ** 2)
    noise = np.fft.irfft(spectrum, count, axis=1)
    return noise / noise.std()


def pluck(hertz: float, start: float, seconds: np.ndarray, pan: float) -> np.ndarray:
    """One soft note (2,count) that begins at `start` seconds; pan from 0 (left) to 1."""
    t = np.maximum(seconds - start, 0)
    tone = sum(np.sin(2 * np.pi * hertz * k * t) * np.exp(-t * (2.2 + 1.6 * k)) / k**1.5 for k in (1, 2, 3, 5))
    return np.stack([np.sqrt(1 - pan) * tone, np.sqrt(pan) * tone]) * (t > 0)


def make_sound(duration: float, cut: float) -> np.ndarray:
    """Stereo sound (2,n) float32 at 48 kHz, about -30 dBFS; `duration` and `cut` in seconds."""
    rng = np.random.default_rng(21)
    seconds = np.arange(round(duration * RATE)) / RATE
    after_cut = 1 / (1 + np.exp(-(seconds - cut) * 30))
    lap = 0.5 + 0.5 * np.sin(2 * np.pi * 0.7 * seconds + np.array([[0.0], [0.9]]))
    hum = 0.020 * filter_noise(rng, len(seconds), 40, 140)
    water = 0.010 * lap * filter_noise(rng, len(seconds), 300, 1800)
    murmur = 0.012 * (0.6 + 0.4 * np.sin(2 * np.pi * 2.3 * seconds)) * filter_noise(rng, len(seconds), 180, 700)
    sound = hum + water * (1 - 0.8 * after_cut) + murmur * after_cut
    notes = [(220.0, 0.4, 0.3), (329.6, 1.2, 0.6)]
    notes += [(277.2, cut + 0.1, 0.4), (440.0, cut + 0.8, 0.7), (329.6, cut + 1.4, 0.5)]
    for hertz, start, pan in notes:
        sound += 0.035 * pluck(hertz, start, seconds, pan)
    ends = np.clip(np.minimum(seconds, duration - seconds) / 0.05, 0, 1)
    return (sound * ends).astype(np.float32)
