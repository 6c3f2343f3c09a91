"""Analytic phantoms: solids whose sizes are known exactly, drawn on any voxel grid.

All coordinates are RAS+ millimetres. A voxel belongs to a solid when its centre lies inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from encoders.geometry import Box as VoxelBox
from encoders.geometry import Geometry
from encoders.volume import Volume

Point = tuple[float, float, float]
Rotation = tuple[float, float, float]
"""Degrees about x, then y, then z."""


class Solid(Protocol):
    """A shape in space with exact sizes."""

    @property
    def volume_ml(self) -> float: ...

    def contains(self, points: npt.NDArray) -> npt.NDArray[np.bool_]:
        """(..., 3) points to (...) inside or not."""
        ...

    def bounds(self) -> tuple[npt.NDArray, npt.NDArray]:
        """Low and high corner of an axis-aligned box that holds the solid."""
        ...


def rotation(degrees: Rotation) -> npt.NDArray[np.float64]:
    """(3, 3) matrix that turns about x, then y, then z."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


@dataclass(frozen=True)
class Ellipsoid:
    """radii: half axes in mm, along x, y, z before the turn."""

    centre: Point
    radii: Point
    turn: Rotation = (0.0, 0.0, 0.0)

    @property
    def volume_ml(self) -> float:
        return float(4 / 3 * np.pi * np.prod(self.radii)) / 1000

    @property
    def extents(self) -> Point:
        """Full size along world x, y and z: twice the root of the diagonal of R diag(r^2) R^T."""
        matrix = rotation(self.turn) * np.asarray(self.radii)
        x, y, z = (2 * np.linalg.norm(matrix, axis=1)).tolist()
        return x, y, z

    def section_diameters(self, normal: Point = (0.0, 0.0, 1.0)) -> tuple[float, float]:
        """Longest and shortest diameter of the largest section with this normal (default: axial).

        That section runs through the centre and is the ellipse p^T B^T Q B p = 1, with Q = R diag(r^-2) R^T
        and B two right-angled unit directions in the plane.
        """
        turn = rotation(self.turn)
        quadric = (turn / np.square(self.radii)) @ turn.T
        _, _, basis = np.linalg.svd(np.asarray(normal, dtype=np.float64)[None])
        low, high = np.linalg.eigvalsh(basis[1:] @ quadric @ basis[1:].T)
        return float(2 / np.sqrt(low)), float(2 / np.sqrt(high))

    def contains(self, points: npt.NDArray) -> npt.NDArray[np.bool_]:
        local = (points - np.asarray(self.centre)) @ rotation(self.turn)
        return np.square(local / np.asarray(self.radii)).sum(axis=-1) <= 1

    def bounds(self) -> tuple[npt.NDArray, npt.NDArray]:
        half = np.asarray(self.extents) / 2
        return self.centre - half, self.centre + half


@dataclass(frozen=True)
class Block:
    """A cuboid. size: edge lengths in mm along x, y, z before the turn."""

    centre: Point
    size: Point
    turn: Rotation = (0.0, 0.0, 0.0)

    @property
    def volume_ml(self) -> float:
        return float(np.prod(self.size)) / 1000

    def contains(self, points: npt.NDArray) -> npt.NDArray[np.bool_]:
        local = (points - np.asarray(self.centre)) @ rotation(self.turn)
        return (np.abs(local) <= np.asarray(self.size) / 2).all(axis=-1)

    def bounds(self) -> tuple[npt.NDArray, npt.NDArray]:
        half = np.abs(rotation(self.turn)) @ np.asarray(self.size) / 2
        return self.centre - half, self.centre + half


@dataclass(frozen=True)
class Tube:
    """A straight round tube with flat ends."""

    start: Point
    end: Point
    diameter: float

    @property
    def length(self) -> float:
        return float(np.linalg.norm(np.subtract(self.end, self.start)))

    @property
    def volume_ml(self) -> float:
        return float(np.pi * self.diameter**2 / 4 * self.length) / 1000

    def contains(self, points: npt.NDArray) -> npt.NDArray[np.bool_]:
        axis = np.subtract(self.end, self.start) / self.length
        local = points - np.asarray(self.start)
        along = local @ axis
        away = np.linalg.norm(local - along[..., None] * axis, axis=-1)
        return (along >= 0) & (along <= self.length) & (away <= self.diameter / 2)

    def bounds(self) -> tuple[npt.NDArray, npt.NDArray]:
        reach = self.diameter / 2
        return np.minimum(self.start, self.end) - reach, np.maximum(self.start, self.end) + reach


