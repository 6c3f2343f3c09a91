"""Calipers on voxel sets: convex hulls in voxel coordinates, lengths in millimetres.

The surface of a voxel set is taken to be the centres of its voxels' faces (in a plane: of its pixels' edges),
where PyRadiomics' mesh diameters put it too. A run of n voxels along an axis is then n voxels long. On random
ellipses the longest diameter is off by less than one pixel; from voxel centres it falls short by up to 1.5
pixels, from outer corners it exceeds by up to 1.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Line:
    """length in mm; ends: (2, d) voxel coordinates."""

    length: float
    ends: Floats


def hull_points(voxels: npt.NDArray[np.bool_]) -> Floats:
    """(n, d) voxel coordinates of the corners of the convex hull of the surface; 2D: in order around it.

    voxels: 2D or 3D bool array with at least one true voxel.
    """
    from scipy.spatial import ConvexHull

    rim = np.ones(voxels.shape, dtype=bool)
    for axis in range(voxels.ndim):  # a corner of the hull is the first or last of its line along every axis
        rim &= _line_ends(voxels, axis)
    centres = np.argwhere(rim).astype(np.float64)
    steps = np.concatenate([np.eye(voxels.ndim), -np.eye(voxels.ndim)]) / 2
    surface = (centres[:, None] + steps).reshape(-1, voxels.ndim)
    return surface[ConvexHull(surface).vertices]


def longest(points: Floats, steps: Floats) -> Line:
    """The two points that are farthest apart in mm; steps: (d, 3), row a the mm of a step along axis a."""
    from scipy.spatial.distance import pdist

    gaps = pdist(points @ steps)  # pairs (0, 1), (0, 2), ..., (1, 2), ...
    pair = int(gaps.argmax())
    row_ends = np.cumsum(np.arange(len(points) - 1, 0, -1))
    first = int(np.searchsorted(row_ends, pair, side="right"))
    second = len(points) - int(row_ends[first] - pair)
    return Line(float(gaps[pair]), points[[first, second]])


def perpendicular(polygon: Floats, steps: Floats, axis_line: Line) -> Line:
    """The longest chord of a convex polygon at right angles, in mm, to a line in its plane.

    polygon: (n, 2) corners; steps: (2, 3). The chord's length over the place along the line is concave and
    linear between corners, so it is longest at a corner.
    """
    flat, to_voxel = flatten(polygon, steps)
    direction = np.subtract(*flatten(axis_line.ends, steps)[0][::-1])
    u = direction / np.linalg.norm(direction)
    v = np.array([-u[1], u[0]])
    along, across = flat @ u, flat @ v
    start, stop = int(along.argmin()), int(along.argmax())
    heights = []
    for side in _sides(start, stop, len(flat)):
        order = side[np.argsort(along[side], kind="stable")]
        heights.append(np.interp(along, along[order], across[order]))
    chords = np.abs(heights[0] - heights[1])
    at = int(chords.argmax())
    ends = np.array([along[at] * u + height[at] * v for height in heights])
    return Line(float(chords[at]), ends @ to_voxel)


def flatten(points: Floats, steps: Floats) -> tuple[Floats, Floats]:
    """(n, 2) points on a plane's two axes to (n, 2) mm on right-angled axes of that plane.

    Also the (2, 2) matrix of the way back. Exact for sheared planes: the right-angled axes are the QR basis
    of the plane's directions.
    """
    basis, _ = np.linalg.qr(steps.T)
    forward = steps @ basis
    return points @ forward, np.linalg.inv(forward)


def _line_ends(voxels: npt.NDArray[np.bool_], axis: int) -> npt.NDArray[np.bool_]:
    """True at the first and the last true voxel of every line along an axis."""
    ends = np.zeros(voxels.shape, dtype=bool)
    first = np.expand_dims(voxels.argmax(axis=axis), axis)
    last = voxels.shape[axis] - 1 - np.expand_dims(np.flip(voxels, axis).argmax(axis=axis), axis)
    for where in (first, last):
        np.put_along_axis(ends, where, True, axis)
    return ends & voxels  # lines without any true voxel answered 0


def _sides(start: int, stop: int, n: int) -> tuple[npt.NDArray, npt.NDArray]:
    """The corners on the two ways around a ring of n corners, from one corner to another, both included."""
    there = np.arange(start, start + (stop - start) % n + 1) % n
    back = np.arange(stop, stop + (start - stop) % n + 1) % n
    return there, back
