"""Diameters: RECIST 1.1 long and short axis, largest 3D diameter, cranio-caudal extent, width of a vessel.

"Axial" is the array plane closest to the patient's axial plane: the slices as they were acquired, which is where
radiologists measure. A diameter stays within one connected piece of the mask: it never bridges two lesions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.measure.hull import Line, area, hull_points, longest, narrowest, perpendicular
from assistant.measure.region import AXIAL, Region
from assistant.measure.types import Measurement, Point, Unmeasurable

RECIST_MM = 10.0
THICK_SLICE_MM = 5.0
CROSS_SECTION_SOLIDITY = 0.9


@dataclass(frozen=True, eq=False)
class Section:
    """One in-plane piece of a structure on one axial slice.

    slice: index along the region's axial axis; corner: where `pixels` begins in the plane.
    """

    slice: int
    corner: tuple[int, int]
    pixels: npt.NDArray[np.bool_]

    def polygon(self) -> npt.NDArray:
        """(n, 2) corners of its convex hull, in the region's in-plane voxel coordinates."""
        return hull_points(self.pixels) + self.corner

    def lift(self, points: npt.NDArray) -> npt.NDArray:
        """(n, 2) in-plane to (n, 3) region voxel coordinates."""
        return np.column_stack([points, np.full(len(points), float(self.slice))])


def longest_diameter(region: Region) -> Measurement:
    section, _, line = _long_axis(region)
    smallest = _recist_minimum(region.geometry.spacing[AXIAL])
    note = f"Below {smallest:g} mm: not measurable by RECIST 1.1." if line.length < smallest else ""
    return _in_plane("longest_diameter", region, section, line, note)


def short_axis(region: Region) -> Measurement:
    section, polygon, line = _long_axis(region)
    across = perpendicular(polygon, region.steps[:AXIAL], line)
    return _in_plane("short_axis", region, section, across)


def max_axial_diameter(region: Region) -> Measurement | Unmeasurable:
    """The largest, over the axial slices, of the narrowest caliper width of a cross-section.

    A vessel that crosses the slice at a slant shows an ellipse that is too long but whose minor axis is right, so
    the narrow width is what axial CT reports for a slanting aorta. Where the vessel runs along the slice
    and bends in it, as at an arch, the piece is no cross-section: pieces that fill less than 90 % of their
    convex hull are left out.
    """

    def width(polygon: npt.NDArray, section: Section) -> Line | None:
        if np.count_nonzero(section.pixels) < CROSS_SECTION_SOLIDITY * area(polygon):
            return None
        return narrowest(polygon, region.steps[:AXIAL])

    found = _largest(_sections(region), _short_side(region), width)
    if found is None:
        return Unmeasurable(
            "max_axial_diameter", "No axial slice shows this vessel in a clean cross-section."
        )
    section, _, line = found
    return _in_plane("max_axial_diameter", region, section, line)


def max_3d_diameter(region: Region) -> Measurement:
    pieces = [(_diagonal(voxels, region.steps), corner, voxels) for corner, voxels in _pieces(region.voxels)]
    best: Line | None = None
    for limit, corner, voxels in sorted(pieces, key=lambda piece: -piece[0]):
        if best is not None and limit <= best.length:
            break
        line = longest(hull_points(voxels) + corner, region.steps)
        if best is None or line.length > best.length:
            best = line
    assert best is not None  # a region has at least one voxel
    return Measurement("max_3d_diameter", best.length, "mm", _ends(region, best.ends))


def craniocaudal_extent(region: Region) -> Measurement:
    """Extent along the patient's inferior-superior axis, drawn through the structure's centroid."""
    rise = region.steps[:, 2]  # mm towards the head per step along each axis
    columns = np.argwhere(region.voxels.any(axis=AXIAL))
    occupied = region.voxels[columns[:, 0], columns[:, 1]]
    bottom = occupied.argmax(axis=1)
    top = occupied.shape[1] - 1 - occupied[:, ::-1].argmax(axis=1)
    reach = np.abs(rise).max() / 2  # the face centre that is farthest up from its voxel's centre
    low = float((columns @ rise[:AXIAL] + bottom * rise[AXIAL]).min()) - reach
    high = float((columns @ rise[:AXIAL] + top * rise[AXIAL]).max()) + reach
    x, y, _ = region.world(_centroid(region.voxels))
    z = float(region.geometry.affine[2, 3])
    return Measurement("craniocaudal_extent", high - low, "mm", ((x, y, z + low), (x, y, z + high)))


