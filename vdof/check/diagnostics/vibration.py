"""Vibrating grid: a fine, regular pattern that flickers (moire), where it stands still or moves with its object.

In bursts of a few frames, every tile is compared with itself one frame later, moved as well as it can be moved (a shift,
found to a part of a pixel by phase correlation). A pattern that is only moved is explained by that; one that is sampled too
coarsely changes its shape. Only tiles with a dominant fine frequency count: grids, bricks, fences and cloth; leaves, water
and crowds change for other reasons. The score is the share of the pattern's energy that the best shift leaves over, the median
of the tiles: patterns that a lens and a low-pass filter saw leave .01 to .1, more are lines that come and go.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdof.check.diagnostics.sampled import Reading, Tally, Unjudged, enclose
from vdof.check.diagnostics.view import Eye, Map
from vdof.check.look import Look
from vdof.check.verdict import Diagnostic

_TILE = 32
"""px of the view."""
_BURST, _EVERY = 4, 16
"""Frames compared, and from one burst to the next."""
_LONGEST, _EDGES = 6.0, 20.0
"""px: longest wavelength of a fine pattern, and up to which its surroundings count: edges have most of theirs there."""
_NYQUIST = 0.41
"""Cycles per px from which a tile's window mixes a frequency with its mirror image, and a shift explains neither."""
_PEAK = 0.25
"""Share of that energy that the strongest fine frequency and its neighbours must have."""
_CONTRAST = 0.015
"""RMS of the fine pattern, display-encoded, that is seen."""
_LIMIT = 0.115
"""Share of the pattern's energy."""
_AREA = 0.03
"""Share of the frame that must have such a pattern to be judged."""

Spectra = NDArray[np.complexfloating[Any, Any]]


class Vibration:
    """The gauge."""

    name = "vibrating_grid"
    title = "Vibrating grid: moire in fine patterns"
    action = (
        "blur the pattern a little (focus.distance_m= nearer, or a smaller lens.f_number), or work from a larger source: a "
        "pattern that vibrates in the source must be filtered there"
    )

    def __init__(self, eye: Eye) -> None:
        self._eye = eye
        self._seen = 0
        self._shot: int | None = None
        self._last: tuple[Spectra, NDArray[np.bool_]] | None = None
        self._tally = Tally()

    def add(self, look: Look) -> None:
        """Compare with the frame before, where both are of one burst."""
        if look.shot != self._shot:
            self._shot, self._seen, self._last = look.shot, 0, None
        place = self._seen % _EVERY
        self._seen += 1
        if place >= _BURST:
            self._last = None
            return
        luma = self._eye.see(look).luma
        spectra = transform(luma)
        has_pattern = find_patterns(spectra)
        if self._last is not None and self._last[0].shape == spectra.shape:
            self._tally.add(look.index, compare(self._last[0], spectra, has_pattern & self._last[1], luma.shape))
        self._last = spectra, has_pattern

    def finish(self) -> Diagnostic:
        """What was found."""
        return self._tally.diagnose(self.name, self.title, _LIMIT, self.action)


def transform(luma: Map) -> Spectra:
    """Spectra (rows,columns,_TILE,_TILE/2+1) of the windowed tiles."""
    rows, columns = luma.shape[0] // _TILE, luma.shape[1] // _TILE
    tiles = luma[: rows * _TILE, : columns * _TILE].reshape(rows, _TILE, columns, _TILE).swapaxes(1, 2)
    window = np.hanning(_TILE)[:, None] * np.hanning(_TILE)
    spectra: Spectra = np.fft.rfft2((tiles - tiles.mean(axis=(2, 3), keepdims=True)) * window)
    return spectra


def list_frequencies() -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Rows' and columns' frequency of every coefficient (cycles per px), and which belong to a fine pattern."""
    down, across = np.fft.fftfreq(_TILE)[:, None], np.fft.rfftfreq(_TILE)[None]
    is_clear = np.maximum(np.abs(down), across) < _NYQUIST
    return down, across, (np.hypot(down, across) >= 1 / _LONGEST) & is_clear


def find_patterns(spectra: Spectra) -> NDArray[np.bool_]:
    """Tiles (rows,columns) with a fine, regular pattern."""
    down, across, is_fine = list_frequencies()
    energy = np.where(np.hypot(down, across) >= 1 / _EDGES, np.abs(spectra) ** 2, 0)
    fine = np.where(is_fine, energy, 0)
    near = sum(np.roll(fine, (dy, dx), (2, 3)) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
    power = (np.hanning(_TILE) ** 2).sum() ** 2 * _TILE**2
    rms = np.sqrt(2 * fine.sum(axis=(2, 3)) / power)
    return np.asarray((np.max(near, axis=(2, 3)) > _PEAK * energy.sum(axis=(2, 3))) & (rms > _CONTRAST))


def compare(before: Spectra, now: Spectra, chosen: NDArray[np.bool_], shape: tuple[int, ...]) -> Reading | Unjudged:
    """Share of the fine energy that no shift explains: median over the tiles with a pattern."""
    if chosen.sum() < max(5, _AREA * chosen.size):
        return Unjudged("no fine regular pattern in the picture")
    left = measure_rest(before[chosen], now[chosen])
    score = float(np.median(left))
    worst = np.zeros(chosen.shape, bool)
    worst[tuple(np.argwhere(chosen)[int(left.argmax())])] = True
    words = f"{int(chosen.sum())} places with a fine pattern change by {100 * score:.0f} % of it from frame to frame"
    return Reading(score, enclose(worst), words)


def measure_rest(before: Spectra, now: Spectra) -> NDArray[np.float64]:
    """Energy (n,) left over after the best shift, 0 for a pure shift, about 1 for unrelated patterns."""
    down, across, is_fine = list_frequencies()
    cross = np.where(is_fine, now * np.conj(before), 0)
    peaks = np.fft.irfft2(cross, s=(_TILE, _TILE))
    flat = peaks.reshape(len(peaks), -1).argmax(axis=1)
    y, x = ((flat // _TILE + _TILE // 2) % _TILE - _TILE // 2, (flat % _TILE + _TILE // 2) % _TILE - _TILE // 2)
    energy = (np.where(is_fine, np.abs(before) ** 2 + np.abs(now) ** 2, 0)).sum(axis=(1, 2))
    best, at = np.full(len(before), -np.inf), np.stack([y, x]).astype(float)
    for step in (0.5, 0.25, 0.125, 0.0625):
        middle = at.copy()
        for move_y, move_x in product((-step, 0, step), repeat=2):
            place = middle + np.array([[move_y], [move_x]])
            turn = np.exp(2j * np.pi * (down * place[0][:, None, None] + across * place[1][:, None, None]))
            match = (cross * turn).real.sum(axis=(1, 2))
            at[:, match > best] = place[:, match > best]
            best = np.maximum(best, match)
    return np.asarray(1 - 2 * best / np.maximum(energy, 1e-12), np.float64)
