"""Pass 2: each frame through its lens, while the one before is encoded and the one after decoded."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace

import torch
from torch import Tensor
from tqdm import tqdm

from vdof.analysis.store import Analysis
from vdof.bokeh import render_coc
from vdof.check.of_render import RenderCheck
from vdof.export.frames import Exporter, FrameFacts
from vdof.filters import resize
from vdof.focus.eyes import raise_head
from vdof.focus.upright import straighten
from vdof.job import Job
from vdof.optics import coc_from_disparity
from vdof.outputs import Picture, make_preview
from vdof.plan import FramePlan, Plan
from vdof.stabilise import upsample_guided
from vdof.stream import QUEUE_FRAMES, prefetch
from vdof.video import Frame, Writer, parse_frame_range, read_frames, to_display, to_linear, turn_back, turn_upright

LARGEST_COC = 1.0
"""Share of the frame's width: a disc that large is the same everywhere in the frame, and larger ones cost memory only."""
MAX_LIVE_FRAMES = 2 * (QUEUE_FRAMES + 2) + 2
"""Full-size frames ever held, whatever the clip's length: two queues, the frame in the hands of each thread, and the pair
being turned into one another."""


class SecondPass:
    """Takes the clip as planned; decode, blur and encode overlap in threads, order and time stamps are kept."""

    def __init__(self, job: Job, analysis: Analysis, plan: Plan, exporter: Exporter, check: RenderCheck | None) -> None:
        self._job, self._analysis, self._plan = job, analysis, plan
        self._exporter, self._check = exporter, check
        self.previews: list[Picture] = []
        """Before and after, of the plan's two frames."""

    def run(self) -> None:
        """Write the clip."""
        job = self._job
        frames = parse_frame_range(job.config.frames)
        reader = read_frames(job.info.path, job.config.video, frames=frames, size=job.size, info=job.info)
        writer = Writer(
            job.outputs.clip, job.info, job.config.encode,
            frames=frames, size=job.size, overwrite=job.config.overwrite,
        )  # fmt: skip
        decode = prefetch(job.clock.watch("decode (pass 2)", reader))
        with self._exporter, reader, writer, closing(decode) as decoded:
            rendered = job.clock.watch("bokeh", self.take(decoded))
            with closing(prefetch(rendered)) as finished:
                count = len(self._plan.frames)
                for frame in tqdm(finished, desc="render", unit="frame", total=count, dynamic_ncols=True):
                    with job.clock.measure("encode"):
                        writer.write(frame)

    def take(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Each frame through its lens, and to everybody who wants to see it."""
        info, clock = self._job.info, self._job.clock
        for frame, step, (record, disparity) in zip(
            frames, self._plan.frames, self._analysis.disparities(), strict=True
        ):
            seconds = float(record.pts * info.time_base)
            sharp = turn_upright(frame.rgb.to(self._job.device), info)
            metric, coc = find_coc(sharp, disparity.to(self._job.device), step, edges=self._job.config.stabilise.edges)
            with clock.measure("export"):
                self._exporter.write(FrameFacts(frame.index, seconds, step.lens, step.focus_distance_m), metric, coc)
            image = self.blur(sharp, coc, step)
            if self._check is not None:
                with clock.measure("check"):
                    self._check.add(seconds, record.shot, step, sharp, image, coc)
            self.previews += [make_preview(sharp, image)] * self._plan.preview_frames.count(frame.index)
            yield replace(frame, rgb=turn_back(image, info).cpu())

    def blur(self, sharp: Tensor, coc: Tensor, step: FramePlan) -> Tensor:
        """One frame (1,3,H,W) with `coc` (1,1,H,W) px as the lens sees it; display-encoded both."""
        transfer = self._job.info.colour.transfer
        linear = render_coc(to_linear(sharp, transfer), coc, step.lens, self._job.config.bokeh)
        return to_display(linear, transfer).clamp(0, 1)


def find_coc(sharp: Tensor, disparity: Tensor, step: FramePlan, *, edges: bool = True) -> tuple[Tensor, Tensor]:
    """Metric disparity (1,1,H,W) 1/m and coc (1,1,H,W) px of a frame (1,3,H,W).

    `disparity` is (1,1,h,w) in the analysis' units; `edges`: whether soft edges are made steep.
    """
    if step.figure is not None:
        upright = straighten(disparity[0, 0].cpu().numpy(), step.figure.unpack(), step.lean)
        disparity = torch.from_numpy(upright)[None, None].to(sharp.device)
    if step.head is not None:
        disparity = torch.from_numpy(raise_head(disparity[0, 0].cpu().numpy(), step.head))[None, None].to(sharp.device)
    size = sharp.shape[-2], sharp.shape[-1]
    fine = upsample_guided(disparity, sharp) if edges else resize(disparity, size)
    metric = (step.scale.scale * fine + step.scale.offset).clamp(min=0)
    coc = coc_from_disparity(metric, step.lens, step.focus_distance_m, sharp.shape[-1])
    limit = LARGEST_COC * sharp.shape[-1]
    return metric, coc.clamp(-limit, limit)
