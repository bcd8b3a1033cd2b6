"""Relative disparity + logged distances -> metres: one scale and offset per shot.

With the subject at `Zs` metres and the background at `Zb` metres seen at relative disparities `ds` and `db`, metric
disparity is `scale * d + offset` with `scale = (1/Zs - 1/Zb) / (ds - db)` and `offset = 1/Zs - scale * ds`.
"""

import logging
from dataclasses import dataclass

from vdof.errors import ConfigError, InputError
from vdof.lens import Lens

log = logging.getLogger(__name__)

FIGURE_M, CLOSE_M, FACE_M = 1.7, 0.7, 0.19
"""Assumed height of a subject that is whole in the frame, of the part that shows of one cut off below, and of a face from
hairline to chin (0.18 to 0.19 in adults: Farkas 1994), metres."""
ASSUMED_M_PER_MM = (1.2 / 85, 2.5 / 85, 5.0 / 85)
"""Assumed subject distance per millimetre of focal length: least, where no subject was found, and most."""
ASSUMED_BACKGROUND_RATIO = 3.0
"""Assumed distance from subject to background, in subject distances."""
MIN_CONTRAST, MIN_GIVEN_CONTRAST = 0.12, 0.02
"""Least (ds - db), as a share of the shot's disparity range, with assumed and with given distances: less is not a subject
before a background."""
DISAGREEMENT = 0.25
"""Metric depth and the log are told apart in a message from this relative difference on: of the distance to the subject,
and of the blur of the background, which at 200 m is as at 10 km."""
SWAPPED = 0.25
"""Two logged distances count as swapped when each is this near to what the picture says of the other."""


@dataclass
class CalibrateConfig:
    """Distances of every shot that the shot log does not give."""

    subject_distance_m: float | None = None
    """Camera to subject, metres; null: assumed from focal length and framing."""
    background_distance_m: float | None = None
    """Subject to background, metres; null: assumed from the subject distance."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not 0 < value < 1e5:
                raise ConfigError(f"calibrate.{name}: got {value}, expected above 0 m (or null: assumed)")


@dataclass(frozen=True, slots=True)
class Distances:
    """Where the subject and the background of a shot are."""

    subject_m: float
    """Camera to subject."""
    background_m: float
    """Subject to background, measured behind the subject."""
    assumed: tuple[str, ...] = ()
    """Names of the distances that nobody gave, for which a default stands in."""

    @property
    def is_assumed(self) -> bool:
        return bool(self.assumed)

    @property
    def contrast(self) -> float:
        """Disparity between subject and background, 1/m: what the background's blur is proportional to."""
        return 1 / self.subject_m - 1 / (self.subject_m + self.background_m)

    @property
    def source(self) -> str:
        """For the log: who says so."""
        if len(self.assumed) == 1:
            given = "background" if self.assumed[0] == "subject_distance_m" else "subject"
            return f"{given} given, the other assumed"
        return "assumed" if self.assumed else "given"


@dataclass(frozen=True, slots=True)
class MetricScale:
    """Metric disparity = scale * relative disparity + offset."""

    scale: float
    offset: float
    """1/m"""

    def to_metric(self, disparity: float) -> float:
        """1/m, never below 0 (infinitely far)."""
        return max(0.0, self.scale * disparity + self.offset)


