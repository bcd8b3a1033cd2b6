"""What a report needs beside the check's result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vdof.check.report.gauge import Traces
from vdof.lens import Lens
from vdof.shotlog.entry import ShotReport
from vdof.video import VideoConfig


@dataclass(frozen=True, slots=True)
class ReportContext:
    """Everything beside the `CheckResult`. Only `clip` must be given; what has no data is left out of the page.

    The pictures are read again from the files (one decode of each, only the frames shown are converted), so nothing but
    `traces` has to be collected while frames pass. After a render:

        gauge = ReportGauge(upright_width)                      # sees every Look, as the other gauges
        traces = gauge.finish()
        result.figures.update(traces.figures)                   # the ranking reads them out of check.json
        lenses = [(step.lens, step.focus_distance_m) for step in plan.frames]
        context = ReportContext(
            clip=outputs.clip, sharp=info.path, sharp_start=analysis.records[0].index, video=config.video,
            traces=traces, lenses=lenses, shots=plan.reports, record=run_record,
        )
        write_report(outputs.report, result, context)

    and of `task=check`: `ReportContext(clip=Path(config.input), sharp=reference or None, traces=traces, record=...)`.
    """

    clip: Path
    """The file that was checked."""
    sharp: Path | None = None
    """The same frames before the blur: the input of a render, or the reference."""
    sharp_start: int = 0
    """Frame of `sharp` that is frame 0 of `clip`."""
    video: VideoConfig = field(default_factory=VideoConfig)
    """How both are read."""
    traces: Traces | None = None
    """What a `ReportGauge` collected."""
    lenses: Sequence[tuple[Lens, float]] = ()
    """Lens and focus distance, m, of every frame of `clip`; for the curves of focus and of infinity."""
    shots: Sequence[ShotReport] = ()
    """As rendered; for the table."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """What `run.json` holds, as far as known: config, versions, device, seconds (stage -> s), frames, depth, camera."""
