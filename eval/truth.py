"""What an ideal measurement of a phantom would give: closed formulas of its solids, no voxel is counted.

Where a solid or a measure has no closed formula there is no truth (None), and nothing is scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from encoders.geometry import Geometry
from eval.phantoms import Block, Ellipsoid, Solid, Tube, rotation
from eval.scans import Part, Scan

Floats = npt.NDArray[np.float64]
FACES = (("left", "right"), ("back", "front"), ("bottom", "top"))
"""What the low and the high end of each world axis is called."""
THIN_MM, MEASURABLE_MM = 5.0, 10.0
"""RECIST 1.1 (Eisenhauer et al., 2009): lesions of 10 mm are measurable on slices up to 5 mm, else of two slices."""


def span(solid: Solid, direction: npt.ArrayLike) -> tuple[float, float]:
    """The lowest and the highest value of `direction . point` over a solid (its support function)."""
    n = np.asarray(direction, dtype=np.float64)
    if isinstance(solid, Ellipsoid):
        middle = float(n @ solid.centre)
        half = float(np.linalg.norm(np.asarray(solid.radii) * (rotation(solid.turn).T @ n)))
    elif isinstance(solid, Block):
        middle = float(n @ solid.centre)
        half = float(np.abs(rotation(solid.turn).T @ n) @ np.asarray(solid.size)) / 2
    elif isinstance(solid, Tube):
        axis = np.subtract(solid.end, solid.start) / solid.length
        ends = sorted((float(n @ solid.start), float(n @ solid.end)))
        disc = solid.diameter / 2 * float(np.sqrt(max(n @ n - (n @ axis) ** 2, 0.0)))
        return ends[0] - disc, ends[1] + disc
    else:
        raise TypeError(f"no support function of a {type(solid).__name__}")
    return middle - half, middle + half


@dataclass(frozen=True)
class Extent:
    """Where a part lies on a grid, in voxel coordinates with the voxels' faces: start <= index + 0.5 <= stop.

    cut: the faces of the scan, in the patient's terms, beyond which the solid goes on.
    """

    start: Floats
    stop: Floats
    cut: tuple[str, ...]

    @property
    def seen(self) -> bool:
        return bool((self.start < self.stop).all())


def extent(solid: Solid, geometry: Geometry) -> Extent:
    """The tight box of a solid on a grid, clipped to it."""
    to_voxel = np.linalg.inv(geometry.affine)
    spans = np.array([span(solid, row[:3]) for row in to_voxel[:3]]) + to_voxel[:3, 3:] + 0.5
    shape = np.asarray(geometry.shape, dtype=np.float64)
    low, high = spans.T
    cut = [_face(geometry, a, False) for a in range(3) if low[a] < 0]
    cut += [_face(geometry, a, True) for a in range(3) if high[a] > shape[a]]
    return Extent(np.clip(low, 0, shape), np.clip(high, 0, shape), tuple(cut))


def value(kind: str, part: Part, scan: Scan) -> float | None:
    """The true value of a measure in its unit of the contract (mm, ml or HU).

    A structure that the scan cuts off has the volume of its visible part, where that has a formula, and no
    lengths.
    """
    cut = extent(part.solid, scan.geometry).cut
    if kind == "volume":
        return _visible_ml(part.solid, scan.geometry) if cut else part.solid.volume_ml
    if kind == "max_axial_diameter" and isinstance(part.solid, Tube) and _upright(part.solid):
        return part.solid.diameter
    if kind in ("mean_hu", "std_hu"):
        return None if cut else _density(kind, part, scan)
    if cut or not isinstance(part.solid, Ellipsoid):
        return None
    if kind in ("longest_diameter", "short_axis"):
        long, short = part.solid.section_diameters(normal(scan.geometry))
        return long if kind == "longest_diameter" else short
    if kind == "max_3d_diameter":
        return 2.0 * max(part.solid.radii)
    if kind == "craniocaudal_extent":
        return part.solid.extents[2]
    return None


def distance(first: Solid, second: Solid) -> float | None:
    """Between the surfaces of balls and upright tubes, mm; None for other solids. 0 where they overlap."""
    flat = any(isinstance(s, Tube) for s in (first, second))
    if not _round(first) or not _round(second):
        return None
    a, b = _middle(first), _middle(second)
    gap = float(np.linalg.norm((a - b)[: 2 if flat else 3])) - _radius(first) - _radius(second)
    return max(gap, 0.0)


def best_slice(part: Part, geometry: Geometry) -> float:
    """The axial slice of the longest diameter, which runs through the centre: a coordinate of the axial axis."""
    low, high = span(part.solid, np.linalg.inv(geometry.affine)[axial_axis(geometry), :3])
    return (low + high) / 2 + float(np.linalg.inv(geometry.affine)[axial_axis(geometry), 3])


def measurable(longest_mm: float, geometry: Geometry) -> bool:
    """Whether RECIST 1.1 takes a lesion of this longest diameter as measurable."""
    thickness = slice_mm(geometry)
    return longest_mm >= (2 * thickness if thickness > THIN_MM else MEASURABLE_MM)


def axial_axis(geometry: Geometry) -> int:
    """The array axis that runs most nearly from foot to head."""
    return int(np.abs(geometry.affine[2, :3] / np.linalg.norm(geometry.affine[:3, :3], axis=0)).argmax())


def slice_mm(geometry: Geometry) -> float:
    return float(np.linalg.norm(geometry.affine[:3, axial_axis(geometry)]))


def normal(geometry: Geometry) -> tuple[float, float, float]:
    """The direction at right angles to the axial slices."""
    first, second = (geometry.affine[:3, a] for a in range(3) if a != axial_axis(geometry))
    x, y, z = np.cross(first, second).tolist()
    return x, y, z


def _face(geometry: Geometry, axis: int, high: bool) -> str:
    column = geometry.affine[:3, axis] / np.linalg.norm(geometry.affine[:3, axis])
    world = int(np.abs(column).argmax())
    return FACES[world][int(high == (column[world] > 0))]


def _visible_ml(solid: Solid, geometry: Geometry) -> float | None:
    """The volume of an ellipsoid, or of an upright tube, between two parallel faces of the grid.

    An ellipsoid squeezed to a unit ball keeps the share of its volume on each side of a plane; a cap of
    height h of that ball has pi h^2 (3 - h) / 3. None when faces of more than one axis cut it.
    """
    to_voxel = np.linalg.inv(geometry.affine)
    share, cuts = 1.0, 0
    for axis in range(3):
        low, high = np.add(span(solid, to_voxel[axis, :3]), to_voxel[axis, 3] + 0.5)
        inside = np.clip([0.0, geometry.shape[axis]], low, high)
        if inside[0] == low and inside[1] == high:
            continue
        cuts += 1
        below, above = (inside - low) / (high - low)  # where the faces are, along the solid from 0 to 1
        if isinstance(solid, Ellipsoid):
            share = _below(above) - _below(below)
        elif isinstance(solid, Tube) and _upright(solid) and axis == axial_axis(geometry):
            share = float(above - below)
        else:
            return None
    return solid.volume_ml * share if cuts == 1 else None


def _below(height: float) -> float:
    """The share of a ball's volume below a plane at this height, 0 to 1 of its diameter."""
    h = 2 * float(height)
    return h * h * (3 - h) / 4


