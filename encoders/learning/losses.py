"""Partial-label targets and the loss that ignores what is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.learning.cases import Case


class TargetTable:
    """Turns a case's label values into one-vs-all targets and their validity.

    Args:
        case: names and completeness of the labels.
        structures: the C structures to supervise.
        leaves: leaf ids of each structure (a group has several).
    """

    def __init__(self, case: Case, structures: Sequence[str], leaves: Mapping[str, Sequence[str]]) -> None:
        count = len(structures)
        self.positive = torch.zeros(len(case.names), count, dtype=torch.bool)
        complete = torch.zeros(count, dtype=torch.bool)
        weak = torch.zeros(count, dtype=torch.bool)
        for column, structure in enumerate(structures):
            parts = set(leaves[structure]) | {structure}
            for value, name in enumerate(case.names):
                self.positive[value, column] = value > 0 and name in parts
            needed = set(leaves[structure])
            complete[column] = structure in case.complete or needed <= case.complete
            weak[column] = structure in case.weak or needed <= case.complete | case.weak
        self.complete, self.weak = complete, weak & ~complete

    def __call__(self, labels: Tensor, trusted: Tensor) -> tuple[Tensor, Tensor]:
        """labels (N,) int64, trusted (N,) bool -> targets and validity, both (C, N) bool."""
        target = self.positive[labels].T
        labelled = (labels > 0)[None]
        known = labelled | self.complete[:, None] | (self.weak[:, None] & trusted[None])
        return target, known


def partial_loss(
    logits: Tensor, target: Tensor, known: Tensor, smooth: float = 30.0
) -> tuple[Tensor, Tensor]:
    """Weighted binary cross-entropy plus soft Dice per class, over the known voxels only.

    All (C, N). Dice = 1 - (2 sum(p g) + s) / (sum(p) + sum(g) + s), so that an absent class punishes
    false positives only. Classes that are present and classes that are absent are averaged apart, so that the
    many absent ones do not drown the few present; classes without a known voxel do not count.

    Returns the loss and the mean soft Dice loss of the present classes.
    """
    counts = known.sum(1)
    g = target * known
    present = g.sum(1) > 0
    absent = (counts > 0) & ~present
    # Positive voxels weigh sqrt(N / n): at their plain share a small structure has no gradient to start with.
    weight = known * (1 + target * ((counts / g.sum(1).clamp_min(1)).sqrt() - 1).clamp_min(0)[:, None])
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (entropy * weight).sum(1) / weight.sum(1).clamp_min(1)
    p = torch.sigmoid(logits) * known
    dice = 1 - (2 * (p * g).sum(1) + smooth) / (p.sum(1) + g.sum(1) + smooth)

    def mean(values: Tensor, chosen: Tensor) -> Tensor:
        return (values * chosen).sum() / chosen.sum().clamp_min(1)

    loss = mean(entropy + dice, present) + 0.3 * mean(entropy + dice, absent)
    return loss, mean(dice, present)
