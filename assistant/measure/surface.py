"""The surface of a voxel set as points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def faces(voxels: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """(n, d) voxel coordinates of the centres of the faces (2D: edges) around a set of voxels."""
    centres = []
    for axis in range(voxels.ndim):
        pad = [(int(a == axis), int(a == axis)) for a in range(voxels.ndim)]
        crossings = np.argwhere(np.diff(np.pad(voxels, pad), axis=axis)).astype(np.float64)
        crossings[:, axis] -= 0.5  # crossing n of the padded array is the face before voxel n
        centres.append(crossings)
    return np.concatenate(centres)
