"""The edges' arithmetic compiled for the CPU; step by step as in `vdof.stabilise.edges`."""

from __future__ import annotations

import numpy as np

from vdof.compiled import compiled, f4
from vdof.threads import run_rows

_SUMS = 14


def fit_to_colour(share: np.ndarray, colour: np.ndarray, reach: int, noise: float, belief: float) -> np.ndarray:
    """Return (4,h,w), slope and shift of the linear map from colour (3,h,w) to share (h,w) in each pixel's window."""
    maps = np.empty((4, *share.shape), np.float32)
    run_rows(_fit_rows, 0, share.shape[0], share, colour, reach, f4(noise), f4(belief), maps, step=32)
    return maps


def place(plain: np.ndarray, rgb: np.ndarray, softness: np.ndarray | None, maps: np.ndarray, gain: float) -> np.ndarray:
    """Return disparity (H,W): where there is an edge, the level of the side that its pixel's colour tells.

    plain: (H,W); rgb: (3,H,W); softness: (H,W) or None; maps: (7,h,w), one of `Maps`.
    """
    result = plain.copy()
    has_softness = softness is not None
    soft = softness if softness is not None else plain[:1, :1]
    run_rows(_place_rows, 0, plain.shape[0], plain, rgb, soft, has_softness, maps, f4(gain), result)
    return result


