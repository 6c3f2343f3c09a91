"""One door to every measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy.typing as npt

from assistant.measure import amounts, diameters
from assistant.measure.distance import distance
from assistant.measure.kinds import KINDS
from assistant.measure.region import Region
from assistant.measure.types import Measurement, Unmeasurable
from assistant.measure.vessel import max_axial_diameter
from encoders.errors import BodyMapsError
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask

_CUT_OFF = "The structure reaches the edge of the scan and may be cut off."

_OF_MASK: dict[str, Callable[[Region], Measurement]] = {
    "longest_diameter": diameters.longest_diameter,
    "short_axis": diameters.short_axis,
    "max_3d_diameter": diameters.max_3d_diameter,
    "craniocaudal_extent": diameters.craniocaudal_extent,
    "volume": amounts.volume,
    "count": amounts.count,
    "max_axial_diameter": max_axial_diameter,
}
_OF_PIXELS: dict[str, Callable[[Region, npt.NDArray | None], Measurement]] = {
    "mean_hu": amounts.mean_hu,
    "std_hu": amounts.std_hu,
    "min_hu": amounts.min_hu,
    "max_hu": amounts.max_hu,
}


def measure(
    kind: str,
    mask: Mask | npt.NDArray,
    geometry: Geometry,
    hu: npt.NDArray | None = None,
    other: Mask | npt.NDArray | None = None,
) -> Measurement | Unmeasurable:
    """Measure one structure.

    kind: a key of `KINDS`.
    mask: a Mask, or a 3D bool array, on the grid `geometry`.
    hu: the study's pixels on that grid; needed by the *_hu kinds.
    other: the second structure; needed by "distance".
    Returns a Measurement, or Unmeasurable when the mask (or the other one) is empty.
    Raises BodyMapsError for an unknown kind, a missing argument or a mask of another grid.
    """
    if kind not in KINDS:
        raise BodyMapsError(f"There is no measure '{kind}'. Measures: {', '.join(KINDS)}.")
    region = Region.of(mask, geometry)
    if region is None:
        return Unmeasurable(kind, "The structure was not found, so there is nothing to measure.")
    cut_off = region.cut_off
    if kind in _OF_MASK:
        result = _OF_MASK[kind](region)
    elif kind in _OF_PIXELS:
        result = _OF_PIXELS[kind](region, hu)
    else:
        if other is None:
            raise BodyMapsError("A distance needs a second structure.")
        second = Region.of(other, geometry)
        if second is None:
            return Unmeasurable(kind, "The other structure was not found, so there is no distance to it.")
        cut_off = cut_off or second.cut_off
        result = distance(region, second)
    note = " ".join(filter(None, (result.note, _CUT_OFF if cut_off else "")))
    return replace(result, method=KINDS[kind].method, note=note, cut_off=cut_off)
