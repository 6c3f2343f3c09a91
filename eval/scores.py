"""Scores of one mask against its reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from encoders.geometry import Box

Mask3D = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SegmentationScore:
    """dice: 2|A∩B| / (|A|+|B|), None when both are empty. nsd: normalised surface Dice at `tolerance_mm`.

    hd95_mm: the larger of the two 95th percentiles of distances from one surface to the other (Huttenlocher et al.,
    1993, with the percentile of the segmentation challenges); None when either is empty.
    volume_error: (predicted - reference) / reference volume; None when the reference is empty.
    """

    dice: float | None
    nsd: float | None
    hd95_mm: float | None
    volume_error: float | None
    tolerance_mm: float


def dice(prediction: Mask3D, reference: Mask3D) -> float | None:
    """Dice similarity of two bool arrays; None when both are empty."""
    total = int(np.count_nonzero(prediction)) + int(np.count_nonzero(reference))
    return 2 * int(np.count_nonzero(prediction & reference)) / total if total else None


def surface(mask: Mask3D) -> Mask3D:
    """Voxels of the mask that have a 6-neighbour outside it."""
    return mask & ~ndimage.binary_erosion(mask, border_value=0)


def surface_distances(
    a: Mask3D, b: Mask3D, spacing: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Distances in mm from each surface voxel of a to the surface of b, and back; None when either is empty."""
    import edt

    both = Box.of_mask(a | b)
    if both is None or not a.any() or not b.any():
        return None
    crop = both.grown(1, a.shape).slices
    rim_a, rim_b = surface(a[crop]), surface(b[crop])
    to_b = edt.edt(~rim_b, anisotropy=spacing)
    to_a = edt.edt(~rim_a, anisotropy=spacing)
    return to_b[rim_a], to_a[rim_b]


def score(
    prediction: Mask3D, reference: Mask3D, spacing: tuple[float, float, float], tolerance_mm: float = 2.0
) -> SegmentationScore:
    """All scores of two bool arrays of one shape; `spacing` in mm along the array axes.

    The normalised surface Dice is the share of both surfaces that lies within the tolerance of the other (Nikolov et
    al., 2018); surfaces are voxel sets, each voxel counted once.
    """
    size = int(np.count_nonzero(reference))
    distances = surface_distances(prediction, reference, spacing)
    overlap = dice(prediction, reference)
    nsd: float | None = None if overlap is None else 0.0
    hd95 = None
    if distances is not None:
        nsd = float((np.concatenate(distances) <= tolerance_mm).mean())
        hd95 = float(max(np.percentile(d, 95) for d in distances))
    error = (int(np.count_nonzero(prediction)) - size) / size if size else None
    return SegmentationScore(overlap, nsd, hd95, error, tolerance_mm)
