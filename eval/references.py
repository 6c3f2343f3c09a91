"""Reference masks from surface meshes, such as the STL files that come with the demo CT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from encoders.errors import BodyMapsError, install

if TYPE_CHECKING:
    import trimesh


def load_stl(path: Path) -> trimesh.Trimesh:
    """The mesh of an STL file. Raises BodyMapsError when it cannot be read, or trimesh is not installed."""
    try:
        import trimesh
    except ImportError as error:
        raise BodyMapsError(f"meshes need trimesh: {install('train')}") from error
    try:
        return trimesh.load_mesh(path, process=False)
    except Exception as error:  # trimesh raises many kinds
        raise BodyMapsError(f"{path} is not a readable STL file: {error}") from error


def read_stl(path: Path) -> npt.NDArray[np.float64]:
    """(T, 3, 3) triangle corners of an STL file. Raises as `load_stl`."""
    return np.asarray(load_stl(path).triangles, np.float64)


def voxelise(triangles: npt.NDArray[np.float64], shape: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Voxels whose centres lie inside a closed surface.

    triangles: (T, 3, 3) corners in voxel coordinates of the grid of `shape`.
    Even-odd rule along the last axis: each triangle that a column of voxel centres crosses toggles everything above.
    """
    # an irrational offset keeps columns from running through edges and corners
    i0, j0 = np.sqrt(2) * 1e-6, np.sqrt(3) * 1e-6
    toggles = np.zeros((shape[0], shape[1], shape[2] + 1), np.int32)
    for a, b, c in triangles:
        low = np.ceil(np.minimum(np.minimum(a, b), c)[:2] - (i0, j0)).astype(int)
        high = np.floor(np.maximum(np.maximum(a, b), c)[:2] - (i0, j0)).astype(int)
        low, high = np.maximum(low, 0), np.minimum(high, np.array(shape[:2]) - 1)
        if (low > high).any():
            continue
        i, j = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1), indexing="ij")
        # barycentric coordinates of the column in the triangle's projection
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if area == 0:
            continue
        x, y = i + i0 - a[0], j + j0 - a[1]
        v = (x * (c[1] - a[1]) - (c[0] - a[0]) * y) / area
        w = ((b[0] - a[0]) * y - x * (b[1] - a[1])) / area
        hit = (v >= 0) & (w >= 0) & (v + w <= 1)
        z = a[2] + v[hit] * (b[2] - a[2]) + w[hit] * (c[2] - a[2])
        above = np.clip(np.ceil(z), 0, shape[2]).astype(int)
        np.add.at(toggles, (i[hit], j[hit], above), 1)
    return (np.cumsum(toggles[:, :, :-1], axis=2) % 2).astype(bool)