IDENTITY = MetricScale(1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Framing:
    """How large a shot shows its subject."""

    height: float
    """Share of the frame's height that the subject spans, 0..1; 0: no subject was found."""
    is_cut_off: bool
    """Whether it goes on below the frame, as in a close shot."""
    aspect: float
    """Width over height of the frame."""
    is_face: bool = False
    """Whether `height` is that of a face."""


def assume_subject_distance(lens: Lens, framing: Framing) -> float:
    """Where a person framed like this would stand, metres: `f H / h`, H the person's height and h its image on the sensor.

    Kept within `ASSUMED_M_PER_MM`: not every subject is a person.
    """
    least, usual, most = (value * lens.focal_length_mm for value in ASSUMED_M_PER_MM)
    if framing.height <= 0:
        return usual
    real = FACE_M if framing.is_face else CLOSE_M if framing.is_cut_off else FIGURE_M
    image_mm = framing.height * lens.sensor_width_mm / framing.aspect
    return min(most, max(least, lens.focal_length_mm * real / image_mm))


def assume_distances(lens: Lens, framing: Framing, subject_m: float | None, background_m: float | None) -> Distances:
    """The given distances, with defaults for those that are None.

    One known distance so solves the scale: the other end of the shot's depth is placed in proportion to it.
    """
    subject = subject_m if subject_m is not None else assume_subject_distance(lens, framing)
    background = background_m if background_m is not None else ASSUMED_BACKGROUND_RATIO * subject
    pairs = (("subject_distance_m", subject_m), ("background_distance_m", background_m))
    return Distances(subject, background, tuple(name for name, value in pairs if value is None))


def solve_scale(
    distances: Distances, subject: float, background: float, disparity_range: float, shot: int | str
) -> MetricScale:
    """Scale and offset of one shot.

    Args:
        distances: where subject and background are.
        subject, background: their relative disparities, larger is nearer.
        disparity_range: spread of the shot's relative disparity (2nd to 98th percentile).
        shot: its number or name, for messages.

    Raises:
        InputError: the distances were given, and the picture shows the background nearer than the subject.
    """
    contrast = subject - background
    if not distances.is_assumed:
        require_order(subject, background, shot)
    floor = (MIN_CONTRAST if distances.is_assumed else MIN_GIVEN_CONTRAST) * disparity_range
    if contrast < floor:
        log.warning(
            "shot %s: subject and background are hardly apart in depth; the background is taken as nearer", shot
        )
    near = 1 / distances.subject_m
    far = 1 / (distances.subject_m + distances.background_m)
    scale = (near - far) / max(contrast, floor, 1e-9)
    return MetricScale(scale, near - scale * subject)


def require_order(subject: float, background: float, shot: int | str) -> None:
    """Raise InputError where a log gives a background behind the subject and the depth shows it nearer."""
    if subject <= background:
        raise InputError(
            f"shot {shot}: the depth shows the background nearer than the subject (disparities {background:.4g} and "
            f"{subject:.4g}); expected the subject nearer: check focus and the two distances in the shot log"
        )


def check_metric(measured: Distances, subject_m: float | None, background_m: float | None, shot: int | str) -> None:
    """Compare metric depth, which is used as it is, with what the log says; differences are logged.

    Raises:
        InputError: the two logged distances fit the picture only the other way round.
    """
    if subject_m is not None and background_m is not None and is_swapped(measured, subject_m, background_m):
        raise InputError(
            f"shot {shot}: subject_distance_m ({subject_m:g}) and background_distance_m ({background_m:g}) look swapped: "
            f"the depth shows the subject at {measured.subject_m:.2f} m and the background {measured.background_m:.2f} m "
            "behind it; exchange them in the shot log"
        )
    logged = Distances(subject_m or measured.subject_m, background_m or measured.background_m)
    pairs = (
        ("subject", subject_m, measured.subject_m, measured.subject_m / logged.subject_m),
        ("background", background_m, measured.background_m, measured.contrast / logged.contrast),
    )
    for name, said, found, ratio in pairs:
        if said is not None and abs(ratio - 1) > DISAGREEMENT:
            log.warning(
                "shot %s: the log says %s %.3g m, metric depth %.3g m; the depth is used as it is",
                shot, name, said, found,
            )  # fmt: skip


def is_swapped(seen: Distances, subject_m: float, background_m: float) -> bool:
    """Whether the two distances fit what was seen far better exchanged."""

    def fits(value: float, other: float) -> bool:
        return abs(value / max(other, 1e-9) - 1) < SWAPPED

    straight = fits(subject_m, seen.subject_m) or fits(background_m, seen.background_m)
    return not straight and fits(subject_m, seen.background_m) and fits(background_m, seen.subject_m)


def check_framing(lens: Lens, framing: Framing, distances: Distances, shot: int | str) -> None:
    """Say so where the given distances would only fit the size of the subject the other way round."""
    if distances.is_assumed or framing.height <= 0:
        return
    expected = assume_subject_distance(lens, framing)
    if distances.subject_m > 3 * expected and 0.5 < distances.background_m / expected < 2:
        log.warning(
            "shot %s: a person framed like this stands about %.1f m away, the log says %.3g m, and %.3g m to the "
            "background; are the two distances swapped?",
            shot, expected, distances.subject_m, distances.background_m,
        )  # fmt: skip
