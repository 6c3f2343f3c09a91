"""Where a lesion touches its neighbours, and how far around a vessel it reaches."""

from __future__ import annotations

import numpy as np

from assistant.lesions import in_window
from assistant.measure import Measurement, measure
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask

TOUCH_MM = 2.0
"""Surfaces that are at most this far apart touch: a voxel of a thick-sliced scan."""


def touches(lesion: Mask, other: Mask, geometry: Geometry) -> bool:
    """Whether the surfaces of two present masks are at most 2 mm apart."""
    assert lesion.box is not None
    margin = np.ceil(TOUCH_MM / np.asarray(geometry.spacing)).astype(int) + 1
    if other.box is None or other.box.intersection(lesion.box.grown(margin.tolist(), geometry.shape)) is None:
        return False
    found = measure("distance", lesion, geometry, other=other)
    return isinstance(found, Measurement) and found.value <= TOUCH_MM


def angle_around(vessel: Mask, lesion: Mask, geometry: Geometry) -> float:
    """Degrees of a vessel's circumference that a lesion touches, the largest of all axial slices.

    After RadGPT: 360 degrees times the share of the ring of 2 mm around the vessel's section that lies in the lesion.
    For vessels that run from head to foot; a section along a vessel has no angle.
    """
    import edt

    assert vessel.box is not None
    margin = np.ceil(2 * TOUCH_MM / np.asarray(geometry.spacing)).astype(int)
    margin[geometry.axial_axis] = 0
    window = vessel.box.grown(margin.tolist(), geometry.shape)
    axis = geometry.axial_axis
    sections = np.moveaxis(in_window(vessel, window), axis, -1)
    touching = np.moveaxis(in_window(lesion, window), axis, -1)
    spacing = tuple(s for n, s in enumerate(geometry.spacing) if n != axis)
    reach = max(TOUCH_MM, *spacing)
    largest = 0.0
    for k in np.flatnonzero(sections.any(axis=(0, 1)) & touching.any(axis=(0, 1))):
        section = sections[..., k]
        ring = ~section & (edt.edt(~section, anisotropy=spacing, black_border=False) <= reach)
        if ring.any():
            largest = max(largest, 360.0 * float(touching[..., k][ring].mean()))
    return largest
