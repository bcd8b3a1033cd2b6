"""What the check costs: of a render on the CPU, and of a clip judged by its pixels.

scripts/bench check [--clip CLIP.mp4] [--frames 48] [--repeat 2]

The clip is rendered with the check and without, in turn, with pass 1 from the cache, so that the share is of pass 2 alone and
an upper bound for a whole run. Then it is judged by its pixels, with itself as the reference and without one. CPU seconds
are of all threads; wall seconds depend on what else runs here.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vdof.check.config import CheckConfig
from vdof.check.of_clip import iter_looks, open_gauge
from vdof.video import probe

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "bbb.mp4"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=SAMPLE)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args()
    options.clip = options.clip.resolve()
    info = probe(options.clip)
    print(f"{options.clip.name}, {info.width}x{info.height}, {options.frames} frames, {os.cpu_count()} cores")
    compare_renders(options)
    for name, reference in (("reference", options.clip), ("blind", None)):
        wall, cpu = judge(options.clip, reference, options.frames)
        rate, work = options.frames / wall, 1000 * cpu / options.frames
        print(f"judged by pixels, {name:9s}: {rate:5.1f} frames/s, {work:.0f} ms CPU a frame")


def compare_renders(options: argparse.Namespace) -> None:
    """Render with the check and without; the first run fills the cache and is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        seconds: dict[str, list[tuple[float, float]]] = {}
        settings = {
            "no check": ("check.enabled=false",),
            "breathing": ("check.diagnostics=false", "check.report=false"),
            "breathing and diagnostics": ("check.report=false",),
            "all": (),
        }
        render(options, folder, ("check.enabled=false",))
        for _ in range(options.repeat):
            for name, overrides in settings.items():
                seconds.setdefault(name, []).append(render(options, folder, overrides))
    wall0, cpu0 = (min(values) for values in zip(*seconds["no check"], strict=True))
    for name, values in seconds.items():
        wall, cpu = (min(value) for value in zip(*values, strict=True))
        print(
            f"render, {name:26s}: wall {wall:6.2f} s ({100 * (wall / wall0 - 1):+5.1f} %), "
            f"CPU {cpu:6.2f} s ({100 * (cpu / cpu0 - 1):+5.1f} %)",
            flush=True,
        )


def render(options: argparse.Namespace, folder: str, overrides: tuple[str, ...]) -> tuple[float, float]:
    """Wall and CPU seconds of one run, in a process of its own."""
    job = [
        sys.executable, "-m", "vdof", f"input={options.clip}", f"frames=0:{options.frames}", "notebook=off",
        f"output={folder}/out.mp4", "overwrite=true", f"cache.dir={folder}/cache", "device=cpu", *overrides,
    ]  # fmt: skip
    before, began = os.times(), time.perf_counter()
    subprocess.run(job, check=True, capture_output=True, cwd=folder)
    wall, after = time.perf_counter() - began, os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, busy


def judge(clip: Path, reference: Path | None, frames: int) -> tuple[float, float]:
    """Wall and CPU seconds of judging by pixels, decoding included."""
    gauge = open_gauge(CheckConfig(), has_reference=reference is not None)
    began, busy = time.perf_counter(), time.process_time()
    for look in iter_looks(probe(clip), reference, [], frames=range(frames)):
        gauge.add(look)
    gauge.finish()
    return time.perf_counter() - began, time.process_time() - busy


if __name__ == "__main__":
    main()
