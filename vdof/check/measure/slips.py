"""Points that slide off what they lie on: from there on they are other points.

Where a subject hides or leaves what is behind it, flow carries some points from the one to the other, and the check there and
back does not see it. In a render the coc tells: it goes over to that of another depth, and its neighbours' does not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vdof.check.measure.evidence import Evidence

_WINDOW_S = 0.12
"""Seconds before and after a slip that are compared."""
_SHARE = 0.4
"""Of the larger coc, by which a point that slips departs from what its like do ..."""
_LEAST = 2.0
"""... and so many times the coc that looks sharp."""

Array = NDArray[np.float64]


def part_slips(evidence: Evidence, kinds: list[NDArray[np.bool_]], sharp: float) -> Evidence:
    """The evidence with every point that slips parted there; `kinds` (n,) name points of like depth, `sharp` px."""
    coc = evidence.columns["coc"]
    length = max(2, round(_WINDOW_S / float(np.median(np.diff(evidence.seconds)))))
    before, after = find_means(coc, length)
    step = after - before
    for is_in in kinds:
        step[is_in] -= middle_of(step[is_in])
    over = np.abs(step) - _SHARE * np.maximum(np.abs(before), np.abs(after)) - _LEAST * sharp
    over = np.pad(np.where(over > 0, over, 0.0), ((0, 0), (length, length)))
    peak = np.lib.stride_tricks.sliding_window_view(over, 2 * length + 1, axis=1).max(axis=-1)
    over = over[:, length:-length]
    pieces = np.cumsum((over > 0) & (over == peak), axis=1)
    return split_rows(evidence, pieces) if pieces.any() else evidence


def find_means(values: Array, length: int) -> tuple[Array, Array]:
    """(n,t) the means of `length` values before each place and from it on; nan where one of them is not known."""
    total = np.pad(np.cumsum(np.nan_to_num(values), axis=1), ((0, 0), (1, 0)))
    count = np.pad(np.cumsum(np.isfinite(values), axis=1), ((0, 0), (1, 0)))
    means = np.where(count[:, length:] - count[:, :-length] == length, total[:, length:] - total[:, :-length], np.nan)
    blank = np.full((len(values), length), np.nan)
    after = np.concatenate([means, blank[:, 1:]], axis=1) / length
    return np.concatenate([blank, means[:, :-1]], axis=1) / length, after


def split_rows(evidence: Evidence, pieces: NDArray[np.int64]) -> Evidence:
    """Each piece (n,t) of a row as a row of its own."""
    parts = [
        {name: np.where(pieces == number, values, np.nan) for name, values in evidence.columns.items()}
        for number in range(int(pieces.max()) + 1)
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in evidence.columns}
    is_seen = np.isfinite(columns["x"]).any(axis=1)
    kept = {name: values[is_seen] for name, values in columns.items()}
    return replace(evidence, ids=np.tile(evidence.ids, len(parts))[is_seen], columns=kept)


def middle_of(values: Array) -> Array:
    """(t,) median of the points (n,t) seen in each frame; nan where there are none."""
    middle = np.full(values.shape[1], np.nan)
    has_any = np.isfinite(values).any(axis=0)
    middle[has_any] = np.nanmedian(values[:, has_any], axis=0)
    return middle
