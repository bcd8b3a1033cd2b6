"""The stream of one shot through the stabiliser, with a bounded number of frames alive.

Frames are given out in blocks. Everything a frame's answer depends on lies within a fixed reach of it, so the answer is
the same (to a small tolerance, see `StabiliseConfig.look_ahead`) whether the shot arrives whole or as a stream.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from vdof.errors import ShapeError
from vdof.flow.config import FlowConfig
from vdof.flow.dis import DisFlow
from vdof.flow.images import resize_array, resize_flow, to_grey
from vdof.flow.open import open_flow
from vdof.shots import AnalysisFrame, split_shots
from vdof.stabilise.config import StabiliseConfig, sync_reach
from vdof.stabilise.level import Level, Leveller
from vdof.stabilise.pairs import AffinePair, Small, fit_pair
from vdof.stabilise.smooth import LEAST_WEIGHT, Link, Measured, Seen, carry, join, link_frames, measure

T = TypeVar("T")

_PAIR_SIDE = 320
"""px, long side at which pairs are compared."""
_TRUST_SIDE = 320
"""px, long side at which trust in the flow is found."""
_BEYOND = 0.2
"""Of disparity's range: how far below the farthest that is seen infinity lies, for want of knowing."""
_NEAR_FAR = 0.05
"""Of disparity's range: where the farthest is at least this and at most the range above 0, 0 is infinity."""
_SETTLE = 30
"""frames over which the level of infinity is averaged."""
_BRIGHTEST = 4.0
"""display-encoded: what exceeds it is codes, not light."""


def stabilise(disparity: Tensor, rgb: Tensor, config: StabiliseConfig | None = None) -> Tensor:
    """Return the disparity made stable over time, each shot for itself.

    disparity: (T,1,h,w) relative or metric, larger is nearer, finite; rgb: (T,3,H,W) float, display-encoded 0..1, of the
    same frames. Cuts are found as in a render (`vdof.shots`). The result has the disparity's shape, device and dtype.
    Raises ShapeError for another shape, and for values that are none of these.
    """
    _check(disparity, rgb)
    frames = (AnalysisFrame(i, None, rgb[i : i + 1], disparity[i : i + 1]) for i in range(rgb.shape[0]))
    stable: list[Tensor] = []
    for _, shot in groupby(split_shots(frames), key=lambda numbered: numbered[0]):
        for frame in stabilise_stream((frame for _, frame in shot), config):
            assert frame.disparity is not None
            stable.append(frame.disparity)
    return torch.cat(stable) if stable else disparity.clone()


def _check(disparity: Tensor, rgb: Tensor) -> None:
    if disparity.ndim != 4 or disparity.shape[1] != 1:
        raise ShapeError(f"disparity must be (T,1,h,w), got {tuple(disparity.shape)}")
    if rgb.ndim != 4 or rgb.shape[1] != 3 or rgb.shape[0] != disparity.shape[0]:
        raise ShapeError(f"rgb must be ({disparity.shape[0]},3,H,W), got {tuple(rgb.shape)}")
    if not disparity.is_floating_point():
        raise ShapeError(
            f"disparity must be floats, got {disparity.dtype}: convert it, its values may stay as they are"
        )
    if not _is_finite(disparity):
        raise ShapeError("disparity must be finite, got NaN or infinity: fill the holes first")
    if not rgb.is_floating_point() or not _is_finite(rgb) or (rgb.numel() and float(rgb.amax()) > _BRIGHTEST):
        got = f"{rgb.dtype} up to {float(rgb.max()):.4g}"
        raise ShapeError(f"rgb must be finite floats, display-encoded 0..1, got {got}: divide 8-bit codes by 255")


def _is_finite(values: Tensor) -> bool:
    """Extremes carry NaN and infinity along, without a mask of every value."""
    return not values.numel() or bool(torch.isfinite(torch.stack(torch.aminmax(values))).all())


