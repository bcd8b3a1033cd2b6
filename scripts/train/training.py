"""The state of a training run and its one step."""

from __future__ import annotations

import copy
import logging
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from train import losses
from train.batches import Batch
from train.calibration import Scale, Stream, measure_spread, settle_norms, wake_channels
from train.centring import Centring
from train.teacher import TAPS
from vdof.depth.network import DepthNet, fold_batch_norm

log = logging.getLogger(__name__)

STEM = "encode2"
"""Neither fed nor compared: one convolution of all but alike pixels learns to copy another only slowly."""
LAST = "decode2"
"""At half size too, so costly to compare, and not compared once the network runs on its own."""

ORDER_WEIGHT = 0.5
"""Of the order of pairs, where it is known rather than the teacher's word."""


@dataclass(frozen=True)
class Schedule:
    """How the step size and the losses' weights change over a run."""

    seconds: float
    """Wall time of the whole run."""
    rate: float
    """The largest step size."""
    forced: float
    """The share of the run over which the teacher's features are fed in: all at first, none at its end."""
    feature_weight: float
    """Weight of the feature losses at the start; three tenths of it are left at the end."""
    unrest_weight: float
    """Weight of the difference between two answers to one picture."""

    def share_fed(self, progress: float) -> float:
        """Return the share of the teacher's features that stand in for the network's own."""
        return min(1.0, max(0.0, 3 * (1 - progress / self.forced))) if self.forced else 0.0

    def taps_at(self, progress: float) -> tuple[str, ...]:
        """Return the taps that are compared, and the disparity."""
        left_out = {STEM} if self.share_fed(progress) else {STEM, LAST}
        return tuple(name for name in TAPS if name not in left_out)

    def rate_at(self, step: int, progress: float) -> float:
        """Return the step size: a warm-up of 60 steps, then half a cosine."""
        return self.rate * min(1.0, (step + 1) / 60) * 0.5 * (1 + math.cos(math.pi * progress)) + 1e-6


