"""What the report says in words: the verdict, ranges of frames, times and distances."""

import math

from vdof.check.verdict import CANNOT_JUDGE, FLAGGED, Breathing, Span

MODES = {
    "pipeline": "measured from the blur that was rendered",
    "reference": "measured in the picture, against the sharp clip",
    "blind": "measured in the picture alone, without a sharp clip to compare with",
}
BANDS = {
    "drift": "slow, under 0.25 Hz: not judged",
    "breathing": "0.25 to 6 Hz",
    "flicker": "above 6 Hz",
}
"""What the bands of a pulse are."""
MODE_NAMES = {"pipeline": "rendered blur", "reference": "against the sharp clip", "blind": "picture alone"}


def say_verdict(breathing: Breathing) -> str:
    """The one sentence at the top, as one sees it; the reason below it has the numbers."""
    if breathing.verdict == CANNOT_JUDGE or not math.isfinite(breathing.score):
        return "Whether the blur breathes cannot be judged here."
    if breathing.verdict == FLAGGED:
        return f"The blur breathes: discs grow and shrink by about {100 * (2**breathing.score - 1):.2g} %."
    return "The blur holds still."


def as_sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def say_span(span: Span, ends: tuple[float, float] | None) -> dict[str, str]:
    """One flagged range, by column."""
    return {
        "frames": f"{span.first_frame}\u2013{span.last_frame}",
        "time": "" if ends is None else f"{ends[0]:.2f} to {ends[1]:.2f} s",
        "band": span.band,
        "region": span.region,
        "stops": f"{span.stops:.2g}",
    }


def say_seconds(seconds: float) -> str:
    """3.2 s, 2 min 5 s."""
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {seconds % 60:.0f} s"


def say_number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "\u2013" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def say_metres(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "\u2013"
    if math.isinf(value):
        return "\u221e"
    return f"{value:.2f}" if value < 10 else f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def count(number: int, noun: str) -> str:
    """1 frame, 2 frames."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
