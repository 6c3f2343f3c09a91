"""UNet++ (Zhou et al., 2018): nested skips, deep supervision, and pruning to a shallower network.

Node x(i, j) is at depth i, the j-th along its skip. Level L keeps the nodes with i + j <= L and reads x(0, L): a
network trained with a head at every x(0, j) can be cut to any level after training. Blocks are MONAI's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets import BasicUNetPlusPlus
from torch import Tensor, nn

DEPTH = 4


class UNetPlusPlus(BasicUNetPlusPlus):
    """As a backbone: module names and shapes are those of the published checkpoints.

    Args:
        in_channels: image channels.
        features: channels of the five depths, and of the full-resolution map.

    Window sizes must be divisible by 16.
    """

    divisor = 2**DEPTH

    def __init__(self, in_channels: int = 1, features: Sequence[int] = (32, 32, 64, 128, 256, 32)) -> None:
        super().__init__(in_channels=in_channels, features=tuple(features))
        for level in range(1, DEPTH + 1):
            delattr(self, f"final_conv_0_{level}")
        self.bottleneck_channels, self.feature_channels = features[4], features[5]
        self.top_channels = (*[features[0]] * (DEPTH - 1), features[5])

    def nodes(self, x: Tensor, level: int = DEPTH) -> tuple[Tensor, list[Tensor]]:
        """The deepest map of this level and x(0, 1) .. x(0, level); nodes beyond the level are not computed."""
        deepest: list[Tensor] = [self.conv_0_0(x)]
        rows = [deepest]  # rows[i][j] is node x(i, j)
        for depth in range(1, level + 1):
            rows.append([getattr(self, f"conv_{depth}_0")(rows[depth - 1][0])])
            for j in range(1, depth + 1):
                i = depth - j
                join = getattr(self, f"upcat_{i}_{j}")
                rows[i].append(join(rows[i + 1][j - 1], torch.cat(rows[i][:j], 1)))
        return rows[level][0], rows[0][1:]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, channels, D, H, W) -> (B, features[4], D/16, H/16, W/16) and (B, features[5], D, H, W)."""
        bottleneck, tops = self.nodes(x)
        return bottleneck, tops[-1]


class DeepUNetPlusPlus(nn.Module):
    """UNet++ with a 1x1x1 head at each x(0, j), for deep supervision and pruning.

    Args:
        classes: output channels. in_channels, features: as `UNetPlusPlus`.
    """

    def __init__(
        self, classes: int, in_channels: int = 1, features: Sequence[int] = (32, 32, 64, 128, 256, 32)
    ) -> None:
        super().__init__()
        self.backbone = UNetPlusPlus(in_channels, features)
        self.heads = nn.ModuleList(nn.Conv3d(width, classes, 1) for width in self.backbone.top_channels)

    @property
    def level(self) -> int:
        """The deepest level that is left."""
        return len(self.heads)

    def forward(self, x: Tensor, level: int | None = None) -> list[Tensor]:
        """Logits (B, classes, D, H, W) of heads 1 .. level, shallow first; only nodes of that level are computed.

        The last is the fast mode's answer, the mean of all the accurate mode's.
        """
        level = self.level if level is None else level
        if not 1 <= level <= self.level:
            raise ValueError(f"level must be 1 to {self.level}, not {level}")
        _, tops = self.backbone.nodes(x, level)
        return [head(top) for head, top in zip(self.heads[:level], tops, strict=True)]

    def prune(self, level: int) -> DeepUNetPlusPlus:
        """Cuts this network to a level, for good; the parameters of deeper nodes are deleted."""
        if not 1 <= level <= self.level:
            raise ValueError(f"level must be 1 to {self.level}, not {level}")
        for depth in range(level + 1, self.level + 1):
            delattr(self.backbone, f"conv_{depth}_0")
            for j in range(1, depth + 1):
                delattr(self.backbone, f"upcat_{depth - j}_{j}")
        self.heads = self.heads[:level]
        return self
