"""Let an optimiser see convolutions of centred inputs, without a norm in the network.

Features after a ReLU are positive, so a small step in all weights of a wide convolution shifts its whole output, and
channels fall silent for good. In terms of `w (x - mean) + c` a step has no such side effect: the gradient by w loses
`mean` times the gradient by the bias, and a step in w takes its share of `mean` back from the bias. The network's
function and form stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Centring:
    """The means of what each convolution of a network receives, and the change of variables by them."""

    def __init__(self, net: nn.Module) -> None:
        """Watch the convolutions of `net`, all with biases, of one group or of one per channel."""
        self._layers = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
        self._means = [torch.zeros(layer.in_channels) for layer in self._layers]
        self._before = [layer.weight.detach() for layer in self._layers]
        self._steps, self._is_watching = 0, True
        for index, layer in enumerate(self._layers):
            layer.register_forward_pre_hook(lambda _, given, index=index: self._follow(index, given[0].detach()))

    def centre_gradients(self) -> None:
        """Turn the gradients into those of the centred form; keep the weights for `take_back`."""
        self._before = [layer.weight.detach().clone() for layer in self._layers]
        for layer, mean in zip(self._layers, self._shape_means(), strict=True):
            assert layer.weight.grad is not None
            assert layer.bias is not None and layer.bias.grad is not None  # noqa: PT018
            layer.weight.grad -= layer.bias.grad[:, None, None, None] * mean

    @torch.no_grad()
    def take_back(self) -> None:
        """After an optimiser's step in the centred form, correct the biases for it."""
        for layer, mean, before in zip(self._layers, self._shape_means(), self._before, strict=True):
            assert layer.bias is not None
            layer.bias -= ((layer.weight - before) * mean).sum(dim=(1, 2, 3))
        self._steps += 1
        self._is_watching = self._steps < 30 or self._steps % 10 == 0  # means move slowly, looking costs time

    def _follow(self, index: int, given: Tensor) -> None:
        if self._is_watching:
            mean = given.mean(dim=(0, 2, 3), dtype=torch.float32)
            self._means[index].lerp_(mean, max(0.02, 1 / (self._steps + 1)))

    def _shape_means(self) -> list[Tensor]:
        """Return each layer's means in a shape that goes with its weights."""
        return [
            mean[None, :, None, None] if layer.groups == 1 else mean[:, None, None, None]
            for layer, mean in zip(self._layers, self._means, strict=True)
        ]
