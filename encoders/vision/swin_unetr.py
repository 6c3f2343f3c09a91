"""MONAI's Swin UNETR (Hatamizadeh et al., 2022) without its output layer."""

from __future__ import annotations

from typing import Any

import torch
from monai.networks.nets import SwinUNETR
from monai.networks.nets.swin_unetr import PatchMerging
from torch import Tensor

OCTANTS = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 0), (0, 0, 1), (1, 1, 1))
"""Which voxels of a 2x2x2 block the published networks join, in order: two are read twice, two never.

A slip of MONAI up to 1.4 that all published weights were trained with; MONAI mended it later (its issue 8284), so that
its current network gives other results with the same weights.
"""


class PublishedMerging(PatchMerging):
    """Patch merging as the published weights were trained with it."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W, C) -> (B, D/2, H/2, W/2, 2C); sizes must be even."""
        return self.reduction(self.norm(torch.cat([x[:, i::2, j::2, k::2] for i, j, k in OCTANTS], -1)))


MERGINGS: dict[str, Any] = {"published": PublishedMerging, "monai": PatchMerging}


class SwinBackbone(SwinUNETR):
    """Module names and shapes are those of the published checkpoints.

    Args:
        in_channels: image channels.
        feature_size: channels of the full-resolution map; the bottleneck has 16 times as many. Published: 48.
        merging: "published", or "monai" for weights that were trained with the mended patch merging of MONAI 1.5 on.

    Window sizes must be divisible by 32.
    """

    divisor = 32

    def __init__(self, in_channels: int = 1, feature_size: int = 48, merging: str = "published") -> None:
        super().__init__(
            in_channels=in_channels,
            out_channels=1,
            feature_size=feature_size,
            spatial_dims=3,
            downsample=MERGINGS[merging],
        )
        del self.out
        self.bottleneck_channels, self.feature_channels = 16 * feature_size, feature_size

    def forward(self, x_in: Tensor) -> tuple[Tensor, Tensor]:
        """(B, channels, D, H, W) -> (B, 16 f, D/32, H/32, W/32) and (B, f, D, H, W)."""
        hidden = self.swinViT(x_in, self.normalize)
        bottleneck = self.encoder10(hidden[4])
        h = self.decoder5(bottleneck, hidden[3])
        h = self.decoder4(h, self.encoder4(hidden[2]))
        h = self.decoder3(h, self.encoder3(hidden[1]))
        h = self.decoder2(h, self.encoder2(hidden[0]))
        return bottleneck, self.decoder1(h, self.encoder1(x_in))
