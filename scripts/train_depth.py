"""Train the packaged depth network from a teacher.

    python scripts/train_depth.py gather --clips DIR --photographs DIR … --work DIR
    python scripts/train_depth.py train --teacher TEACHER.onnx --work DIR --minutes 120 [--resume]
    python scripts/train_depth.py export --work DIR --weights vdof/depth/weights/embedded.npz

Each stage of the network first learns from the teacher's own features (it receives the teacher's version of what the
stage before gives, and has to give the teacher's next); the share of teacher's features falls to none over the first
part of the training, after which the network runs end to end on its own.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import time
from pathlib import Path

import torch
from train import images, people
from train.batches import Batches
from train.export import write_graph, write_weights
from train.teacher import Teacher
from train.training import Schedule, Training
from train.validation import validate, validation_set

from vdof.depth.embedded import GRAPH
from vdof.depth.network import fold_batch_norm

log = logging.getLogger("train_depth")


def main() -> None:
    """Parse the command line and run one of the three commands."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    options = _parse()
    {"gather": gather, "train": train, "export": export}[options.command](options)


def gather(options: argparse.Namespace) -> None:
    """Fill WORK/images (training) and WORK/validation with small JPEGs."""
    clips = sorted(p for p in options.clips.iterdir() if p.suffix in {".mp4", ".mkv", ".avi"}) if options.clips else []
    for clip in clips:
        held_out = clip.name in images.VALIDATION_CLIPS
        folder = options.work / ("validation" if held_out else "images")
        log.info("%s: %d frames", clip.name, images.gather_clip_frames(clip, folder, 8 if held_out else options.frames))
    for folder in options.photographs:
        log.info("%s: %d photographs", folder, images.gather_photographs(folder, options.work / "images"))
    if options.person_mask:
        matte = people.PersonMatte(options.person_mask)
        found = people.gather_cutouts(options.work / "images", options.work / "people", matte)
        log.info("%d cut-outs of people", found)


def train(options: argparse.Namespace) -> None:
    """Train for `options.minutes` of wall time, writing WORK/last.pt every few minutes."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    schedule = Schedule(60 * options.minutes, options.rate, options.forced, options.feature_weight)
    teacher = Teacher(options.teacher)
    validation = validation_set(options.work / "validation", teacher)
    pictures, cutouts = images.load_folder(options.work / "images"), people.load_cutouts(options.work / "people")
    stream = Batches(pictures, cutouts, teacher, options.batch)
    state = _begin(options, stream)
    log.info("%d images, %d cut-outs, %d parameters, step %d", len(pictures), len(cutouts), state.size, state.step)
    spent_before, begun, saved = state.seconds, time.monotonic(), time.monotonic()
    terms: list[dict[str, float]] = []
    while state.seconds < schedule.seconds:
        stream.taps = schedule.taps_at(state.seconds / schedule.seconds)
        terms.append(state.advance([stream.next() for _ in range(options.replicas)], schedule))
        state.seconds = spent_before + time.monotonic() - begun
        if state.step % 100 == 0:
            means = {name: round(sum(term.get(name, 0) for term in terms) / len(terms), 3) for name in terms[-1]}
            log.info("step %d, %.1f min, losses %s", state.step, state.seconds / 60, means)
            terms.clear()
        if time.monotonic() - saved > options.save_every:
            saved = time.monotonic()
            state.save(options.work / "last.pt")
            log.info("step %d validation %s", state.step, validate(state.average, validation))
    state.save(options.work / "last.pt")
    log.info("done: step %d validation %s", state.step, validate(state.average, validation))


def _begin(options: argparse.Namespace, stream: Batches) -> Training:
    if options.resume:
        return Training.resume(options.work / "last.pt", options.replicas)
    return Training.start(stream, options.replicas)


def export(options: argparse.Namespace) -> None:
    """Write the averaged network, batch norms folded, to `options.weights` and its graph beside; log size and hash."""
    net = fold_batch_norm(Training.resume(options.work / "last.pt").average)
    write_weights(net, options.weights)
    write_graph(net, options.weights.with_name(GRAPH))
    packed = options.weights.read_bytes()
    log.info("%s: %d bytes, sha256 %s", options.weights, len(packed), hashlib.sha256(packed).hexdigest())


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    gathering = commands.add_parser("gather")
    gathering.add_argument("--clips", type=Path)
    gathering.add_argument("--photographs", type=Path, nargs="*", default=[])
    gathering.add_argument("--person-mask", type=Path, help="selfie_segmentation.tflite; needs ai-edge-litert")
    gathering.add_argument("--frames", type=int, default=150)
    training = commands.add_parser("train")
    training.add_argument("--teacher", type=Path, required=True)
    training.add_argument("--minutes", type=float, default=120)
    training.add_argument("--batch", type=int, default=4, help="pictures per replica")
    training.add_argument("--rate", type=float, default=1.6e-3)
    training.add_argument("--forced", type=float, default=0.12, help="share of time with teacher's features")
    training.add_argument("--feature-weight", type=float, default=0.5)
    training.add_argument("--replicas", type=int, default=2, help="threads with a batch each")
    training.add_argument("--save-every", type=float, default=180)
    training.add_argument("--resume", action="store_true")
    exporting = commands.add_parser("export")
    exporting.add_argument("--weights", type=Path, required=True)
    for command in (gathering, training, exporting):
        command.add_argument("--work", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
