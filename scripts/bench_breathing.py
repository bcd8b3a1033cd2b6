"""How surely the check tells breathing blur from honest blur: detection rate, false alarms and AUC per injected size.

scripts/bench breathing                                   films made here, all three ways of judging
scripts/bench breathing --modes pipeline --seeds 100 101  fewer
scripts/bench breathing --clips DIR                       real clips as well, behind a lens of known blur

Sizes are amplitudes of a sine: of the blur's gain, or of an offset as a share of the largest blur. Honest films stand still,
pan, are hand-held, dolly, let the subject approach, pull focus (fast; or slowly, evenly, softly, too far and back, twice, by a
trembling hand), flicker in exposure, have a subject that walks through the picture, lie in the night with small lights, or are
compressed hard (lowrate). The thresholds were set on seeds below 100; the seeds here are others. AUC: how often a film with
breathing scores above an honest one.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from breathing_bench.clips import read_clip, run_clip
from breathing_bench.paths import HONEST, Wobble
from breathing_bench.runs import run_pipeline, run_pixels
from breathing_bench.stage import Film

from vdof.check.config import CheckConfig
from vdof.check.verdict import Breathing
from vdof.video import probe

SIZES = {"pipeline": (0.005, 0.01, 0.02, 0.05), "reference": (0.01, 0.03, 0.1), "blind": (0.03, 0.08, 0.2)}
HERTZ = (0.3, 8.0)
CLIP_HERTZ = (1.3, 0.6, 2.3, 4.0)
"""Rates that the clips of a folder take in turn, by name: several pulses within the clip."""
CLIP_FRAMES = 4
"""A pulse lasts at least so many frames: one of two frames may be seen at its zeros only."""
BLURS = (0.015, 0.03, 0.05)


@dataclass(frozen=True)
class Case:
    """One run."""

    mode: str
    kind: str
    """Of the film, or the clip's path."""
    seed: int
    wobble: Wobble
    crf: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101])
    parser.add_argument("--kinds", nargs="*", default=list(HONEST), help="of films; none: clips only")
    parser.add_argument("--clips", type=Path, help="folder of real clips; their first five seconds are used")
    parser.add_argument("--sizes", type=float, nargs="*", help="instead of those of each way; none: honest films only")
    parser.add_argument("--crf", type=int, default=10, help="of the codec, at 480x270; 10 here is about 18 at 720p")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if unknown := [kind for kind in options.kinds if kind not in HONEST]:
        parser.error(f"--kinds: got {', '.join(unknown)}, expected none, or some of {', '.join(HONEST)}")
    clips: list[str] = []
    if options.clips:
        clips = sorted(str(path) for path in options.clips.iterdir() if path.suffix in (".mp4", ".mkv", ".mov"))
    for mode in options.modes:
        sizes = SIZES[mode] if options.sizes is None else tuple(options.sizes)
        # through blur that depends on the place, a moving point's coc really pulses: only pixels can be judged so
        sources = [*options.kinds, *(clips if mode != "pipeline" else ())]
        cases = list(list_cases(mode, sources, options.seeds, options.crf, sizes))
        with ProcessPoolExecutor(options.jobs, initializer=partial(cv2.setNumThreads, 1)) as pool:
            scores = np.array(list(pool.map(measure, cases)))
        print_table(mode, cases, scores, sizes)


def list_cases(mode: str, sources: list[str], seeds: list[int], crf: int, sizes: tuple[float, ...]) -> Iterator[Case]:
    """Every film honest, and with gain or offset of every size at a rate of its own; a clip once per source."""
    clips = [source for source in sources if source not in HONEST]
    for source in sources:
        for seed in seeds if source in HONEST else seeds[:1]:
            rng = np.random.default_rng([seed, len(source)])
            yield Case(mode, source, seed, Wobble("none", 0.0, 1.0), crf)
            kind = ("gain", "offset")[int(rng.integers(2))]
            hertz = float(math.exp(rng.uniform(*np.log(HERTZ))))
            if source in clips:
                fastest = float(probe(source).frame_rate) / CLIP_FRAMES
                kind, hertz = "gain", min(CLIP_HERTZ[clips.index(source) % len(CLIP_HERTZ)], fastest)
            for size in sizes:
                yield Case(mode, source, seed, Wobble(kind, size, hertz), crf)


def measure(case: Case) -> float:
    """The score; nan where nothing could be judged."""
    warnings.simplefilter("ignore", RuntimeWarning)
    return run_case(case).score


def run_case(case: Case) -> Breathing:
    if case.kind not in HONEST:
        return run_clip(*read_clip(Path(case.kind), 0, 120), case.mode, case.wobble, case.crf)
    blur = BLURS[case.seed % len(BLURS)]
    setting = Film(case.kind, case.kind, case.seed, blur=blur)
    if case.mode == "pipeline":
        return run_pipeline(replace(setting, size=(180, 320)), case.wobble)
    return run_pixels(setting, case.wobble, has_reference=case.mode == "reference", crf=case.crf)


def print_table(mode: str, cases: list[Case], scores: np.ndarray, sizes: tuple[float, ...]) -> None:
    """Rates at the shipped threshold, and what does not depend on one."""
    threshold = getattr(CheckConfig(), f"{mode}_stops")
    is_honest = np.array([case.wobble.size == 0 for case in cases])
    known = np.isfinite(scores)
    honest = scores[is_honest & known]
    alarms = int((honest >= threshold).sum())
    print(f"\n{mode}: flagged from {threshold:g} stops; {alarms} of {len(honest)} honest flagged", end="")
    print(f"; {int((~known).sum())} of all {len(cases)} could not be judged")
    for kind in dict.fromkeys(case.kind for case in cases):
        own = scores[[case.kind == kind and not case.wobble.size for case in cases] & known]
        print(f"  honest {Path(kind).name:28s} " + (f"{own.max():.4f} at most" if len(own) else "not judged"))
    if not sizes:
        return
    print(f"  {'size':>7s} {'flagged':>8s} {'AUC':>6s} {'median':>7s}   flagged of those under 1 Hz, to 6 Hz, above")
    for size in sizes:
        is_chosen = np.array([case.wobble.size == size for case in cases]) & known
        found, rates = scores[is_chosen], np.array([case.wobble.hertz for case in cases])[is_chosen]
        area = np.mean((found[:, None] > honest).mean(axis=1) + 0.5 * (found[:, None] == honest).mean(axis=1))
        by_rate = [found[(rates >= low) & (rates < high)] >= threshold for low, high in ((0, 1), (1, 6), (6, 99))]
        parts = ", ".join(f"{part.sum()}/{len(part)}" for part in by_rate)
        share = 100 * (found >= threshold).mean()
        print(f"  {100 * size:6.1f}% {share:7.0f}% {area:6.3f} {np.median(found):7.4f}   {parts}", flush=True)


if __name__ == "__main__":
    main()