class Training:
    """The network, its running average, the optimiser, and how far they have come."""

    def __init__(self, net: DepthNet, scale: Scale, replicas: int = 2) -> None:
        """Begin at step 0 with `net`, whose norms are folded; `scale` holds the teacher's spread per tap and channel.

        Each of `replicas` threads works on a batch of its own; they meet once a step, to add their gradients up. On a
        machine shared with others that is twice as fast as one batch on all cores.
        """
        laid_out: Any = net  # torch's types lack Module.to(memory_format=)
        self.net: DepthNet = laid_out.to(memory_format=torch.channels_last)
        self._replicas = [self.net, *(copy.deepcopy(self.net) for _ in range(replicas - 1))]
        self._threads = ThreadPoolExecutor(replicas)
        self.average = copy.deepcopy(self.net).eval()
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=1e-3)
        self._centring = Centring(self.net)
        self.scale = scale
        self.step = self.begun_at = 0
        self.seconds = 0.0
        self.size = sum(parameter.numel() for parameter in self.net.parameters())

    @classmethod
    def start(cls, stream: Stream, replicas: int, batches: int = 30) -> Training:
        """Measure the teacher's spread and the norms' statistics on `batches` with all taps, then begin."""
        scale, net = measure_spread(stream, batches), DepthNet()
        settle_norms(net, stream, scale, batches)
        return cls(net, scale, replicas)

    @classmethod
    def resume(cls, path: Path, replicas: int = 1) -> Training:
        """Continue from a checkpoint."""
        saved = torch.load(path, weights_only=True)
        training = cls(fold_batch_norm(DepthNet().eval()).requires_grad_(True), saved["scale"], replicas)
        training.net.load_state_dict(saved["net"])
        training.average.load_state_dict(saved["average"])
        training.optimiser.load_state_dict(saved["optimiser"])
        training.step, training.seconds = saved["step"], saved["seconds"]
        return training

    def begin_anew(self, stream: Stream) -> None:
        """Start another run from the averaged weights, with channels woken that have fallen silent."""
        log.info("%d silent channels woken", wake_channels(self.average, [stream.next().rgb for _ in range(6)]))
        self.net.load_state_dict(self.average.state_dict())
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=1e-3)
        self.seconds, self.begun_at = 0.0, self.step

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {name: getattr(self, name).state_dict() for name in ("net", "average", "optimiser")}
        torch.save({**state, "scale": self.scale, "step": self.step, "seconds": self.seconds}, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def advance(self, batches: list[Batch], schedule: Schedule) -> dict[str, float]:
        """Take one optimiser step on one batch per replica; return the first one's terms of the loss."""
        for replica in self._replicas[1:]:
            replica.load_state_dict(self.net.state_dict())
        progress = min(1.0, self.seconds / schedule.seconds)
        count = len(self._replicas)
        terms = list(self._threads.map(self._learn, self._replicas, batches, [schedule] * count, [progress] * count))
        for parameters in zip(*(replica.parameters() for replica in self._replicas), strict=True):
            parameters[0].grad = torch.stack([parameter.grad for parameter in parameters]).mean(dim=0)
        self._centring.centre_gradients()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        for group in self.optimiser.param_groups:
            group["lr"] = schedule.rate_at(self.step - self.begun_at, progress)
        self.optimiser.step()
        self._centring.take_back()
        self.step += 1
        own = self.step - self.begun_at
        follow(self.average, self.net, min(0.997, own / (own + 20)))
        return terms[0]

    def _learn(self, net: DepthNet, batch: Batch, schedule: Schedule, progress: float) -> dict[str, float]:
        """Leave the loss's gradient in `net`; return the loss's terms."""
        share_fed = schedule.share_fed(progress)
        known = len(batch.is_taught)
        terms: dict[str, Tensor] = {}

        def at_tap(name: str, feature: Tensor) -> Tensor:
            if name not in batch.features:
                return feature
            wanted = (batch.features[name] / self.scale[name]).to(feature.dtype)
            counts = batch.is_encoded if name.startswith("encode") else batch.is_taught
            if counts.any():
                terms[name] = losses.feature_loss(feature[:known][counts], wanted[counts])
            if share_fed == 0:
                return feature
            is_fed = (torch.rand(known, 1, 1, 1) < share_fed) & batch.is_taught[:, None, None, None]
            return torch.cat([torch.where(is_fed, wanted, feature[:known]), feature[known:]])

        net.train()
        with torch.autocast("cpu", torch.bfloat16):
            disparity = net(batch.rgb, at_tap)
        answers = compare(disparity.float(), batch.disparity / self.scale["disparity"], batch)
        weights = {"disparity": 1.0, "heads": 1.0, "order": ORDER_WEIGHT, "unrest": schedule.unrest_weight}
        loss = torch.stack([weights[name] * value for name, value in answers.items()]).sum()
        loss = loss + schedule.feature_weight * (1 - 0.7 * progress) * sum(terms.values())
        net.zero_grad()
        loss.backward()
        return {name: float(value.detach()) for name, value in {**terms, **answers}.items()}


def compare(disparity: Tensor, wanted: Tensor, batch: Batch) -> dict[str, Tensor]:
    """Return the terms of the loss of the answer (m,1,H/2,W/2), in the units of what is wanted; those that apply."""
    terms = {"disparity": losses.disparity_loss(disparity, wanted)}
    if batch.heads.any():
        terms["heads"] = losses.head_loss(disparity, wanted, batch.heads)
    if not batch.is_taught.all():
        is_known = (~batch.is_taught).nonzero()[:, 0]
        across = int(torch.randint(1, wanted.shape[3], ()))
        terms["order"] = losses.order_loss(disparity[is_known], wanted[is_known], across)
    if batch.move is not None:
        terms["unrest"] = losses.measure_unrest(disparity[:1], disparity[-1:], batch.move, wanted[:1])
    return terms


def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Move `average` towards `net`: parameters by the share 1 - keep, buffers likewise."""
    with torch.no_grad():
        for mine, other in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            mine.lerp_(other, 1 - keep) if mine.is_floating_point() else mine.copy_(other)
