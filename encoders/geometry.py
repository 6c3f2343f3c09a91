"""Voxel grids in space: the only code that touches an affine.

Voxel indices are those of the array; a voxel's index is its centre, so voxel `i` fills `i - 0.5 .. i + 0.5`.
World coordinates are millimetres in RAS+, the NIfTI convention: x grows towards the patient's right, y to the
front, z to the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product

import numpy as np
import numpy.typing as npt

from encoders.errors import BodyMapsError

Triple = tuple[int, int, int]
Points = npt.NDArray[np.floating]

# |det| of the three unit axis directions: 1 for a right-angled grid, 0 for a flat one. No scanner comes near.
_FLAT = 1e-3


@dataclass(frozen=True)
class Box:
    """Half-open box of voxels, `start <= index < stop` on each axis."""

    start: Triple
    stop: Triple

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_triple(self.start))
        object.__setattr__(self, "stop", as_triple(self.stop))
        if any(b <= a for a, b in zip(self.start, self.stop, strict=True)):
            raise BodyMapsError(f"A box needs start < stop on every axis, not {self.start} to {self.stop}.")

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Box:
        """The box of a whole grid."""
        return cls((0, 0, 0), as_triple(shape))

    @classmethod
    def of_mask(cls, mask: npt.NDArray) -> Box | None:
        """The tight box of the true voxels of a 3D array; None when there are none."""
        start, stop = [0, 0, 0], list(mask.shape)
        view = mask
        for axis in range(3):  # each axis searches only what the axes before it left
            others = tuple(a for a in range(3) if a != axis)
            hit = np.flatnonzero(view.any(axis=others))
            if not hit.size:
                return None
            start[axis], stop[axis] = int(hit[0]), int(hit[-1]) + 1
            view = view[(slice(None),) * axis + (slice(start[axis], stop[axis]),)]
        return cls(as_triple(start), as_triple(stop))

    @property
    def shape(self) -> Triple:
        return as_triple([b - a for a, b in zip(self.start, self.stop, strict=True)])

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index with these: `array[box.slices]`."""
        i, j, k = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return i, j, k

    @property
    def centre(self) -> tuple[float, float, float]:
        """The middle of the box in voxel coordinates (a one-voxel box: that voxel's index)."""
        i, j, k = ((a + b - 1) / 2 for a, b in zip(self.start, self.stop, strict=True))
        return i, j, k

    def shifted(self, offset: Sequence[int]) -> Box:
        return Box(
            as_triple(np.add(self.start, offset)),
            as_triple(np.add(self.stop, offset)),
        )

    def grown(self, margin: int | Sequence[int], shape: Sequence[int]) -> Box:
        """This box with `margin` voxels more on every side, cut at the edges of a grid of `shape`."""
        start = np.maximum(np.subtract(self.start, margin), 0)
        stop = np.minimum(np.add(self.stop, margin), shape)
        return Box(as_triple(start), as_triple(stop))

    def intersection(self, other: Box) -> Box | None:
        """The voxels in both boxes; None when they share none."""
        start, stop = np.maximum(self.start, other.start), np.minimum(self.stop, other.stop)
        return Box(as_triple(start), as_triple(stop)) if (start < stop).all() else None

    def touches_edge(self, shape: Sequence[int]) -> bool:
        """True when the box reaches a face of a grid of `shape`."""
        return any(a <= 0 or b >= n for a, b, n in zip(self.start, self.stop, shape, strict=True))


