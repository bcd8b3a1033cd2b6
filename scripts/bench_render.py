"""Seconds and memory of the renderer, beside two named baselines timed in the same run.

scripts/bench render [--size 1280x720] [--radius 8 24 48] [--backend auto] [--device cpu] [--repeat 3] [--scatter]

Columns `gaussian`, `compiled` and `eager`: how many times as long the baseline takes, in CPU seconds; `by wall` is the
Gaussian by the clock (OpenCV filters such planes on one thread, and two threads of one core count each other's waits as CPU
seconds). Baselines: `gaussian`, one Gaussian blur per depth slice with as many slices as the renderer has groups, composited
far to near (OpenCV); `compiled` and `eager`, the classical scatter, which weighs every pixel in reach by its own disc,
compiled by numba on the same threads, and as published code for it runs without CUDA: torch operations, one offset after
another (timed on an eighth of the rows, times eight). Both are slow and asked for with --scatter. The scene is procedural: a
foreground, a focused middle, a far background with lamps.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from functools import partial

import cv2
import numba
import numpy as np
import torch
import torch.nn.functional as F

from vdof import Lens
from vdof.bokeh import BokehConfig, render_coc
from vdof.bokeh.ladder import group_borders
from vdof.threads import run_rows

EAGER_STRIP = 8
"""The eager scatter is timed on one of so many strips."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--radius", type=float, nargs="+", default=[8, 24, 48], help="largest coc radius, px")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--scatter", action="store_true", help="time the classical scatter too")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    config = BokehConfig(backend=options.backend)
    cv2.setNumThreads(torch.get_num_threads())
    print(f"{options.size}, {torch.get_num_threads()} threads, best of {options.repeat}")
    print("wall and cpu seconds; ratios are of cpu seconds on the CPU, of wall seconds elsewhere")
    columns = f"{'R px':>5}{'wall':>8}{'cpu':>8}{'to first':>10}{'gaussian':>10}{'by wall':>9}"
    print(f"{columns}{'compiled':>10}{'eager':>9}{'peak MB':>9}")
    first = None
    for radius in options.radius:
        rgb, coc = make_frame(height, width, radius)
        here, there = rgb.to(options.device), coc.to(options.device)
        seconds = best_of(partial(render_coc, here, there, Lens(), config), options.repeat)
        index = 1 if options.device == "cpu" else 0
        first = first or seconds[index]
        gaussian = best_of(partial(blur_slices, rgb, coc), options.repeat)
        by_wall, shown = gaussian[0] / seconds[0], "         -        -"
        if options.scatter:
            compiled = best_of(partial(scatter_classically, rgb, coc), 1)[index]
            eager = EAGER_STRIP * best_of(partial(scatter_eagerly, rgb, coc), 1)[index]
            shown = f"{compiled / seconds[index]:9.1f}x{eager / seconds[index]:8.1f}x"
        print(
            f"{radius:5g}{seconds[0]:8.3f}{seconds[1]:8.3f}{seconds[index] / first:9.2f}x"
            f"{gaussian[index] / seconds[index]:9.2f}x{by_wall:8.2f}x{shown}{peak_memory(options.device):9.0f}",
            flush=True,
        )


