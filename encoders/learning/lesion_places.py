"""Where a planted lesion may lie: in its organ, away from vessels and from other lesions."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encoders.learning.lesion_settings import settings
from encoders.learning.synthesis import blur, smoothed

Slices = tuple[slice, ...]


class Organs:
    """What planting needs to know about a window, each computed once."""

    def __init__(self, hu: Tensor, labels: Tensor, names: Sequence[str], spacing: float) -> None:
        self.labels, self.names, self.spacing = labels, names, spacing
        counts = torch.bincount(labels.reshape(-1), minlength=len(names))
        least = 1000.0 / spacing**3  # a millilitre
        self.entries = [
            (entry, value)
            for entry in settings()["organs"].values()
            for value, name in enumerate(names)
            if counts[value] > least and _hosts(entry, name)
        ]
        self.is_host = torch.zeros(len(names), dtype=torch.bool)
        self.is_host[[v for v, n in enumerate(names) if any(_hosts(e, n) for e in _all())]] = True
        self.is_free = torch.tensor([v == 0 or n in settings()["free"] for v, n in enumerate(names)])
        self._places: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        self.hu = hu

    def places(self, value: int) -> Tensor:
        """(n, 3) voxels of a label."""
        if value not in self._places:
            self._places[value] = (self.labels == value).nonzero()
        return self._places[value]

    def level(self, value: int) -> float:
        """Median HU of a label."""
        if value not in self._values:
            self._values[value] = self.hu[tuple(self.places(value).T)].median()
        return float(self._values[value])


def _all() -> list[dict[str, Any]]:
    return list(settings()["organs"].values())


def _hosts(entry: dict[str, Any], name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in entry["match"])


def box_around(centre: Tensor, occupied: Tensor, shape: Sequence[int]) -> tuple[Slices, Tensor]:
    """Where a cube around `centre` lies on the grid, and the part of it that does."""
    half = occupied.shape[0] // 2
    window, part = [], []
    for c, n in zip(centre.tolist(), shape, strict=True):
        low, high = max(c - half, 0), min(c + half + 1, n)
        window.append(slice(low, high))
        part.append(slice(low - c + half, high - c + half))
    return tuple(window), occupied[tuple(part)]


def fit(
    organs: Organs,
    entry: dict[str, Any],
    value: int,
    filled: Tensor,
    taken: Tensor,
    rng: np.random.Generator,
) -> tuple[Slices, Tensor] | None:
    """A place in the organ where the lesion may lie, and what it fills there; None when none is found soon."""
    places = organs.places(value)
    outward = rng.random() < entry["grows_out"]
    for _ in range(12):
        centre = places[rng.integers(len(places))]
        if "centre" in entry and not entry["centre"][0] < organs.hu[tuple(centre)] < entry["centre"][1]:
            continue
        window, part = box_around(centre, filled, organs.labels.shape)
        host = organs.labels[window] == value
        whole = part.sum()
        if (part * host).sum() < entry["inside"] * whole or whole < 0.5 * filled.sum():
            continue
        if (part * taken[window]).sum() > 0:
            continue
        if "bright" in entry:
            vessels = smoothed(organs.hu[window]) > organs.level(value) + entry["bright"]
            if (part * (vessels & host)).sum() > 0.08 * whole:
                continue
        allowed = host | organs.is_free[organs.labels[window]] if outward else host
        # air beside the organ stays air, save where the organ itself holds air (lungs, bowel)
        allowed = allowed & (host | (organs.hu[window] > -200))
        return window, part * torch.where(allowed, 1.0, blur(allowed.float(), 0.5) * 0.5)
    return None
