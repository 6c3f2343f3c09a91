"""The smallest distance between the surfaces of two structures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from assistant.measure.region import Region
from assistant.measure.types import Measurement, Point
from encoders.geometry import Box

Floats = npt.NDArray[np.floating]

_PROBES = 500


def distance(region: Region, other: Region) -> Measurement:
    """Between the nearest centres of voxel faces; 0 mm where the structures touch or overlap."""
    from scipy.spatial import KDTree

    here, there = _placed(region), _placed(other)
    shared = _shared_voxel(region, other, here, there)
    if shared is not None:
        return Measurement("distance", 0.0, "mm", (shared, shared), note="The structures overlap.")

    offset = np.subtract(there.start, here.start)  # both in the first region's voxel coordinates
    a, b = _surface(region.voxels), _surface(other.voxels) + offset
    a_mm, b_mm = a @ region.steps, b @ region.steps
    reach = float(KDTree(b_mm).query(a_mm[:: max(1, len(a_mm) // _PROBES)])[0].min())
    near_a, near_b = _within(a_mm, b_mm, reach), _within(b_mm, a_mm, reach)  # nothing farther can be nearest
    gaps, partners = KDTree(b_mm[near_b]).query(a_mm[near_a])
    first = int(gaps.argmin())
    ends = region.world(a[near_a][first]), region.world(b[near_b][partners[first]])
    note = "The structures touch." if gaps[first] == 0 else ""
    return Measurement("distance", float(gaps[first]), "mm", ends, note=note)


def _placed(region: Region) -> Box:
    """The region's box on the study's canonical array."""
    return region.study.canonical_box(region.box)


def _shared_voxel(region: Region, other: Region, here: Box, there: Box) -> Point | None:
    """World position of a voxel in both structures; None when they share none."""
    common = here.intersection(there)
    if common is None:
        return None
    both = region.voxels[common.shifted(np.negative(here.start)).slices]
    both = both & other.voxels[common.shifted(np.negative(there.start)).slices]
    if not both.any():
        return None
    first = np.unravel_index(int(both.argmax()), both.shape)
    return region.world(np.add(first, common.start) - here.start)


def _surface(voxels: npt.NDArray[np.bool_]) -> Floats:
    """(n, 3) centres of the voxel faces between a structure and what is not, in voxel coordinates."""
    faces = []
    for axis in range(3):
        pad = [(int(a == axis), int(a == axis)) for a in range(3)]
        crossings = np.argwhere(np.diff(np.pad(voxels, pad), axis=axis)).astype(np.float64)
        crossings[:, axis] -= 0.5  # the crossing after padded voxel n is the face before voxel n
        faces.append(crossings)
    return np.concatenate(faces)


def _within(points: Floats, others: Floats, reach: float) -> npt.NDArray[np.bool_]:
    """Which points are no farther than `reach` mm from the bounding box of the others."""
    slack = reach + 1e-6
    return ((points >= others.min(axis=0) - slack) & (points <= others.max(axis=0) + slack)).all(axis=1)
