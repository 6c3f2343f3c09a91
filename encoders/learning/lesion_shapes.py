"""Shapes of lesions: real masks or ellipsoids, turned, scaled, deformed and resampled to a grid with soft edges."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.errors import BodyMapsError
from encoders.learning.lesion_settings import settings
from encoders.learning.synthesis import noise

HELD_OUT = 5
"""Every so many patients, in the order of their names, lend their shapes to evaluation only."""


class Shape(NamedTuple):
    """A lesion mask on an isotropic grid, in voxels of that grid."""

    mask: Tensor  # (X, Y, Z) uint8
    diameter: float  # of the sphere of the same volume
    centre: Tensor  # (3,) centre of mass
    reach: float  # largest distance of a voxel from the centre


def shape_of(mask: np.ndarray) -> Shape:
    """Raises ValueError when the mask is empty."""
    points = np.argwhere(mask)
    if not len(points):
        raise ValueError("a lesion shape without a voxel")
    centre = points.mean(0)
    reach = float(np.linalg.norm(points - centre, axis=1).max()) + 0.87  # half a voxel's diagonal
    diameter = float((6 * len(points) / np.pi) ** (1 / 3))
    return Shape(
        torch.from_numpy(np.ascontiguousarray(mask, np.uint8)),
        diameter,
        torch.from_numpy(centre).float(),
        reach,
    )


def load_shapes(path: Path, held_out: bool = False) -> tuple[Shape, ...]:
    """The masks of an .npz file of lesions named PATIENT_NUMBER.

    A fifth of the patients is kept for evaluation: `held_out` returns theirs, otherwise those of all others. Raises
    BodyMapsError when there is no such file or it holds no shape.
    """
    if not path.is_file():
        raise BodyMapsError(f"no lesion shapes at {path}: give an .npz file of binary masks")
    with np.load(path) as data:
        patients = sorted({name.rpartition("_")[0] for name in data.files})
        chosen = {p for n, p in enumerate(patients) if (n % HELD_OUT == 0) == held_out}
        shapes = tuple(
            shape_of(data[name]) for name in sorted(data.files) if name.rpartition("_")[0] in chosen
        )
    if not shapes:
        raise BodyMapsError(f"{path} holds no lesion shape: give an .npz file of binary masks")
    return shapes


def draw_diameter(rng: np.random.Generator) -> float:
    """Millimetres, from the log-normal of `tumours.yaml`."""
    rule = settings()["diameter"]
    return float(np.clip(rule["median"] * np.exp(rng.normal(0, rule["sigma"])), *rule["range"]))


def _random_rotation(rng: np.random.Generator) -> Tensor:
    from scipy.spatial.transform import Rotation

    return torch.from_numpy(Rotation.from_quat(rng.normal(size=4)).as_matrix()).float()


def occupancy(shapes: tuple[Shape, ...], diameter: float, spacing: float, rng: np.random.Generator) -> Tensor:
    """(n, n, n) share of each voxel that a random lesion of `diameter` (mm) fills, around the middle voxel.

    `spacing` in millimetres, n odd. Without shapes the lesion is an ellipsoid. Each voxel is the mean of up to 27
    samples, which makes the edge a partial volume.
    """
    shape = None
    if shapes:  # a shape of about the size that is wanted: small lesions are rounder than large ones
        odds = np.exp(-(np.log([s.diameter / diameter for s in shapes]) ** 2) / 0.5) + 1e-6
        shape = shapes[rng.choice(len(shapes), p=odds / odds.sum())]
    radii = rng.uniform(0.75, 1.25, 3)
    radii *= diameter / 2 / np.cbrt(radii.prod())
    scale = diameter / shape.diameter if shape else 1.0
    reach = shape.reach * scale if shape else float(radii.max())
    sway = rng.uniform(0.0, 0.05 if shape else 0.09) * diameter
    half = int(np.ceil((reach + 2 * sway) / spacing)) + 1
    samples = int(np.clip(round(spacing / max(scale, 0.5)), 1, 3))
    count = (2 * half + 1) * samples
    axis = (torch.arange(count, dtype=torch.float32) - (count - 1) / 2) * (spacing / samples)
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))
    points = torch.einsum("ij,jxyz->ixyz", _random_rotation(rng), points)
    features = max(diameter / 2, spacing) * samples / spacing
    points = points + sway * torch.stack([noise((count,) * 3, features, rng) for _ in range(3)])
    if shape:
        size = torch.tensor(shape.mask.shape)
        voxels = points / scale + shape.centre[:, None, None, None]
        normal = ((2 * voxels + 1) / size[:, None, None, None] - 1).flip(0).permute(1, 2, 3, 0)
        inside = F.grid_sample(shape.mask.float()[None, None], normal[None], align_corners=False)
    else:
        distance = (points / torch.from_numpy(radii).float()[:, None, None, None]).square().sum(0)
        inside = (distance < 1).float()[None, None]
    return F.avg_pool3d(inside, samples)[0, 0]
