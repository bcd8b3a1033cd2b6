"""The check of a render, from the frames in hand: looks are made while frames pass, files are written at the end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from torch import Tensor

from vdof.check.config import CheckConfig
from vdof.check.diagnostics import all_gauges
from vdof.check.look import LONG_SIDE, LensState, Look
from vdof.check.measure.lens_gauge import LensGauge
from vdof.check.report import ReportContext, ReportGauge, write_report
from vdof.check.result_file import write_result
from vdof.check.verdict import CheckResult
from vdof.focus.config import FocusConfig
from vdof.focus.shot import choose_focus
from vdof.optics import coc_scale
from vdof.outputs import Outputs
from vdof.video import VideoConfig, VideoInfo

if TYPE_CHECKING:
    from vdof.plan import FramePlan, Plan

log = logging.getLogger(__name__)

PLANNED_MODES = ("distance", "keyframes")
"""Modes of focus whose distance somebody gave; in the others focus follows what depth says of the subject."""


class RenderCheck:
    """Sees every frame of a render. `width_px` is the width of the clip written, as a player shows it."""

    def __init__(self, config: CheckConfig, focus: FocusConfig, plan: Plan, width_px: int) -> None:
        self._config = config
        self._plan = plan
        self._breathing = LensGauge(config.pipeline_stops, focus.smoothing_s)
        self._diagnostics = all_gauges() if config.diagnostics else []
        self._traces = ReportGauge(width_px)
        self._is_planned = [choose_focus(focus, report.entry).mode in PLANNED_MODES for report in plan.reports]
        self._seen = 0

    def add(self, seconds: float, shot: int, step: FramePlan, sharp: Tensor, image: Tensor, coc: Tensor) -> None:
        """See one frame: `sharp` and `image` (1,3,H,W) display-encoded, `coc` (1,1,H,W) px."""
        look = make_look(self._seen, seconds, shot, step, sharp, image, coc, has_planned_focus=self._is_planned[shot])
        self._seen += 1
        self._breathing.add(look)
        self._traces.add(look)
        for gauge in self._diagnostics:
            gauge.add(look)

    def finish(self, clip: Path) -> CheckResult:
        """What was found, with the score of each shot put into the plan's reports."""
        breathing = self._breathing.finish()
        traces = self._traces.finish()
        self.traces = traces
        for report, score in zip(self._plan.reports, breathing.shot_scores, strict=True):
            if np.isfinite(score):
                report.measured["breathing"] = score
        return CheckResult(
            str(clip), [breathing], [gauge.finish() for gauge in self._diagnostics], dict(traces.figures)
        )

    def write(
        self,
        result: CheckResult,
        outputs: Outputs,
        info: VideoInfo,
        first_frame: int,
        video: VideoConfig,
        record: Mapping[str, Any],
    ) -> None:
        """`check.json` and the report, beside the clip; `first_frame` of the source is the clip's frame 0."""
        write_result(outputs.check, result)
        if self._config.report:
            context = ReportContext(
                clip=Path(result.input),
                sharp=info.path,
                sharp_start=first_frame,
                video=video,
                traces=self.traces,
                lenses=[(step.lens, step.focus_distance_m) for step in self._plan.frames],
                shots=self._plan.reports,
                record=record,
            )
            write_report(outputs.report, result, context)


def make_look(
    index: int,
    seconds: float,
    shot: int,
    step: FramePlan,
    sharp: Tensor,
    image: Tensor,
    coc: Tensor,
    *,
    has_planned_focus: bool,
) -> Look:
    """The frame at the checks' working size."""
    height, width = coc.shape[-2:]
    ratio = min(1.0, LONG_SIDE / max(height, width))
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    scale = float(coc_scale(step.lens, step.focus_distance_m, size[0]))
    subject = None
    if step.figure is not None:
        mask = step.figure.unpack().astype(np.uint8)
        subject = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST).astype(bool)
    return Look(
        index=index,
        seconds=seconds,
        shot=shot,
        image=shrink(image, size),
        sharp=shrink(sharp, size),
        coc=shrink(coc, size) * np.float32(size[0] / width),
        subject=subject,
        lens=LensState(scale, 1 / step.focus_distance_m, has_planned_focus),
    )


def shrink(values: Tensor, size: tuple[int, int]) -> np.ndarray:
    """(1,C,H,W) -> (h,w,C), or (h,w) of one channel, averaged to `size` (w,h)."""
    planes = [np.ascontiguousarray(plane) for plane in values[0].detach().cpu().numpy()]
    if (planes[0].shape[1], planes[0].shape[0]) != size:
        planes = [np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA)) for plane in planes]
    return planes[0] if len(planes) == 1 else np.asarray(cv2.merge(planes))


def log_verdict(result: CheckResult) -> None:
    """One line on breathing and one on what else was found."""
    first = result.breathing[0]
    log.info("check: %s: %s", first.verdict, first.reason)
    found = [item.title for item in result.diagnostics if item.found]
    if found:
        log.warning("check: %s", "; ".join(found))
