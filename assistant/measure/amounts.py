"""Volume, Hounsfield statistics and the number of separate lesions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from assistant.measure.region import Region
from assistant.measure.types import Measurement
from encoders.errors import BodyMapsError


def volume(region: Region) -> Measurement:
    return Measurement("volume", np.count_nonzero(region.voxels) * region.geometry.voxel_ml, "ml")


def count(region: Region) -> Measurement:
    import cc3d

    _, number = cc3d.connected_components(region.voxels, connectivity=26, return_N=True)
    return Measurement("count", float(number), "lesions")


def mean_hu(region: Region, hu: npt.NDArray | None) -> Measurement:
    return _statistic("mean_hu", region, hu, lambda values: values.mean(dtype=np.float64))


def std_hu(region: Region, hu: npt.NDArray | None) -> Measurement:
    """The spread of the voxels themselves: the population standard deviation."""
    return _statistic("std_hu", region, hu, lambda values: values.std(dtype=np.float64))


def min_hu(region: Region, hu: npt.NDArray | None) -> Measurement:
    return _statistic("min_hu", region, hu, np.min)


def max_hu(region: Region, hu: npt.NDArray | None) -> Measurement:
    return _statistic("max_hu", region, hu, np.max)


def _statistic(
    kind: str, region: Region, hu: npt.NDArray | None, statistic: Callable[[npt.NDArray], float]
) -> Measurement:
    if hu is None:
        raise BodyMapsError(f"{kind} needs the pixels of the study.")
    if hu.shape != region.study.shape:
        raise BodyMapsError(f"The pixels have shape {hu.shape}, the study {region.study.shape}.")
    return Measurement(kind, float(statistic(region.values(hu))), "HU")