def _long_axis(region: Region) -> tuple[Section, npt.NDArray, Line]:
    """The section, its hull and its line of the longest in-plane diameter."""
    steps = region.steps[:AXIAL]
    found = _largest(
        _sections(region),
        lambda section: _diagonal(section.pixels, steps),
        lambda polygon, _: longest(polygon, steps),
    )
    assert found is not None  # every region has a section and every section a longest line
    return found


def _largest(
    sections: Iterator[Section],
    bound: Callable[[Section], float],
    measure: Callable[[npt.NDArray, Section], Line | None],
) -> tuple[Section, npt.NDArray, Line] | None:
    """The section with the longest line, looking only at sections whose upper bound still allows one."""
    best: tuple[Section, npt.NDArray, Line] | None = None
    for limit, section in sorted(((bound(s), s) for s in sections), key=lambda pair: -pair[0]):
        if best is not None and limit <= best[2].length:
            break
        polygon = section.polygon()
        line = measure(polygon, section)
        if line is not None and (best is None or line.length > best[2].length):
            best = section, polygon, line
    return best


def _sections(region: Region) -> Iterator[Section]:
    """Every in-plane piece of every axial slice."""
    for index in range(region.voxels.shape[AXIAL]):
        for corner, pixels in _pieces(region.voxels[:, :, index]):
            yield Section(index, (int(corner[0]), int(corner[1])), pixels)


def _pieces(voxels: npt.NDArray[np.bool_]) -> Iterator[tuple[npt.NDArray, npt.NDArray[np.bool_]]]:
    """The connected pieces (touching by a corner is enough) of a 2D or 3D array: first index, tight array."""
    import cc3d

    labels = cc3d.connected_components(
        np.ascontiguousarray(voxels), connectivity=8 if voxels.ndim == 2 else 26
    )
    boxes = cc3d.statistics(labels, no_slice_conversion=False)["bounding_boxes"]
    for label, box in enumerate(boxes):
        if label and box is not None:
            yield np.array([side.start for side in box]), labels[box] == label


def _diagonal(voxels: npt.NDArray[np.bool_], steps: npt.NDArray) -> float:
    """No line in this array, voxels' faces included, is longer than this many mm, however sheared the grid."""
    return float(np.linalg.norm(np.asarray(voxels.shape) @ np.abs(steps)))


def _short_side(region: Region) -> Callable[[Section], float]:
    """An upper bound of a section's narrowest width: its extent across either array axis."""
    first, second = region.steps[0], region.steps[1]
    sheared = abs(first @ second) / (np.linalg.norm(first) * np.linalg.norm(second)) > 1e-6
    lengths = np.linalg.norm(region.steps[:AXIAL], axis=1)

    def bound(section: Section) -> float:
        if sheared:
            return _diagonal(section.pixels, region.steps[:AXIAL])
        return float((section.pixels.shape * lengths).min())

    return bound


def _recist_minimum(slice_mm: float) -> float:
    """RECIST 1.1: 10 mm on CT with slices up to 5 mm, twice the slice thickness on thicker ones."""
    return 2 * slice_mm if slice_mm > THICK_SLICE_MM else RECIST_MM


def _centroid(voxels: npt.NDArray[np.bool_]) -> list[float]:
    """The mean voxel coordinate."""
    counts = [np.count_nonzero(voxels, axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    return [float(np.average(np.arange(len(count)), weights=count)) for count in counts]


def _in_plane(kind: str, region: Region, section: Section, line: Line, note: str = "") -> Measurement:
    ends = _ends(region, section.lift(line.ends))
    return Measurement(kind, line.length, "mm", ends, region.study_slice(section.slice), note=note)


def _ends(region: Region, ends: npt.NDArray) -> tuple[Point, Point]:
    return region.world(ends[0]), region.world(ends[1])
