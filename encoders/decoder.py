"""The text-conditioned decoder of the CLIP-Driven Universal Model (Liu et al., ICCV 2023).

For every class, a controller turns [global image feature ; text embedding] into the weights of a small network of
1x1x1 convolutions, which is applied to a feature map that all classes share. Each class has its own sigmoid and does
not see the others, so any subset of classes can be decoded, in any order, with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

AT_ONCE = 4096
"""Voxels that the heads read together outside training: what many classes make of more leaves the processor's cache."""


class Features(NamedTuple):
    """What the decoder needs of one image; everything that depends on a class comes after it."""

    voxels: Tensor
    """(B, head channels, D, H, W): the map that the class heads read."""
    image: Tensor
    """(B, hidden): the global image feature, pooled from the bottleneck."""


class TextConditionedDecoder(nn.Module):
    """Per-class dynamic heads generated from an image feature and a text embedding.

    Module names (`GAP`, `precls_conv`, `controller`, `text_to_vision`) and the order of the controller's output
    (all weights of the head's layers, then all biases) are those of the published checkpoints.

    Args:
        bottleneck_channels: channels of the backbone's deepest map.
        feature_channels: channels of the backbone's full-resolution map.
        text_dim: length of a text embedding.
        hidden: length of the image feature and of the projected text feature.
        head_channels: input channels of each 1x1x1 layer of a head; the last layer has one output.
        groups: groups of the two group normalisations.
        slope: negative slope of the heads' activation; 0 is the published ReLU. Trained from scratch, heads with
            ReLU tend to die while the first steps push rare classes down.
        prior: initial bias of every class logit.
    """

    def __init__(
        self,
        bottleneck_channels: int,
        feature_channels: int,
        text_dim: int = 512,
        hidden: int = 256,
        head_channels: Sequence[int] = (8, 8, 8),
        groups: int = 16,
        slope: float = 0.0,
        prior: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [*head_channels, 1]
        self.layers = tuple(pairwise(widths))
        self.slope = slope
        weights = sum(i * o for i, o in self.layers)
        biases = sum(o for _, o in self.layers)
        self.text_to_vision = nn.Linear(text_dim, hidden)
        project = nn.Conv3d(feature_channels, widths[0], 1)
        nn.init.kaiming_normal_(project.weight)
        self.precls_conv = nn.Sequential(
            nn.GroupNorm(groups, feature_channels), nn.ReLU(inplace=True), project
        )
        self.GAP = nn.Sequential(
            nn.GroupNorm(groups, bottleneck_channels),
            nn.ReLU(),
            nn.AdaptiveAvgPool3d(1),
            nn.Conv3d(bottleneck_channels, hidden, 1),
        )
        self.controller = nn.Conv3d(2 * hidden, weights + biases, 1)
        self._initialise(hidden, prior)

    @torch.no_grad()
    def _initialise(self, hidden: int, prior: float) -> None:
        """Starts every class with a head of its own whose layers keep the variance of what they read.

        The controller is a hypernetwork: with an ordinary initialisation the heads it writes are so weak and so alike
        that training stays at "nothing anywhere". Hyperfan initialisation (Chang et al., ICLR 2020), from the text
        half only; the image half starts at zero.
        """
        nn.init.kaiming_normal_(self.text_to_vision.weight)
        nn.init.zeros_(self.text_to_vision.bias)
        nn.init.zeros_(self.controller.weight)
        bias = torch.zeros(self.controller.out_channels)
        bias[-1] = prior
        self.controller.bias = nn.Parameter(bias)
        row = 0
        for inside, outside in self.layers:
            rows = slice(row, row + inside * outside)
            # the words' second moment is 1 for entries of unit variance, and 2 / inside is He's variance
            nn.init.normal_(self.controller.weight[rows, hidden:], std=(2 / (inside * hidden)) ** 0.5)
            row += inside * outside

    def features(self, bottleneck: Tensor, full: Tensor) -> Features:
        """The class-independent part: (B, Cb, d, h, w) and (B, Cf, D, H, W) in, `Features` out."""
        return Features(self._project(full), self.GAP(bottleneck).flatten(1))

    def _project(self, full: Tensor) -> Tensor:
        """`precls_conv`; its 1x1x1 convolution is a matrix product when a voxel's channels lie side by side."""
        if not full.is_contiguous(memory_format=torch.channels_last_3d):
            return self.precls_conv(full)
        _, relu, project = self.precls_conv
        assert isinstance(project, nn.Conv3d)
        x = relu(self._normalise(full)).movedim(1, -1)
        return F.linear(x, project.weight.flatten(1), project.bias).movedim(-1, 1)

    def _normalise(self, full: Tensor) -> Tensor:
        return self.precls_conv[0](full)

    def words(self, text: Tensor) -> Tensor:
        """(C, hidden) text features of (C, text_dim) embeddings."""
        return F.relu(self.text_to_vision(text))

    def heads(self, image: Tensor, text: Tensor) -> Tensor:
        """Head parameters (C, P) for one image feature (hidden,) and text embeddings (C, text_dim)."""
        words = self.words(text)
        joint = torch.cat([image.expand(len(words), -1), words], 1)
        return self.controller(joint[..., None, None, None]).flatten(1)

    def apply_heads(self, heads: Tensor, points: Tensor) -> Tensor:
        """Logits (C, N) of C heads (C, P) at N voxels with features (channels, N)."""
        if torch.is_grad_enabled():
            return self._logits(heads, points)
        with torch.autocast(
            points.device.type, enabled=False
        ):  # a few small products: float32 is the faster one
            heads = heads.float()
            return torch.cat([self._logits(heads, some.float()) for some in points.split(AT_ONCE, 1)], 1)

    def _logits(self, heads: Tensor, points: Tensor) -> Tensor:
        classes = len(heads)
        splits = [i * o for i, o in self.layers] + [o for _, o in self.layers]
        parts = heads.split(splits, 1)
        depth = len(self.layers)
        x = points
        for n, (inside, outside) in enumerate(self.layers):
            weight, bias = parts[n], parts[depth + n]
            if n == 0:  # every class reads the same map: one matrix product serves all
                x = torch.addmm(bias.reshape(-1, 1), weight.reshape(classes * outside, inside), x)
                x = x.reshape(classes, outside, -1)
            else:
                x = torch.baddbmm(bias[..., None], weight.reshape(classes, outside, inside), x)
            if n + 1 < depth:
                x = F.leaky_relu(x, self.slope, inplace=True) if self.slope else F.relu(x, inplace=True)
        return x[:, 0]

    def decode(self, features: Features, text: Tensor) -> Tensor:
        """Logits (B, C, D, H, W) of the classes whose text embeddings (C, text_dim) are given."""
        size = features.voxels.shape[2:]
        return torch.stack(
            [
                self.apply_heads(self.heads(image, text), voxels.flatten(1)).reshape(len(text), *size)
                for voxels, image in zip(features.voxels, features.image, strict=True)
            ]
        )

    def decode_at(self, features: Features, text: Tensor, voxels: Tensor) -> Tensor:
        """Logits (C, n) at n voxels of one image, given by their places (n,) in its flattened (D, H, W)."""
        points = features.voxels[0].flatten(1).T.index_select(0, voxels).T
        return self.apply_heads(self.heads(features.image[0], text), points)
