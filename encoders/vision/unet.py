"""The 3D U-Net of Models Genesis (Zhou et al., MICCAI 2019), backbone of the Universal Model's U-Net checkpoints.

Its batch normalisation always uses the statistics of the batch at hand, in evaluation too: checkpoints carry running
statistics, but the published networks never read them. An output therefore depends on the whole window, and windows
must go through one at a time.
"""

from __future__ import annotations

from contextlib import nullcontext
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.vision.statistics import batch_norm, lossy
from encoders.vision.winograd import WinogradConv


def full_precision(x: Tensor) -> torch.autocast:
    """Switches autocast off on this tensor's device."""
    return torch.autocast(x.device.type, enabled=False)


class BatchStatisticsNorm(nn.BatchNorm3d):
    """Normalises with the batch's own mean and variance; the running statistics are only storage."""

    def forward(self, x: Tensor) -> Tensor:
        if lossy(x):
            return batch_norm(x, self)
        return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)


class ConvUnit(nn.Module):
    """3x3x3 convolution, normalisation, ReLU."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inside, outside, 3, padding=1)
        self.bn1 = BatchStatisticsNorm(outside)
        self._fused: WinogradConv | None = None

    def forward(self, x: Tensor) -> Tensor:
        fused = None if torch.is_grad_enabled() else self._fused
        return self.activate((fused or self.conv1)(x))

    def fuse(self) -> None:
        """Makes inference cheaper with the same result."""
        assert self.conv1.bias is not None
        self._fused = WinogradConv(self.conv1.weight, self.conv1.bias)

    def activate(self, x: Tensor) -> Tensor:
        return F.relu(self.bn1(x), inplace=True)


class DownBlock(nn.Module):
    """Two units; the first gives half of the block's channels."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.ops = nn.Sequential(ConvUnit(inside, outside // 2), ConvUnit(outside // 2, outside))

    def forward(self, x: Tensor) -> Tensor:
        return self.ops(x)

    def fuse(self) -> None:
        """Makes inference cheaper with the same result."""
        for unit in self.ops:
            unit.fuse()  # type: ignore[operator]


class UpBlock(nn.Module):
    """Transposed convolution by two, the skip joined behind it, two units."""

    def __init__(self, inside: int, skip: int) -> None:
        super().__init__()
        self.up_conv = nn.ConvTranspose3d(inside, inside, 2, stride=2)
        self.ops = nn.Sequential(ConvUnit(inside + skip, skip), ConvUnit(skip, skip))
        self._fused: tuple[Tensor, WinogradConv, Tensor] | None = None

    def forward(self, x: Tensor, skip: Tensor, exact: bool = False) -> Tensor:
        """exact: the skip is read in its own precision, autocast or not."""
        if self._fused is None or torch.is_grad_enabled():
            return self.ops(torch.cat([self.up_conv(x), skip], 1))
        first: ConvUnit = self.ops[0]  # type: ignore[assignment]
        upward, across, rim = self._fused
        with full_precision(x) if exact else nullcontext():
            joint = across(skip)
        joint += F.conv_transpose3d(x, upward, stride=2, padding=1)
        _add_rim(joint, rim)
        return self.ops[1](first.activate(joint))

    @torch.no_grad()
    def fuse(self) -> None:
        """Joins the transposed convolution with the convolution that reads it; exact, for inference only.

        A 2x2x2 transposed convolution of stride 2 followed by a 3x3x3 convolution is one 4x4x4 transposed convolution
        of stride 2: 8 instead of 27 products for each output voxel and pair of channels, and no joined map in memory.
        The first bias reaches the second convolution's output as a constant that differs only at the zero-padded rim.
        """
        first: ConvUnit = self.ops[0]  # type: ignore[assignment]
        conv = first.conv1
        inside = self.up_conv.out_channels
        near, across = conv.weight[:, :inside], conv.weight[:, inside:]
        upward = F.conv3d(self.up_conv.weight, near, padding=2)
        assert self.up_conv.bias is not None
        constant = self.up_conv.bias.reshape(1, -1, 1, 1, 1).expand(-1, -1, 3, 3, 3)
        bias = F.conv3d(constant, near, conv.bias, padding=1)
        across = across.contiguous(memory_format=torch.channels_last_3d)
        inner = bias[:, :, 1:2, 1:2, 1:2]
        self._fused = upward, WinogradConv(across, inner.flatten()), bias - inner
        self.ops[1].fuse()  # type: ignore[operator]


def _add_rim(x: Tensor, cases: Tensor) -> None:
    """Adds (1, C, 3, 3, 3) values for the first, inner and last voxels of each axis; only the rim is touched."""
    places: list[tuple[int, Any]] = [(0, 0), (1, slice(1, -1)), (2, -1)]
    for (a, i), (b, j), (c, k) in product(places, repeat=3):
        if (a, b, c) != (1, 1, 1):
            part = x[:, :, i, j, k]
            part += cases[0, :, a, b, c].reshape(1, -1, *[1] * (part.ndim - 2))


class UNet3D(nn.Module):
    """Module names and shapes are those of the published checkpoints.

    Args:
        in_channels: image channels.
        width: channels of the full-resolution map; the bottleneck has eight times as many. Published: 64.

    Window sizes must be divisible by 8 and at least 16.
    """

    divisor = 8

    def __init__(self, in_channels: int = 1, width: int = 64) -> None:
        super().__init__()
        self.bottleneck_channels, self.feature_channels = 8 * width, width
        self.down_tr64 = DownBlock(in_channels, width)
        self.down_tr128 = DownBlock(width, 2 * width)
        self.down_tr256 = DownBlock(2 * width, 4 * width)
        self.down_tr512 = DownBlock(4 * width, 8 * width)
        self.up_tr256 = UpBlock(8 * width, 4 * width)
        self.up_tr128 = UpBlock(4 * width, 2 * width)
        self.up_tr64 = UpBlock(2 * width, width)

    def fuse(self) -> None:
        """Makes inference cheaper with the same result; call after the weights are loaded."""
        for block in self.children():
            block.fuse()  # type: ignore[operator]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, channels, D, H, W) -> bottleneck (B, 8 width, D/8, H/8, W/8), full map (B, width, D, H, W)."""
        # the first blocks see differences of a few Hounsfield units, which half precision would round away
        with full_precision(x):
            skip64 = self.down_tr64(x.float())
            skip128 = self.down_tr128(F.max_pool3d(skip64, 2))
        skip256 = self.down_tr256(F.max_pool3d(skip128, 2))
        bottleneck = self.down_tr512(F.max_pool3d(skip256, 2))
        h = self.up_tr128(self.up_tr256(bottleneck, skip256), skip128)
        return bottleneck, self.up_tr64(h, skip64, exact=True)
