"""What focus follows through a shot, smooth in time: the subject with its lean, the eyes; and how large the shot shows them."""

from collections.abc import Iterable, Sequence

import numpy as np
from torch import Tensor

from vdof.calibrate import Framing
from vdof.config import VdofConfig
from vdof.focus.config import FocusConfig
from vdof.focus.eyes import read_disparity
from vdof.focus.faces import FaceSight, Head
from vdof.focus.observe import Observation, smooth_track, steady_track
from vdof.focus.pulls import Track, hold_dropouts
from vdof.focus.subject import PackedMask
from vdof.focus.upright import UPRIGHT, Lean, Stance, straighten
from vdof.video import VideoInfo

_LEAN_STEADIER = 3.0
"""Lean and feet are smoothed over this many times as long as focus."""
_MOST_LIFT = 0.1
"""Of disparity's range: more than this a figure's estimate does not waver; then something else was taken for the figure."""


def follow(
    config: VdofConfig, observed: list[Observation], seconds: Track, *, is_metric: bool
) -> tuple[Track, list[Lean]]:
    """Focus disparity and lean of each frame of a shot, smooth in time.

    An estimate that leans a figure more or less from frame to frame does so about its middle: that is where the figure's
    disparity is taken, and the lean above and below it changes as slowly as a habit of the estimate does.
    """
    is_seen = np.array([item.figure is not None for item in observed])

    def smooth(values: Sequence[float] | Track, steadier: float = 1) -> Track:
        return smooth_track(hold_dropouts(np.array(values), is_seen), seconds, steadier * config.focus.smoothing_s)

    def steady(values: Track) -> Track:
        return steady_track(hold_dropouts(values, is_seen), seconds, config.focus.smoothing_s)

    focus = np.array([item.focus for item in observed])
    if is_metric or not config.focus.upright:
        return steady(focus), [UPRIGHT] * len(observed)
    feet = fill_feet(observed)
    own_rows = np.array([item.row for item in observed])
    own_slopes = np.array([_believe_slope(item.stance, has_feet=feet is not None) for item in observed])
    slopes, rows = np.maximum(0, smooth(own_slopes, _LEAN_STEADIER)), smooth(own_rows)
    references = rows if feet is None else smooth(feet, _LEAN_STEADIER)
    ends = np.ones(len(observed)) if feet is None else references
    middles = (rows + references) / 2
    own_level = focus + own_slopes * (middles - own_rows)
    level = steady(own_level)
    spread = float(np.median([item.high - item.low for item in observed]))
    lifts = fade_large(level - smooth(own_level), _MOST_LIFT * spread)
    leans = [Lean(*map(float, values)) for values in zip(slopes, references, ends, lifts, strict=True)]
    return level - slopes * (middles - references), leans


def fade_large(values: Track, limit: float) -> Track:
    """The values (n,) as they are up to `limit` in size, fading to 0 at twice that: so much is no wavering."""
    return values * np.clip(2 - np.abs(values) / max(limit, 1e-12), 0, 1)


def _believe_slope(stance: Stance, *, has_feet: bool) -> float:
    """What is taken for lean: all of the slope of what touches its floor in the frame, else as far as it stands."""
    return stance.slope if has_feet else stance.slope * stance.stands


def follow_eyes(
    config: FocusConfig, chosen: Sequence[FaceSight | None], own: Track, subject: Track, seconds: Track
) -> Track | None:
    """(n,) disparity of the eyes in focus, smooth and held where they are not to be seen; None: no face in the shot.

    Args:
        config: how slowly focus follows.
        chosen: the face in each frame, from `vdof.focus.eyes.choose_face`.
        own: (n,) disparity at the eyes, from `read_faces`.
        subject: (n,) disparity of the upright subject, which small faces on it share.
        seconds: (n,) presentation time.
    """
    is_seen = np.array([sight is not None for sight in chosen])
    if not is_seen.any():
        return None
    is_figures = np.array([sight is not None and sight.is_small and sight.is_on_subject for sight in chosen])
    values = np.where(is_figures, subject, own)
    return steady_track(hold_dropouts(values, is_seen), seconds, config.smoothing_s)


def read_faces(
    chosen: Sequence[FaceSight | None],
    disparities: Iterable[Tensor],
    figures: Sequence[PackedMask | None],
    leans: Sequence[Lean],
) -> Track:
    """(n,) disparity at the chosen eyes once the subject is upright; NaN where there is no face.

    `disparities` are (1,1,h,w) a frame, `figures` the subject in each.
    """
    values = np.full(len(chosen), np.nan)
    for place, (sight, disparity, figure, lean) in enumerate(zip(chosen, disparities, figures, leans, strict=True)):
        if sight is None:
            continue
        upright = disparity[0, 0].cpu().numpy()
        if figure is not None:
            upright = straighten(upright, figure.unpack(), lean)
        values[place] = read_disparity(upright, sight.outline, (sight.x, sight.y), sight.height)
    return values


def list_heads(chosen: Sequence[FaceSight | None], eyes: Track) -> list[Head | None]:
    """The heads in focus that are too small to have kept their depth; `eyes` (n,) is what they should have."""
    return [
        Head(sight.outline, float(level)) if sight is not None and sight.is_small and sight.is_on_subject else None
        for sight, level in zip(chosen, eyes, strict=True)
    ]


def fill_feet(observed: list[Observation]) -> list[float] | None:
    """Row of the feet in every frame of a shot; None where most frames do not show them: the subject is cut off."""
    places = [place for place, item in enumerate(observed) if item.stance.feet is not None]
    if 2 * len(places) < len(observed):
        return None
    rows = [item.stance.feet for item in observed if item.stance.feet is not None]
    return [float(row) for row in np.interp(np.arange(len(observed)), places, rows)]


def find_framing(observed: list[Observation], faces: list[FaceSight | None], info: VideoInfo) -> Framing:
    """The shot's usual framing; `faces` are those that focus is on, or none."""
    aspect = upright_width(info) / (info.width + info.height - upright_width(info))
    heights = [face.height for face in faces if face is not None]
    if heights:
        return Framing(float(np.median(heights)), False, aspect, is_face=True)
    found = [item for item in observed if item.subject_height > 0]
    if 2 * len(found) < len(observed):
        return Framing(0.0, False, aspect)
    height = float(np.median([item.subject_height for item in found]))
    return Framing(height, fill_feet(observed) is None, aspect)


def upright_width(info: VideoInfo) -> int:
    """Pixels across the picture as a player shows it."""
    return info.height if info.rotation_deg % 180 else info.width
