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

    volume_error: (predicted - reference) / reference volume; None when the reference is empty.
    """

    dice: float | None
    nsd: float | None
    volume_error: float | None
    tolerance_mm: float


def dice(prediction: Mask3D, reference: Mask3D) -> float | None:
    """Dice similarity of two bool arrays; None when both are empty."""
    total = int(np.count_nonzero(prediction)) + int(np.count_nonzero(reference))
    return 2 * int(np.count_nonzero(prediction & reference)) / total if total else None


def surface(mask: Mask3D) -> Mask3D:
    """Voxels of the mask that have a 6-neighbour outside it."""
    return mask & ~ndimage.binary_erosion(mask, border_value=0)


def normalised_surface_dice(
    prediction: Mask3D, reference: Mask3D, spacing: tuple[float, float, float], tolerance_mm: float
) -> float | None:
    """Share of both surfaces that lies within `tolerance_mm` of the other (Nikolov et al., 2018).

    Surfaces are voxel sets, each voxel counted once. None when both masks are empty.
    """
    import edt

    both = Box.of_mask(prediction | reference)
    if both is None:
        return None
    margin = [int(np.ceil(tolerance_mm / s)) + 1 for s in spacing]
    crop = both.grown(margin, prediction.shape).slices
    a, b = surface(prediction[crop]), surface(reference[crop])
    if not a.any() or not b.any():
        return 0.0
    near_b = edt.edt(~b, anisotropy=spacing) <= tolerance_mm
    near_a = edt.edt(~a, anisotropy=spacing) <= tolerance_mm
    return float(((a & near_b).sum() + (b & near_a).sum()) / (a.sum() + b.sum()))


def score(
    prediction: Mask3D, reference: Mask3D, spacing: tuple[float, float, float], tolerance_mm: float = 2.0
) -> SegmentationScore:
    """All scores of two bool arrays of one shape; `spacing` in mm along the array axes."""
    size = int(np.count_nonzero(reference))
    error = (int(np.count_nonzero(prediction)) - size) / size if size else None
    return SegmentationScore(
        dice(prediction, reference),
        normalised_surface_dice(prediction, reference, spacing, tolerance_mm),
        error,
        tolerance_mm,
    )
