"""Calipers on voxel sets: convex hulls in voxel coordinates, lengths in millimetres.

The surface of a voxel set is taken to be the centres of its voxels' faces (in a plane: of its pixels' edges), as
in PyRadiomics' mesh diameters. A run of n voxels along an axis is then n voxels long and one voxel is as wide as
itself. On random ellipses this is off by less than one pixel; voxel centres fall short by up to 1.5 and
outer corners exceed by up to 1.3.
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
    flat, to_voxel = _flatten(polygon, steps)
    direction = np.subtract(*_flatten(axis_line.ends, steps)[0][::-1])
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


def narrowest(polygon: Floats, steps: Floats) -> Line:
    """The smallest caliper width of a convex polygon: one jaw lies on an edge, the other on a corner."""
    flat, to_voxel = _flatten(polygon, steps)
    edges = np.roll(flat, -1, axis=0) - flat
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1, keepdims=True)
    depths = np.abs((flat[None] - flat[:, None]) @ normals[:, :, None])[..., 0]
    widths = depths.max(axis=1)
    edge = int(widths.argmin())
    corner = flat[depths[edge].argmax()]
    foot = corner - normals[edge] * ((corner - flat[edge]) @ normals[edge])
    return Line(float(widths[edge]), np.array([corner, foot]) @ to_voxel)


def area(polygon: Floats) -> float:
    """Area of a polygon in pixels, by the shoelace formula."""
    x, y = polygon.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _line_ends(voxels: npt.NDArray[np.bool_], axis: int) -> npt.NDArray[np.bool_]:
    """True at the first and the last true voxel of every line along an axis."""
    ends = np.zeros(voxels.shape, dtype=bool)
    first = np.expand_dims(voxels.argmax(axis=axis), axis)
    last = voxels.shape[axis] - 1 - np.expand_dims(np.flip(voxels, axis).argmax(axis=axis), axis)
    for where in (first, last):
        np.put_along_axis(ends, where, True, axis)
    return ends & voxels  # lines without any true voxel answered 0


def _flatten(points: Floats, steps: Floats) -> tuple[Floats, Floats]:
    """(n, 2) points on a plane's two axes to (n, 2) mm on right-angled axes of that plane, and the (2, 2) way back.

    Exact for sheared planes: the right-angled axes are the QR basis of the plane's directions.
    """
    basis, _ = np.linalg.qr(steps.T)
    forward = steps @ basis
    return points @ forward, np.linalg.inv(forward)


def _sides(start: int, stop: int, n: int) -> tuple[npt.NDArray, npt.NDArray]:
    """The corners on the two ways around a ring of n corners, from one corner to another, both included."""
    there = np.arange(start, start + (stop - start) % n + 1) % n
    back = np.arange(stop, stop + (start - stop) % n + 1) % n
    return there, back
