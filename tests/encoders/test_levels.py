"""A spine of known levels: discs of bone on a bent line above a sacrum."""

import numpy as np
import pytest
from scipy import ndimage

from encoders.levels import Sampled, divide, names, settings

SPACING = 3.0


def spine(scale=1.0, bodies=10, tilt=0.1, shift=(0, 0), finer=1):
    """Labels: level n has n + 1 from L5 upwards, the sacrum 99. Each body has a process behind it."""
    labels = np.zeros((60 * finer, 70 * finer, 150 * finer), int)
    x, y, z = (np.arange(n) * SPACING / finer for n in labels.shape)
    x, y, z = np.meshgrid(x, y, z, indexing="ij")
    middle_y = 140 + tilt * (z - 60) + 12 * np.sin(z / 90)
    across, behind = x - 90 - shift[0], middle_y - y
    body = across**2 + behind**2 < 20**2
    process = (np.abs(across) < 5) & (behind > 18) & (behind < 48)
    labels[body & (z < 60)] = 99
    low = 60.0
    heights = list(settings()["heights_mm"].values())
    for n in range(bodies):
        high = low + heights[n] * scale
        labels[body & (z >= low + 6) & (z < high)] = n + 1
        labels[process & (z >= low + 8) & (z < high - 4)] = n + 1
        low = high
    return labels


def image_of(labels, finer=1):
    """Marrow of 180 HU between endplates of 400 HU, 60 HU beside them, which the discs have too."""
    bone = labels > 0
    inside = ndimage.binary_erosion(bone, np.ones((1, 1, 3)))
    hu = np.where(bone, np.where(inside, 180, 400), 60).astype(np.int16)
    return Sampled(hu, finer / SPACING)


def found_in(labels):
    bone = (labels > 0) & (labels < 99)
    return divide(bone, bone.astype(np.float32), labels == 99, SPACING, image_of(labels))


@pytest.mark.parametrize("scale", [0.85, 1.0, 1.15])
@pytest.mark.parametrize("tilt", [-0.1, 0.15])
def test_levels_are_counted_from_the_sacrum(scale, tilt):
    labels = spine(scale, tilt=tilt)
    found = found_in(labels)
    assert list(found) == list(names()[: len(found)])
    assert len(found) >= 9
    for n, mask in enumerate(list(found.values())[:9]):
        truth = labels == n + 1
        assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.8, names()[n]


@pytest.mark.parametrize("scale", [0.85, 1.15])
def test_the_image_shows_discs_that_the_mask_fills(scale):
    """A network that is sure of bone all along the spine: on a finer image, nine levels are right."""
    labels, fine = spine(scale), spine(scale, finer=2)
    filled = ndimage.grey_closing(labels, size=(1, 1, 5))
    bone = (filled > 0) & (filled < 99)
    found = divide(bone, bone.astype(np.float32), labels == 99, SPACING, image_of(fine, 2))
    assert len(found) >= 9
    for n, mask in enumerate(list(found.values())[:9]):
        truth = filled == n + 1
        assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.7, names()[n]


def test_every_voxel_has_one_level():
    total = sum(mask.astype(int) for mask in found_in(spine()).values())
    assert total.max() == 1


def test_a_mirrored_patient_has_the_same_levels():
    labels = spine(shift=(20, 0))
    one, other = found_in(labels), found_in(labels[::-1])
    assert list(one) == list(other)
    for name, mask in one.items():
        assert (mask != other[name][::-1]).mean() < 2e-4


def test_without_a_sacrum_nothing_is_counted():
    labels = spine()
    labels[labels == 99] = 0
    assert found_in(labels) == {}
    assert divide(labels > 100, labels * 0.0, labels > 100, SPACING, image_of(labels)) == {}


def test_too_short_a_spine_is_not_counted():
    labels = spine(bodies=1)
    labels[:, :, :15] = 0
    assert found_in(labels) == {}
