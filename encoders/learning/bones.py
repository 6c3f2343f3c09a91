"""Bones from seeds: points that somebody set in them, and the bright voxels that each reaches first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import dijkstra

BRIGHT = 160.0
"""Hounsfield units from which a voxel may be bone by itself; marrow may be darker."""

MARROW = 40.0
"""Least Hounsfield units inside a bone."""

JOINT = 150.0
"""A step between two voxels costs its length times exp((500 - the darker one's HU) / JOINT): paths avoid joints."""

REACH = 70.0
"""Cost of the longest path that counts: 70 voxels of cortical bone, 9 of contrast at 200 HU."""


def bright(hu: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Voxels that may be bone, bool (X, Y, Z): bright ones, and what they enclose.

    free: where nothing else is labelled.
    """
    shell = (hu > BRIGHT) & free
    # across the body alone: along it the discs would be filled
    across = ndimage.generate_binary_structure(3, 1) & (np.arange(3) == 1)
    closed = ndimage.binary_closing(np.pad(shell, 2), across, iterations=2)[2:-2, 2:-2, 2:-2]
    filled = np.stack([ndimage.binary_fill_holes(closed[:, :, k]) for k in range(hu.shape[2])], 2)
    return (shell | (filled & (hu > MARROW))) & free


def territories(
    hu: np.ndarray, mask: np.ndarray, seeds: Mapping[str, Sequence[Sequence[float]]]
) -> dict[str, np.ndarray]:
    """structure -> bool (X, Y, Z): the voxels of a mask (`bright`) nearer to its seeds than to any other's, inside it.

    seeds: points in voxels; each moves to the nearest voxel of the mask, at most 3 away, or is dropped. Nearness
    is the cost of the cheapest path (Dijkstra) over face, edge and corner neighbours, see `JOINT`; what lies beyond
    `REACH` belongs to none.
    """
    number = np.full(mask.shape, -1, np.int32)
    number[mask] = np.arange(mask.sum())
    distance, nearest = ndimage.distance_transform_edt(~mask, return_indices=True)
    starts: dict[int, str] = {}
    for structure, points in seeds.items():
        for point in points:
            at = tuple(np.clip(np.round(point).astype(int), 0, np.array(mask.shape) - 1))
            if distance[at] <= 3:
                starts[int(number[tuple(nearest[(slice(None), *at)])])] = structure
    if not starts:
        return {}
    _, _, sources = dijkstra(
        _steps(hu, mask, number),
        directed=False,
        indices=list(starts),
        return_predecessors=True,
        limit=REACH,
        min_only=True,
    )
    owners = np.full(mask.shape, -9999, np.int32)
    owners[mask] = sources
    names = {structure: [n for n, s in starts.items() if s == structure] for structure in seeds}
    return {structure: np.isin(owners, numbers) for structure, numbers in names.items() if numbers}


def _steps(hu: np.ndarray, mask: np.ndarray, number: np.ndarray) -> csr_matrix:
    """The graph of neighbouring voxels of a mask, each step with its cost."""
    rows, columns, costs = [], [], []
    for offset in (o for o in product((-1, 0, 1), repeat=3) if o > (0, 0, 0)):
        here = tuple(slice(max(0, -d), n - max(0, d)) for d, n in zip(offset, mask.shape, strict=True))
        there = tuple(slice(max(0, d), n + min(0, d)) for d, n in zip(offset, mask.shape, strict=True))
        both = mask[here] & mask[there]
        darker = np.minimum(hu[here], hu[there])[both].astype(float)
        rows.append(number[here][both])
        columns.append(number[there][both])
        costs.append(np.linalg.norm(offset) * np.exp((500 - np.minimum(darker, 500)) / JOINT))
    size = int(mask.sum())
    return coo_matrix(
        (np.concatenate(costs), (np.concatenate(rows), np.concatenate(columns))), shape=(size, size)
    ).tocsr()
