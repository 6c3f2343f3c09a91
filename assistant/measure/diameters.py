"""Diameters: RECIST 1.1 long and short axis, largest 3D diameter, craniocaudal extent.

A diameter stays within one connected piece of the mask, so that it never joins two lesions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from assistant.measure.hull import Line, hull_points, longest, perpendicular
from assistant.measure.region import AXIAL, Region
from assistant.measure.sections import Section, diagonal, in_plane, largest, pieces, sections
from assistant.measure.types import Measurement

RECIST_MM = 10.0
THICK_SLICE_MM = 5.0


def longest_diameter(region: Region) -> Measurement:
    section, line = _long_axis(region)
    smallest = _recist_minimum(region.geometry.spacing[AXIAL])
    note = f"Below {smallest:g} mm: not measurable by RECIST 1.1." if line.length < smallest else ""
    return in_plane("longest_diameter", region, section, line, note)


def short_axis(region: Region) -> Measurement:
    section, line = _long_axis(region)
    across = perpendicular(section.polygon(), region.steps[:AXIAL], line)
    return in_plane("short_axis", region, section, across)


def max_3d_diameter(region: Region) -> Measurement:
    found = [(diagonal(voxels, region.steps), corner, voxels) for corner, voxels in pieces(region.voxels)]
    best: Line | None = None
    for limit, corner, voxels in sorted(found, key=lambda piece: -piece[0]):
        if best is not None and limit <= best.length:
            break
        line = longest(hull_points(voxels) + corner, region.steps)
        if best is None or line.length > best.length:
            best = line
    assert best is not None  # a region has at least one voxel
    first, second = best.ends
    return Measurement("max_3d_diameter", best.length, "mm", (region.world(first), region.world(second)))


def craniocaudal_extent(region: Region) -> Measurement:
    """Extent along the patient's inferior-superior axis, drawn through the structure's centroid."""
    rise = region.steps[:, 2]  # mm towards the head per step along each axis
    columns = np.argwhere(region.voxels.any(axis=AXIAL))
    occupied = region.voxels[columns[:, 0], columns[:, 1]]
    bottom = occupied.argmax(axis=1)
    top = occupied.shape[1] - 1 - occupied[:, ::-1].argmax(axis=1)
    reach = np.abs(rise).max() / 2  # from a voxel's centre up to its highest face centre
    low = float((columns @ rise[:AXIAL] + bottom * rise[AXIAL]).min() - reach)
    high = float((columns @ rise[:AXIAL] + top * rise[AXIAL]).max() + reach)
    x, y, _ = region.world(_centroid(region.voxels))
    z = float(region.geometry.affine[2, 3])
    return Measurement("craniocaudal_extent", high - low, "mm", ((x, y, z + low), (x, y, z + high)))


def _long_axis(region: Region) -> tuple[Section, Line]:
    """The section and the line of the longest in-plane diameter."""
    steps = region.steps[:AXIAL]
    return largest(
        sections(region),
        bound=lambda section: diagonal(section.pixels, steps),
        line=lambda section: longest(section.polygon(), steps),
    )


def _recist_minimum(slice_mm: float) -> float:
    """RECIST 1.1: 10 mm on CT with slices up to 5 mm, twice the slice thickness on thicker ones."""
    return 2 * slice_mm if slice_mm > THICK_SLICE_MM else RECIST_MM


def _centroid(voxels: npt.NDArray[np.bool_]) -> list[float]:
    """The mean voxel coordinate."""
    counts = [np.count_nonzero(voxels, axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    return [float(np.average(np.arange(len(count)), weights=count)) for count in counts]
