"""Normalisation with exact statistics of maps whose channels lie side by side, on the CPU.

There PyTorch adds up a channel's numbers one after the other in float32: over a million voxels three digits are lost
(its batch and group normalisation of a 96^3 map differ from float64 by up to 0.01; of other layouts by 1e-6).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def lossy(x: Tensor) -> bool:
    """Whether PyTorch's own normalisation of this map (B, C, D, H, W) loses digits. False in training: these have no
    gradients."""
    side_by_side = x.is_contiguous(memory_format=torch.channels_last_3d) and x.shape[1] > 1
    return x.device.type == "cpu" and side_by_side and len(x) == 1 and not torch.is_grad_enabled()


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (C,) of the channels of a map (1, C, D, H, W), plane by plane in float32."""
    means, variances = [], []
    planes = x[0].permute(1, 2, 3, 0).flatten(1, 2)
    share = torch.full((1, planes.shape[1]), 1 / planes.shape[1])
    with torch.autocast("cpu", enabled=False):  # a mean as a matrix product: its sums are in blocks, and fast
        for plane in planes:
            values = plane.float()
            means.append((share @ values)[0])
            variances.append((share @ (values - means[-1]).square_())[0])
    middle = torch.stack(means)
    mean = middle.mean(0)
    return mean, torch.stack(variances).mean(0) + (middle - mean).square_().mean(0)


def batch_norm(x: Tensor, norm: nn.BatchNorm3d) -> Tensor:
    """`norm` with the statistics of this very map, which is `lossy`."""
    mean, variance = moments(x)
    return F.batch_norm(x, mean, variance, norm.weight, norm.bias, eps=norm.eps)


def group_norm(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """`norm` of a map that is `lossy`."""
    means, variances = (m.reshape(norm.num_groups, -1) for m in moments(x))
    mean = means.mean(1, keepdim=True)
    variance = (variances + (means - mean).square()).mean(1, keepdim=True)
    mean, variance = (m.expand_as(means).flatten() for m in (mean, variance))
    return F.batch_norm(x, mean, variance, norm.weight, norm.bias, eps=norm.eps)
