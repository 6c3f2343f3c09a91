"""The published Universal Model: its state dict has the names and shapes of the released checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.decoder import Features, TextConditionedDecoder
from encoders.vision import build_backbone
from encoders.vision.statistics import group_norm, lossy


@dataclass(frozen=True)
class Layout:
    """What a checkpoint's shapes say of its network.

    backbone, backbone_args: for `build_backbone`. classes: rows of the class embedding.
    text_dim: length of a text embedding; None for learned class vectors without text (`rand_embedding`).
    hidden: length of the image feature and of the projected text feature.
    """

    backbone: str
    classes: int
    text_dim: int | None = 512
    hidden: int = 256
    backbone_args: dict[str, Any] = field(default_factory=dict)


class PublishedModel(TextConditionedDecoder):
    """Backbone, heads and one fixed embedding per class.

    The buffer `organ_embedding` (classes, text_dim) holds the text embeddings; they are constants of the checkpoint,
    not computed from the user's words. With `text_dim` None it is a learned (classes, hidden) table.
    """

    def __init__(self, layout: Layout) -> None:
        backbone = build_backbone(layout.backbone, **layout.backbone_args)
        super().__init__(
            backbone.bottleneck_channels,
            backbone.feature_channels,
            text_dim=layout.text_dim or 1,
            hidden=layout.hidden,
        )
        self.layout = layout
        self.backbone = backbone
        if layout.text_dim is None:
            del self.text_to_vision
            self.organ_embedding = nn.Embedding(layout.classes, layout.hidden)
        else:
            self.register_buffer("organ_embedding", torch.randn(layout.classes, layout.text_dim))

    def embeddings(self, rows: Sequence[int] | None = None) -> Tensor:
        """(C, text_dim or hidden) embeddings of these class indices; all when None."""
        learned = isinstance(self.organ_embedding, nn.Embedding)
        table = self.organ_embedding.weight if learned else self.organ_embedding
        return table if rows is None else table[list(rows)]  # type: ignore[index, return-value]

    def words(self, text: Tensor) -> Tensor:
        """(C, hidden) features of (C, text_dim) embeddings; a learned table is that feature itself."""
        return text if self.layout.text_dim is None else F.relu(self.text_to_vision(text))

    def _normalise(self, full: Tensor) -> Tensor:
        norm = self.precls_conv[0]
        assert isinstance(norm, nn.GroupNorm)
        return group_norm(full, norm) if lossy(full) else norm(full)

    def encode(self, image: Tensor) -> Features:
        """The class-independent part of one window (1, 1, D, H, W), values 0..1.

        One window at a time: the U-Net's normalisation uses the statistics of what it is given.
        """
        bottleneck, full = self.backbone(image)
        with torch.autocast(image.device.type, enabled=False):
            return self.features(bottleneck.float(), full.float())

    def forward(self, image: Tensor, rows: Sequence[int] | None = None) -> Tensor:
        """Logits (B, C, D, H, W) of these class indices; all when None."""
        return self.decode(self.encode(image), self.embeddings(rows))
