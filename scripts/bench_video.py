"""Frames a second of every way that a frame travels, beside a plain transcode of the same clip, and peak memory.

scripts/bench video [--size 1280x720] [--frames 48] [--repeat 2] [--only ROW ...] [--no-pipeline]

The clip is made here: soft noise that drifts, 4:2:0, x264. The baseline is what any program must do: PyAV decodes and
libx264 encodes with vdof's own settings, no colour conversion. Every row runs in a process of its own, whose memory is
shown, and does two frames first that do not count; the best of the repeats counts. `whole pipeline` is `vdof input=CLIP`
with an empty cache, start included, and below it where its time went (stages overlap in threads).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from vdof.video import EncodeConfig, Writer, probe, read_frames, to_display, to_linear
from vdof.video.pixels import FrameToTensor, TensorToFrame

BASELINE = "plain transcode"
ENCODE = EncodeConfig(options={"preset": "medium", "crf": "16"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--no-pipeline", action="store_true")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--clip", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(run_row(options.row, options.clip)))
        return
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        width, height = (int(side) for side in options.size.split("x"))
        make_clip(clip, width, height, options.frames)
        make_clip(clip.with_name("warm.mp4"), width, height, 2)
        print(f"{options.size}, {options.frames} frames, {torch.get_num_threads()} threads, best of {options.repeat}")
        print(f"{'row':<34}{'ms/frame':>10}{'frames/s':>10}{'of baseline':>13}{'peak MB':>9}")
        names = [BASELINE, *(name for name in options.only if name != BASELINE)]
        base = 0.0
        for name in names:
            seconds, memory, _ = measure(name, clip, options.repeat)
            base = base or seconds
            show(name, seconds / options.frames, base / options.frames, memory)
        if not options.no_pipeline:
            seconds, memory, stages = measure("whole pipeline", clip, 1)
            show("whole pipeline", seconds / options.frames, base / options.frames, memory)
            for stage, spent in stages.items():
                show(f"  {stage}", spent / options.frames, base / options.frames, None)


def show(name: str, seconds: float, base: float, memory: float | None) -> None:
    rate = f"{1 / seconds:10.1f}" if seconds > 0 else f"{'-':>10}"
    shown = "" if memory is None else f"{memory:9.0f}"
    print(f"{name:<34}{1000 * seconds:10.1f}{rate}{seconds / base:12.2f}x{shown}", flush=True)


def measure(name: str, clip: Path, repeat: int) -> tuple[float, float, dict[str, float]]:
    """Best seconds, peak MB and seconds of the stages of a row, each time in a process of its own."""
    found = []
    for _ in range(repeat):
        command = [sys.executable, __file__, "--row", name, "--clip", str(clip)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench video: {name} failed: {done.stderr.strip().splitlines()[-1]}")
        found.append(json.loads(done.stdout.strip().splitlines()[-1]))
    best = min(found, key=lambda item: item["seconds"])
    return best["seconds"], best["memory"], best["stages"]


def run_row(name: str, clip: Path) -> dict[str, object]:
    """One row, measured here."""
    is_whole = name == "whole pipeline"
    if not is_whole:
        ROWS[name](clip.with_name("warm.mp4"))
    stages: dict[str, float] = {}
    start = time.perf_counter()
    if is_whole:
        stages = run_pipeline(clip)
    else:
        ROWS[name](clip)
    seconds = time.perf_counter() - start
    who = resource.RUSAGE_CHILDREN if is_whole else resource.RUSAGE_SELF
    return {"seconds": seconds, "memory": resource.getrusage(who).ru_maxrss / 1024, "stages": stages}


def make_clip(path: Path, width: int, height: int, frames: int) -> None:
    """Soft noise at two sizes, drifting, with a little grain: neither trivial nor impossible to encode."""
    rng = np.random.default_rng(0)
    coarse = cv2.resize(
        rng.random((12, 20, 3), np.float32), (width + 4 * frames, height), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.resize(rng.random((height // 6, width // 6, 3), np.float32), (width, height))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, width=width, height=height, pix_fmt="yuv420p")
        stream.options = {"preset": "veryfast", "crf": "12"}  # type: ignore[union-attr]
        for i in range(frames):
            picture = 0.7 * coarse[:, 4 * i : 4 * i + width] + 0.25 * np.roll(fine, 2 * i, axis=1)
            picture = picture + 0.02 * rng.standard_normal(picture.shape, np.float32)
            frame = av.VideoFrame.from_ndarray((255 * picture.clip(0, 1)).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))  # type: ignore[union-attr, arg-type]
        container.mux(stream.encode(None))  # type: ignore[union-attr]


def transcode_plainly(clip: Path) -> None:
    """PyAV alone, the planes as they are."""
    with av.open(str(clip)) as source, av.open(str(clip.with_name("plain.mp4")), "w") as target:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        context = video.codec_context
        stream = target.add_stream(ENCODE.codec, rate=24, width=context.width, height=context.height, pix_fmt="yuv420p")
        stream.options = dict(ENCODE.options)  # type: ignore[union-attr]
        stream.codec_context.thread_type = "AUTO"  # type: ignore[union-attr]
        for frame in source.decode(video):
            target.mux(stream.encode(frame))  # type: ignore[union-attr, arg-type]
        target.mux(stream.encode(None))  # type: ignore[union-attr]


def decode_plainly(clip: Path) -> None:
    for _ in iterate_plain(clip):
        pass


def iterate_plain(clip: Path) -> list[av.VideoFrame]:
    with av.open(str(clip)) as source:
        source.streams.video[0].thread_type = "AUTO"
        return list(source.decode(video=0))


def read_colour(clip: Path) -> None:
    with read_frames(clip) as frames:
        for _ in frames:
            pass


def convert_both_ways(clip: Path) -> None:
    """YCbCr to RGB tensors and back, of one decoded frame again and again."""
    info = probe(clip)
    inwards = FrameToTensor(info.colour, info.pixel_format, None)
    outwards = TensorToFrame(info.colour, "yuv420p", is_rgb=False)
    frames = iterate_plain(clip)
    for frame in frames:
        outwards(inwards(frame))


def convert_light(clip: Path) -> None:
    """Display-encoded to scene-linear and back."""
    info = probe(clip)
    rgb = torch.rand(1, 3, info.height, info.width)
    for _ in range(info.frame_count_hint or 1):
        to_display(to_linear(rgb, info.colour.transfer), info.colour.transfer)


def pass_through(clip: Path) -> None:
    """vdof's reader into vdof's writer, with nothing between."""
    info = probe(clip)
    with (
        read_frames(clip, info=info) as frames,
        Writer(clip.with_name("through.mp4"), info, ENCODE, overwrite=True) as writer,
    ):
        for frame in frames:
            writer.write(frame)


def run_pipeline(clip: Path) -> dict[str, float]:
    """The whole command; returns its seconds per stage."""
    out = clip.with_name("whole.mp4")
    command = [sys.executable, "-m", "vdof", f"input={clip}", f"output={out}", "overwrite=true", "notebook=off"]
    subprocess.run([*command, f"cache.dir={clip.parent}", "cache.enabled=false"], check=True, capture_output=True)
    record = json.loads(out.with_name("whole.run.json").read_text())
    return dict(record["seconds"])


ROWS: dict[str, Callable[[Path], None]] = {
    BASELINE: transcode_plainly,
    "decode": decode_plainly,
    "decode and colour in": read_colour,
    "decode, colour in, colour out": convert_both_ways,
    "display to linear and back": convert_light,
    "vdof reader into vdof writer": pass_through,
}

if __name__ == "__main__":
    main()
