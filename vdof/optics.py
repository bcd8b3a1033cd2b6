"""Thin-lens formulas: pure functions of numbers or tensors, one formula each.

Lengths of the scene are metres, of the lens millimetres (`_mm`), of the picture pixels (`_px`). A circle of confusion
(`coc`) is a signed *diameter*, positive behind the focus distance. A lens is anything with `focal_length_mm`, `f_number`
and `sensor_width_mm`, such as `vdof.Lens`.

Sources: Potmesil & Chakravarty, "A lens and aperture camera model for synthetic image generation", SIGGRAPH 1981 (coc);
S. F. Ray, "Applied Photographic Optics", 3rd ed. 2002, chapter 22 (depth of field, hyperfocal distance);
H. M. Merklinger, "Focusing the View Camera", 1993 (tilted plane of focus).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from vdof.errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from vdof.lens import Lens

Number = TypeVar("Number", float, Tensor)


def coc_scale(lens: Lens, focus_distance: Number, width_px: int) -> Number:
    """K in `coc = K (1/s - 1/z)`, in pixel metres: `W/sensor * f/N * f s/(s - f)` (Potmesil & Chakravarty 1981, eq. 3)."""
    focal_length = lens.focal_length_mm / 1000
    require_focus_beyond(lens, focus_distance)
    aperture = focal_length / lens.f_number
    pixels_per_metre = width_px / (lens.sensor_width_mm / 1000)
    return pixels_per_metre * aperture * focal_length * focus_distance / (focus_distance - focal_length)


def coc_from_disparity(disparity: Tensor, lens: Lens, focus_distance: float | Tensor, width_px: int) -> Tensor:
    """Signed coc in pixels of `disparity` (B,1,H,W) in 1/m; `focus_distance` in m, a number or (B,). Linear in disparity."""
    focus = _per_batch(focus_distance, disparity)
    focus_disparity = 1 / focus
    if lens.tilt_deg or lens.swing_deg:
        focus_disparity = focus_disparity * tilted_focus_factor(lens, disparity, width_px)
    return coc_scale(lens, focus, width_px) * (focus_disparity - disparity)


def coc_from_depth(depth: Tensor, lens: Lens, focus_distance: float | Tensor, width_px: int) -> Tensor:
    """Signed coc in pixels of `depth` (B,1,H,W) in m along the optical axis; `focus_distance` in m, a number or (B,)."""
    return coc_from_disparity(1 / depth, lens, focus_distance, width_px)


def coc_at_infinity(lens: Lens, focus_distance: Number, width_px: int) -> Number:
    """The coc of an infinitely far point, px: `W/sensor * f^2 / (N (s - f))` (Ray 2002, 22.2)."""
    return coc_scale(lens, focus_distance, width_px) / focus_distance


def tilted_focus_factor(lens: Lens, like: Tensor, width_px: int) -> Tensor:
    """Focus disparity relative to that on the axis, (1,1,H,W), for a plane of sharp focus turned by tilt and swing.

    The plane `z = s + X tan(swing) + Y tan(tilt)` (X right, Y down, m) seen through `X = z x / f_px` gives
    `1/z = (1 - x tan(swing)/f_px - y tan(tilt)/f_px) / s`: linear in the picture (Merklinger 1993, chapter 4).
    """
    height, width = like.shape[-2:]
    pixel = width_px / width
    focal_px = lens.focal_length_mm / lens.sensor_width_mm * width_px
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5 - width / 2) * pixel / focal_px
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5 - height / 2) * pixel / focal_px
    lean_x = math.tan(math.radians(lens.swing_deg))
    lean_y = math.tan(math.radians(lens.tilt_deg))
    return (1 - x[None, :] * lean_x - y[:, None] * lean_y)[None, None]


def hyperfocal(lens: Lens, coc_limit_mm: float = 0.03) -> float:
    """Nearest focus distance that keeps infinity within `coc_limit_mm` on the sensor, m: `f^2/(N c) + f` (Ray 2002)."""
    return (lens.focal_length_mm**2 / (lens.f_number * coc_limit_mm) + lens.focal_length_mm) / 1000


def depth_of_field_limits(lens: Lens, focus_distance: float, coc_limit_mm: float = 0.03) -> tuple[float, float]:
    """Nearest and farthest acceptably sharp distance, m (far may be `inf`): `s(H-f)/(H ± s - {2f,0})` (Ray 2002)."""
    require_focus_beyond(lens, focus_distance)
    focal_length = lens.focal_length_mm / 1000
    reach = hyperfocal(lens, coc_limit_mm) - focal_length
    near = focus_distance * reach / (reach + focus_distance - focal_length)
    if focus_distance - focal_length >= reach:
        return near, math.inf
    return near, focus_distance * reach / (reach - focus_distance + focal_length)


def focus_between(near: float, far: float) -> float:
    """The focus distance, m, that blurs `near` and `far` (m) alike: their harmonic mean, as coc is linear in 1/z."""
    return 2 / (1 / near + 1 / far)


def f_number_for_two_distances(lens: Lens, near: float, far: float, coc_limit_mm: float = 0.03) -> float:
    """Smallest f-number that keeps `near` and `far` (m) within `coc_limit_mm` when focused between them.

    From `c = f^2 s |1/s - 1/z| / (N (s - f))` solved for N at `s = focus_between(near, far)` (Ray 2002, 22.6).
    """
    if not 0 < near <= far:
        raise ConfigError(
            f"two distances must satisfy 0 < near <= far, got near={near:g} m and far={far:g} m; swap them"
        )
    focus = focus_between(near, far)
    require_focus_beyond(lens, focus)
    focal_length = lens.focal_length_mm / 1000
    blur = focal_length**2 * focus * (1 / near - 1 / focus) / (focus - focal_length)
    return blur * 1000 / coc_limit_mm


def require_focus_beyond(lens: Lens, focus_distance: float | Tensor) -> None:
    """Raise ConfigError unless every focus distance (m) is finite and beyond the focal length."""
    nearest = torch.as_tensor(focus_distance).min()
    if not nearest > lens.focal_length_mm / 1000 or not torch.isfinite(torch.as_tensor(focus_distance)).all():
        raise ConfigError(
            f"focus_distance must be finite and beyond the focal length ({lens.focal_length_mm / 1000:g} m), "
            f"got {float(nearest):g} m; focus farther away or choose a shorter lens"
        )


def _per_batch(focus_distance: float | Tensor, like: Tensor) -> Tensor:
    """`focus_distance` as (1,1,1,1) or (B,1,1,1) on the device of `like`."""
    focus = torch.as_tensor(focus_distance, dtype=like.dtype, device=like.device).reshape(-1, 1, 1, 1)
    if focus.shape[0] not in (1, like.shape[0]):
        raise ShapeError(
            f"focus_distance must be a number or ({like.shape[0]},), got {tuple(focus.shape[:1])}; give one per frame"
        )
    return focus