def stabilise_stream(frames: Iterable[AnalysisFrame], config: StabiliseConfig | None = None) -> Iterator[AnalysisFrame]:
    """Yield the frames of one shot in order with stable disparity.

    Every frame must carry a disparity. At most `count_live_frames(config)` frames are held.
    """
    config = config or StabiliseConfig()
    if not config.enabled:
        yield from frames
        return
    with ThreadPoolExecutor(1, thread_name_prefix="vdof-stabilise") as helper:
        window = _Window(config, helper)
        for frame in frames:
            window.add(frame)
            if window.is_full():
                yield from window.give(config.block)
        yield from window.give(None)


@dataclass(slots=True)
class _Entry:
    """A frame inside the window with what is derived from it."""

    frame: AnalysisFrame
    disparity: np.ndarray
    """(h,w) float32, measured from the shot's reference level."""
    grey: np.ndarray
    """(H,W) uint8."""
    small: Small
    seen: Seen | None
    """At the size at which trust is found; dropped once linked."""
    to_previous: Link | None = None
    to_next: Link | None = None


class _Window:
    """The frames alive, their pairs, and the state of the forward recursion."""

    def __init__(self, config: StabiliseConfig, helper: ThreadPoolExecutor) -> None:
        self.config = config
        self._helper = helper
        self._flow = open_flow(config.flow)
        self._flow_back = open_flow(config.flow)
        self._pair_flow = DisFlow(FlowConfig(preset="fast"))
        self._entries: list[_Entry] = []
        self._pairs: list[AffinePair] = []
        self._leveller = Leveller(config)
        self._start = 0
        self._level: float | None = None
        self._far: float | None = None
        self._past: np.ndarray | None = None

    def is_full(self) -> bool:
        """A block and all the future its answer depends on have arrived."""
        config = self.config
        return len(self._entries) >= config.block + config.look_ahead + sync_reach(config)

    def add(self, frame: AnalysisFrame) -> None:
        """Take the next frame: find its flow to the frame before and its pairs with earlier ones."""
        entry = self._measure(frame)
        if self._entries:
            self._link(self._entries[-1], entry)
        self._entries.append(entry)
        last = len(self._entries) - 1
        for offset in self.config.offsets:
            if 1 < offset <= last:
                self._pairs += self._compare(last - offset, last)

    def give(self, count: int | None) -> Iterator[AnalysisFrame]:
        """Yield the oldest `count` frames (None: all) with their final disparity."""
        if not self._entries:
            return
        spread = float(np.median([entry.small.spread for entry in self._entries]))
        level = self._leveller.level(self._pairs, self._start, len(self._entries), spread)
        count = len(self._entries) if count is None else count
        future = self._look_back(level, count, min(count + self.config.look_ahead, len(self._entries)))
        for i in range(count):
            entry = self._entries[0]
            own = self._apply(level, i, entry)
            step = level.step(i - 1, i, entry.small.far)
            self._past = carry(own, self._past, entry.to_previous, step, self.config.kappa)
            stable = join(own, self._past, future.pop())
            del self._entries[0]
            self._start += 1
            yield self._finish(entry, stable)
        self._leveller.advance(count)
        oldest = self._start - sync_reach(self.config)
        self._pairs = [pair for pair in self._pairs if pair.first >= oldest]

    def _look_back(self, level: Level, count: int, ahead: int) -> list[np.ndarray]:
        """Return the running sums of the backward recursion from frame `ahead` for the oldest `count`, last first."""
        sums: list[np.ndarray] = []
        running: np.ndarray | None = None
        for i in reversed(range(ahead)):
            entry = self._entries[i]
            link = entry.to_next if i + 1 < ahead else None
            step = level.step(i + 1, i, entry.small.far)
            running = carry(self._apply(level, i, entry), running, link, step, self.config.kappa)
            if i < count:
                sums.append(running)
        return sums

    def _measure(self, frame: AnalysisFrame) -> _Entry:
        if frame.disparity is None:
            raise ShapeError(f"frame {frame.index} has no disparity: the depth stage comes before the stabiliser")
        disparity = frame.disparity.detach().to("cpu", torch.float32)[0, 0].numpy()
        low, middle, high = np.percentile(disparity[::2, ::2], [2, 50, 98])
        if self._level is None:
            self._level = float(middle)
        disparity = disparity - np.float32(self._level)
        spread = float(high - low)
        starts_at_far = disparity[::2, ::2].min() >= -self._level and _NEAR_FAR * spread < low < spread
        far = (0.0 if starts_at_far else float(low) - _BEYOND * spread) - self._level
        self._far = far if self._far is None else self._far + (far - self._far) / _SETTLE
        grey = to_grey(frame.rgb)
        size = _fit_side(grey.shape, _PAIR_SIDE)
        small = Small(resize_array(grey, size), resize_array(disparity, size), spread, self._far)
        return _Entry(frame, disparity, grey, small, self._see(frame, disparity, spread))

    def _see(self, frame: AnalysisFrame, disparity: np.ndarray, spread: float) -> Seen:
        size = _fit_side(disparity.shape, _TRUST_SIDE)
        rgb = frame.rgb.detach().to("cpu", torch.float32)[0].permute(1, 2, 0).numpy()
        colour, coarse = (np.ascontiguousarray(resize_array(image, size)) for image in (rgb, disparity))
        return Seen(colour, coarse, measure(coarse, 1.0, 0.0, self._tolerance(spread)).weight, spread)

    def _link(self, previous: _Entry, entry: _Entry) -> None:
        """Find the flow between two neighbours, their pair, and how far the flow can be trusted."""
        assert previous.seen is not None
        assert entry.seen is not None
        there, back = self._do_both(
            partial(self._flow.between_grey, previous.grey, entry.grey),
            partial(self._flow_back.between_grey, entry.grey, previous.grey),
        )
        position = self._start + len(self._entries)
        small, full, seen = previous.small.grey.shape, entry.disparity.shape, entry.seen.disparity.shape
        flows = {size: (resize_flow(there, size), resize_flow(back, size)) for size in {small, full, seen}}
        (there, back), (seen_there, seen_back) = flows[full], flows[seen]
        link = partial(link_frames, colour_sigma=self.config.colour_sigma)
        to_next, entry.to_previous = self._do_both(
            partial(link, previous.seen, entry.seen, there, seen_there, seen_back),
            partial(link, entry.seen, previous.seen, back, seen_back, seen_there),
        )
        previous.seen, previous.to_next = None, to_next
        both = previous.small, entry.small
        self._pairs += fit_pair(position - 1, position, *both, *flows[small], to_next.growth)

    def _do_both(self, first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
        other = self._helper.submit(second)
        return first(), other.result()

    def _compare(self, first: int, second: int) -> list[AffinePair]:
        a, b = self._entries[first].small, self._entries[second].small
        there = self._pair_flow.between_grey(a.grey, b.grey)
        back = self._pair_flow.between_grey(b.grey, a.grey)
        return fit_pair(self._start + first, self._start + second, a, b, there, back)

    def _apply(self, level: Level, position: int, entry: _Entry) -> Measured:
        """Return the frame's disparity at its level; of one that is astray hardly anything counts."""
        own = measure(
            entry.disparity, level.scale[position], level.shift[position], self._tolerance(entry.small.spread)
        )
        if not level.is_astray[position]:
            return own
        return dataclasses.replace(own, weight=np.full_like(own.weight, LEAST_WEIGHT), tolerance=np.inf)

    def _tolerance(self, spread: float) -> float:
        return self.config.disparity_sigma * spread + 1e-9

    def _finish(self, entry: _Entry, stable: np.ndarray) -> AnalysisFrame:
        before = entry.frame.disparity
        assert before is not None
        assert self._level is not None
        disparity = torch.from_numpy(stable + np.float32(self._level))[None, None].to(before.device, before.dtype)
        return dataclasses.replace(entry.frame, disparity=disparity)


def _fit_side(size: tuple[int, ...], side: int) -> tuple[int, int]:
    factor = min(1.0, side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
