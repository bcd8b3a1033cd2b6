"""Make the files of samples/ again: the two-shot film with its true depth and log, and the Big Buck Bunny excerpt.

python scripts/make_samples.py film  [--out samples] [--width 640] [--rays 12]
python scripts/make_samples.py bunny SOURCE [--out samples] [--seconds 4]
"""

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sample_scene.direction import FRAMES, place_scene
from sample_scene.hair import Hair
from sample_scene.trace import trace_picture
from sample_scene.write import excerpt_film, write_film, write_log
from tqdm import tqdm

log = logging.getLogger("make_samples")


def trace_film(width: int, height: int, threads: int, rays: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every frame: scene-linear picture (H,W,3) and disparity (H,W) in 1/m."""
    hair = Hair()
    for frame in tqdm(range(FRAMES), desc="trace", unit="frame"):
        _, view = place_scene(frame, width, height, hair)
        yield trace_picture(view, threads, rays)


def make_film(folder: Path, width: int, threads: int, rays: int) -> None:
    """Write two_shots.mp4, two_shots_depth.mkv and two_shots.shot_log.yaml into `folder`."""
    size = (width, width * 9 // 16)
    write_film(folder / "two_shots.mp4", folder / "two_shots_depth.mkv", trace_film(*size, threads, rays), size)
    write_log(folder / "two_shots.shot_log.yaml", "two_shots.mp4")


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "samples")
    tasks = parser.add_subparsers(dest="task", required=True)
    film = tasks.add_parser("film", help="trace and write the two-shot film")
    film.add_argument("--width", type=int, default=640, help="pixels, a multiple of 32")
    film.add_argument("--threads", type=int, default=2)
    film.add_argument("--rays", type=int, default=12, help="most rays per pixel, 4 to 16")
    bunny = tasks.add_parser("bunny", help="cut the excerpt out of a Big Buck Bunny file")
    bunny.add_argument("source", type=Path)
    bunny.add_argument("--seconds", type=float, default=4.0)
    return parser.parse_args()


def main() -> None:
    """Run one task."""
    arguments = read_arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.task == "film":
        make_film(arguments.out, arguments.width, arguments.threads, arguments.rays)
    else:
        frames = excerpt_film(arguments.source, arguments.out / "bbb.mp4", arguments.seconds)
        log.info("bbb.mp4: %d frames", frames)


if __name__ == "__main__":
    main()
