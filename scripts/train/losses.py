"""Distances between a student's and a teacher's disparity."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def disparity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Sum value, row-removed and edge terms for (B,1,H,W) disparities.

    Both are divided by the teacher's row-removed spread per image, so that quiet scenes count as much as deep ones.
    """
    spread = remove_rows(teacher).std(dim=(1, 2, 3), keepdim=True).clamp_min(0.02)
    error = (student - teacher) / spread
    value = F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.3)
    without_rows = F.smooth_l1_loss(remove_rows(error), torch.zeros_like(error), beta=0.3)
    return 0.3 * value + without_rows + 0.5 * edge_loss(error)


def head_loss(student: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Return the mean error (B,1,H,W) under `weights`, which sum to 1 per picture or to 0, over what stands out.

    A head is a hundredth of a picture, and as a part of the whole's error it goes under.
    """
    spread = remove_rows(wanted).std(dim=(1, 2, 3), keepdim=True).clamp_min(0.02)
    return (weights * ((student - wanted) / spread).abs()).sum() / weights.sum().clamp_min(1)


def order_loss(student: Tensor, wanted: Tensor, across: int) -> Tensor:
    """Return how far pairs of places `across` columns apart are from at least half the difference (B,1,H,W) wanted.

    However small that is over the picture's spread, as long as it is surely one: far things have an order too.
    """
    spread = remove_rows(wanted).std(dim=(1, 2, 3), keepdim=True).clamp_min(0.02)
    found, known = ((x - x.roll(across, dims=3)) / spread for x in (student, wanted))
    share = found * known.sign() / known.abs().clamp_min(0.1)
    return ((known.abs() > 0.03) * F.relu(0.5 - share)).mean()


def measure_unrest(first: Tensor, moved: Tensor, move: Tensor, wanted: Tensor) -> Tensor:
    """Return how far two answers (1,1,H,W) to the same picture, once moved by `move` (1,2,3), are apart.

    The rim, where the move brought in what the first picture does not show, is left out; in units of the spread of what
    is wanted (1,1,H,W).
    """
    grid = F.affine_grid(move, list(first.shape), align_corners=False)
    carried = F.grid_sample(first, grid, padding_mode="border", align_corners=False)
    is_inside = (grid.abs().amax(dim=3) < 0.97)[:, None]
    return ((carried - moved).abs() * is_inside).mean() / wanted.std().clamp_min(0.02)


def remove_rows(disparity: Tensor) -> Tensor:
    """Take each row's mean out of (B,1,H,W)."""
    return disparity - disparity.mean(dim=3, keepdim=True)


def edge_loss(error: Tensor) -> Tensor:
    """Mean absolute gradient of the error at sizes 1, 1/2 and 1/4 (Ranftl et al. 2020, eq. 11)."""
    total = error.new_zeros(())
    for _ in range(3):
        total = total + error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
        error = F.avg_pool2d(error, 2)
    return total


def feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between features already scaled to unit spread per channel."""
    return F.smooth_l1_loss(student, teacher, beta=1.0)


def row_removed_rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's correlation of two (H,W) maps after each row's mean was taken out of both."""
    ranks = [_ranks(x - x.mean(dim=1, keepdim=True)) for x in (a, b)]
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's correlation of two (H,W) maps."""
    return float(torch.corrcoef(torch.stack([_ranks(a), _ranks(b)]))[0, 1])


def _ranks(values: Tensor) -> Tensor:
    flat = values.flatten()
    return torch.argsort(torch.argsort(flat, stable=True), stable=True).to(torch.float64)
