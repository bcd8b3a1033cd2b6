"""Breathing as the pixels of any clip show it, against its sharp reference or alone."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vdof.check.look import Look
from vdof.check.measure.curves import fit_common, fit_groups
from vdof.check.measure.evidence import Evidence
from vdof.check.measure.hanging import find_hanging
from vdof.check.measure.judge import Stretch
from vdof.check.measure.pixel_blur import LEVELS, LONG_SIDE, Blur, compare, measure_alone
from vdof.check.measure.pulled import REACH_S, measure_gain
from vdof.check.measure.pulse import SHORTEST_REST_S, Region
from vdof.check.measure.shot_gauge import ShotGauge, find_share
from vdof.check.measure.tracks import FLOW_LONG_SIDE
from vdof.check.measure.transitions import find_pulled, find_runs, find_settling

_TREND_ORDER = 3
_LEAST = (16, 0.08)
"""A region of fewer points or a smaller share of them is not judged."""
_LEAST_WEIGHT = 0.1
_SHUTTER = 0.5
"""Share of a frame's time that a camera's shutter is usually open."""
_RESPONSE = {"reference": 1.0, "blind": 3.0}
"""Stops of blur in a stop of what is measured: a disc's rim and the codec keep fine detail that a Gaussian would not."""
_SHARP_RESPONSE = {"reference": 0.5, "blind": 0.75}
"""The same in the sharp part: there blur does not show, a codec takes as much detail as a lens and, blind, the texture's own
shape tells more than either."""
STILL = "the picture stands still, so that its blur would hold still whatever made it"
SHARP_PART = "sharp part"
_STILL = 0.12
"""Codes (0..255) by which a frame usually differs from the one before in a picture that stands still."""
_STEP_S = 0.03
"""Frames nearer in time are not compared for that: a faster clip may show each picture several times."""
_COPY = 0.3 / 255
"""Display-encoded: pixels that differ by less from an earlier frame's are copies that the codec made of them."""
_LEAST_RENEWED = 0.02
"""What a point counts of which nothing was renewed: it holds the blur of an earlier frame."""
_WINDOW = 33
"""px of the finest level: side of the square around a point of which light and copies are told."""
_SHORTEST_PULL_S = 1.2
"""A shorter pull changes blur too fast to tell a pulse in it."""
_BEAT = 4.0
"""How many times its jump at key frames a region's blur may go with them."""
_WANTED = 1.4
"""Blur in pixels of a level at which it is told best there."""

Array = NDArray[np.float64]


class PixelGauge(ShotGauge):
    """A `Gauge` of the picture's own blur; looks have `sharp` in `mode` reference.

    `pulls` are ranges of frames, as looks number them, in which focus is pulled on purpose.
    """

    def __init__(self, mode: str, threshold: float, pulls: Sequence[range] = ()) -> None:
        names = [f"{kind}{level}" for level in range(LEVELS) for kind in ("size", "weight")]
        super().__init__(mode, threshold, _TREND_ORDER, ("light", "renewed", *names))
        self._pulls = pulls

    def _restart(self) -> None:
        super()._restart()
        self._before: tuple[np.ndarray, float] | None = None
        self._changes: list[float] = []

    def _measure(self, look: Look) -> None:
        image = find_luma(look.image)
        sharp = None if look.sharp is None else find_luma(look.sharp)
        codes = cv2.convertScaleAbs(image if sharp is None else sharp, alpha=255.0)
        sight = self._follower.follow(np.asarray(codes, np.uint8))
        blurs = measure_alone(image, sight) if sharp is None else compare(image, sharp, sight)
        smooth = np.asarray(cv2.blur(image if sharp is None else sharp, (_WINDOW, _WINDOW)), np.float32)
        light = np.log2(sight.sample(smooth) + 0.01)
        measured = {"light": light, "renewed": sight.sample(self._find_renewed(image)), **name_columns(blurs)}
        self._table.add(look.index, look.seconds, sight, measured, is_key=look.is_key)
        self._note_change(image, look.seconds)

    def _find_renewed(self, image: np.ndarray) -> np.ndarray:
        """(h,w) share of the pixels around each that are no copies of the frame before."""
        if self._before is None or self._before[0].shape != image.shape:
            return np.ones(image.shape, np.float32)
        is_new = (cv2.absdiff(self._before[0], image) > _COPY).astype(np.float32)
        return np.asarray(cv2.blur(is_new, (_WINDOW, _WINDOW)))

    def _note_change(self, image: np.ndarray, seconds: float) -> None:
        """How much the picture differs from the one before, in codes."""
        if self._before is not None:
            before, then = self._before
            if seconds - then < _STEP_S:
                return
            if before.shape == image.shape:
                self._changes.append(255 * float(cv2.absdiff(before, image).mean()))
        self._before = image, seconds

    def _reduce(self, evidence: Evidence) -> list[Stretch]:
        stretches = find_stretches(evidence, self._mode, self._pulls)
        if np.median(self._changes or [0.0]) < _STILL:
            for stretch in stretches:
                stretch.reason = stretch.reason or STILL
        return stretches


