"""Stored numbers to Hounsfield units, and whether they look like any."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from encoders.errors import BodyMapsError

_INT16 = np.iinfo(np.int16)
_SAMPLE = 2_000_000

SOFT_TISSUE_HU = (-200, 300)
SOFT_TISSUE_SHARE = 0.01
NARROWEST_RANGE_HU = 40


def to_hu(pixels: npt.NDArray, slope: float, intercept: float) -> npt.NDArray:
    """int16 where that loses nothing, else float32.

    Raises BodyMapsError for colours and for NaN or infinity.
    """
    if pixels.dtype.kind not in "biuf":
        raise BodyMapsError("the pixels are colours or complex numbers, not CT densities")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise BodyMapsError("some pixels are NaN or infinite: replace them, for instance with -1024")
    if pixels.dtype == np.int16 and (slope, intercept) == (1.0, 0.0):
        return pixels
    if pixels.dtype.kind in "biu" and float(slope).is_integer() and float(intercept).is_integer():
        ends = [int(slope) * int(end) + int(intercept) for end in (pixels.min(), pixels.max())]
        if _INT16.min <= min(ends) and max(ends) <= _INT16.max:
            return (pixels.astype(np.int32) * np.int32(slope) + np.int32(intercept)).astype(np.int16)
    with np.errstate(over="ignore"):
        hu = pixels.astype(np.float32)
    if (slope, intercept) != (1.0, 0.0):
        hu = hu * np.float32(slope) + np.float32(intercept)
    if not np.isfinite(hu).all():
        raise BodyMapsError("the scaled pixels are too large to be CT densities")
    if _INT16.min <= hu.min() and hu.max() <= _INT16.max:
        whole = hu.astype(np.int16)
        if np.array_equal(whole, hu):
            return whole
    return hu


def oddness(hu: npt.NDArray) -> str | None:
    """Why these numbers are probably no Hounsfield units; None when they may well be.

    Every CT of a body has fat or air, so numbers below 0, and a fair share near water. Air itself can be
    cropped away, so its lack says nothing.
    """
    sample = hu.ravel(order="K")[:: max(1, hu.size // _SAMPLE)]
    low, high = float(sample.min()), float(sample.max())
    soft = np.mean((sample >= SOFT_TISSUE_HU[0]) & (sample <= SOFT_TISSUE_HU[1]))
    what = f"their range is {low:g} to {high:g}"
    if low >= 0:
        return f"{what}, with nothing below 0"
    if high - low < NARROWEST_RANGE_HU:
        return f"{what}, too narrow for tissues"
    if soft < SOFT_TISSUE_SHARE:
        return f"only {100 * soft:.1f} % of the pixels are as dense as soft tissue"
    return None