def _density(kind: str, part: Part, scan: Scan) -> float:
    """Mean or standard deviation of a mixture: the organ's own tissue and the lesions wholly inside it."""
    inner = [other for other in scan.parts if other.inside == part.structure]
    own = part.solid.volume_ml - sum(other.solid.volume_ml for other in inner)
    weights = np.array([own, *(other.solid.volume_ml for other in inner)]) / part.solid.volume_ml
    levels = np.array([part.hu, *(other.hu for other in inner)])
    mean = float(weights @ levels)
    if kind == "mean_hu":
        return mean
    return float(np.sqrt(weights @ np.square(levels - mean) + scan.noise**2))


def _round(solid: Solid) -> bool:
    return (isinstance(solid, Ellipsoid) and len(set(solid.radii)) == 1) or (
        isinstance(solid, Tube) and _upright(solid)
    )


def _upright(tube: Tube) -> bool:
    return tube.start[:2] == tube.end[:2]


def _middle(solid: Solid) -> Floats:
    """The centre of a ball; the start of a tube, which has the same x and y all along."""
    assert isinstance(solid, Ellipsoid | Tube)
    return np.asarray(solid.centre if isinstance(solid, Ellipsoid) else solid.start, dtype=np.float64)


def _radius(solid: Solid) -> float:
    assert isinstance(solid, Ellipsoid | Tube)
    return solid.radii[0] if isinstance(solid, Ellipsoid) else solid.diameter / 2
