"""The pixels of one CT and where they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from encoders.errors import BodyMapsError
from encoders.geometry import Box, Geometry


@dataclass(frozen=True, eq=False)
class Volume:
    """One CT.

    hu: 3D int16 or float32 array of Hounsfield units in the file's own axis order, read-only by agreement.
    geometry: its grid; `geometry.shape == hu.shape`.
    """

    hu: npt.NDArray
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.hu.shape != self.geometry.shape:
            raise BodyMapsError(
                f"The pixels have shape {self.hu.shape}, their grid has {self.geometry.shape}."
            )
        if self.hu.dtype not in (np.int16, np.float32):
            raise BodyMapsError(f"Hounsfield units are kept as int16 or float32, not {self.hu.dtype}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.geometry.shape

    def crop(self, box: Box) -> Volume:
        """The part inside the box, as a view."""
        return Volume(self.hu[box.slices], self.geometry.crop(box))

    def canonical(self) -> Volume:
        """The same CT with its axes closest to RAS+, as a view."""
        return Volume(self.geometry.to_canonical(self.hu), self.geometry.canonical())
