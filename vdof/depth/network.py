"""The depth network behind `depth=embedded`: a small convolutional encoder-decoder."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

MULTIPLE = 16
"""Both sides of the network's input must be a multiple of this."""

CHANNELS = (24, 48, 96, 192)
"""Feature channels at 1/2, 1/4, 1/8 and 1/16 of the input size."""

AtTap = Callable[[str, Tensor], Tensor]


class DepthNet(nn.Module):
    """Relative disparity from one image.

    Stages exchange features only at named taps, so that a teacher can supervise, or stand in for, each of them.
    """

    def __init__(self, blocks: tuple[int, int, int, int] = (3, 3, 5, 8)) -> None:
        """Build the stages; `blocks` counts the residual blocks of encoder stages 1, 2a, 2b and 3."""
        super().__init__()
        c2, c4, c8, c16 = CHANNELS
        self.stem = _conv(3, c2, kernel=3, stride=2)
        self.encode4 = _stage(c2, c4, stride=2, blocks=blocks[0])
        self.encode8a = _stage(c4, c8, stride=2, blocks=blocks[1])
        self.encode8b = _stage(c8, c8, stride=1, blocks=blocks[2])
        self.encode16 = _stage(c8, c16, stride=2, blocks=blocks[3], kernel=7)
        self.decode8 = Fusion(c16, c8)
        self.decode4 = Fusion(c8, c4)
        self.decode2 = Fusion(c4, c2)
        self.head = nn.Conv2d(c2, 1, 3, padding=1)

    def forward(self, rgb: Tensor, at_tap: AtTap = lambda name, feature: feature) -> Tensor:
        """Return disparity (B,1,H/2,W/2) of display-encoded `rgb` (B,3,H,W) in 0..1.

        `at_tap(name, feature)` sees every stage's output and returns what the next stage is to receive.
        """
        x2 = at_tap("encode2", self.stem((rgb - 0.45) / 0.25))
        x4 = at_tap("encode4", self.encode4(x2))
        x8 = at_tap("encode8a", self.encode8a(x4))
        x8 = at_tap("encode8b", self.encode8b(x8))
        x16 = at_tap("encode16", self.encode16(x8))
        y8 = at_tap("decode8", self.decode8(x16, x8))
        y4 = at_tap("decode4", self.decode4(y8, x4))
        y2 = at_tap("decode2", self.decode2(y4, x2))
        return self.head(y2)


class Residual(nn.Module):
    """Depthwise `kernel` x `kernel`, then a two-layer pointwise mixer, added to the input."""

    def __init__(self, channels: int, kernel: int = 3, expansion: int = 2) -> None:
        """Build a block that keeps shape (B,channels,H,W)."""
        super().__init__()
        wide = expansion * channels
        self.body = nn.Sequential(
            _conv(channels, channels, kernel, groups=channels),
            _conv(channels, wide, kernel=1),
            nn.Conv2d(wide, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ReLU(x + body(x))."""
        return F.relu(x + self.body(x))


class Fusion(nn.Module):
    """Join a coarse feature with the finer one the encoder kept."""

    def __init__(self, coarse: int, fine: int) -> None:
        """Take `coarse` channels at half size and `fine` channels at full size; give `fine` channels."""
        super().__init__()
        self.reduce = _conv(coarse, fine, kernel=1)
        self.merge = _conv(2 * fine, fine, kernel=3)
        self.refine = Residual(fine)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Return the joined feature at the finer size."""
        raised = F.interpolate(self.reduce(coarse), size=fine.shape[-2:], mode="bilinear", align_corners=False)
        return self.refine(self.merge(torch.cat([raised, fine], dim=1)))


def fold_batch_norm(net: DepthNet) -> DepthNet:
    """Fold every batch norm of `net` (in eval mode, changed in place) into the convolution before it."""
    for module in net.modules():
        if isinstance(module, nn.Sequential):
            for index, (first, second) in enumerate(pairwise(module)):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[index], module[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return net


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _stage(inputs: int, outputs: int, stride: int, blocks: int, kernel: int = 3) -> nn.Sequential:
    first = _conv(inputs, outputs, kernel=3, stride=stride)
    return nn.Sequential(first, *(Residual(outputs, kernel) for _ in range(blocks)))