@dataclass(frozen=True)
class Axes:
    """Permutation and flips that bring an array into another axis order; exact, on views, no resampling.

    order: `order[c]` is the source axis that becomes axis `c`.
    flips: `flips[c]` is true when axis `c` runs against its source axis.
    """

    order: Triple
    flips: tuple[bool, bool, bool]

    @classmethod
    def canonical(cls, affine: Points) -> Axes:
        """The axes that bring a grid with this affine closest to RAS+ order."""
        cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        order = max(permutations(range(3)), key=lambda p: sum(abs(cosines[c, p[c]]) for c in range(3)))
        x, y, z = (bool(cosines[c, order[c]] < 0) for c in range(3))
        return cls(as_triple(order), (x, y, z))

    def apply(self, array: npt.NDArray) -> npt.NDArray:
        """A view of a 3D array in the new axis order."""
        return np.transpose(array, self.order)[self._steps]

    def invert(self, array: npt.NDArray) -> npt.NDArray:
        """A view of a 3D array back in the source axis order: `invert(apply(a))` is `a`."""
        return np.transpose(array[self._steps], np.argsort(self.order))

    def apply_box(self, box: Box, shape: Sequence[int]) -> Box:
        """A box of a source grid of `shape`, on the new axes."""
        pairs = [
            (shape[axis] - box.stop[axis], shape[axis] - box.start[axis])
            if flip
            else (box.start[axis], box.stop[axis])
            for axis, flip in zip(self.order, self.flips, strict=True)
        ]
        return Box(as_triple([a for a, _ in pairs]), as_triple([b for _, b in pairs]))

    def invert_box(self, box: Box, shape: Sequence[int]) -> Box:
        """A box on the new axes, back on the source grid of `shape`."""
        start, stop = [0, 0, 0], [0, 0, 0]
        for c, (axis, flip) in enumerate(zip(self.order, self.flips, strict=True)):
            a, b, n = box.start[c], box.stop[c], shape[axis]
            start[axis], stop[axis] = (n - b, n - a) if flip else (a, b)
        return Box(as_triple(start), as_triple(stop))

    def apply_geometry(self, geometry: Geometry) -> Geometry:
        """The same grid in space, its array in the new axis order."""
        to_source = np.zeros((4, 4))
        to_source[3, 3] = 1.0
        for c, (axis, flip) in enumerate(zip(self.order, self.flips, strict=True)):
            to_source[axis, c] = -1.0 if flip else 1.0
            to_source[axis, 3] = geometry.shape[axis] - 1.0 if flip else 0.0
        shape = as_triple([geometry.shape[axis] for axis in self.order])
        return Geometry(shape, geometry.affine @ to_source)

    @property
    def _steps(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)


