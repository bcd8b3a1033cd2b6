"""Train the packaged depth network from a teacher.

    python scripts/train_depth.py gather --clips DIR --photographs DIR … --work DIR
    python scripts/train_depth.py scenes --work DIR --count 1400
    python scripts/train_depth.py render --work DIR --count 1600
    python scripts/train_depth.py label --teacher TEACHER.onnx --work DIR
    python scripts/train_depth.py train --teacher TEACHER.onnx --work DIR --minutes 120 [--resume] [--anew]
    python scripts/train_depth.py export --work DIR --weights vdof/depth/weights/embedded.npz

Each stage of the network first learns from the teacher's own features alone (it receives the teacher's version of what
the stage before gives, and has to give the teacher's next, of pictures as they are). The share of teacher's features
then falls to none, after which the network runs end to end on its own, on pictures spoilt as cameras and codecs do,
and on scenes and pasted people whose order is known.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import time
from pathlib import Path

import numpy as np
import torch
from train import careful, images, people, scenes
from train.batches import Batches, Material
from train.export import write_graph, write_weights
from train.scene_layout import SHARES
from train.teacher import Teacher
from train.training import Schedule, Training, follow
from train.validation import Kept, is_kept, validate, validation_set

from vdof.depth.embedded import GRAPH
from vdof.depth.network import fold_batch_norm

log = logging.getLogger("train_depth")


def main() -> None:
    """Parse the command line and run one of the commands."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    options = _parse()
    commands = {"gather": gather, "scenes": draw, "render": render, "label": label, "train": train, "export": export}
    commands[options.command](options)


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


def draw(options: argparse.Namespace) -> None:
    """Fill WORK/scenes with `options.count` scenes of our own with true depth, made of the gathered pictures."""
    rng = np.random.default_rng(options.seed)
    shares = {kind: SHARES[kind] for kind in options.kinds}
    stage = scenes.Stage(
        images.load_folder(options.work / "images"), people.load_cutouts(options.work / "people"), rng, shares
    )
    for index in range(options.count):
        scenes.save(stage.draw(), options.work / "scenes", f"{options.seed}_{index:04d}")


def render(options: argparse.Namespace) -> None:
    """Fill WORK/scenes with `options.count` scenes rendered by Blender's Cycles (needs bpy)."""
    from train import cycles  # only here: its OpenEXR and bpy are needed for nothing else

    pictures = [path for path in sorted((options.work / "images").glob("*.jpg")) if not is_kept(path)]
    cutouts = sorted((options.work / "people").glob("*.png"))
    shapes = [images.read(path).shape for path in cutouts]
    aspects, rng = np.array([shape[1] / shape[0] for shape in shapes]), np.random.default_rng(options.seed)
    renderer = cycles.Renderer(pictures, cutouts)
    for index in range(options.count):
        scene = cycles.photograph(renderer, aspects, rng)
        scenes.save(scene, options.work / "scenes", f"cycles_{options.seed}_{index:04d}")


def label(options: argparse.Namespace) -> None:
    """Fill WORK/labels with the teacher's careful word on every picture."""
    pictures = sorted((options.work / "images").glob("*.jpg"))
    written = careful.write_labels(Teacher(options.teacher), pictures, options.work / "labels")
    log.info("%d of %d pictures labelled", written, len(pictures))


