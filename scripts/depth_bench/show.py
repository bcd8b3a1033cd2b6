"""A clip's depth before and after, to be looked at: a video side by side, and a plot over time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from depth_bench.clips import Clip

_SUBJECT_RADIUS = 0.02
"""Of the width."""
_WIDTH = 640
"""px of each panel of the video."""
_BEFORE, _AFTER = (150, 150, 255), (160, 60, 0)


def show(folder: Path, clip: Clip, stable: np.ndarray, subject: Sequence[float]) -> list[Path]:
    """Write FOLDER/CLIP.mp4 (frame, before, after) and CLIP.png; return both. stable: (T,h,w).

    The plot holds the median disparity of the subject and of the farthest quarter, and one row of the picture over time.
    subject: x, y in the last frame, 0..1, followed back along the flow.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = clip.disparity[:, 0].numpy()
    low, high = np.percentile(before[:, ::4, ::4], [1, 99])
    frames = [(frame.permute(1, 2, 0).numpy() * 255).astype(np.uint8) for frame in clip.rgb]
    is_subject = _follow(clip.flow, subject)
    is_far = np.stack([d < np.quantile(d, 0.25) for d in before + stable])
    frames = [_outline(frame, mask) for frame, mask in zip(frames, is_subject, strict=True)]
    video, plot = folder / f"{clip.name}.mp4", folder / f"{clip.name}.png"
    _write_video(video, frames, [(before - low) / (high - low), (stable - low) / (high - low)])
    pictures = [
        _draw_curves(_medians(before, masks), _medians(stable, masks), name)
        for name, masks in (("subject", is_subject), ("background", is_far))
    ]
    row = before.shape[1] * 2 // 5
    slices = [_paint((maps[:, row] - low) / (high - low), (180, 640)) for maps in (before, stable)]
    cv2.imwrite(str(plot), np.vstack([*pictures, *slices]))
    return [video, plot]


def _follow(flow: np.ndarray, subject: Sequence[float]) -> np.ndarray:
    """Return (T,h,w) bool: a disc around the subject in every frame, from flow (T,h,w,2) px to the frame before."""
    n, h, w = flow.shape[:3]
    y, x = np.mgrid[0:h, 0:w]
    place = np.array([subject[0] * w, subject[1] * h])
    discs = np.zeros((n, h, w), bool)
    for t in reversed(range(n)):
        discs[t] = (x - place[0]) ** 2 + (y - place[1]) ** 2 < (_SUBJECT_RADIUS * w) ** 2
        place = np.clip(place + np.median(flow[t][discs[t]], axis=0), 0, (w - 1, h - 1))
    return discs


def _outline(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    full = cv2.resize(mask.astype(np.uint8), (frame.shape[1], frame.shape[0]), interpolation=cv2.INTER_NEAREST)
    rim = cv2.morphologyEx(full, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return np.where(rim[..., None], np.uint8(255), frame)


def _medians(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return np.array([np.median(d[mask]) if mask.any() else np.nan for d, mask in zip(maps, masks, strict=True)])


def _draw_curves(before: np.ndarray, after: np.ndarray, name: str) -> np.ndarray:
    """Return a plot (240,640,3): before light and thin, after dark and thick."""
    height, width = 240, 640
    canvas = np.full((height, width, 3), 255, np.uint8)
    values = np.concatenate([before, after])
    if not np.isfinite(values).any():
        return canvas
    low, high = float(np.nanmin(values)), float(np.nanmax(values)) + 1e-9
    for curve, colour, thick in ((before, _BEFORE, 1), (after, _AFTER, 2)):
        x = np.linspace(10, width - 10, len(curve))
        y = height - 20 - (curve - low) / (high - low) * (height - 45)
        points = np.stack([x, y], 1)[np.isfinite(y)]
        cv2.polylines(canvas, [np.round(points).astype(np.int32)], False, colour, thick, cv2.LINE_AA)
    jitters = [_measure_jitter(curve) / (high - low) for curve in (before, after)]
    text = f"{name}: {low:.3g}..{high:.3g}; 2nd difference {100 * jitters[0]:.1f} -> {100 * jitters[1]:.1f} % of it"
    cv2.putText(canvas, text, (10, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return canvas


def _measure_jitter(curve: np.ndarray) -> float:
    second = np.diff(curve, 2)
    return float(np.std(second[np.isfinite(second)])) if np.isfinite(second).any() else float("nan")


def _write_video(path: Path, frames: list[np.ndarray], maps: list[np.ndarray]) -> None:
    size = (round(_WIDTH * frames[0].shape[0] / frames[0].shape[1] / 2) * 2, _WIDTH)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(15), options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 3 * _WIDTH, size[0], "yuv420p"
        for index, frame in enumerate(frames):
            picture = cv2.resize(frame[..., ::-1], (size[1], size[0]), interpolation=cv2.INTER_AREA)
            panels = np.hstack([picture, *(_paint(each[index], size) for each in maps)])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(panels, format="bgr24")))
        container.mux(stream.encode(None))


def _paint(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    grey = (np.clip(values, 0, 1) * 255).round().astype(np.uint8)
    return cv2.applyColorMap(cv2.resize(grey, (size[1], size[0])), cv2.COLORMAP_INFERNO)
