"""One self-contained page about one clip: `write_report`, with what `ReportGauge` collected in a `ReportContext`."""

from vdof.check.report.context import ReportContext
from vdof.check.report.gauge import ReportGauge, Traces
from vdof.check.report.page import write_report

__all__ = ["ReportContext", "ReportGauge", "Traces", "write_report"]
