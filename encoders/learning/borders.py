"""Masks that stop short of an organ's border, brought to it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from encoders.geometry import Box

FAT_HU = -90.0


def grown(mask: np.ndarray, hu: np.ndarray) -> np.ndarray:
    """(X, Y, Z) bool: the layer of one voxel around a mask that belongs to its organ by the half-maximum rule.

    A voxel that an organ and the fat around it share half and half has the mean of their HU. A voxel that touches the
    mask (by a face) belongs to it when its HU lies above the middle between the mask's median and fat (-90 HU).
    """
    box = Box.of_mask(mask)
    if box is None:
        return np.zeros_like(mask)
    near = box.grown(1, mask.shape).slices
    threshold = (np.median(hu[mask]) + FAT_HU) / 2
    layer = ndimage.binary_dilation(mask[near]) & ~mask[near] & (hu[near] > threshold)
    result = np.zeros_like(mask)
    result[near] = layer
    return result
