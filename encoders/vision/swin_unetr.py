"""MONAI's Swin UNETR (Hatamizadeh et al., 2022) without its output layer."""

from __future__ import annotations

from monai.networks.nets import SwinUNETR
from torch import Tensor


class SwinBackbone(SwinUNETR):
    """Module names and shapes are those of the published checkpoints.

    Args:
        in_channels: image channels.
        feature_size: channels of the full-resolution map; the bottleneck has 16 times as many. Published: 48.

    Window sizes must be divisible by 32.
    """

    divisor = 32

    def __init__(self, in_channels: int = 1, feature_size: int = 48) -> None:
        super().__init__(in_channels=in_channels, out_channels=1, feature_size=feature_size, spatial_dims=3)
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
