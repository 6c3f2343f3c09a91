"""The axial sections of a structure, and the search for the one with the longest line.

"Axial" is the array plane closest to the patient's axial plane: the slices as they were acquired, which is
where radiologists measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.measure.hull import Line, hull_points
from assistant.measure.region import AXIAL, Region
from assistant.measure.types import Measurement


@dataclass(frozen=True, eq=False)
class Section:
    """One connected piece of a structure on one axial slice.

    slice: index along the region's axial axis; corner: where `pixels` begins in the plane.
    """

    slice: int
    corner: npt.NDArray
    pixels: npt.NDArray[np.bool_]

    def polygon(self) -> npt.NDArray:
        """(n, 2) corners of its convex hull, in the region's in-plane voxel coordinates."""
        return hull_points(self.pixels) + self.corner


def sections(region: Region) -> Iterator[Section]:
    """Every section of every axial slice, from the feet up."""
    for index in range(region.voxels.shape[AXIAL]):
        for corner, pixels in pieces(region.voxels[:, :, index]):
            yield Section(index, corner, pixels)


def pieces(voxels: npt.NDArray[np.bool_]) -> Iterator[tuple[npt.NDArray, npt.NDArray[np.bool_]]]:
    """The connected pieces of a 2D or 3D array, those that touch by a corner included.

    Yields the array index at which each begins and its tight array.
    """
    boxes: Iterable[tuple[slice, ...]]
    labels: npt.NDArray
    if voxels.ndim == 2:
        from scipy import ndimage

        # cc3d splits some 8-connected pieces of a 2D mask in two and skips labels; scipy does not
        labels, _ = ndimage.label(voxels, np.ones((3, 3)))
        boxes = ndimage.find_objects(labels)
    else:
        import cc3d

        labels = cc3d.connected_components(np.ascontiguousarray(voxels), connectivity=26)
        boxes = cc3d.statistics(labels, no_slice_conversion=False)["bounding_boxes"][1:]
    for label, box in enumerate(boxes, start=1):
        yield np.array([side.start for side in box]), labels[box] == label


def largest(
    candidates: Iterable[Section], bound: Callable[[Section], float], line: Callable[[Section], Line]
) -> tuple[Section, Line]:
    """The section with the longest line; equal ones: the first with the highest bound.

    bound: no line of the section is longer, and it is quicker to know; sections that cannot win are skipped.
    """
    best: tuple[Section, Line] | None = None
    for limit, section in sorted(((bound(s), s) for s in candidates), key=lambda pair: -pair[0]):
        if best is not None and limit <= best[1].length:
            break
        found = line(section)
        if best is None or found.length > best[1].length:
            best = section, found
    assert best is not None  # a region has at least one voxel, so at least one section
    return best


def diagonal(voxels: npt.NDArray[np.bool_], steps: npt.NDArray) -> float:
    """No line between voxel faces of this array is longer than this many mm, however sheared the grid."""
    return float(np.linalg.norm(np.asarray(voxels.shape) @ np.abs(steps)))


def in_plane(kind: str, region: Region, section: Section, line: Line, note: str = "") -> Measurement:
    """A line in a section's plane as a measurement."""
    first, second = np.column_stack([line.ends, np.full(2, float(section.slice))])
    ends = region.world(first), region.world(second)
    return Measurement(kind, line.length, "mm", ends, region.study_slice(section.slice), note=note)
