"""`depth=video_depth_anything`: the user's checkout and weights, with windows of vdof's own.

The network sees 32 frames at a time. Ten of them it has seen before: two from earlier, which hold scale and shift together
over the whole shot, and the last eight, over which one window fades into the next (Chen et al., CVPR 2025, section 3.3).
Whatever the shot's length, one window of frames is alive.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vdof.depth.config import VideoDepthAnythingConfig
from vdof.depth.contract import Kind
from vdof.depth.resize import IMAGENET_MEAN, IMAGENET_STD, NEAREST_M, fit_to_frame
from vdof.errors import BackendError, InputError, ModelError
from vdof.files import hash_file
from vdof.shots import AnalysisFrame

WINDOW = 32
"""Frames that the network sees at once; it was trained with as many."""
ANCHORS = (0, 12)
"""Places in a window whose frames the next window begins with."""
FADE = 8
"""Frames at the end of a window that the next one gives again."""
_MULTIPLE = 14
_WIDEST = 1.777
"""Wider frames get a smaller shorter side, as their longer one would cost too much."""
_NETWORKS: dict[str, dict[str, Any]] = {
    "vits": {"features": 64, "out_channels": [48, 96, 192, 384]},
    "vitb": {"features": 128, "out_channels": [96, 192, 384, 768]},
    "vitl": {"features": 256, "out_channels": [256, 512, 1024, 1024]},
}


class VideoDepthAnythingEstimator:
    """Disparity that is smooth over time from a video network.

    Raises:
        InputError: no checkout, or no weights, at the paths.
        BackendError: a package that the checkout needs is missing.
        ModelError: the weights are not those of the encoder named, or the network gives something else than depth.
    """

    def __init__(self, config: VideoDepthAnythingConfig, device: torch.device) -> None:
        self._config, self._device = config, device
        weights = Path(config.weights)
        if not weights.is_file():
            raise InputError(f"depth.weights: no such file {weights}; expected a .pth from the project's page")
        self._weights_sha256 = hash_file(weights)
        self._is_half = config.half and device.type == "cuda"
        self._network_class = import_network(Path(config.repository))
        self.kind: Kind = "disparity_metric" if config.metric else "disparity_relative"

    def describe(self) -> dict[str, Any]:
        config = self._config
        return {
            "estimator": "video_depth_anything",
            "encoder": config.encoder,
            "metric": config.metric,
            "weights_sha256": self._weights_sha256,
            "short_side": config.short_side,
            "dtype": "float16" if self._is_half else "float32",
        }

    def estimate_stream(self, frames: Iterable[AnalysisFrame]) -> Iterator[AnalysisFrame]:
        """See `StreamEstimator.estimate_stream`. Holds at most `WINDOW` frames."""
        remaining = iter(frames)
        waiting = list(islice(remaining, WINDOW))
        images, seen = self._prepare(waiting), None
        while waiting:
            values = self._infer(images)
            if seen is not None:
                values = join_windows(seen, values, is_metric=self._config.metric)
            own = values[-len(waiting) :]
            for _ in range(len(waiting) - FADE):
                yield self._finish(waiting.pop(0), own[0])
                own = own[1:]
            fresh = list(islice(remaining, WINDOW - len(ANCHORS) - FADE)) if images.shape[0] == WINDOW else []
            if not fresh:
                yield from map(self._finish, waiting, own)
                return
            again = [*ANCHORS, *range(WINDOW - FADE, WINDOW)]
            seen = values[again]
            images = torch.cat([images[again], self._prepare(fresh)])
            waiting += fresh

    def _prepare(self, frames: list[AnalysisFrame]) -> Tensor:
        """The network's input (n,3,h,w) on the CPU."""
        if not frames:
            return torch.empty(0)
        height, width = frames[0].rgb.shape[-2:]
        rgb = torch.cat([frame.rgb for frame in frames]).float()
        size = choose_size(height, width, self._config.short_side)
        rgb = F.interpolate(rgb, size=size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        return (rgb - mean) / std

    @cached_property
    def _network(self) -> Any:
        """Loaded when the first frame comes: a run that finds its depth in the cache needs none."""
        config = self._config
        try:
            network = self._network_class(encoder=config.encoder, metric=config.metric, **_NETWORKS[config.encoder])
            network.load_state_dict(torch.load(config.weights, map_location="cpu", weights_only=True), strict=True)
        except Exception as error:  # the checkout's code may raise anything
            line = " ".join(str(error).split())[:200]  # torch names the weights from its second line on
            raise ModelError(
                f"depth.weights: {config.weights} does not fit depth.encoder={config.encoder}, "
                f"depth.metric={config.metric}: {line}"
            ) from error
        return network.to(self._device).eval()

    @torch.inference_mode()
    def _infer(self, images: Tensor) -> Tensor:
        """Disparity (n,1,h,w) on the CPU of the network's input (n,3,h,w), n up to `WINDOW`."""
        count = images.shape[0]
        full = torch.cat([images, images[-1:].expand(WINDOW - count, -1, -1, -1)]).to(self._device)
        with torch.autocast(self._device.type, dtype=torch.float16, enabled=self._is_half):
            value = self._network(full[None])
        if value.shape[:2] != (1, WINDOW) or value.ndim != 4:
            raise ModelError(f"depth.repository: its network gave {tuple(value.shape)}, expected (1,{WINDOW},h,w)")
        value = value[0, :count, None].float()
        if not bool(torch.isfinite(value).all()):
            raise ModelError(f"depth.weights: {self._config.weights} gave NaN or infinity; try depth.half=false")
        return (1 / value.clamp(min=NEAREST_M) if self._config.metric else value).cpu()

    def _finish(self, frame: AnalysisFrame, value: Tensor) -> AnalysisFrame:
        return replace(frame, disparity=fit_to_frame(value[None], *frame.rgb.shape[-2:]))


def choose_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """The network's (height, width): the frame's aspect, the shorter side near `short_side`, multiples of 14."""
    aspect = max(height, width) / min(height, width)
    ratio = short_side * min(1.0, _WIDEST / aspect) / min(height, width)
    rounded = (max(1, round(side * ratio / _MULTIPLE)) * _MULTIPLE for side in (height, width))
    return next(rounded), next(rounded)


def join_windows(seen: Tensor, values: Tensor, *, is_metric: bool) -> Tensor:
    """A window's disparity (n,1,h,w) at the level of the window before it, faded into it.

    seen: (k,1,h,w) what that window gave for the first k of these frames. Relative disparity is fitted by a symmetric
    affine map, whose scale does not shrink as that of least squares does.
    """
    shared = seen.shape[0]
    again = values[:shared]
    if not is_metric:
        scale = (seen.std() / again.std().clamp_min(1e-12)).item() if again.std() > 0 else 1.0
        values = (values - again.mean()) * scale + seen.mean()
    joined = values.clone()
    fade = torch.arange(1, FADE + 1).view(-1, 1, 1, 1) / (FADE + 1)
    joined[shared - FADE : shared] = torch.lerp(seen[-FADE:], values[shared - FADE : shared], fade)
    return joined


def import_network(repository: Path) -> Any:
    """The class `VideoDepthAnything` of a checkout, whose folder is on the path for only as long as that takes."""
    if not (repository / "video_depth_anything" / "video_depth.py").is_file():
        raise InputError(
            f"depth.repository: {repository} holds no video_depth_anything/video_depth.py; "
            "expected a checkout of github.com/DepthAnything/Video-Depth-Anything"
        )
    with find_modules_in(repository):
        try:
            return importlib.import_module("video_depth_anything.video_depth").VideoDepthAnything
        except ImportError as error:
            raise BackendError(
                f"depth.repository: {repository} cannot be imported: {error}; pip install what it requires"
            ) from error


@contextlib.contextmanager
def find_modules_in(repository: Path) -> Iterator[None]:
    """Import from a checkout with module names as common as `utils`: others of those names are put aside meanwhile."""
    aside = {name: module for name, module in sys.modules.items() if _is_of_checkout(name)}
    for name in aside:
        del sys.modules[name]
    sys.path.insert(0, str(repository.resolve()))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(repository.resolve()))
        for name in [name for name in sys.modules if _is_of_checkout(name)]:
            del sys.modules[name]
        sys.modules.update(aside)


def _is_of_checkout(name: str) -> bool:
    return name.partition(".")[0] in ("utils", "video_depth_anything")
