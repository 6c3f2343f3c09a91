"""A mask made ready to be measured: cropped, in canonical axis order, with its grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from assistant.measure.types import Point
from encoders.errors import BodyMapsError
from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Mask

AXIAL = 2
"""The array axis of a region that is closest to inferior-superior."""


@dataclass(frozen=True, eq=False)
class Region:
    """The voxels of one structure.

    Measuring in canonical order, on the crop, makes every number and every tie between equal lines
    independent of how the file stores its axes and of what surrounds the structure.

    voxels: bool, in canonical axis order, tight around the structure.
    geometry: grid of `voxels`.
    study: grid of the study.
    box: where the voxels are on the study's own array.
    """

    voxels: npt.NDArray[np.bool_]
    geometry: Geometry
    study: Geometry
    box: Box

    @classmethod
    def of(cls, mask: Mask | npt.NDArray, study: Geometry) -> Region | None:
        """None when the mask is empty. Raises BodyMapsError when it is not on the study's grid."""
        if tuple(mask.shape) != study.shape:
            raise BodyMapsError(f"The mask has shape {tuple(mask.shape)}, the study {study.shape}.")
        if isinstance(mask, Mask):
            box, voxels = mask.box, mask.voxels
        else:
            box = Box.of_mask(mask)
            voxels = mask[box.slices] != 0 if box else mask
        if box is None:
            return None
        upright = np.ascontiguousarray(study.axes.apply(voxels))
        return cls(upright, study.axes.apply_geometry(study.crop(box)), study, box)

    @property
    def cut_off(self) -> bool:
        return self.box.touches_edge(self.study.shape)

    @cached_property
    def steps(self) -> npt.NDArray:
        """(3, 3): row a is the step in mm from one voxel to the next along axis a.

        Lengths use this and not the whole affine, so that they do not change in the last digit with the place
        of the crop.
        """
        return self.geometry.affine[:3, :3].T

    def values(self, hu: npt.NDArray) -> npt.NDArray:
        """(n,) the pixels of the study's array inside the structure."""
        return self.study.axes.apply(hu[self.box.slices])[self.voxels]

    def world(self, point: npt.ArrayLike) -> Point:
        """A point in the region's voxel coordinates, in RAS+ mm."""
        x, y, z = self.geometry.to_world(point).tolist()
        return x, y, z

    def study_slice(self, axial_index: int) -> int:
        """An index along the region's axial axis, as an index along the axial axis of the study's array."""
        axis, flip = self.study.axes.order[AXIAL], self.study.axes.flips[AXIAL]
        if flip:
            return self.box.stop[axis] - 1 - axial_index
        return self.box.start[axis] + axial_index
