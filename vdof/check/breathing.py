"""`vdof.breathing`: one call, imported without what it needs (PyAV) until it is made."""

from __future__ import annotations

from pathlib import Path

from vdof.check.verdict import Breathing


def breathing(video: Path | str, reference: Path | str | None = None, shot_log: Path | str | None = None) -> Breathing:
    """Does the blur of a clip pulse without a cause?

    video: the clip to judge; reference: the same frames before the blur, which makes the answer much sharper; shot_log:
    says where the shots are and when focus is pulled. Returns a report with `.score` (RMS stops), `.flagged` and `.frames`
    (ranges, both ends included). Raises InputError for a file that cannot be read, or a reference that does not fit.
    """
    from vdof.check.of_clip import judge_clip

    return judge_clip(Path(video), Path(reference) if reference else None, Path(shot_log) if shot_log else None)
