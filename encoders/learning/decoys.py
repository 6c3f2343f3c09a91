"""What is no lesion but may look like one: fissures with their fat, dilated ducts, vessels, retouched tissue.

In CTs of healthy livers these, not noise, are what a detector of planted lesions takes for one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from encoders.learning.lesion_painting import mean_around, painted
from encoders.learning.lesion_places import Organs, Slices, box_around, fit
from encoders.learning.lesion_settings import settings
from encoders.learning.lesion_shapes import Shape, draw_diameter, occupancy


def sheet(shapes: tuple[Shape, ...], spacing: float, rng: np.random.Generator) -> Tensor:
    """(n, n, n) share of each voxel that a curved layer fills, 1 to 5 mm thick and 20 to 60 mm wide, n odd.

    It is what is left of a blob without its copy that moved aside.
    """
    blob = occupancy(shapes, float(rng.uniform(20, 60)), spacing, rng)
    away = rng.normal(size=3)
    shift = np.rint(away / np.linalg.norm(away) * max(rng.uniform(1, 5) / spacing, 1)).astype(int)
    moved = torch.roll(blob, tuple(shift.tolist()), (0, 1, 2))
    return (blob - moved).clamp_min(0)


STEP_MM = 1.5
"""Distance between the points of a tube's way."""


def way(start: np.ndarray, length: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Points of a winding way that begins at `start`, millimetres."""
    points, heading = [start], rng.normal(size=3)
    for _ in range(int(np.ceil(length / STEP_MM))):
        heading = heading / np.linalg.norm(heading) + 0.25 * rng.normal(size=3)
        points.append(points[-1] + STEP_MM * heading / np.linalg.norm(heading))
    return points


def tube(
    spacing: float, rng: np.random.Generator, radius: tuple[float, float] = (1, 4), branches: int = 0
) -> Tensor:
    """(n, n, n) share of each voxel that a winding tube fills, 15 to 50 mm long, n odd.

    radius: range that the radius is drawn from, millimetres. branches: the most shorter tubes that leave it.
    """
    length, width = float(rng.uniform(15, 50)), float(rng.uniform(*radius))
    trunk = way(np.zeros(3), length, rng)
    points = list(trunk)
    for _ in range(rng.integers(0, branches + 1)):
        points += way(trunk[rng.integers(len(trunk))], float(rng.uniform(8, 30)), rng)
    return _around(np.array(points) - trunk[len(trunk) // 2], width, spacing)


def _around(points: np.ndarray, radius: float, spacing: float) -> Tensor:
    """(n, n, n) share of each voxel that lies within `radius` of the points, all in millimetres, n odd."""
    half = int(np.ceil((np.abs(points).max() + radius) / spacing)) + 1
    axis = (torch.arange(2 * half + 1, dtype=torch.float32) - half) * spacing
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    distance = torch.cdist(grid, torch.from_numpy(points).float()).amin(1)
    return ((radius - distance) / spacing + 0.5).clamp(0, 1).reshape((2 * half + 1,) * 3)


def decoy(
    hu: Tensor, organs: Organs, taken: Tensor, rng: np.random.Generator, shapes: tuple[Shape, ...]
) -> tuple[Slices, Tensor] | None:
    """An edit that is no lesion, of a kind of `tumours.yaml`: where it is, and the share of each voxel that it fills.

    None where it found no place. Without them the traces of retouching alone, any round blob, or any dark spot would
    tell where the lesions are.
    """
    kinds = settings()["decoys"]["kinds"]
    odds = np.array([k["weight"] for k in kinds])
    kind = kinds[rng.choice(len(kinds), p=odds / odds.sum())]
    if kind["shape"] == "sheet":
        filled = sheet(shapes, organs.spacing, rng)
    elif kind["shape"] == "tube":
        filled = tube(organs.spacing, rng, kind["radius"], kind["branches"])
    else:
        filled = occupancy(shapes, draw_diameter(rng), organs.spacing, rng)
    if kind["where"] == "organ":
        entries = [e for e in organs.entries if organs.names[e[1]] in kind.get("organs", organs.names)]
        if not entries:
            return None
        entry, value = entries[rng.integers(len(entries))]
        rule = {**entry, "grows_out": 1.0 if "level" in kind else 0.0, "inside": kind["inside"]}
        place = fit(organs, rule, value, filled, taken, rng)
        if place is None:
            return None
        window, filled = place
        level = mean_around(hu[window], organs.labels[window] == value, filled, organs.level(value))
    else:
        centre = torch.tensor([int(rng.integers(n)) for n in hu.shape])
        window, filled = box_around(centre, filled, hu.shape)
        hosts = organs.is_host[organs.labels[window]]
        if float(hu[tuple(centre)]) < -150 or (filled * (hosts | taken[window])).sum() > 0:
            return None
    if "level" in kind:
        level = float(rng.uniform(*kind["level"]))
    filled = filled * (hu[window] > -200)
    plain = {"texture": [0, 10], "grain": [3, 10], "edge": [0.3, 2.5]}
    hu[window] = painted(hu[window], filled, plain, level, organs.spacing, rng)
    return window, filled
