"""Vision encoder-decoders, chosen by name. Each returns (bottleneck, full-resolution map)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

BACKBONES = {
    "compact_unet": "CompactUNet",
    "swin_unetr": "SwinBackbone",
    "unet": "UNet3D",
    "unetpp": "UNetPlusPlus",
}
"""The class in the module `encoders.vision.<name>`."""


def build_backbone(name: str, **args: Any):
    """The backbone called `name`; raises ValueError with the known names."""
    if name not in BACKBONES:
        raise ValueError(f"unknown backbone '{name}'; known: {', '.join(BACKBONES)}")
    return getattr(import_module(f"encoders.vision.{name}"), BACKBONES[name])(**args)
