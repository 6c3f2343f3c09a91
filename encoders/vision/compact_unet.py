"""A U-Net whose convolutions run at half resolution: the embedded model's vision encoder-decoder.

On a CPU the full-resolution layers of a 3D U-Net cost most of the time. Here a space-to-depth step folds each 2x2x2
block of voxels into channels, the U-Net works on the folded grid, and a depth-to-space step followed by one
convolution that sees the image again restores the detail.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def space_to_depth(x: Tensor) -> Tensor:
    """(B, C, D, H, W) -> (B, 8C, D/2, H/2, W/2); sizes must be even."""
    b, c, d, h, w = x.shape
    x = x.reshape(b, c, d // 2, 2, h // 2, 2, w // 2, 2)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, 8 * c, d // 2, h // 2, w // 2)


def depth_to_space(x: Tensor) -> Tensor:
    """The inverse of `space_to_depth`."""
    b, c, d, h, w = x.shape
    x = x.reshape(b, c // 8, 2, 2, 2, d, h, w)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // 8, 2 * d, 2 * h, 2 * w)


class ConvBlock(nn.Module):
    """Two 3x3x3 convolutions, each with group normalisation and ReLU."""

    def __init__(self, inside: int, outside: int, groups: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inside, outside, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(groups, outside)
        self.conv2 = nn.Conv3d(outside, outside, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(groups, outside)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(x)), inplace=True)


class CompactUNet(nn.Module):
    """Space-to-depth U-Net returning (bottleneck, full-resolution map).

    Args:
        in_channels: image channels.
        widths: channels per level of the folded grid, fine to coarse.
        out_channels: channels of the full-resolution map.

    Sizes must be divisible by `2 ** len(widths)`.
    """

    def __init__(
        self, in_channels: int = 1, widths: Sequence[int] = (32, 64, 128, 160), out_channels: int = 16
    ) -> None:
        super().__init__()
        self.bottleneck_channels, self.feature_channels = widths[-1], out_channels
        self.divisor = 2 ** len(widths)
        inputs = [8 * in_channels, *widths[:-1]]
        self.down = nn.ModuleList(ConvBlock(i, o) for i, o in zip(inputs, widths, strict=True))
        self.up = nn.ModuleList(
            ConvBlock(deep + skip, skip) for deep, skip in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.unfold = nn.Conv3d(widths[0], 8 * out_channels, 1)
        self.refine = nn.Conv3d(out_channels + in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = space_to_depth(x).contiguous(memory_format=torch.channels_last_3d)
        skips = []
        for level, block in enumerate(self.down):
            h = block(F.max_pool3d(h, 2) if level else h)
            skips.append(h)
        bottleneck = skips.pop()
        for block in self.up:
            h = block(torch.cat([F.interpolate(h, scale_factor=2.0), skips.pop()], 1))
        full = torch.cat([depth_to_space(self.unfold(h)), x.to(h.dtype)], 1)
        return bottleneck, self.refine(full.contiguous(memory_format=torch.channels_last_3d))
