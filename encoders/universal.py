"""The universal model: a vision backbone and the text-conditioned decoder, with a cached embedding per structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.decoder import Features, TextConditionedDecoder
from encoders.vision import build_backbone


@dataclass(frozen=True)
class ModelConfig:
    """Everything needed to rebuild a model before its weights are loaded; plain data, saved with the weights."""

    structures: tuple[str, ...]
    """The ids whose embeddings are cached, in the order of `class_embedding`."""
    backbone: str = "compact_unet"
    backbone_args: dict[str, Any] = field(default_factory=dict)
    text_dim: int = 256
    hidden: int = 128
    head_channels: tuple[int, ...] = (16, 8, 8)
    groups: int = 16
    head_slope: float = 0.1
    prior_logit: float = -3.0
    spacing_mm: float = 3.0
    window: tuple[int, int, int] = (112, 80, 96)
    hu_windows: tuple[tuple[float, float], ...] = ((-160.0, 240.0), (-1000.0, 1000.0))
    """Hounsfield ranges that become the image channels, each scaled to [-1, 1]."""
    position: bool = True
    """Two more channels: where a voxel lies across the body, left to right and back to front, -1 to 1."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelConfig:
        tuples = {
            "structures": tuple(data["structures"]),
            "head_channels": tuple(data["head_channels"]),
            "window": tuple(data["window"]),
            "hu_windows": tuple(tuple(w) for w in data["hu_windows"]),
        }
        return cls(**{**data, **tuples})


class UniversalModel(nn.Module):
    """Backbone, decoder and one unit-length text embedding per known structure."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(
            config.backbone, in_channels=len(config.hu_windows) + 2 * config.position, **config.backbone_args
        )
        self.decoder = TextConditionedDecoder(
            self.backbone.bottleneck_channels,
            self.backbone.feature_channels,
            text_dim=config.text_dim,
            hidden=config.hidden,
            head_channels=config.head_channels,
            groups=config.groups,
            slope=config.head_slope,
            prior=config.prior_logit,
        )
        self.class_embedding = nn.Parameter(torch.randn(len(config.structures), config.text_dim))

    def image(self, hu: Tensor, position: Tensor) -> Tensor:
        """Network input (B, channels, D, H, W).

        hu: (B, D, H, W) Hounsfield units. position: (B, 2, D, H, W), see `body_position`.
        """
        channels = [
            ((hu - low) * (2 / (high - low)) - 1).clamp(-1, 1) for low, high in self.config.hu_windows
        ]
        image = torch.stack(channels, 1)
        return torch.cat([image, position.clamp(-1.5, 1.5)], 1) if self.config.position else image

    def embeddings(self, structures: Sequence[str]) -> Tensor:
        """(C, text_dim) cached embeddings of known structures, unit length. Raises ValueError for an unknown id."""
        rows = [self.config.structures.index(s) for s in structures]
        return F.normalize(self.class_embedding[rows], dim=1)

    def conditioning(self, embeddings: Tensor) -> Tensor:
        """Unit-length embeddings as the decoder reads them: entries of unit variance.

        At unit length the text would drown in the image feature, and all classes would get one head.
        """
        return embeddings * embeddings.shape[1] ** 0.5

    def features(self, hu: Tensor, position: Tensor) -> Features:
        """Hounsfield units and positions on the model's grid -> class-independent features."""
        return self.decoder.features(*self.backbone(self.image(hu, position)))

    def forward(self, hu: Tensor, position: Tensor, structures: Sequence[str]) -> Tensor:
        """As `features`, -> (B, C, D, H, W) logits of the structures asked for."""
        return self.decoder.decode(
            self.features(hu, position), self.conditioning(self.embeddings(structures))
        )


def body_position(start: Sequence[float], stop: Sequence[float], size: Sequence[int]) -> Tensor:
    """(2, *size) position of each voxel of a window along x and y, -1 at the body box's start and 1 at its stop.

    start, stop: the body box on the window's own voxel indices, at least its x and y.
    """
    x, y = (
        (2 * torch.arange(size[axis]) + 1 - start[axis] - stop[axis]) / (stop[axis] - start[axis])
        for axis in (0, 1)
    )
    shape = tuple(size)
    return torch.stack([x[:, None, None].expand(shape), y[None, :, None].expand(shape)])
