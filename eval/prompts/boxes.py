"""Masks and boxes against the truth: Dice, IoU in 3D, the centre, and whether voxels and millimetres agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.answer import BoundingBox
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask
from eval.prompts.known import Item

AGREE_MM = 0.01


@dataclass(frozen=True)
class BoxScore:
    """iou: 0 when there is no box. centre_mm: None when there is none. conventions: the box says the same in voxels
    and in RAS+ millimetres."""

    iou: float
    centre_mm: float | None
    conventions: bool


def score(box: BoundingBox | None, item: Item, geometry: Geometry) -> BoxScore:
    """A box against the tight box of the true structure. The IoU is that of the boxes on the voxel grid."""
    if box is None:
        return BoxScore(0.0, None, True)
    start, stop = (np.asarray(corner, dtype=np.float64) for corner in box.voxel)
    steps = geometry.affine[:3, :3]
    gap = float(np.linalg.norm(steps @ (centre(box) - item.centre)))
    return BoxScore(iou((start, stop), (item.start, item.stop)), gap, agrees(box, geometry))


def iou(one: tuple[npt.NDArray, npt.NDArray], other: tuple[npt.NDArray, npt.NDArray]) -> float:
    """Of two boxes (start, stop), half-open."""
    shared = np.prod(np.clip(np.minimum(one[1], other[1]) - np.maximum(one[0], other[0]), 0, None))
    union = sum(np.prod(np.clip(stop - start, 0, None)) for start, stop in (one, other)) - shared
    return float(shared / union) if union > 0 else 0.0


def centre(box: BoundingBox) -> npt.NDArray[np.float64]:
    """In voxel coordinates, where an index is a voxel's centre."""
    start, stop = box.voxel
    return (np.asarray(start, dtype=np.float64) + np.asarray(stop)) / 2 - 0.5


def agrees(box: BoundingBox, geometry: Geometry) -> bool:
    """The millimetres are RAS+ and hold exactly the voxels' full extent, by the affine alone."""
    corners = np.array(np.meshgrid(*zip(*box.voxel, strict=True))).reshape(3, 8) - 0.5
    world = geometry.affine[:3, :3] @ corners + geometry.affine[:3, 3:]
    wanted = np.stack([world.min(axis=1), world.max(axis=1)])
    return bool(np.abs(wanted - np.asarray(box.world_mm)).max() <= AGREE_MM)


def dice(one: Mask, other: Mask) -> float:
    """Of two masks on one grid; 0 when either is empty (absence is scored elsewhere)."""
    if one.box is None or other.box is None:
        return 0.0
    common = one.box.intersection(other.box)
    if common is None:
        return 0.0
    parts = [m.voxels[common.shifted([-a for a in m.box.start]).slices] for m in (one, other) if m.box]
    return 2 * float(np.count_nonzero(parts[0] & parts[1])) / (one.voxel_count + other.voxel_count)