def make_frame(height: int, width: int, radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with lamps; radii from -2/3 of `radius` in a corner over 0 in the middle to `radius`, a ground between."""
    rng = np.random.default_rng(0)
    noise = cv2.resize(rng.random((height // 8, width // 8, 3), np.float32), (width, height))
    for x, y in rng.uniform(0, 1, (60, 2)):
        noise[int(y * height / 2), int(x * (width - 1))] = 30.0
    coc = np.full((height, width), 2 * radius, np.float32)
    coc[height // 2 :] = np.linspace(2 * radius, -1.3 * radius, height - height // 2)[:, None]
    cv2.ellipse(coc, (width // 2, height * 2 // 3), (width // 8, height // 2), 0, 0, 360, 0.5, -1)
    cv2.ellipse(coc, (0, height), (width // 4, height // 2), 0, 0, 360, -1.3 * radius, -1)
    return torch.from_numpy(noise).permute(2, 0, 1)[None].contiguous(), torch.from_numpy(coc)[None, None]


def blur_slices(rgb: torch.Tensor, coc: torch.Tensor) -> np.ndarray:
    """Baseline: a Gaussian per slice of the same depth groups, premultiplied, laid over one another far to near."""
    picture, radius = rgb[0].permute(1, 2, 0).numpy(), coc[0, 0].numpy() / 2
    group = np.searchsorted(group_borders(float(radius.min()), float(radius.max())), radius)
    out = np.zeros((*radius.shape, 4), np.float32)
    premultiplied = np.dstack([picture, np.ones_like(radius)])
    for g in np.unique(group)[::-1]:
        mask = group == g
        sigma = max(0.3, float(np.abs(radius[mask]).mean()) / 2)
        layer = cv2.GaussianBlur(premultiplied * mask[..., None], (0, 0), sigma)
        out = layer + out * (1 - np.minimum(layer[..., 3:], 1))
    return out[..., :3] / np.maximum(out[..., 3:], 1e-6)


def scatter_classically(rgb: torch.Tensor, coc: torch.Tensor) -> np.ndarray:
    """Baseline: every pixel in reach weighs by whether its disc covers this one, over its area."""
    picture, radius = rgb[0].permute(1, 2, 0).contiguous().numpy(), np.abs(coc[0, 0].numpy()) / 2
    out = np.empty_like(picture)
    run_rows(_scatter_rows, 0, picture.shape[0], picture, radius, int(np.ceil(radius.max())), out)
    return out


def scatter_eagerly(rgb: torch.Tensor, coc: torch.Tensor) -> torch.Tensor:
    """The same baseline in torch operations, for a strip of 1/EAGER_STRIP of the rows in the middle."""
    radius = (coc[0, 0].abs() / 2).clamp(min=0.5)
    reach, (height, width) = int(radius.max().ceil()), radius.shape
    first, rows = height // 2, height // EAGER_STRIP
    sources = F.pad(torch.cat([rgb[0], torch.ones_like(radius)[None], radius[None]]), (reach,) * 4)
    total = torch.zeros(4, rows, width)
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            here = sources[:, first + dy : first + dy + rows, dx : dx + width]
            distance = ((dy - reach) ** 2 + (dx - reach) ** 2) ** 0.5
            weight = (here[4] + 0.5 - distance).clamp(0, 1) / (here[4] ** 2).clamp(min=0.25)
            total += weight * here[:4]
    return total[:3] / total[3:].clamp(min=1e-6)


@numba.njit(nogil=True, fastmath=True)
def _scatter_rows(y0, y1, picture, radius, reach, out):
    height, width = radius.shape
    for y in range(y0, y1):
        for x in range(width):
            red = green = blue = total = np.float32(0)
            for j in range(max(0, y - reach), min(height, y + reach + 1)):
                for i in range(max(0, x - reach), min(width, x + reach + 1)):
                    r = max(radius[j, i], np.float32(0.5))
                    distance = (j - y) ** 2 + (i - x) ** 2
                    if distance <= r * r:
                        weight = np.float32(1) / (r * r)
                        red += weight * picture[j, i, 0]
                        green += weight * picture[j, i, 1]
                        blue += weight * picture[j, i, 2]
                        total += weight
            out[y, x, 0] = red / total
            out[y, x, 1] = green / total
            out[y, x, 2] = blue / total


def best_of(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Least wall-clock and least CPU seconds over `repeat` runs after one warm-up."""
    work()
    times = []
    for _ in range(repeat):
        started, busy = time.perf_counter(), time.process_time()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append((time.perf_counter() - started, time.process_time() - busy))
    return min(wall for wall, _ in times), min(cpu for _, cpu in times)


def peak_memory(device: str) -> float:
    """MB: of the process on the CPU (with Python and torch), allocated on CUDA."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
