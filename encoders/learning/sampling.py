"""Random, deformed windows of training cases. Everything runs on torch tensors on one grid, in voxels."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.learning.cases import OUTSIDE, Case

FAVOURED_SHARE = 0.45
"""Of the windows, where a recipe favours structures."""


class Fields(NamedTuple):
    """A case as tensors, with the distance maps that painting needs (millimetres, capped at 255)."""

    case: Case
    labels: Tensor  # (X, Y, Z) int64
    hu: Tensor | None  # (X, Y, Z) float32
    trusted: Tensor  # (X, Y, Z) bool
    depth: Tensor  # distance to the outside of the body
    rim: Tensor  # distance to the border of the own structure
    seeds: dict[str, Tensor]  # voxel coordinates of each label, subsampled, to centre windows on
    body: Tensor  # (n, 3) voxel coordinates of the body, subsampled


class Window(NamedTuple):
    """One training window."""

    labels: Tensor
    trusted: Tensor
    hu: Tensor | None
    depth: Tensor
    rim: Tensor
    position: Tensor  # (2, X, Y, Z), see `encoders.universal.body_position`


def fields(case: Case, rng: np.random.Generator) -> Fields:
    """Distance maps and centre candidates of a case."""
    import edt

    labels = case.labels
    outside = case.names.index(OUTSIDE) if OUTSIDE in case.names else None
    body = np.ones(labels.shape, bool) if outside is None else labels != outside
    spacing = (case.spacing_mm,) * 3
    depth = np.minimum(edt.edt(body.astype(np.uint8), anisotropy=spacing), 255).astype(np.float32)
    rim = np.minimum(edt.edt(labels, anisotropy=spacing), 255).astype(np.float32)
    seeds = {}
    for value in range(1, len(case.names)):
        if case.names[value] == OUTSIDE:
            continue
        where = np.argwhere(labels == value)
        if len(where):
            seeds[case.names[value]] = torch.from_numpy(rng.permutation(where)[:400])
    inside = rng.permutation(np.argwhere(body))[:4000]
    return Fields(
        case,
        torch.from_numpy(labels.astype(np.int64)),
        None if case.hu is None else torch.from_numpy(case.hu.astype(np.float32)),
        torch.ones(labels.shape, dtype=torch.bool)
        if case.trusted is None
        else torch.from_numpy(case.trusted),
        torch.from_numpy(depth),
        torch.from_numpy(rim),
        seeds,
        torch.from_numpy(inside),
    )


def _centre(
    source: Fields, size: tuple[int, int, int], rng: np.random.Generator, favoured: Collection[str]
) -> Tensor:
    """Half of the windows are drawn to a random structure, the rest to a random voxel of the body.

    Most structures of a whole-trunk map are bones: with favoured ones, 45 % of all windows go to one of them first.
    Where the scan is longer than the window the window stays about inside it, as in sliding window inference.
    """
    names = list(source.seeds)
    chosen = [name for name in names if name in favoured]
    if chosen and rng.random() < FAVOURED_SHARE:
        names = chosen
    elif rng.random() >= 0.5:
        names = []
    pool = source.seeds[names[rng.integers(len(names))]] if names else source.body
    shape, half = torch.tensor(source.labels.shape) / 1.0, torch.tensor(size) / 2
    low, high = torch.minimum(half, shape / 2), torch.maximum(shape - half, shape / 2)
    centre = pool[rng.integers(len(pool))].float().clamp(low, high)
    return centre + torch.from_numpy(rng.normal(0, 6, 3)).float()


def _smooth_field(size: tuple[int, ...], cells: int, rng: np.random.Generator) -> Tensor:
    """(3, *size) random displacement, unit standard deviation at the control points."""
    grid = torch.from_numpy(rng.normal(size=(1, 3, cells, cells, cells))).float()
    return F.interpolate(grid, size, mode="trilinear", align_corners=True)[0]


def _rotation(angles: np.ndarray) -> Tensor:
    from scipy.spatial.transform import Rotation

    return torch.from_numpy(Rotation.from_euler("xyz", angles, degrees=True).as_matrix()).float()


def draw(
    source: Fields, size: tuple[int, int, int], rng: np.random.Generator, favoured: Collection[str] = ()
) -> Window:
    """A window of `size` voxels around a random centre, rotated, scaled and elastically deformed.

    favoured: label names that windows are drawn to more often. Never mirrored: left and right must stay what they are.
    """
    centre = _centre(source, size, rng, favoured)
    matrix = _rotation(rng.normal(0, (4, 4, 7)))
    scale = torch.from_numpy(np.exp(rng.normal(0, 0.09)) * np.exp(rng.normal(0, 0.06, 3))).float()
    axes = [torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in size]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))  # (3, X, Y, Z), centred
    grid = torch.einsum("ij,jxyz->ixyz", matrix * scale, grid)
    grid = grid + _smooth_field(size, 5, rng) * rng.uniform(0, 3.0) + centre[:, None, None, None]
    shape = torch.tensor(source.labels.shape)
    nearest = grid.round().long()
    inside = ((nearest >= 0) & (nearest < shape[:, None, None, None])).all(0)
    nearest = torch.minimum(nearest.clamp_min(0), (shape - 1)[:, None, None, None])
    flat = (nearest[0] * shape[1] + nearest[1]) * shape[2] + nearest[2]

    def take(volume: Tensor) -> Tensor:
        return volume.reshape(-1)[flat.reshape(-1)].reshape(size)

    # A window that leaves the scan sees air there, as inference sees its padding.
    hu = None
    if source.hu is not None:
        normal = (2 * grid / (shape - 1)[:, None, None, None] - 1).flip(0).permute(1, 2, 3, 0)
        hu = F.grid_sample(source.hu[None, None], normal[None], padding_mode="border", align_corners=True)[
            0, 0
        ]
        hu = torch.where(inside, hu, -1024.0)
    names = source.case.names
    outside = names.index(OUTSIDE) if OUTSIDE in names else 0
    return Window(
        torch.where(inside, take(source.labels), outside),
        take(source.trusted) & inside,
        hu,
        torch.where(inside, take(source.depth), 0.0),
        torch.where(inside, take(source.rim), 255.0),
        _position(source, grid, rng),
    )


def _position(source: Fields, grid: Tensor, rng: np.random.Generator) -> Tensor:
    """Where each voxel came from across the body, with an uncertain body box: arms and tables move it."""
    low, high = source.body.amin(0)[:2].float(), source.body.amax(0)[:2].float() + 1
    low = low + (high - low) * torch.from_numpy(rng.normal(0, 0.05, 2)).float()
    high = high + (high - low) * torch.from_numpy(rng.normal(0, 0.05, 2)).float()
    middle, half = (low + high)[:, None, None, None] / 2, (high - low)[:, None, None, None] / 2
    return (grid[:2] + 0.5 - middle) / half