@dataclass(frozen=True)
class Arch:
    """A half ring tube standing on its two ends, like an aortic arch. turn: about its centre."""

    centre: Point
    bend: float
    """Radius of the centre line in mm."""
    diameter: float
    turn: Rotation = (0.0, 0.0, 0.0)

    @property
    def volume_ml(self) -> float:
        return float(np.pi * self.diameter**2 / 4 * np.pi * self.bend) / 1000

    def contains(self, points: npt.NDArray) -> npt.NDArray[np.bool_]:
        local = (points - np.asarray(self.centre)) @ rotation(self.turn)
        off_line = np.hypot(local[..., 0], local[..., 2]) - self.bend
        return (local[..., 2] >= 0) & (np.hypot(off_line, local[..., 1]) <= self.diameter / 2)

    def bounds(self) -> tuple[npt.NDArray, npt.NDArray]:
        reach = self.bend + self.diameter / 2
        return np.subtract(self.centre, reach), np.add(self.centre, reach)


@dataclass(frozen=True)
class Union:
    """Several solids that do not overlap, as one."""

    solids: tuple[Solid, ...]

    @property
    def volume_ml(self) -> float:
        return sum(solid.volume_ml for solid in self.solids)

    def contains(self, points: npt.NDArray) -> npt.NDArray[np.bool_]:
        return np.any([solid.contains(points) for solid in self.solids], axis=0)

    def bounds(self) -> tuple[npt.NDArray, npt.NDArray]:
        low, high = zip(*(solid.bounds() for solid in self.solids), strict=True)
        return np.min(low, axis=0), np.max(high, axis=0)


def grid(
    shape: Sequence[int],
    spacing: float | Sequence[float] = 1.0,
    orientation: str = "RAS",
    turn: Rotation = (0.0, 0.0, 0.0),
    centre: Point = (0.0, 0.0, 0.0),
) -> Geometry:
    """A voxel grid around a world point.

    orientation: where each array axis points before the turn, such as "LPS" or "SRA".
    turn: makes the grid oblique.
    """
    columns = np.zeros((3, 3))
    for axis, (letter, step) in enumerate(zip(orientation, np.broadcast_to(spacing, 3), strict=True)):
        world = next(c for c, pair in enumerate(("RL", "AP", "SI")) if letter in pair)
        columns[world, axis] = step if letter in "RAS" else -step
    affine = np.eye(4)
    affine[:3, :3] = rotation(turn) @ columns
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    i, j, k = (int(n) for n in shape)
    return Geometry((i, j, k), affine)


def rasterise(solid: Solid, geometry: Geometry) -> npt.NDArray[np.bool_]:
    """The bool mask of a solid on a grid; a part outside the grid is cut off."""
    mask = np.zeros(geometry.shape, dtype=bool)
    box = _voxels_around(solid, geometry)
    if box is not None:
        mask[box.slices] = solid.contains(_centres(geometry.crop(box)))
    return mask


def paint(
    geometry: Geometry,
    solids: Iterable[tuple[Solid, float]],
    background: float = -1000.0,
    noise: float = 0.0,
    seed: int = 0,
) -> Volume:
    """A CT of solids and their Hounsfield units, later ones over earlier ones.

    noise: standard deviation in HU of white Gaussian noise over everything.
    """
    hu = np.full(geometry.shape, background, dtype=np.float32)
    for solid, value in solids:
        hu[rasterise(solid, geometry)] = value
    if noise:
        hu += np.random.default_rng(seed).normal(0.0, noise, geometry.shape).astype(np.float32)
    return Volume(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), geometry)


def _voxels_around(solid: Solid, geometry: Geometry) -> VoxelBox | None:
    """The voxels of the grid that could lie in the solid."""
    low, high = solid.bounds()
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, 8).T
    voxels = geometry.to_voxel(corners)
    start = np.maximum(np.floor(voxels.min(axis=0)), 0)
    stop = np.minimum(np.ceil(voxels.max(axis=0)) + 1, geometry.shape)
    if (start >= stop).any():
        return None
    return VoxelBox(tuple(start.astype(int).tolist()), tuple(stop.astype(int).tolist()))


def _centres(geometry: Geometry) -> npt.NDArray:
    """(*shape, 3) world positions of all voxel centres."""
    return geometry.to_world(np.moveaxis(np.indices(geometry.shape, dtype=np.float64), 0, -1))
