"""What every source of depth is to the pipeline."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from vdof.shots import AnalysisFrame

Kind = Literal["disparity_relative", "disparity_metric"]

BATCH_ON_CUDA = 8
"""Frames that go through a network at once on a CUDA device; one by one on the CPU, where more gain nothing."""


class Described(Protocol):
    """What all estimators say of themselves."""

    kind: Kind
    """Whether the values are 1/m or only affine in it."""

    def describe(self) -> dict[str, Any]:
        """Name and content hashes of what decides the result: goes into the cache key and the run record."""
        ...


class FrameEstimator(Described, Protocol):
    """Depth that needs one frame at a time."""

    def estimate(self, rgb: Tensor, indices: Sequence[int]) -> Tensor:
        """Disparity of a batch.

        Args:
            rgb: (B,3,H,W) display-encoded, 0..1.
            indices: the frames' indices in the source clip, B of them.

        Returns:
            (B,1,h,w) finite float32 at the estimator's own working size.
        """
        ...


@runtime_checkable
class StreamEstimator(Described, Protocol):
    """Depth that needs the frames around a frame, or knows more than disparity."""

    def estimate_stream(self, frames: Iterable[AnalysisFrame]) -> Iterator[AnalysisFrame]:
        """Yield the frames of one shot in order, each with its disparity; holds a bounded number of them."""
        ...


DepthEstimator = FrameEstimator | StreamEstimator


def estimate_stream(
    estimator: DepthEstimator, frames: Iterable[AnalysisFrame], device: torch.device, first_index: int = 0
) -> Iterator[AnalysisFrame]:
    """Yield the frames of one shot in order, each with its disparity (1,1,h,w) on the CPU.

    `first_index` is the index in the source clip of the frame at position 0.
    """
    if isinstance(estimator, StreamEstimator):
        yield from estimator.estimate_stream(frames)
        return
    for group in take_groups(frames, device):
        rgb = torch.cat([frame.rgb for frame in group]).to(device)
        disparity = estimator.estimate(rgb, [frame.index + first_index for frame in group]).cpu()
        for frame, own in zip(group, disparity.split(1), strict=True):
            yield replace(frame, disparity=own)


def take_groups(frames: Iterable[AnalysisFrame], device: torch.device) -> Iterator[list[AnalysisFrame]]:
    """Yield the frames in groups as large as `device` works on at once."""
    size = BATCH_ON_CUDA if device.type == "cuda" else 1
    remaining = iter(frames)
    while group := list(islice(remaining, size)):
        yield group
