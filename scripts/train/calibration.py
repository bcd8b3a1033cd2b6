"""What is measured before training: the spread of a teacher's features, what norms start from, which channels sleep."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from train.batches import Batch
from train.teacher import TAPS
from vdof.depth.network import DepthNet, fold_batch_norm

Scale = dict[str, Tensor]
"""Per tap (C,1,1): what the teacher's features are divided by."""


class Stream(Protocol):
    """Where batches come from."""

    def next(self) -> Batch:
        """Return the next batch."""


def measure_spread(stream: Stream, batches: int) -> Scale:
    """Return each channel's standard deviation within a batch, on average."""
    taps: dict[str, list[Tensor]] = {name: [] for name in TAPS}
    for _ in range(batches):
        batch = stream.next()
        for name, value in {**batch.features, "disparity": batch.disparity}.items():
            taps[name].append(value.float().var(dim=(0, 2, 3)))
    spread = {name: torch.stack(values).mean(0).sqrt() for name, values in taps.items()}
    floor = {name: 0.15 * value.median() for name, value in spread.items()}  # a silent channel may yet speak
    return {name: value.maximum(floor[name])[:, None, None] for name, value in spread.items()}


def settle_norms(net: DepthNet, stream: Stream, scale: Scale, batches: int) -> None:
    """Give the batch norms of `net` their statistics on the teacher's features, and fold them away.

    Training goes on without norms: over the few pictures that fit in a batch they would take out the very level that
    the teacher's features carry, and answer differently once they are frozen.
    """
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean of all batches
    net.train()
    for _ in range(batches):
        batch = stream.next()
        wanted = {name: value.float() / scale[name] for name, value in batch.features.items()}
        with torch.no_grad():
            net(batch.rgb, lambda name, own, wanted=wanted: wanted.get(name, own))
    fold_batch_norm(net.eval()).requires_grad_(True)


@torch.no_grad()
def wake_channels(net: DepthNet, pictures: list[Tensor]) -> int:
    """Let every channel speak that a ReLU silences in all `pictures` (B,3,H,W); return how many did not.

    Such a channel gets no gradient. It is turned down to a tenth of the teacher's spread and its bias moved to where
    about a third of its places speak, so what the network says hardly changes; one that never varies gets new weights.
    """
    woken = 0
    for name, layer in net.named_modules():
        if not isinstance(layer, nn.Conv2d) or name == "head" or name.startswith("stem") or name.endswith("body.2"):
            continue
        answers = _listen(net, layer, pictures)
        spread, level = answers.std(dim=1), answers.kthvalue(round(0.65 * answers.shape[1]), dim=1).values
        for channel in torch.nonzero((answers > 0).float().mean(dim=1) < 0.002).flatten().tolist():
            assert layer.bias is not None
            woken += 1
            if spread[channel] < 1e-4:
                fresh = torch.randn_like(layer.weight[channel])
                layer.weight[channel], layer.bias[channel] = 0.1 * fresh / fresh.norm(), 0.03
                continue
            gain = (0.1 / spread[channel]).clamp_max(1)
            layer.weight[channel] *= gain
            layer.bias[channel] = gain * (layer.bias[channel] - level[channel])
    return woken


def _listen(net: DepthNet, layer: nn.Conv2d, pictures: list[Tensor]) -> Tensor:
    """Return what `layer` gives (channels, places) before its ReLU, at every seventh place."""
    heard: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _, given, answer: heard.append(answer.transpose(0, 1).flatten(1)[:, ::7]))
    for picture in pictures:
        net(picture)
    hook.remove()
    return torch.cat(heard, dim=1)
