"""The smallest distance between the surfaces of two structures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from assistant.measure.region import Region
from assistant.measure.surface import faces
from assistant.measure.types import Measurement, Point
from encoders.geometry import Box

Floats = npt.NDArray[np.floating]

_PROBES = 500
_TOUCH_MM = 1e-6  # rounding of two ways to the same voxel face


def distance(region: Region, other: Region) -> Measurement:
    """Between the nearest centres of voxel faces; 0 mm where the structures touch or overlap."""
    from scipy.spatial import KDTree

    here, there = _placed(region), _placed(other)
    shared = _shared_voxel(region, other, here, there)
    if shared is not None:
        return Measurement("distance", 0.0, "mm", (shared, shared), note="The structures overlap.")

    offset = np.subtract(there.start, here.start)  # both in the first region's voxel coordinates
    a, b = faces(region.voxels), faces(other.voxels) + offset
    a_mm, b_mm = a @ region.steps, b @ region.steps
    probes = a_mm[:: max(1, len(a_mm) // _PROBES)]
    reach = float(np.min(KDTree(b_mm).query(probes)[0]))
    near_a, near_b = _within(a_mm, b_mm, reach), _within(b_mm, a_mm, reach)  # nothing farther can be nearest
    gaps, partners = (np.asarray(found) for found in KDTree(b_mm[near_b]).query(a_mm[near_a]))
    nearest = int(gaps.argmin())
    ends = region.world(a[near_a][nearest]), region.world(b[near_b][int(partners[nearest])])
    touching = bool(gaps[nearest] < _TOUCH_MM)
    note = "The structures touch." if touching else ""
    return Measurement("distance", 0.0 if touching else float(gaps[nearest]), "mm", ends, note=note)


def _placed(region: Region) -> Box:
    """The region's box on the study's canonical array."""
    return region.study.canonical_box(region.box)


def _shared_voxel(region: Region, other: Region, here: Box, there: Box) -> Point | None:
    """World position of a voxel in both structures; None when they share none."""
    common = here.intersection(there)
    if common is None:
        return None
    both = _part(region, common, here) & _part(other, common, there)
    if not both.any():
        return None
    first = np.unravel_index(int(both.argmax()), both.shape)
    return region.world(np.add(first, common.start) - here.start)


def _part(region: Region, common: Box, placed: Box) -> npt.NDArray[np.bool_]:
    """The region's voxels inside a box of the study's canonical array."""
    i, j, k = (-n for n in placed.start)
    return region.voxels[common.shifted((i, j, k)).slices]


def _within(points: Floats, others: Floats, reach: float) -> npt.NDArray[np.bool_]:
    """Which points are no farther than `reach` mm from the bounding box of the others."""
    slack = reach + 1e-6
    return ((points >= others.min(axis=0) - slack) & (points <= others.max(axis=0) + slack)).all(axis=1)
