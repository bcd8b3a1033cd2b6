"""The renderer's two public functions: check what came in, choose a backend, render frame by frame."""

from __future__ import annotations

import importlib.util
import logging
import math
import os
from collections.abc import Callable

import torch
from torch import Tensor

from vdof.bokeh.config import BokehConfig
from vdof.bokeh.highlights import darken_corners, recover_highlights
from vdof.errors import BackendError, ShapeError
from vdof.lens import Lens
from vdof.optics import coc_from_depth, require_focus_beyond

log = logging.getLogger(__name__)
Backend = Callable[[Tensor, Tensor, Lens, BokehConfig], Tensor]
_said: set[str] = set()


def render(
    rgb: Tensor, depth: Tensor, lens: Lens, focus_distance: float | Tensor, config: BokehConfig | None = None
) -> Tensor:
    """The picture as `lens` sees it, focused at `focus_distance`.

    rgb (B,3,H,W) scene-linear, sharp everywhere, values above 1 kept; depth (B,1,H,W) m along the optical axis;
    focus_distance m, a number or (B,). Returns (B,3,H,W) scene-linear on the device of `rgb`.
    Raises ShapeError, ConfigError (focus nearer than the focal length), BackendError.

    >>> lens = Lens(focal_length_mm=85, f_number=1.8)
    >>> rgb, depth = torch.rand(1, 3, 64, 96), torch.full((1, 1, 64, 96), 4.0)
    >>> render(rgb, depth, lens, focus_distance=2.0).shape
    torch.Size([1, 3, 64, 96])
    """
    nearest = require_frames(rgb, "depth", depth)
    if nearest <= 0:
        raise ShapeError(
            f"depth must be above 0 m, got {nearest:g}; give metres along the optical axis, inf for the sky"
        )
    require_focus_beyond(lens, focus_distance)
    return _render_frames(
        rgb, coc_from_depth(depth, lens, focus_distance, rgb.shape[-1]), lens, config or BokehConfig()
    )


def render_coc(rgb: Tensor, coc: Tensor, lens: Lens, config: BokehConfig | None = None) -> Tensor:
    """The picture blurred by a given circle of confusion through the aperture of `lens`.

    rgb (B,3,H,W) scene-linear; coc (B,1,H,W) signed diameter, px, positive behind the focus. Returns (B,3,H,W).
    Raises ShapeError and BackendError.
    """
    require_frames(rgb, "coc", coc)
    return _render_frames(rgb, coc, lens, config or BokehConfig())


def _render_frames(rgb: Tensor, coc: Tensor, lens: Lens, config: BokehConfig) -> Tensor:
    """The same for what has been checked."""
    backend = choose_backend(config.backend, rgb.device)
    if config.half and rgb.device.type == "cpu" and config.backend == "auto":
        _say_once("half", "bokeh.half is without effect: bokeh.backend=auto is numba on the cpu, which stores 32 bits")
    light = recover_highlights(rgb.detach().float(), coc.detach().float(), config.highlights)
    out = [
        _render_frame(backend, *frame, lens, config)
        for frame in zip(light, coc[:, 0].detach().float() / 2, strict=True)
    ]
    return darken_corners(torch.stack(out), lens.vignetting_stops)


def _render_frame(backend: Backend, rgb: Tensor, radius: Tensor, lens: Lens, config: BokehConfig) -> Tensor:
    """One frame (3,H,W); with longitudinal colour, green and magenta are rendered with their own radii."""
    if lens.axial_colour_um == 0:
        return backend(rgb, radius, lens, config)
    shift = lens.axial_colour_um / 2000 * rgb.shape[2] / lens.sensor_width_mm
    green, magenta = backend(rgb, radius, lens, config), backend(rgb, radius - shift, lens, config)
    return torch.stack([magenta[0], green[1], magenta[2]])


def choose_backend(name: str, device: torch.device) -> Backend:
    """The function that renders one frame on `device`; `auto` is logged once. Raises BackendError when it is not here."""
    chosen = name
    if name == "auto":
        on_cuda = device.type == "cuda" and importlib.util.find_spec("triton") is not None
        chosen = "numba" if device.type == "cpu" else "triton" if on_cuda else "torch"
    _say_once(f"{name} {chosen}", f"bokeh backend: {chosen} ({name}, on {device.type})", logging.INFO)
    if chosen == "numba":
        if device.type != "cpu":
            raise BackendError(f"bokeh.backend=numba renders on the cpu, got a tensor on {device}; use auto or torch")
        from vdof.bokeh.on_numba.backend import render_frame

        return render_frame
    from vdof.bokeh.on_torch.backend import render_frame as render_frame_torch
    from vdof.bokeh.on_torch.backend import render_frame_triton

    if chosen == "torch":
        return render_frame_torch
    if importlib.util.find_spec("triton") is None:
        raise BackendError("bokeh.backend=triton needs the triton package, which is not here; install it or use auto")
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise BackendError(f"bokeh.backend=triton renders on cuda, got a tensor on {device}; use auto, numba or torch")
    return render_frame_triton


def _say_once(key: str, message: str, level: int = logging.WARNING) -> None:
    if key not in _said:
        _said.add(key)
        log.log(level, message)


def require_frames(rgb: Tensor, name: str, values: Tensor) -> float:
    """The least of `values`. Raise ShapeError unless `rgb` is a non-empty, finite (B,3,H,W) and `values`, `depth` or `coc`, a
    (B,1,H,W) map that fits it: same batch, size and device, finite but for depths of inf.

    What tells is read back from the device at once.
    """
    if rgb.ndim != 4 or rgb.shape[1] != 3 or 0 in rgb.shape:
        raise ShapeError(f"rgb must be (B,3,H,W) with at least one frame and pixel, got {tuple(rgb.shape)}; reshape it")
    expected = (rgb.shape[0], 1, *rgb.shape[2:])
    if tuple(values.shape) != expected:
        raise ShapeError(f"{name} must be {expected} to fit rgb, got {tuple(values.shape)}; resize or reshape it")
    if values.device != rgb.device:
        raise ShapeError(f"{name} must be on {rgb.device} as rgb is, got {values.device}; move one of them")
    ranges = torch.stack([*rgb.detach().aminmax(), *values.detach().aminmax()])
    darkest, brightest, lowest, highest = ranges.tolist()
    if not math.isfinite(brightest - darkest):
        raise ShapeError("rgb must be finite, got nan or inf; clean the picture first")
    if math.isnan(lowest) or (name == "coc" and math.isinf(highest - lowest)):
        raise ShapeError(f"{name} must be finite, got nan or inf; fill the holes first")
    return lowest
