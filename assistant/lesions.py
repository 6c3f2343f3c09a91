"""From one mask of all lesions to lesions: parts, sizes in order, and the region that each lies in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from assistant.measure import components
from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Mask

SMALLEST_ML = 0.01
"""Parts below 10 cubic millimetres are specks, not lesions (the smallest threshold that RadGPT sweeps)."""

SHARE = 0.1
"""A region is named when it holds more than a tenth of the lesion (RadGPT's rule)."""

REACH_MM = 15.0
"""How far outside a region's mask a lesion voxel may lie and still be counted to it."""


def parts(mask: Mask, geometry: Geometry) -> list[Mask]:
    """The lesions of a mask, largest first: its 26-connected pieces, specks left out."""
    return [
        piece for piece in components(mask, geometry) if piece.voxel_count * geometry.voxel_ml >= SMALLEST_ML
    ]


def shares(lesion: Mask, regions: Mapping[str, Mask], geometry: Geometry) -> dict[str, float]:
    """The fraction of a lesion's voxels that lies in, or nearest to, each region.

    Organ masks often leave the lesion out, so a voxel outside every region counts to the nearest one within
    15 mm. Fractions are of the whole lesion and can sum to less than one.
    """
    import edt

    present = {name: region for name, region in regions.items() if region.box is not None}
    if lesion.box is None or not present:
        return dict.fromkeys(regions, 0.0)
    margin = np.ceil(REACH_MM / np.asarray(geometry.spacing)).astype(int)
    window = lesion.box.grown(margin.tolist(), geometry.shape)
    inside = in_window(lesion, window)
    distances = np.stack(
        [
            edt.edt(~region, anisotropy=geometry.spacing, black_border=False)[inside]
            if (region := in_window(mask, window)).any()
            else np.full(int(inside.sum()), np.inf)
            for mask in present.values()
        ]
    )
    nearest, near = distances.argmin(axis=0), distances.min(axis=0) <= REACH_MM
    counts = np.bincount(nearest[near], minlength=len(present)) / inside.sum()
    return dict.fromkeys(regions, 0.0) | dict(zip(present, counts.tolist(), strict=True))


def location(fractions: Mapping[str, float]) -> list[str]:
    """The regions to name, the one with the largest share first."""
    named = [name for name, fraction in fractions.items() if fraction > SHARE]
    return sorted(named, key=lambda name: -fractions[name])


def in_window(mask: Mask, window: Box) -> npt.NDArray[np.bool_]:
    """The part of a mask inside a box of the grid, as an array of the box's shape."""
    out = np.zeros(window.shape, dtype=bool)
    shared = mask.box.intersection(window) if mask.box else None
    if mask.box is not None and shared is not None:
        target = shared.shifted([-a for a in window.start])
        source = shared.shifted([-a for a in mask.box.start])
        out[target.slices] = mask.voxels[source.slices]
    return out