def train(options: argparse.Namespace) -> None:
    """Train for `options.minutes` of wall time, writing WORK/last.pt every few minutes."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    schedule = Schedule(
        seconds=60 * options.minutes,
        rate=options.rate,
        forced=0.0 if options.anew else options.forced,
        feature_weight=options.feature_weight,
        unrest_weight=options.unrest_weight,
    )
    teacher = Teacher(options.teacher)
    material, kept = _open_material(options.work)
    stream = Batches(material, teacher, options.scenes)
    state = _begin(options, stream)
    log.info("%d pictures, %d scenes, %d parameters", len(material.pictures), len(material.scenes), state.size)
    spent_before, begun, saved = state.seconds, time.monotonic(), time.monotonic()
    terms: list[dict[str, float]] = []
    while state.seconds < schedule.seconds:
        progress = state.seconds / schedule.seconds
        stream.taps, stream.is_plain = schedule.taps_at(progress), progress < options.plain
        terms.append(state.advance([stream.next() for _ in range(options.replicas)], schedule))
        state.seconds = spent_before + time.monotonic() - begun
        if state.step % 50 == 0:
            log.info("step %d, %.1f min, losses %s", state.step, state.seconds / 60, _mean(terms))
            terms.clear()
        if time.monotonic() - saved > options.save_every:
            saved = time.monotonic()
            state.save(options.work / "last.pt")
            log.info("step %d kept apart: %s", state.step, validate(state.average, kept))
    state.save(options.work / "last.pt")
    log.info("done: step %d kept apart: %s", state.step, validate(state.average, kept))


def _open_material(work: Path) -> tuple[Material, list[Kept]]:
    """Return what is trained on and what is kept apart."""
    photographs, drawn = sorted((work / "images").glob("*.jpg")), sorted((work / "scenes").glob("*.jpg"))
    pictures = {path: scenes.load_one(path, work / "labels") for path in photographs}
    worlds = {path: scenes.load_one(path) for path in drawn}
    learnt, kept = (
        [[one for path, one in stock.items() if is_kept(path) == is_apart] for stock in (pictures, worlds)]
        for is_apart in (False, True)
    )
    return Material(learnt[0], people.load_cutouts(work / "people"), learnt[1]), validation_set(*kept)


def _mean(terms: list[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for term in terms for name in term})
    return {name: round(float(np.mean([term[name] for term in terms if name in term])), 3) for name in names}


def _begin(options: argparse.Namespace, stream: Batches) -> Training:
    if not options.resume:
        return Training.start(stream, options.replicas)
    state = Training.resume(options.work / "last.pt", options.replicas)
    if options.anew:
        state.begin_anew(stream)
    return state


def export(options: argparse.Namespace) -> None:
    """Write the averaged network, batch norms folded, to `options.weights` and its graph beside; log size and hash."""
    average = Training.resume(options.work / "last.pt").average
    for count, checkpoint in enumerate(options.mean_with, 1):
        follow(average, Training.resume(checkpoint).average, count / (count + 1))
    net = fold_batch_norm(average)
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
    drawing = commands.add_parser("scenes")
    drawing.add_argument("--count", type=int, default=1400)
    drawing.add_argument("--kinds", nargs="*", choices=list(SHARES), default=list(SHARES))
    rendering = commands.add_parser("render")
    for command in (drawing, rendering):
        command.add_argument("--seed", type=int, default=100)
    rendering.add_argument("--count", type=int, default=1600)
    labelling, training = commands.add_parser("label"), commands.add_parser("train")
    for command in (labelling, training):
        command.add_argument("--teacher", type=Path, required=True)
    training.add_argument("--minutes", type=float, default=120)
    training.add_argument("--rate", type=float, default=2e-3)
    training.add_argument("--forced", type=float, default=0.3, help="share of time with teacher's features")
    training.add_argument(
        "--plain", type=float, default=0.4, help="share of time with pictures as the teacher sees them"
    )
    training.add_argument("--feature-weight", type=float, default=10.0)
    training.add_argument("--unrest-weight", type=float, default=1.5)
    training.add_argument("--scenes", type=float, default=0.25, help="share of pictures with true depth")
    training.add_argument("--replicas", type=int, default=2, help="threads with a batch each")
    training.add_argument("--save-every", type=float, default=180)
    training.add_argument("--resume", action="store_true")
    training.add_argument("--anew", action="store_true", help="with --resume: another run, no forcing")
    exporting = commands.add_parser("export")
    exporting.add_argument("--weights", type=Path, required=True)
    exporting.add_argument("--mean-with", type=Path, nargs="*", default=[], help="checkpoints: export the mean of all")
    for command in (gathering, drawing, rendering, labelling, training, exporting):
        command.add_argument("--work", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
