"""Lesions planted in CT windows on the fly, after SyntheticTumors (Hu et al., CVPR 2023): place, shape, texture, edge,
mass effect and capsule. The ranges are in `tumours.yaml`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

from encoders.learning.decoys import sheet, tube
from encoders.learning.lesion_shapes import Shape, occupancy
from encoders.learning.synthesis import blur, noise

LESIONS = (
    "liver_tumor",
    "liver_cyst",
    "pancreas_tumor",
    "kidney_tumor",
    "kidney_cyst",
    "lung_tumor",
    "colon_tumor",
)
"""Ontology ids: value v of a lesion map is `LESIONS[v - 1]`, 0 is none."""

Slices = tuple[slice, ...]


@cache
def settings() -> dict[str, Any]:
    """The content of `tumours.yaml`."""
    return yaml.safe_load(files("encoders.learning").joinpath("tumours.yaml").read_text())


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
            if counts[value] > least and any(fnmatch(name, p) for p in entry["match"])
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


def _box(centre: Tensor, occupied: Tensor, shape: Sequence[int]) -> tuple[Slices, Tensor]:
    """Where a cube around `centre` lies on the grid, and the part of it that does."""
    half = occupied.shape[0] // 2
    window, part = [], []
    for c, n in zip(centre.tolist(), shape, strict=True):
        low, high = max(c - half, 0), min(c + half + 1, n)
        window.append(slice(low, high))
        part.append(slice(low - c + half, high - c + half))
    return tuple(window), occupied[tuple(part)]


def _smoothed(crop: Tensor) -> Tensor:
    """Mean over 3 x 3 x 3 voxels."""
    padded = F.pad(crop[None, None], (1,) * 6, mode="replicate")
    return F.avg_pool3d(padded, 3, 1)[0, 0]


def _fit(
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
        window, part = _box(centre, filled, organs.labels.shape)
        host = organs.labels[window] == value
        whole = part.sum()
        if (part * host).sum() < entry["inside"] * whole or whole < 0.5 * filled.sum():
            continue
        if (part * taken[window]).sum() > 0:
            continue
        if "bright" in entry:
            vessels = _smoothed(organs.hu[window]) > organs.level(value) + entry["bright"]
            if (part * (vessels & host)).sum() > 0.08 * whole:
                continue
        allowed = host | organs.is_free[organs.labels[window]] if outward else host
        # air beside the organ stays air, save where the organ itself holds air (lungs, bowel)
        allowed = allowed & (host | (organs.hu[window] > -200))
        return window, part * torch.where(allowed, 1.0, blur(allowed.float(), 0.5) * 0.5)
    return None


def _mean_around(hu: Tensor, host: Tensor, filled: Tensor, default: float) -> float:
    """Mean HU of the organ beside the lesion, without its extremes."""
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


def _choose(
    kinds: Sequence[dict[str, Any]], around: float, rng: np.random.Generator
) -> tuple[dict[str, Any], float] | None:
    """A kind and its mean HU; None when nothing drawn would show: a cyst in an organ as dark as fluid."""
    odds = np.array([k["weight"] for k in kinds])
    for _ in range(8):
        kind = kinds[rng.choice(len(kinds), p=odds / odds.sum())]
        level = _level(kind, around, rng)
        darker = kind.get("darker", sum(kind.get("offset", (0, 0))) < 0)
        brighter = sum(kind.get("offset", (0, 0))) > 0
        difference = around - level if darker else level - around if brighter else abs(level - around)
        if difference >= settings()["contrast"]:
            return kind, level
    return None


def _pushed(
    crop: Tensor, filled: Tensor, diameter: float, spacing: float, rng: np.random.Generator
) -> Tensor:
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


def _painted(
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
    grain = (crop - _smoothed(crop)).clamp(-30, 30)
    soft = blur(filled, rng.uniform(*kind["edge"]) / spacing)
    return crop + soft * (tissue + grain - crop)


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
        place = _fit(organs, entry, value, filled, taken, rng)
        if place is not None:
            break
        diameter *= 0.75
        if diameter < settings()["diameter"]["range"][0]:
            return None
    else:
        return None
    window, filled = place
    crop, host = hu[window], organs.labels[window] == value
    chosen = _choose(entry["kinds"], _mean_around(crop, host, filled, organs.level(value)), rng)
    if chosen is None:
        return None
    kind, level = chosen
    real = float((6 / np.pi * filled.sum()) ** (1 / 3)) * spacing
    if real >= settings()["push"]["from"]:
        crop = _pushed(crop, filled, real, spacing, rng)
    hu[window] = _painted(crop, filled, kind, level, spacing, rng)
    return Planted(kind["lesion"], organs.names[value], kind["name"], window, _voxels(filled), real, level)


def draw_diameter(rng: np.random.Generator) -> float:
    """Millimetres, from the log-normal of `tumours.yaml`."""
    rule = settings()["diameter"]
    return float(np.clip(rule["median"] * np.exp(rng.normal(0, rule["sigma"])), *rule["range"]))


def _decoy(
    hu: Tensor, organs: Organs, taken: Tensor, rng: np.random.Generator, shapes: tuple[Shape, ...]
) -> None:
    """An edit that is no lesion, of a kind of `tumours.yaml`.

    Without them the traces of retouching alone, any round blob, or any dark spot would tell where the lesions are.
    """
    kinds = settings()["decoys"]["kinds"]
    kind = kinds[rng.choice(len(kinds), p=np.array([k["weight"] for k in kinds]))]
    if kind["shape"] == "sheet":
        filled = sheet(shapes, organs.spacing, rng)
    elif kind["shape"] == "tube":
        filled = tube(organs.spacing, rng)
    else:
        filled = occupancy(shapes, draw_diameter(rng), organs.spacing, rng)
    if kind["where"] == "organ":
        if not organs.entries:
            return
        entry, value = organs.entries[rng.integers(len(organs.entries))]
        rule = {**entry, "grows_out": 1.0 if "level" in kind else 0.0, "inside": kind["inside"]}
        place = _fit(organs, rule, value, filled, taken, rng)
        if place is None:
            return
        window, filled = place
        level = _mean_around(hu[window], organs.labels[window] == value, filled, organs.level(value))
    else:
        centre = torch.tensor([int(rng.integers(n)) for n in hu.shape])
        window, filled = _box(centre, filled, hu.shape)
        hosts = organs.is_host[organs.labels[window]]
        if float(hu[tuple(centre)]) < -150 or (filled * (hosts | taken[window])).sum() > 0:
            return
    if "level" in kind:
        level = float(rng.uniform(*kind["level"]))
    filled = filled * (hu[window] > -200)
    plain = {"texture": [0, 10], "grain": [3, 10], "edge": [0.3, 2.5]}
    hu[window] = _painted(hu[window], filled, plain, level, organs.spacing, rng)


def add_tumours(
    hu: Tensor,
    labels: Tensor,
    names: tuple[str, ...],
    spacing_mm: float,
    rng: np.random.Generator,
    shapes: tuple[Shape, ...] = (),
) -> tuple[Tensor, Tensor]:
    """Zero to four lesions in the organs that the window shows.

    Args:
        hu: (X, Y, Z) Hounsfield units, float32, RAS+; not changed.
        labels: (X, Y, Z) int64, `names[value]`; value 0 is unlabelled.
        spacing_mm: isotropic voxel size.
        shapes: see `load_shapes`; none: ellipsoids.

    Returns:
        the new image, and (X, Y, Z) int64 lesions: 0 none, v is `LESIONS[v - 1]`. The same `rng` state gives the same.
    """
    hu = hu.clone()
    lesions = torch.zeros_like(labels)
    organs = Organs(hu, labels, names, spacing_mm)
    chances = settings()["counts"]
    if organs.entries:
        kinds = [id(entry) for entry, _ in organs.entries]  # a lung has five lobes but one organ's share
        odds = np.array([entry["weight"] / kinds.count(id(entry)) for entry, _ in organs.entries])
        for _ in range(rng.choice(len(chances), p=np.array(chances) / sum(chances))):
            entry, value = organs.entries[rng.choice(len(odds), p=odds / odds.sum())]
            made = plant(hu, organs, entry, value, draw_diameter(rng), lesions > 0, rng, shapes)
            if made is not None:
                part = lesions[made.slices]
                part[made.voxels] = LESIONS.index(made.lesion) + 1
    if rng.random() < settings()["decoys"]["chance"]:
        for _ in range(rng.integers(1, 4)):
            _decoy(hu, organs, lesions > 0, rng, shapes)
    return hu, lesions
