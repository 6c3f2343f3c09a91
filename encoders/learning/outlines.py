"""Structures drawn by eye: polygons on some axial slices of a CT, and what lies between these slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image, ImageDraw
from scipy import ndimage

from encoders.geometry import Box
from encoders.learning.recipe import find


def read_outlines(name: str) -> dict[str, Any]:
    """A file, or one of `encoders/learning/outlines` by its name.

    `structure`, `shape` and `spacing_mm` of the RAS+ grid, the range `hu` that belongs to the structure, and `slices`:
    axial index to polygons, each a list of [x, y] in voxels. `instead`: what a machine label took for the structure;
    `adds`: its part is right, the drawing is what it lacks. Points in bones have `shape`, `spacing_mm` and `seeds`:
    structure to points in voxels; those of `none` lie in what is as bright and no bone to be learned.
    Raises BodyMapsError when there is no such file.
    """
    return yaml.safe_load(find(Path(name), "outlines").read_text())


def solid(outlines: dict[str, Any]) -> np.ndarray:
    """(X, Y, Z) bool: the drawn slices, and between two of them the zero level of their signed distances (Raya and
    Udupa, IEEE TMI 1990), mixed linearly.
    """
    width, depth, _ = outlines["shape"]
    slices = {int(z): polygons for z, polygons in outlines["slices"].items()}
    drawn = {z: _signed_distance(slices[z], (width, depth)) for z in sorted(slices)}
    mask = np.zeros(outlines["shape"], bool)
    levels = list(drawn)
    for low, high in zip(levels, [*levels[1:], levels[-1] + 1], strict=True):
        for z in range(low, high):
            share = (z - low) / (high - low)
            mask[:, :, z] = (1 - share) * drawn[low] + share * drawn.get(high, drawn[low]) > 0
    return mask


def in_range(mask: np.ndarray, hu: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """The voxels of a mask whose smoothed HU lie between the limits: without the fat and the vessels inside it."""
    box = Box.of_mask(mask)
    if box is None:
        return mask
    near = box.grown(3, mask.shape).slices
    smooth = ndimage.gaussian_filter(hu[near].astype(np.float32), 0.7)
    result = np.zeros_like(mask)
    result[near] = mask[near] & (smooth >= limits[0]) & (smooth <= limits[1])
    return result


def _signed_distance(polygons: list[list[list[float]]], size: tuple[int, int]) -> np.ndarray:
    """(X, Y) distance to the border in voxels, positive inside; the voxels that a polygon's line crosses are inside."""
    image = Image.new("1", size)
    for polygon in polygons:
        ImageDraw.Draw(image).polygon([(x, y) for x, y in polygon], fill=1, outline=1)
    inside = np.asarray(image).T
    return ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