@dataclass(frozen=True, eq=False)
class Geometry:
    """A voxel grid in space.

    shape: voxels along the three array axes.
    affine: (4, 4) float64, from homogeneous voxel coordinates to RAS+ millimetres.
    Raises BodyMapsError when the grid is not three-dimensional, is empty, or the affine cannot be inverted.
    """

    shape: Triple
    affine: Points

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if len(tuple(self.shape)) != 3:
            raise BodyMapsError(f"A CT has three axes; this array has {len(tuple(self.shape))}.")
        if min(self.shape) < 1:
            raise BodyMapsError(f"The image has no voxels: its shape is {tuple(map(int, self.shape))}.")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise BodyMapsError("The image's affine is not a 4 by 4 matrix of finite numbers.")
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        if not (lengths > 0).all() or abs(np.linalg.det(affine[:3, :3] / lengths)) < _FLAT:
            raise BodyMapsError("The image's affine is singular: its voxels have no volume in space.")
        if not np.array_equal(affine[3], (0, 0, 0, 1)):
            raise BodyMapsError("The last row of the image's affine is not 0 0 0 1.")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", as_triple(self.shape))
        object.__setattr__(self, "affine", affine)

    # -- what the grid is

    @cached_property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres from one voxel to the next along each array axis."""
        i, j, k = (float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))
        return i, j, k

    @cached_property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres; right for sheared grids too."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @cached_property
    def axes(self) -> Axes:
        """How this grid's array becomes its closest canonical (RAS+) array."""
        return Axes.canonical(self.affine)

    @cached_property
    def orientation(self) -> str:
        """Where each array axis points, such as "RAS" or "LPS"; the closest letters when oblique."""
        letters = [""] * 3
        for c, (axis, flip) in enumerate(zip(self.axes.order, self.axes.flips, strict=True)):
            letters[axis] = ("RAS", "LPI")[flip][c]
        return "".join(letters)

    @property
    def axial_axis(self) -> int:
        """The array axis closest to the patient's inferior-superior direction."""
        return self.axes.order[2]

    def same_grid(self, other: Geometry, tolerance_mm: float = 1e-2) -> bool:
        """True when both grids have the same shape and no voxel corner differs by more than the tolerance."""
        if self.shape != other.shape:
            return False
        corners = _corners(Box.whole(self.shape))
        return bool(np.abs(self.to_world(corners) - other.to_world(corners)).max() <= tolerance_mm)

    # -- points and boxes

    @cached_property
    def _inverse(self) -> Points:
        return np.linalg.inv(self.affine)

    def to_world(self, points: npt.ArrayLike) -> Points:
        """(..., 3) voxel coordinates to RAS+ millimetres."""
        return np.asarray(points, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_voxel(self, points: npt.ArrayLike) -> Points:
        """(..., 3) RAS+ millimetres to voxel coordinates (not rounded)."""
        return np.asarray(points, dtype=np.float64) @ self._inverse[:3, :3].T + self._inverse[:3, 3]

    def world_box(self, box: Box) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """The axis-aligned RAS+ millimetre box ((x0, y0, z0), (x1, y1, z1)) around the box's whole voxels."""
        corners = self.to_world(_corners(box))
        (x0, y0, z0), (x1, y1, z1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return (x0, y0, z0), (x1, y1, z1)

    # -- axis order

    def canonical(self) -> Geometry:
        """The same grid with its array axes permuted and flipped closest to RAS+; no resampling."""
        return self.axes.apply_geometry(self)

    def to_canonical(self, array: npt.NDArray) -> npt.NDArray:
        """A view of this grid's array in canonical axis order."""
        return self.axes.apply(array)

    def from_canonical(self, array: npt.NDArray) -> npt.NDArray:
        """A view of a canonical array in this grid's own axis order."""
        return self.axes.invert(array)

    def canonical_box(self, box: Box) -> Box:
        return self.axes.apply_box(box, self.shape)

    def from_canonical_box(self, box: Box) -> Box:
        return self.axes.invert_box(box, self.shape)

    # -- other grids on the same field of view

    def crop(self, box: Box) -> Geometry:
        """The grid of `array[box.slices]`; every voxel stays where it is in space."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_world(box.start)
        return Geometry(box.shape, affine)

    def every(self, step: int) -> Geometry:
        """The grid of `array[::step, ::step, ::step]`."""
        i, j, k = (-(-n // step) for n in self.shape)
        return Geometry((i, j, k), self.affine @ np.diag([step, step, step, 1.0]))

    def resampled(self, spacing: float | Sequence[float]) -> Geometry:
        """A grid over exactly the same field of view with about this spacing in mm.

        The outer voxel faces stay where they are, so the spacing is rounded to give whole voxels: what
        `interpolate(..., align_corners=False)` computes.
        """
        wanted = np.broadcast_to(np.asarray(spacing, dtype=np.float64), 3)
        if not (np.isfinite(wanted) & (wanted > 0)).all():
            raise BodyMapsError(f"Spacing must be above zero millimetres, not {spacing}.")
        old = np.asarray(self.shape, dtype=np.float64)
        new = np.maximum(np.rint(old * self.spacing / wanted), 1)
        step = old / new  # old voxels a new voxel
        affine = self.affine.copy()
        affine[:3, :3] *= step
        affine[:3, 3] = self.to_world(step / 2 - 0.5)
        return Geometry(as_triple(new), affine)


def _corners(box: Box) -> Points:
    """(8, 3) voxel coordinates of the outer corners of the box's voxels."""
    faces = zip(np.subtract(box.start, 0.5), np.subtract(box.stop, 0.5), strict=True)
    return np.array(list(product(*faces)), dtype=np.float64)


def as_triple(values: npt.ArrayLike) -> Triple:
    """Three whole numbers."""
    i, j, k = (int(v) for v in np.asarray(values).ravel())
    return i, j, k
