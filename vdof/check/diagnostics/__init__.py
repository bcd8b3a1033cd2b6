"""The table people know: what can be wrong with blurred video, each measured, with frames, a place and what to do.

A diagnostic that cannot tell says so: a false alarm on good footage is worse than silence.
"""

from __future__ import annotations

from vdof.check.diagnostics import dirty_bokeh, edge_faults, focus_missed, hierarchy, mixed_bokeh, separation, wall
from vdof.check.diagnostics.popping import Popping
from vdof.check.diagnostics.sampled import Sampled
from vdof.check.diagnostics.vibration import Vibration
from vdof.check.diagnostics.view import Eye
from vdof.check.look import Gauge
from vdof.check.verdict import Diagnostic

__all__ = ["all_gauges"]

RULES = (
    edge_faults.HALO,
    wall.RULE,
    mixed_bokeh.RULE,
    hierarchy.HIERARCHY,
    edge_faults.SMOKE,
    dirty_bokeh.RULE,
    hierarchy.MUD,
    separation.RULE,
    focus_missed.RULE,
)
"""Those that judge single frames, in the order of the report."""


def all_gauges() -> list[Gauge[Diagnostic]]:
    """A fresh gauge for every diagnostic. Feed each frame to all of them before the next: they share what they compute."""
    eye = Eye()
    gauges: list[Gauge[Diagnostic]] = [Sampled(rule, eye) for rule in RULES]
    return [*gauges, Vibration(eye), Popping(eye)]
