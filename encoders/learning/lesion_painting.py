"""How a planted lesion looks: its grey level, texture, core, rim and edge, and how it pushes the tissue around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.learning.lesion_settings import settings
from encoders.learning.synthesis import blur, noise, smoothed


def mean_around(hu: Tensor, host: Tensor, filled: Tensor, default: float) -> float:
    """Mean HU of the organ beside the lesion, without its extremes; `default` where little of it shows."""
    near = hu[host & (filled < 0.05)]
    if len(near) < 8:
        return default
    low, high = torch.quantile(near, torch.tensor([0.1, 0.9]))
    return float(near[(near >= low) & (near <= high)].mean())


def _level(kind: dict[str, Any], around: float, rng: np.random.Generator) -> float:
    """Mean HU of a lesion of this kind in an organ of mean `around`."""
    if "level" in kind:
        return float(rng.uniform(*kind["level"]))
    return max(around + float(rng.uniform(*kind["offset"])), kind.get("floor", -1024.0))


def choose(
    kinds: Sequence[dict[str, Any]], around: float, rng: np.random.Generator
) -> tuple[dict[str, Any], float] | None:
    """A kind and its mean HU; None when nothing drawn would show: a cyst in an organ as dark as fluid."""
    odds = np.array([k["weight"] for k in kinds])
    for _ in range(8):
        kind = kinds[rng.choice(len(kinds), p=odds / odds.sum())]
        if around > kind.get("organ_below", math.inf):
            continue
        level = _level(kind, around, rng)
        darker = kind.get("darker", sum(kind.get("offset", (0, 0))) < 0)
        brighter = sum(kind.get("offset", (0, 0))) > 0
        difference = around - level if darker else level - around if brighter else abs(level - around)
        if difference >= settings()["contrast"]:
            return kind, level
    return None


def pushed(crop: Tensor, filled: Tensor, diameter: float, spacing: float, rng: np.random.Generator) -> Tensor:
    """Mass effect: tissue moves away from the lesion's centre of mass.

    source = c + (p - c) (1 - S (1 - |p - c|^2 / R^2)) within R (Pixel2Cancer's local expansion); the shift is at most
    S R 2 / sqrt(27) and is kept below `most`, so that labels stay true.
    """
    rule = settings()["push"]
    radius = rule["reach"] * diameter / 2
    strength = min(rng.uniform(*rule["strength"]), rule["most"] * np.sqrt(27) / 2 / radius)
    axes = [torch.arange(n, dtype=torch.float32) for n in crop.shape]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    centre = (grid * filled).flatten(1).sum(1) / filled.sum()
    away = grid - centre[:, None, None, None]
    near = (1 - away.square().sum(0) * (spacing / radius) ** 2).clamp_min(0)
    source = centre[:, None, None, None] + away * (1 - strength * near)
    size = torch.tensor(crop.shape)[:, None, None, None]
    normal = ((2 * source + 1) / size - 1).flip(0).permute(1, 2, 3, 0)
    moved = F.grid_sample(crop[None, None], normal[None].float(), padding_mode="border", align_corners=False)[
        0, 0
    ]
    return torch.where(near > 0, moved, crop)


def painted(
    crop: Tensor, filled: Tensor, kind: dict[str, Any], level: float, spacing: float, rng: np.random.Generator
) -> Tensor:
    """The crop with the lesion in it: texture, perhaps a necrotic core and a rim, the image's own grain kept."""
    size = tuple(crop.shape)
    texture = rng.uniform(*kind["texture"]) * noise(
        size, max(rng.uniform(*kind["grain"]) / spacing, 1.0), rng
    )
    tissue = level + texture
    body = blur(filled, 1.0)
    if rng.random() < kind.get("core", 0.0):
        core = ((body - 0.75) / 0.2 + 0.5 * noise(size, 3, rng)).clamp(0, 1)
        fluid = min(level - 10, rng.uniform(0, 25))
        tissue = tissue + core * (fluid - tissue) * rng.uniform(0.4, 1.0)
    if rng.random() < kind.get("rim", 0.0):
        shell = (1 - (body - 0.45).abs() / 0.3).clamp_min(0)
        tissue = tissue + shell * rng.uniform(*kind["rim_hu"])
    grain = (crop - smoothed(crop)).clamp(-30, 30)
    soft = blur(filled, rng.uniform(*kind["edge"]) / spacing)
    return crop + soft * (tissue + grain - crop)