def count_ramps(disparity: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return (2,H,W): the size of the steps at each pixel, and of those that are parts of ramps."""
    counted = np.zeros((2, *disparity.shape), np.float32)
    run_rows(_count_rows, 0, disparity.shape[0], disparity, f4(limits[0]), f4(limits[1]), counted)
    return counted


@compiled
def _fit_rows(y0, y1, share, colour, reach, noise, belief, maps):  # type: ignore[no-untyped-def]
    height, width = share.shape
    sums = np.zeros((_SUMS, width), np.float32)
    windows = np.empty((_SUMS, width), np.float32)
    weighted = np.empty((4, width), np.float32)
    padded = np.empty(width + 2 * reach, np.float32)
    for y in range(y0 - reach, y1 + reach):
        row = min(max(y, 0), height - 1)
        _add_row(share[row], colour[0, row], colour[1, row], colour[2, row], f4(1), belief, weighted, sums)
        if y - reach < y0:
            continue
        for k in range(_SUMS):
            _sum_windows(sums[k], reach, padded, windows[k])
        _solve_row(windows, noise, maps, y - reach)
        row = min(max(y - 2 * reach, 0), height - 1)
        _add_row(share[row], colour[0, row], colour[1, row], colour[2, row], f4(-1), belief, weighted, sums)


@compiled
def _add_row(s, r, g, b, sign, belief, weighted, sums):  # type: ignore[no-untyped-def]
    """Add the products of a row of shares and colours (w,), times `sign`, to `sums` (14,w); `weighted` (4,w) is room."""
    weight, by_r, by_g, by_b = weighted[0], weighted[1], weighted[2], weighted[3]
    for x in range(s.size):
        tilt = s[x] + s[x] - f4(1)
        weight[x] = sign * (belief + tilt * tilt)
    for x in range(s.size):
        by_r[x], by_g[x], by_b[x] = weight[x] * r[x], weight[x] * g[x], weight[x] * b[x]
    for k in range(4):
        _add(sums[k], weighted[k])
    _add_product(sums[4], weight, s)
    _add_product(sums[5], by_r, r)
    _add_product(sums[6], by_r, g)
    _add_product(sums[7], by_r, b)
    _add_product(sums[8], by_g, g)
    _add_product(sums[9], by_g, b)
    _add_product(sums[10], by_b, b)
    for k in range(3):
        _add_product(sums[11 + k], weighted[1 + k], s)


@compiled
def _add(total, values):  # type: ignore[no-untyped-def]
    for x in range(total.size):
        total[x] += values[x]


@compiled
def _add_product(total, first, second):  # type: ignore[no-untyped-def]
    for x in range(total.size):
        total[x] += first[x] * second[x]


@compiled
def _sum_windows(values, reach, padded, windows):  # type: ignore[no-untyped-def]
    """`windows` (w,): sums of `values` (w,) over `reach` on each side; the border repeats; `padded` is room."""
    width = values.size
    for x in range(width):
        padded[reach + x] = values[x]
    for x in range(reach):
        padded[x], padded[reach + width + x] = values[0], values[width - 1]
    for x in range(width):
        windows[x] = padded[x]
    for i in range(1, 2 * reach + 1):
        _add(windows, padded[i : i + width])


@compiled
def _solve_row(sums, noise, maps, y):  # type: ignore[no-untyped-def]
    """Solve the three equations of every pixel of row `y`: `sums` (14,w) -> `maps` (4,h,w)."""
    for x in range(sums.shape[1]):
        over = f4(1) / sums[0, x]
        r, g, b, s = sums[1, x] * over, sums[2, x] * over, sums[3, x] * over, sums[4, x] * over
        rr, rg, rb = sums[5, x] * over - r * r + noise, sums[6, x] * over - r * g, sums[7, x] * over - r * b
        gg, gb, bb = sums[8, x] * over - g * g + noise, sums[9, x] * over - g * b, sums[10, x] * over - b * b + noise
        rs, gs, bs = sums[11, x] * over - r * s, sums[12, x] * over - g * s, sums[13, x] * over - b * s
        c_rr, c_rg, c_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
        c_gg, c_gb, c_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
        scale = f4(1) / (rr * c_rr + rg * c_rg + rb * c_rb)
        a_r = (c_rr * rs + c_rg * gs + c_rb * bs) * scale
        a_g = (c_rg * rs + c_gg * gs + c_gb * bs) * scale
        a_b = (c_rb * rs + c_gb * gs + c_bb * bs) * scale
        maps[0, y, x], maps[1, y, x], maps[2, y, x] = a_r, a_g, a_b
        maps[3, y, x] = s - a_r * r - a_g * g - a_b * b


@compiled
def _place_rows(y0, y1, plain, rgb, softness, has_softness, maps, gain, result):  # type: ignore[no-untyped-def]
    height, width = plain.shape
    h, w = maps.shape[1:]
    half = f4(0.5)
    down, across = f4(h / height), f4(w / width)
    at = np.empty(7, np.float32)
    for y in range(y0, y1):
        v = min(max((y + half) * down - half, f4(0)), f4(h - 1))
        top = min(int(v), max(h - 2, 0))
        below, dv = min(top + 1, h - 1), v - top
        for x in range(width):
            u = min(max((x + half) * across - half, f4(0)), f4(w - 1))
            left = min(int(u), max(w - 2, 0))
            right, du = min(left + 1, w - 1), u - left
            tl, tr, bl, br = (1 - dv) * (1 - du), (1 - dv) * du, dv * (1 - du), dv * du
            trust = tl * maps[2, top, left] + tr * maps[2, top, right]
            trust += bl * maps[2, below, left] + br * maps[2, below, right]
            if has_softness:
                trust *= softness[y, x]
            if trust <= 0:
                continue
            for k in range(7):
                at[k] = tl * maps[k, top, left] + tr * maps[k, top, right]
                at[k] += bl * maps[k, below, left] + br * maps[k, below, right]
            share = at[6]
            for j in range(-1, 2):
                q = min(max(y + j, 0), height - 1)
                for i in range(-1, 2):
                    p = min(max(x + i, 0), width - 1)
                    part = f4((2 - abs(i)) * (2 - abs(j))) * f4(1 / 16)
                    share += part * (at[3] * rgb[0, q, p] + at[4] * rgb[1, q, p] + at[5] * rgb[2, q, p])
            share = min(max((share - half) * gain + half, f4(0)), f4(1))
            result[y, x] += trust * (at[0] + share * (at[1] - at[0]) - plain[y, x])


@compiled
def _count_rows(y0, y1, disparity, low, high, counted):  # type: ignore[no-untyped-def]
    bottom, end = disparity.shape[0] - 1, disparity.shape[1] - 1
    for y in range(y0, y1):
        above, one, two = max(y - 1, 0), min(y + 1, bottom), min(y + 2, bottom)
        for x in range(end + 1):
            left, right, beyond = max(x - 1, 0), min(x + 1, end), min(x + 2, end)
            here, below, beside = disparity[y, x], disparity[one, x], disparity[y, right]
            for back, step, on in (
                (here - disparity[y, left], beside - here, disparity[y, beyond] - beside),
                (here - disparity[above, x], below - here, disparity[two, x] - below),
            ):
                size, sense = abs(step), f4(1) if step > 0 else f4(-1)
                more = max(back * sense, f4(0)) + max(on * sense, f4(0))
                share = (more - low * size) / ((high - low) * size + f4(1e-20))
                counted[0, y, x] += size
                counted[1, y, x] += size * min(max(share, f4(0)), f4(1))
