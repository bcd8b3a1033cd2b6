"""Rates of the diagnostics on procedural shots, and what each costs: scripts/bench diagnostics [--seeds N] [--first SEED].

Every kind of shot is made with N seeds and shown to all gauges three times: with everything known (pipeline), with the sharp
reference only, and alone (blind). `hit` is the share of its own faulty shots that a diagnostic finds, `false` the share of
faultless shots it flags, `silent` the share it cannot judge. Thresholds were chosen on seeds below 400; the table is of others.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict

import cv2
import torch
from diagnostic_scenes.motion import MOVING
from diagnostic_scenes.shots import STILLS, Kind, hide

from vdof.check.diagnostics import all_gauges
from vdof.check.look import Look
from vdof.check.verdict import Diagnostic

MODES = ("pipeline", "reference", "blind")


def main() -> None:
    """Print the rates, then the cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=400, help="first seed")
    parser.add_argument("--only", default="", help="only kinds whose fault or name contains this, and the faultless")
    parser.add_argument("--verbose", action="store_true", help="print every score")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    kinds = [kind for kind in STILLS + MOVING if args.only in kind.fault + kind.name or not kind.fault]
    found: dict[tuple[str, str, str, str], list[bool | None]] = defaultdict(list)
    for kind in kinds:
        for seed in range(args.first, args.first + args.seeds):
            for mode, results in judge(kind, seed).items():
                for result in results:
                    found[mode, kind.fault, kind.name, result.name].append(result.found)
                    if args.verbose and (result.name == kind.fault or result.found):
                        print(
                            f"{kind.name:24s} {seed:4d} {mode:9s} {result.name:14s} {result.score:.3f} {result.found}"
                        )
    print_rates(found, kinds)
    print_cross(found, kinds)
    print_speed()


def judge(kind: Kind, seed: int) -> dict[str, list[Diagnostic]]:
    """What all gauges say of one shot, in each mode."""
    looks = kind.make(seed)
    return {mode: [show(gauge, looks, mode) for gauge in all_gauges()] for mode in MODES}


def show(gauge, looks: list[Look], mode: str) -> Diagnostic:  # type: ignore[no-untyped-def]
    """The answer of one gauge."""
    for look in hide(looks, mode):
        gauge.add(look)
    return gauge.finish()


def print_rates(found: dict, kinds: list[Kind]) -> None:
    """One row a diagnostic: hits, false alarms and silence in each mode."""
    print(f"| {'diagnostic':14s} |" + "".join(f" {mode + ': hit':15s} | false | silent |" for mode in MODES))
    print(f"|{'-' * 16}|" + f"{'-' * 17}|-------|--------|" * 3)
    for gauge in all_gauges():
        name = gauge.finish().name
        cells = []
        for mode in MODES:
            own = [x for kind in kinds if kind.fault == name for x in found[mode, kind.fault, kind.name, name]]
            good = [x for kind in kinds if not kind.fault for x in found[mode, "", kind.name, name]]
            silent = [x for x in own + good if x is None]
            cells.append(f" {rate(own):>15s} | {rate(good):>5s} | {len(silent) / max(1, len(own + good)):6.2f} |")
        print(f"| {name:14s} |" + "".join(cells))


def rate(answers: list[bool | None]) -> str:
    """Share of `True`."""
    return f"{sum(answer is True for answer in answers) / len(answers):.2f}" if answers else "-"


def print_cross(found: dict, kinds: list[Kind]) -> None:
    """For each kind of shot, which diagnostics fire in pipeline mode."""
    names = [gauge.finish().name for gauge in all_gauges()]
    print()
    for kind in kinds:
        fired = [(name, found["pipeline", kind.fault, kind.name, name]) for name in names]
        text = ", ".join(f"{name} {rate(answers)}" for name, answers in fired if any(answers))
        print(f"{kind.fault or 'faultless':14s} {kind.name:24s}: {text or '-'}")


def print_speed(frames: int = 24) -> None:
    """Milliseconds a frame of each gauge, alone and all together."""
    first = STILLS[1].make(0)[0]
    looks = [Look(i, i / 24, 0, first.image.copy(), first.sharp, first.coc, first.subject) for i in range(frames)]
    print()
    count = len(all_gauges())
    costs = [
        measure_cost([gauge for i, gauge in enumerate(all_gauges()) if i == place], looks) for place in range(count)
    ]
    for gauge, cost in zip(all_gauges(), costs, strict=True):
        print(f"{gauge.finish().name:14s} {cost:6.1f} ms a frame")
    print(
        f"{'all':14s} {measure_cost(all_gauges(), looks):6.1f} ms a frame of {first.image.shape[1]}x{first.image.shape[0]}"
    )


def measure_cost(gauges: list, looks: list[Look]) -> float:
    """CPU milliseconds a frame."""
    began = time.process_time()
    for look in looks:
        for gauge in gauges:
            gauge.add(look)
    return 1000 * (time.process_time() - began) / len(looks)


if __name__ == "__main__":
    main()
