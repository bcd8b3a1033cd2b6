"""What a check found: plain data, written as JSON and read by the report, the notebook and the ranking.

`Breathing` is the answer of one way of measuring, `Diagnostic` the answer of one diagnostic, `CheckResult` all of them for
one clip. Stops are log2 ratios of blur diameters, seconds are presentation time, frames count from 0 in the file checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FINE = "fine"
FLAGGED = "flagged"
CANNOT_JUDGE = "cannot judge"

EXIT_CODES = {FINE: 0, FLAGGED: 3, CANNOT_JUDGE: 4}


@dataclass
class Span:
    """Frames `first_frame..last_frame` (inclusive) in which blur pulses: where, in which band, and by how much.

    `band` is drift, breathing or flicker; `region` names the depth band or part of the frame; `stops` is the RMS there.
    """

    first_frame: int
    last_frame: int
    band: str
    region: str
    stops: float


@dataclass
class Breathing:
    """Blur that pulses without a cause, measured one way.

    `mode`: pipeline (vdof's own coc), reference (pixels against the sharp clip) or blind (pixels alone). `score` is the RMS
    in stops of the breathing band, NaN where nothing could be measured. `verdict` is one of FINE, FLAGGED, CANNOT_JUDGE, with
    its `reason` in one sentence. `confidence` is 0..1. `bands` holds the RMS in stops of drift, breathing and flicker.
    `times` (T seconds) and `curves` (name of a region -> T residuals in stops, NaN where not measured) are for plots.
    `shot_scores` is the score of each shot, NaN where it could not be judged; the worst one is `score`.
    """

    mode: str
    score: float
    threshold: float
    verdict: str
    reason: str
    confidence: float = 1.0
    bands: dict[str, float] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    curves: dict[str, list[float]] = field(default_factory=dict)
    shot_scores: list[float] = field(default_factory=list)

    @property
    def flagged(self) -> bool:
        return self.verdict == FLAGGED

    @property
    def frames(self) -> list[tuple[int, int]]:
        """The flagged frame ranges, both ends inclusive."""
        return [(span.first_frame, span.last_frame) for span in self.spans]


@dataclass
class Diagnostic:
    """One line of the table people know: what is wrong with the picture, how much, where, and what to do.

    `found` is None where it could not be judged (`reason` says why). `score` is compared with `threshold`, larger is worse.
    `frames` are the worst few; `box` is (x0, y0, x1, y1) as fractions of the frame in the first of them; `action` is advice
    in terms of vdof's own arguments where there are any.
    """

    name: str
    title: str
    score: float
    threshold: float
    found: bool | None
    reason: str
    action: str
    frames: list[int] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None


@dataclass
class CheckResult:
    """Everything found in one clip; `breathing` holds each way it was measured, the one that decides first.

    `figures` are numbers that nobody judges but the ranking compares, by name, such as `transition_percent`.
    """

    input: str
    breathing: list[Breathing]
    diagnostics: list[Diagnostic] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        return self.breathing[0].verdict

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]
