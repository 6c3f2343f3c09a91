"""Mask: stored cropped, the same voxels back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from encoders.errors import BodyMapsError
from encoders.geometry import Box
from encoders.segmenters.base import Mask

masks = array_shapes(min_dims=3, max_dims=3, max_side=6).flatmap(lambda shape: arrays(bool, shape))


@settings(deadline=None)
@given(masks, st.floats(0, 1))
def test_full_is_what_went_in(full, confidence):
    mask = Mask.from_full("liver", full, confidence)
    assert np.array_equal(mask.full(), full)
    assert mask.voxel_count == full.sum()
    assert mask.present == full.any()
    assert mask.box == Box.of_mask(full)
    assert mask.shape == full.shape
    assert mask.confidence == confidence


@settings(deadline=None)
@given(masks)
def test_touching_the_edge(full):
    inner = np.zeros(np.add(full.shape, 2), bool)
    inner[1:-1, 1:-1, 1:-1] = full
    assert not Mask.from_full("liver", inner, 1).touches_edge
    faces = [full.take(end, axis) for axis in range(3) for end in (0, -1)]
    assert Mask.from_full("liver", full, 1).touches_edge == any(face.any() for face in faces)


def test_from_crop_tightens():
    voxels = np.zeros((4, 4, 4), np.uint8)
    voxels[1:3, 2, 0:2] = 7
    mask = Mask.from_crop("liver", (9, 9, 9), Box((2, 3, 4), (6, 7, 8)), voxels, 0.5)
    assert mask.box == Box((3, 5, 4), (5, 6, 6))
    assert mask.voxels.dtype == bool
    assert mask.voxel_count == 4


def test_absent():
    mask = Mask.absent("liver", (3, 4, 5), 0.8)
    assert not mask.present
    assert mask.box is None
    assert not mask.touches_edge
    assert mask.full().shape == (3, 4, 5)
    assert not mask.full().any()


def test_inconsistent_masks_are_refused():
    with pytest.raises(BodyMapsError, match="its box"):
        Mask("liver", (9, 9, 9), Box((0, 0, 0), (1, 2, 3)), np.ones((1, 1, 1), bool), 1)
    with pytest.raises(BodyMapsError, match=r"not within 0\.\.1"):
        Mask.absent("liver", (9, 9, 9), 1.5)
