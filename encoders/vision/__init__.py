"""Vision encoder-decoders, chosen by name. Each returns (bottleneck, full-resolution map)."""

from __future__ import annotations

from typing import Any


def build_backbone(name: str, **args: Any):
    """The backbone called `name`; raises ValueError with the known names."""
    if name == "compact_unet":
        from encoders.vision.compact_unet import CompactUNet

        return CompactUNet(**args)
    raise ValueError(f"unknown backbone '{name}'; known: compact_unet")