def find_luma(picture: np.ndarray) -> np.ndarray:
    """(h,w,3) display-encoded -> (h,w) luma at the size that blur is measured at."""
    luma = np.asarray(cv2.cvtColor(np.asarray(picture, np.float32), cv2.COLOR_RGB2GRAY))
    ratio = LONG_SIDE / max(luma.shape)
    if ratio >= 1:
        return luma
    size = (round(luma.shape[1] * ratio), round(luma.shape[0] * ratio))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA))


def name_columns(blurs: list[Blur]) -> dict[str, Array]:
    columns = {f"size{level}": blur.size for level, blur in enumerate(blurs)}
    return columns | {f"weight{level}": blur.weight for level, blur in enumerate(blurs)}


def find_stretches(evidence: Evidence, mode: str, pulls: Sequence[range] = ()) -> list[Stretch]:
    """A shot in the parts between which its focus was pulled, and, with a reference, the longer ones of its pulls."""
    is_told = np.array([any(frame in pull for pull in pulls) for frame in evidence.frames.tolist()], bool)
    is_pulled = find_pulled(choose_levels(evidence, _WANTED)[0], evidence.seconds, is_told)
    rests = find_runs(~is_pulled, evidence.seconds, SHORTEST_REST_S)
    stretches = [find_regions(evidence.cut(rest), mode, is_after_pull=rest.start > 0) for rest in rests]
    if mode == "reference":
        stretches += judge_pulls(evidence, find_runs(is_pulled, evidence.seconds, _SHORTEST_PULL_S))
    if not stretches:
        reason = "blur changes on purpose nearly all the time"
        stretches = [Stretch(evidence.shot, evidence.frames, evidence.seconds, [], reason)]
    return sorted(stretches, key=lambda stretch: int(stretch.frames[0]))


def judge_pulls(evidence: Evidence, pulls: Sequence[slice]) -> list[Stretch]:
    """What all blur does together while focus is pulled."""
    stretches, seconds = [], evidence.seconds
    for pull in pulls:
        first = int(np.searchsorted(seconds, seconds[pull.start] - REACH_S))
        last = int(np.searchsorted(seconds, seconds[pull.stop - 1] + REACH_S))
        around = evidence.cut(slice(first, last))
        curves = measure_gain(around, _WANTED, _LEAST_WEIGHT, find_trust_of_codec(around))
        own = curves[:, pull.start - first : pull.stop - first]
        regions = [Region("picture while focus is pulled", own, 1.0)]
        stretches.append(Stretch(evidence.shot, evidence.frames[pull], seconds[pull], regions))
    return stretches


def find_trust_of_codec(evidence: Evidence) -> Array:
    """(n,t) what each point counts for as much of it as is no copy."""
    return np.nan_to_num(_LEAST_RENEWED + evidence.columns["renewed"])


def find_regions(evidence: Evidence, mode: str, *, is_after_pull: bool = False) -> Stretch:
    """The common blur of the sharp, the soft and the blurred part of the picture."""
    stretch = Stretch(evidence.shot, evidence.frames, evidence.seconds, [])
    size, weight, level = choose_levels(evidence, _WANTED)
    usual = np.nanmedian(size, axis=1)
    groups = evidence.groups
    followed = find_growth_in_focus(evidence, usual, weight)
    seen = np.isfinite(size) & (weight > _LEAST_WEIGHT)
    trust = weight * find_trust_of_codec(evidence) if mode == "reference" else weight
    hanging = find_hanging(evidence, size, np.where(seen, trust, 0.0)) if mode == "reference" else None
    for name, is_in in split_blur(level).items():
        share = find_share(np.isfinite(size), seen, is_in, _LEAST)
        if share is None:
            continue
        useful = np.where(seen, trust, 0.0)[is_in]
        response = (_SHARP_RESPONSE if name == SHARP_PART else _RESPONSE)[mode]
        curves = response * fit_groups(size[is_in], useful, evidence.seconds, groups[is_in], has_strays=True)
        causes = find_causes(evidence, is_in, useful, float(np.median(usual[is_in])), hanging)
        causes["focus following its subject"] = (followed, -3.0, 3.0)
        common = np.nan_to_num(curves).mean(axis=0)
        causes |= list_codec_beats(evidence, common)
        if is_after_pull:
            causes["focus coming to rest"] = (find_settling(common, evidence.seconds), 0.0, 1.0)
        stretch.regions.append(Region(name, curves, share, causes))
    if not stretch.regions:
        stretch.reason = "too little texture to tell how blurred the picture is"
    return stretch


