"""Partial-label targets and the loss that ignores what is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.learning.cases import UNCERTAIN, Case


class TargetTable:
    """Turns a case's label values into one-vs-all targets and their validity.

    Args:
        case: names and completeness of the labels.
        structures: the C structures to supervise.
        leaves: leaf ids of a structure or label name (a group has several).
    """

    def __init__(self, case: Case, structures: Sequence[str], leaves: Callable[[str], Sequence[str]]) -> None:
        count = len(structures)
        self.positive = torch.zeros(len(case.names), count, dtype=torch.bool)
        self.open = torch.zeros(len(case.names), count, dtype=torch.bool)  # the label may or may not belong
        complete = torch.zeros(count, dtype=torch.bool)
        weak = torch.zeros(count, dtype=torch.bool)
        for column, structure in enumerate(structures):
            needed = set(leaves(structure))
            for value, name in enumerate(case.names):
                parts = set(leaves(name)) if value else set()
                self.positive[value, column] = bool(parts) and parts <= needed
                self.open[value, column] = bool(parts & needed) and not parts <= needed
            complete[column] = structure in case.complete or needed <= _leaves(case.complete, leaves)
            weak[column] = structure in case.weak or needed <= _leaves(case.complete | case.weak, leaves)
        if UNCERTAIN in case.names:
            self.open[case.names.index(UNCERTAIN)] = True
        self.complete, self.weak = complete, weak & ~complete

    def __call__(self, labels: Tensor, trusted: Tensor) -> tuple[Tensor, Tensor]:
        """labels (N,) int64, trusted (N,) bool -> targets and validity, both (C, N) bool."""
        target = self.positive[labels].T
        labelled = (labels > 0)[None]
        known = labelled | self.complete[:, None] | (self.weak[:, None] & trusted[None])
        return target, known & ~self.open[labels].T


def _leaves(names: Iterable[str], leaves: Callable[[str], Sequence[str]]) -> set[str]:
    return {leaf for name in names for leaf in leaves(name)}


def partial_loss(
    logits: Tensor, target: Tensor, known: Tensor, smooth: float = 30.0, balance: float | Tensor = 0.5
) -> tuple[Tensor, Tensor]:
    """Weighted binary cross-entropy plus soft Dice per class, over the known voxels only.

    All (C, N). Dice = 1 - (2 sum(p g) + s) / (sum(p) + sum(g) + s), so that an absent class punishes
    false positives only. Classes that are present and classes that are absent are averaged apart, so that the
    many absent ones do not drown the few present; classes without a known voxel do not count.

    Positive voxels weigh (N / n)^balance in the cross-entropy, n of N known voxels being positive; `balance` is one
    number, or one a class (C,).

    Returns the loss and the mean soft Dice loss of the present classes.
    """
    counts = known.sum(1)
    g = target * known
    present = g.sum(1) > 0
    absent = (counts > 0) & ~present
    # At their plain share (balance 0) a small structure has no gradient to start with; with 0.5 it ends too large.
    rarity = (counts / g.sum(1).clamp_min(1)).clamp_min(1) ** balance
    weight = known * (1 + target * (rarity - 1)[:, None])
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (entropy * weight).sum(1) / weight.sum(1).clamp_min(1)
    p = torch.sigmoid(logits) * known
    dice = 1 - (2 * (p * g).sum(1) + smooth) / (p.sum(1) + g.sum(1) + smooth)

    def mean(values: Tensor, chosen: Tensor) -> Tensor:
        return (values * chosen).sum() / chosen.sum().clamp_min(1)

    loss = mean(entropy + dice, present) + 0.3 * mean(entropy + dice, absent)
    return loss, mean(dice, present)
