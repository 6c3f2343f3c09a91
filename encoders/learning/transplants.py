"""Label maps with one person's organs in another person's trunk: more shapes than whole-trunk maps alone have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import ndimage

from encoders.learning.cases import Case

REST = "body_rest"
"""Label of the host's body that has no name: takes the place of its own removed organs."""

KEPT = (
    "vertebrae_",
    "rib_",
    "sacrum",
    "hip_",
    "sternum",
    "aorta",
    "inferior_vena_cava",
    "outside",
    "autochthon_",
)
"""Host structures, by the start of their name, that a donor's organ never overwrites."""


def _extent(mask: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size (millimetres) of the central 96 % of a mask's voxels along each axis."""
    points = (np.argwhere(mask) + 0.5) * spacing
    low, high = np.percentile(points, (2, 98), axis=0)
    return (low + high) / 2, high - low


def transplant(
    host: Case, donor: np.ndarray, spacing: np.ndarray, table: Mapping[str, int], anchors: tuple[str, ...]
) -> Case | None:
    """`host` with its organs replaced by the donor's, scaled and shifted so that the anchor organs fill the same box.

    donor: label values on a RAS+ grid of `spacing` millimetres; `table` maps structure ids to its values. All organs
    of the table that the donor has are removed from the host within the donor's reach along z; bones and great vessels
    of the host stay where they are. Returns None when an anchor is missing on either side.
    """
    names = list(host.names)
    if any(a not in names or not (donor == table[a]).any() for a in anchors):
        return None
    own = np.isin(host.labels, [names.index(a) for a in anchors])
    grid = np.full(3, host.spacing_mm)
    centre, size = _extent(own, grid)
    donor_centre, donor_size = _extent(np.isin(donor, [table[a] for a in anchors]), spacing)
    scale = np.clip(size / donor_size, 0.75, 1.35)

    axes = [
        np.floor((((np.arange(n) + 0.5) * grid[a] - centre[a]) / scale[a] + donor_centre[a]) / spacing[a])
        for a, n in enumerate(host.labels.shape)
    ]
    inside = [(i >= 0) & (i < n) for i, n in zip(axes, donor.shape, strict=True)]
    index = [np.clip(i, 0, n - 1).astype(int) for i, n in zip(axes, donor.shape, strict=True)]
    placed = donor[np.ix_(*index)] * (inside[0][:, None, None] & inside[1][:, None] & inside[2])

    labels = host.labels.copy()
    rest = names.index(REST)
    present = {name: value for name, value in table.items() if (donor == value).any()}
    reach = np.zeros(labels.shape, bool)
    reach[:, :, inside[2]] = True
    for name in present:
        if name in names:
            labels[(host.labels == names.index(name)) & reach] = rest
    fixed = np.isin(host.labels, [n for n, name in enumerate(names) if name.startswith(KEPT)])
    for name, value in present.items():
        if name not in names:
            names.append(name)
        labels[(placed == value) & ~fixed] = names.index(name)
    return replace(host, labels=labels, names=tuple(names))


def smooth(donor: np.ndarray, spacing: np.ndarray, along_mm: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """A label map with thick slices, interpolated label by label along z to about `along_mm`."""
    if spacing[2] <= along_mm:
        return donor, spacing
    factor = spacing[2] / along_mm
    best = np.zeros(1)
    result = np.zeros(1, donor.dtype)
    for value in np.unique(donor):
        share = ndimage.zoom((donor == value).astype(np.float32), (1, 1, factor), order=1)
        if best.size == 1:
            best, result = share, np.full(share.shape, value, donor.dtype)
        else:
            result[share > best] = value
            best = np.maximum(best, share)
    return result, np.array([spacing[0], spacing[1], spacing[2] * donor.shape[2] / result.shape[2]])
