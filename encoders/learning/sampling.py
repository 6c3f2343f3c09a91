"""Random, deformed windows of training cases. Everything runs on torch tensors on one grid, in voxels."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.learning.cases import OUTSIDE, Case


class Fields(NamedTuple):
    """A case as tensors, with the distance maps that painting needs (millimetres, capped at 255).

    Narrow types, since a trunk at 1.5 mm has 30 million voxels.
    """

    case: Case
    labels: Tensor  # (X, Y, Z) uint8
    hu: Tensor | None  # (X, Y, Z) int16
    trusted: Tensor | None  # (X, Y, Z) bool; None: everywhere
    depth: Tensor  # (X, Y, Z) float16, distance to the outside of the body
    rim: Tensor  # (X, Y, Z) float16, distance to the border of the own structure
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
    depth = np.minimum(edt.edt(body.astype(np.uint8), anisotropy=spacing), 255).astype(np.float16)
    rim = np.minimum(edt.edt(labels, anisotropy=spacing), 255).astype(np.float16)
    order = np.argsort(labels, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(labels.reshape(-1), minlength=len(case.names)))
    seeds = {}
    for value in range(1, len(case.names)):
        where = order[ends[value - 1] : ends[value]]
        if case.names[value] != OUTSIDE and len(where):
            seeds[case.names[value]] = _some(where, 400, labels.shape, rng)
    return Fields(
        case,
        torch.from_numpy(labels),
        None if case.hu is None else torch.from_numpy(case.hu),
        None if case.trusted is None else torch.from_numpy(case.trusted),
        torch.from_numpy(depth),
        torch.from_numpy(rim),
        seeds,
        _some(np.flatnonzero(body), 4000, labels.shape, rng),
    )


def _some(flat: np.ndarray, most: int, shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """(n, 3) voxel coordinates of at most so many of these flat indices."""
    if len(flat) > most:
        flat = flat[rng.choice(len(flat), most, replace=False)]
    return torch.from_numpy(np.stack(np.unravel_index(flat, shape), 1).astype(np.int64))


def _centre(
    source: Fields,
    size: tuple[int, int, int],
    rng: np.random.Generator,
    favoured: Mapping[str, float],
    share: float,
) -> Tensor:
    """Half of the windows are drawn to a random structure, the rest to a random voxel of the body.

    Most structures of a whole-trunk map are bones: with favoured ones, `share` of all windows go to one of them first,
    in proportion to their weights.
    Where the scan is longer than the window the window stays about inside it, as in sliding window inference.
    """
    names = list(source.seeds)
    chosen = [name for name in names if name in favoured]
    odds = np.ones(len(names))
    if chosen and rng.random() < share:
        names, odds = chosen, np.array([favoured[name] for name in chosen])
    elif rng.random() >= 0.5:
        names = []
    pool = source.seeds[names[rng.choice(len(names), p=odds / odds.sum())]] if names else source.body
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
    source: Fields,
    size: tuple[int, int, int],
    rng: np.random.Generator,
    favoured: Collection[str] | Mapping[str, float] = (),
    share: float = 0.45,
) -> Window:
    """A window of `size` voxels around a random centre, rotated, scaled and elastically deformed.

    favoured: label names that a `share` of the windows is drawn to, perhaps with weights. Never mirrored: left and
    right must stay what they are.
    """
    weights = favoured if isinstance(favoured, Mapping) else dict.fromkeys(favoured, 1.0)
    centre = _centre(source, size, rng, weights, share)
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
        hu = torch.where(inside, _interpolated(source.hu, grid), -1024.0)
    names = source.case.names
    outside = names.index(OUTSIDE) if OUTSIDE in names else 0
    return Window(
        torch.where(inside, take(source.labels).long(), outside),
        inside if source.trusted is None else take(source.trusted) & inside,
        hu,
        torch.where(inside, take(source.depth).float(), 0.0),
        torch.where(inside, take(source.rim).float(), 255.0),
        _position(source, grid, rng),
    )


def _interpolated(image: Tensor, grid: Tensor) -> Tensor:
    """Linear interpolation of an (X, Y, Z) image at (3, x, y, z) voxel coordinates, from the part that they reach."""
    shape = torch.tensor(image.shape)
    points = grid.flatten(1)
    low = torch.minimum(points.amin(1).floor().long().clamp_min(0), shape - 2)
    high = torch.maximum(torch.minimum(points.amax(1).ceil().long() + 1, shape), low + 2)
    part = image[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))].float()
    local = grid - low[:, None, None, None]
    normal = (2 * local / (high - low - 1)[:, None, None, None] - 1).flip(0).permute(1, 2, 3, 0)
    return F.grid_sample(part[None, None], normal[None], padding_mode="border", align_corners=True)[0, 0]


def _position(source: Fields, grid: Tensor, rng: np.random.Generator) -> Tensor:
    """Where each voxel came from across the body, with an uncertain body box: arms and tables move it."""
    low, high = source.body.amin(0)[:2].float(), source.body.amax(0)[:2].float() + 1
    low = low + (high - low) * torch.from_numpy(rng.normal(0, 0.05, 2)).float()
    high = high + (high - low) * torch.from_numpy(rng.normal(0, 0.05, 2)).float()
    middle, half = (low + high)[:, None, None, None] / 2, (high - low)[:, None, None, None] / 2
    return (grid[:2] + 0.5 - middle) / half
