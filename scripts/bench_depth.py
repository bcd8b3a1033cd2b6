"""Measure the stabiliser: synthetic sequences with exact depth, real clips, speed.

scripts/bench depth                                    the synthetic table and the speed
scripts/bench depth --stress --size 108 192 --only approaches    errors of other kinds, one at a time
scripts/bench depth --only none --clips a.mp4 b.mkv --show DIR --subject .5 .4    real clips, to look at
scripts/bench depth --clips a.mp4 b.mkv --onnx net.onnx --pictures DIR    real clips as well, with another network
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from depth_bench.clips import measure_clip, read_clip, write_pictures
from depth_bench.corruption import HEAVY, MODERATE, Corruption, corrupt, soften
from depth_bench.metrics import Score, score
from depth_bench.sequences import Sequence, Setting, make_sequence
from depth_bench.show import show
from depth_bench.stress import ERRORS, fail

from vdof.depth import EmbeddedConfig, OnnxConfig, StreamEstimator, open_estimator
from vdof.stabilise import stabilise, upsample_guided

SETTINGS = (
    Setting("pan, subject approaches", "pan", 60, 1.3),
    Setting("still camera, subject approaches", "still", 60, 1.3),
    Setting("still camera, subject crosses", "still", 60, 1.3, approaches=False),
    Setting("pan, subject rocks", "pan", 60, 1.3, rocks=True),
    Setting("pan, subject fills the frame", "pan", 60, 1.3, fills=True),
    Setting("dolly over a near floor", "dolly", 32, 0.3, wall=14.0, approaches=False, has_subject=False),
    Setting("dolly past a subject", "dolly", 32, 0.45, approaches=False),
    Setting("handheld, boxes", "handheld", 60, 1.3, wall=6.0, has_subject=False, boxes=6),
    Setting("handheld, boxes, subject approaches", "handheld", 60, 1.3, wall=6.0, boxes=4),
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="textures, boxes and errors; rows are means")
    parser.add_argument("--size", type=int, nargs=2, default=[144, 256], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--only", default="", help="only settings whose name contains this; `none` for no table")
    parser.add_argument("--stress", action="store_true", help="errors of other kinds instead of the table")
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="real clips, one shot each")
    parser.add_argument("--onnx", type=Path, help="depth of real clips by this file instead of `embedded`")
    parser.add_argument("--start", type=int, default=0, help="first frame of real clips")
    parser.add_argument("--frames", type=int, default=90, help="frames of real clips")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of real clips, before and after")
    parser.add_argument("--show", type=Path, help="folder for a video and a plot of real clips, before and after")
    parser.add_argument(
        "--subject",
        type=float,
        nargs=2,
        default=[0.5, 0.5],
        metavar=("X", "Y"),
        help="--show: where the subject is in the last frame, 0..1",
    )
    args = parser.parse_args()
    chosen = [setting for setting in SETTINGS if args.only in setting.name]
    if args.stress:
        print_stress(chosen, args.seeds[0], tuple(args.size))
    elif chosen:
        print_table(chosen, args.seeds, tuple(args.size))
        print_speed()
    if args.clips:
        print_clips(args)


def print_table(settings: list[Setting], seeds: list[int], size: tuple[int, int]) -> None:
    """Print truth, raw and stabilised, moderate and heavy, for each setting; `rendered` has its edges from the frame.

    Soft truth: its edges as wide as the corruption makes them. Nothing that leaves edges where they are gets below its
    OPWd by holding still. The last columns are what is left of AbsRel, TAE and OPWd, of the worst seed, and the part of the
    raw OPWd that the soft truth has as well.
    """
    print(
        f"| {'sequence':36s} | errors   | disparity  | AbsRel | TAE %  | OPWd % | slope | jitter % | % of raw    | floor |"
    )
    print(f"|{'-' * 38}|----------|------------|--------|--------|--------|-------|----------|-------------|-------|")
    for setting in settings:
        sequences = [make_sequence(setting, seed, size) for seed in seeds]
        print_row(setting.name, "-", "truth", [score(1 / sequence.depth, sequence) for sequence in sequences])
        soft = [score(soften(sequence.depth), sequence) for sequence in sequences]
        print_row(setting.name, "-", "soft truth", soft)
        for name, corruption in (("moderate", MODERATE), ("heavy", HEAVY)):
            scores = [compare(sequence, corruption, seed + 1) for sequence, seed in zip(sequences, seeds, strict=True)]
            raw, stable, rendered = (list(column) for column in zip(*scores, strict=True))
            print_row(setting.name, name, "raw", raw)
            print_row(setting.name, name, "stabilised", stable, raw, soft)
            print_row(setting.name, name, "rendered", rendered, raw, soft)


def print_stress(settings: list[Setting], seed: int, size: tuple[int, int]) -> None:
    """Print, for every kind of error, raw and stabilised in each setting; a figure that became worse gets a star."""
    print(f"| {'error':20s} | {'sequence':36s} | AbsRel          | TAE %         | OPWd %        | slope         |")
    print(f"|{'-' * 22}|{'-' * 38}|-----------------|---------------|---------------|---------------|")
    for setting in settings:
        sequence = make_sequence(setting, seed, size)
        rgb = torch.from_numpy(sequence.rgb).permute(0, 3, 1, 2)
        for name, error in ERRORS.items():
            raw = fail(sequence, error, seed)
            stable = stabilise(torch.from_numpy(raw)[:, None], rgb)[:, 0].numpy()
            before, after = score(raw, sequence), score(stable, sequence)
            cells = [
                f"{old:{form}} {new:{form}}{'*' if new > 1.02 * old else ' '}"
                for form, old, new in (
                    ("7.4f", before.abs_rel, after.abs_rel),
                    ("6.2f", before.tae, after.tae),
                    ("6.2f", before.opwd, after.opwd),
                )
            ]
            is_worse = abs(after.slope - 1) > abs(before.slope - 1) + 0.03
            cells.append(f"{before.slope:6.3f} {after.slope:6.3f}{'*' if is_worse else ' '}")
            print(f"| {name:20s} | {setting.name:36s} | {' | '.join(cells)} |", flush=True)


def compare(sequence: Sequence, corruption: Corruption, seed: int) -> tuple[Score, Score, Score]:
    """Return the scores of what is estimated, of the stabilised, and of that with the edges that a render gives it."""
    raw = corrupt(sequence.depth, corruption, seed)
    rgb = torch.from_numpy(sequence.rgb).permute(0, 3, 1, 2)
    stable = stabilise(torch.from_numpy(raw)[:, None], rgb)
    rendered = upsample_guided(stable, rgb)
    return score(raw, sequence), score(stable[:, 0].numpy(), sequence), score(rendered[:, 0].numpy(), sequence)


def print_row(
    name: str, errors: str, kind: str, scores: list[Score], raw: list[Score] | None = None, soft: Iterable[Score] = ()
) -> None:
    """Print the mean over the seeds; with `raw`, what is left of it in the worst seed, and its floor, soft truth, in %."""
    columns = ("abs_rel", "tae", "opwd", "slope", "jitter")
    mean = {column: float(np.mean([getattr(one, column) for one in scores])) for column in columns}
    left = floor = ""
    if raw:
        left = " ".join(f"{find_share(scores, raw, column):3.0f}" for column in columns[:3])
        floor = f"{find_share(soft, raw, 'opwd'):.0f}"
    print(
        f"| {name:36s} | {errors:8s} | {kind:10s} | {mean['abs_rel']:.4f} | {mean['tae']:6.2f} | {mean['opwd']:6.2f} "
        f"| {mean['slope']:5.3f} | {mean['jitter']:8.2f} | {left:11s} | {floor:>5s} |",
        flush=True,
    )


def find_share(scores: Iterable[Score], raw: Iterable[Score], column: str) -> float:
    """How much of the raw figure is left, %, in the worst seed."""
    return max(100 * getattr(one, column) / getattr(its, column) for one, its in zip(scores, raw, strict=True))


def print_speed(frames: int = 60) -> None:
    """Print frames per second at 640x360 with flow, for disparity of the frame's size and of a network's."""
    sequence = make_sequence(Setting("speed", "pan", frames, 1.3), 0, (360, 640))
    rgb = torch.from_numpy(sequence.rgb).permute(0, 3, 1, 2)
    full = torch.from_numpy(corrupt(sequence.depth, MODERATE, 1))[:, None]
    for name, disparity in (("640x360", full), ("384x216", torch.nn.functional.interpolate(full, size=(216, 384)))):
        began, worked = time.perf_counter(), time.process_time()
        stabilise(disparity, rgb)
        wall, work = time.perf_counter() - began, time.process_time() - worked
        cores = work / wall
        print(
            f"speed: rgb 640x360, disparity {name}, flow included: {frames / wall:.1f} fps on {cores:.1f} cores that it got, "
            f"{1000 * work / frames:.0f} ms CPU a frame"
        )


def print_clips(args: argparse.Namespace) -> None:
    """Print OPWd before and after for real clips."""
    config = OnnxConfig(path=str(args.onnx)) if args.onnx else EmbeddedConfig()
    estimator = open_estimator(config, torch.device("cpu"))
    assert not isinstance(estimator, StreamEstimator)  # neither of the two is
    for path in args.clips:
        clip = read_clip(path, estimator, args.start, args.frames)
        stable = stabilise(clip.disparity, clip.rgb)
        before, after = measure_clip(clip.disparity, clip), measure_clip(stable, clip)
        if args.show:
            for written in show(args.show, clip, stable[:, 0].numpy(), args.subject):
                print(f"  {written}")
        print(f"{clip.name}: {len(clip.rgb)} frames, OPWd {before:.2f} -> {after:.2f} %, ratio {after / before:.2f}")
        if args.pictures:
            middle = len(clip.rgb) // 2
            print(f"  {write_pictures(args.pictures, clip, stable, [middle, middle + 1, middle + 2])}")


if __name__ == "__main__":
    main()
