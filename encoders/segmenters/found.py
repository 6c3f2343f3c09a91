"""What a pass found of one structure, on its own grid."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy import ndimage
from torch import Tensor

from encoders.geometry import Box, Geometry
from encoders.inference import to_study_grid
from encoders.postprocess import Verdict
from encoders.segmenters.base import Mask
from encoders.volume import Volume


@dataclass(frozen=True, eq=False)
class Found:
    """One structure on `box` of a grid over the study's field of view, in RAS+ order.

    verdict: what stays, bool (X, Y, Z), and how sure. logits: (X, Y, Z); above zero is the structure.
    """

    verdict: Verdict
    logits: Tensor
    box: Box
    grid: Geometry

    def on_study(self, structure: str, volume: Volume) -> Mask:
        """The kept voxels at the study's own resolution and axis order."""
        geometry, keep = volume.geometry, self.verdict.keep
        sure = min(max(self.verdict.confidence, 0.0), 1.0)
        tight = Box.of_mask(keep)
        if tight is None:
            return Mask.absent(structure, geometry.shape, sure)
        around = tight.grown(2, keep.shape)
        near = torch.from_numpy(ndimage.binary_dilation(keep[around.slices])).to(self.logits.device)
        values = self.logits[around.slices].masked_fill(~near, -8.0)
        box, mask = to_study_grid(values, around.shifted(self.box.start), self.grid, geometry.canonical())
        return Mask.from_canonical(structure, geometry, box, mask, sure)
