"""A random walker with priors: which voxels belong to the seeds inside, and which to those outside.

Grady, Multilabel random walker image segmentation using prior models, CVPR 2005: the probability of a voxel is the mean
of its neighbours', the more of those that look alike, and is pulled towards the prior. One sparse linear system.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.sparse.linalg import cg

Voxels = npt.NDArray[np.bool_]

LENGTH_MM = 13.0
"""How far a seed is heard among voxels that look alike; beyond that each voxel follows its prior."""
LEAST = 1e-3
"""Weight of a neighbour across the sharpest edge, so that no voxel is alone."""
EDGE_HU = 20.0
"""A step of so many Hounsfield units between neighbours weakens their bond to 1/e."""
PRECISION = 1e-3


def walk(
    hu: npt.NDArray[np.float32],
    prior: npt.NDArray[np.float32],
    inside: Voxels,
    outside: Voxels,
    allowed: Voxels,
    spacing: Sequence[float],
) -> Voxels:
    """The allowed voxels that are more likely inside, of those the ones connected with a seed inside.

    All arrays have one 3D shape. hu: smoothed. prior: probability 0..1 of inside, judged by each voxel alone.
    inside, outside: seeds; where both, inside counts. spacing: of the three axes, in mm.
    """
    inside, outside = inside & allowed, outside & allowed & ~inside
    free = allowed & ~inside & ~outside
    chance = np.where(free, prior, inside).astype(float)
    count = np.count_nonzero(free)
    if count:
        system, known = _system(hu, chance, free, allowed, spacing)
        precondition = sparse.diags_array(1 / system.diagonal())
        chance[free], _ = cg(system, known, chance[free], rtol=PRECISION, maxiter=300, M=precondition)
    parts, _ = ndimage.label(allowed & (chance > 0.5))
    return np.isin(parts, np.setdiff1d(parts[inside], 0))


def _system(
    hu: npt.NDArray[np.float32], chance: npt.NDArray, free: Voxels, allowed: Voxels, spacing: Sequence[float]
) -> tuple[sparse.csr_array, npt.NDArray]:
    """The equations of the free voxels: a matrix of (count, count), and what seeds and priors contribute."""
    count = np.count_nonzero(free)
    number = np.full(free.shape, -1)
    number[free] = np.arange(count)
    pull = (min(spacing) / LENGTH_MM) ** 2  # the weight of the prior, where that of a neighbour alike is 1
    diagonal = np.full(count, pull)
    known = pull * chance[free]
    rows, columns, weights = [], [], []
    for axis, step in enumerate(spacing):
        first = (slice(None),) * axis + (slice(None, -1),)
        second = (slice(None),) * axis + (slice(1, None),)
        alike = np.exp(-np.square((hu[second] - hu[first]) / EDGE_HU)) + LEAST
        bond = np.where(allowed[first] & allowed[second], alike * (min(spacing) / step) ** 2, 0)
        for here, there in ((first, second), (second, first)):
            at = free[here] & (bond > 0)
            weight, mine, other = bond[at], number[here][at], number[there][at]
            diagonal[mine] += weight  # a voxel has one neighbour in a direction: no index comes twice
            seeded = other < 0
            known[mine[seeded]] += weight[seeded] * chance[there][at][seeded]
            rows.append(mine[~seeded])
            columns.append(other[~seeded])
            weights.append(-weight[~seeded])
    itself = np.arange(count)
    pairs = np.concatenate([*rows, itself]), np.concatenate([*columns, itself])
    matrix = sparse.coo_array((np.concatenate([*weights, diagonal]), pairs), shape=(count, count))
    return matrix.tocsr(), known
