"""Lesions planted in CT windows on the fly, after SyntheticTumors (Hu et al., CVPR 2023): place, shape, texture, edge,
mass effect and capsule. The ranges are in `tumours.yaml`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encoders.learning.decoys import decoy
from encoders.learning.lesion_painting import choose, mean_around, painted, pushed
from encoders.learning.lesion_places import Organs, Slices, fit
from encoders.learning.lesion_settings import DECOY, LESIONS, settings
from encoders.learning.lesion_shapes import Shape, draw_diameter, occupancy


@dataclass(frozen=True, eq=False)
class Planted:
    """One lesion in an image. slices: its part of the grid; voxels: bool of that size; hu: its drawn mean."""

    lesion: str
    organ: str  # name of the host's label
    kind: str
    slices: Slices
    voxels: Tensor
    diameter_mm: float  # of the sphere of the volume that it fills
    hu: float


def _voxels(filled: Tensor) -> Tensor:
    """The voxels that count as lesion: at least half filled, or the fullest of a lesion smaller than a voxel."""
    return filled >= min(0.5, 0.6 * float(filled.max()))


def plant(
    hu: Tensor,
    organs: Organs,
    entry: dict[str, Any],
    value: int,
    diameter: float,
    taken: Tensor,
    rng: np.random.Generator,
    shapes: tuple[Shape, ...],
) -> Planted | None:
    """One lesion of about `diameter` mm in the organ with label `value`; writes `hu`. None when it does not fit.

    A lesion that does not fit is tried a few times smaller; `taken` (bool, grid) are voxels to stay away from.
    """
    spacing = organs.spacing
    for _ in range(4):
        filled = occupancy(shapes, diameter, spacing, rng)
        place = fit(organs, entry, value, filled, taken, rng)
        if place is not None:
            break
        diameter *= 0.75
        if diameter < settings()["diameter"]["range"][0]:
            return None
    else:
        return None
    window, filled = place
    crop, host = hu[window], organs.labels[window] == value
    chosen = choose(entry["kinds"], mean_around(crop, host, filled, organs.level(value)), rng)
    if chosen is None:
        return None
    kind, level = chosen
    real = float((6 / np.pi * filled.sum()) ** (1 / 3)) * spacing
    if real >= settings()["push"]["from"]:
        crop = pushed(crop, filled, real, spacing, rng)
    hu[window] = painted(crop, filled, kind, level, spacing, rng)
    return Planted(kind["lesion"], organs.names[value], kind["name"], window, _voxels(filled), real, level)


def _kinds(
    entry: dict[str, Any], only: Collection[str], favoured: Mapping[str, float]
) -> list[dict[str, Any]]:
    """An organ's kinds of the lesions in `only` (none: all), their weights multiplied."""
    return [
        {**kind, "weight": kind["weight"] * favoured.get(kind["name"], 1.0)}
        for kind in entry["kinds"]
        if not only or kind["lesion"] in only
    ]


def add_tumours(
    hu: Tensor,
    labels: Tensor,
    names: tuple[str, ...],
    spacing_mm: float,
    rng: np.random.Generator,
    shapes: tuple[Shape, ...] = (),
    only: Collection[str] = (),
    favoured: Mapping[str, float] = MappingProxyType({}),
) -> tuple[Tensor, Tensor]:
    """Zero to four lesions in the organs that the window shows.

    Args:
        hu: (X, Y, Z) Hounsfield units, float32, RAS+; not changed.
        labels: (X, Y, Z) int64, `names[value]`; value 0 is unlabelled.
        spacing_mm: isotropic voxel size.
        shapes: see `load_shapes`; none: ellipsoids.
        only: ids of the lesions to plant; none: all.
        favoured: how many times as often as in `tumours.yaml` a kind is drawn, by its name there.

    Returns:
        the new image, and (X, Y, Z) int64 lesions: 0 none, v is `LESIONS[v - 1]`, `DECOY` what only looks like one.
        The same `rng` state gives the same.
    """
    hu = hu.clone()
    lesions = torch.zeros_like(labels)
    organs = Organs(hu, labels, names, spacing_mm)
    chances = settings()["counts"]
    hosts = [(entry, value) for entry, value in organs.entries if _kinds(entry, only, favoured)]
    if hosts:
        lobes = [id(entry) for entry, _ in hosts]  # a lung has five lobes but one organ's share
        odds = np.array([entry["weight"] / lobes.count(id(entry)) for entry, _ in hosts])
        for _ in range(rng.choice(len(chances), p=np.array(chances) / sum(chances))):
            entry, value = hosts[rng.choice(len(odds), p=odds / odds.sum())]
            chosen = {**entry, "kinds": _kinds(entry, only, favoured)}
            made = plant(hu, organs, chosen, value, draw_diameter(rng), lesions > 0, rng, shapes)
            if made is not None:
                part = lesions[made.slices]
                part[made.voxels] = LESIONS.index(made.lesion) + 1
    if rng.random() < settings()["decoys"]["chance"]:
        for _ in range(rng.integers(1, 4)):
            edit = decoy(hu, organs, lesions > 0, rng, shapes)
            if edit is not None:
                slices, filled = edit
                part = lesions[slices]
                part[(filled > 0.3) & (part == 0)] = DECOY
    return hu, lesions