def find_growth_in_focus(evidence: Evidence, usual: Array, weight: Array) -> Array:
    """(t,) log2 of how the sharpest fifth of the picture grows: focus that stays on a moving subject blurs all else."""
    is_sharpest = usual <= np.quantile(usual, 0.2)
    known = np.where(np.isfinite(evidence.columns["growth"][is_sharpest]), weight[is_sharpest] + 0.01, 0.0)
    return np.nan_to_num(fit_common(evidence.total_growth[is_sharpest], known, evidence.seconds))


def find_causes(
    evidence: Evidence, is_in: NDArray[np.bool_], useful: Array, size: float, hanging: Array | None
) -> dict[str, tuple[Array, float, float]]:
    """What else changes how blurred a region looks, as curves (t,) in stops, and how much of each may be believed.

    `hanging` (n,t) is the blur that there usually is where each point is; None without a reference.
    """

    def share(values: Array) -> Array:
        return np.nan_to_num(fit_common(values[is_in], useful, evidence.seconds))

    causes = {
        "motion in depth": (share(evidence.total_growth), -8.0, 8.0),
        "exposure": (share(evidence.columns["light"]), -0.5, 0.5),
    }
    if hanging is not None:
        causes["moving across blur that hangs on the frame"] = (share(hanging), 0.0, 1.0)
    else:
        length = evidence.columns["speed"] * LONG_SIDE / FLOW_LONG_SIDE * _SHUTTER
        smear = 0.5 * np.log2(1 + np.square(length) / 12 / (np.exp2(2 * size) / 4))
        causes["motion blur"] = (share(smear), 0.0, 2.0)
    return causes


def list_codec_beats(evidence: Evidence, common: Array) -> dict[str, tuple[Array, float, float]]:
    """Causes that start anew with every key frame, where there are several, as large as a region's curve (t,) jumps there.

    A pulse may come as often as the key frames; but it does not jump.
    """
    starts = np.flatnonzero(evidence.is_key)
    if len(starts) < 3:
        return {}
    last = np.maximum.accumulate(np.where(evidence.is_key, np.arange(len(evidence.seconds)), starts[0]))
    age = np.maximum(evidence.seconds - evidence.seconds[last], 0)
    most = _BEAT * find_jump(common, starts)
    beats = {"fading": np.exp(-age / 0.1), "sawtooth": age / max(float(age.max()), 1e-6)}
    beats["key frames"] = evidence.is_key.astype(np.float64)
    return {f"compression, {name}": (curve, -most, most) for name, curve in beats.items()}


def find_jump(curve: Array, starts: NDArray[np.int64]) -> float:
    """How far the curve (t,) usually jumps at `starts`, beyond its steps before and after."""
    steps = np.diff(curve)
    inner = starts[(starts >= 2) & (starts <= len(steps) - 1)]
    if not len(inner):
        return 0.0
    return abs(float(np.median(steps[inner - 1] - (steps[inner - 2] + steps[inner]) / 2)))


def choose_levels(evidence: Evidence, wanted: float) -> tuple[Array, Array, NDArray[np.int64]]:
    """(n,t) size and weight at the level that suits each track, and (n,) which level that is."""
    sizes = np.stack([evidence.columns[f"size{level}"] for level in range(LEVELS)])
    weights = np.nan_to_num(np.stack([evidence.columns[f"weight{level}"] for level in range(LEVELS)]))
    usual = np.nanmedian(sizes, axis=2)
    trust = weights.sum(axis=2) / np.maximum(np.isfinite(sizes).sum(axis=2), 1)
    misfit = np.abs(usual - np.arange(LEVELS)[:, None] - np.log2(wanted))
    level = np.argmax(trust / (0.3 + np.square(misfit)), axis=0)
    columns = np.arange(sizes.shape[1])
    return sizes[level, columns], weights[level, columns], level


def split_blur(level: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Which tracks (n,) are sharp, soft or blurred: by the level that tells their blur."""
    return {SHARP_PART: level == 0, "soft part": level == 1, "blurred part": level >= 2}
