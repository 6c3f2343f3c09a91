"""Contact of lesions with their neighbours, on solids whose contact is known."""

import numpy as np
import pytest

from assistant.contact import angle_around, touches
from encoders.segmenters.base import Mask
from eval.phantoms import Block, Ellipsoid, Tube, grid, rasterise


def mask(name, solid, geometry, cut=None):
    voxels = rasterise(solid, geometry)
    if cut is not None:
        voxels &= ~rasterise(cut, geometry)
    return Mask.from_full(name, voxels, 1.0)


VESSEL = Tube((0, 0, -30), (0, 0, 30), 20)


@pytest.mark.parametrize("orientation", ["RAS", "SPL"])
@pytest.mark.parametrize(
    ("lesion", "degrees"),
    [
        (Block((20, 0, 0), (40, 60, 20)), 180),  # covers one half
        (Block((20, 20, 0), (40, 40, 20)), 90),
        (Block((0, 0, 0), (60, 60, 20)), 360),
        (Block((40, 0, 0), (20, 20, 20)), 0),
        (Block((0, 0, 60), (20, 20, 20)), 0),
    ],
)
def test_angles_of_known_contact(lesion, degrees, orientation):
    geometry = grid((80, 80, 80), 1.0, orientation)
    vessel = mask("aorta", VESSEL, geometry)
    found = angle_around(vessel, mask("pancreas_tumor", lesion, geometry, cut=VESSEL), geometry)
    assert found == pytest.approx(degrees, abs=8)


@pytest.mark.parametrize(("gap", "expected"), [(0.0, True), (2.0, True), (3.0, False), (20.0, False)])
def test_touching_is_two_millimetres(gap, expected):
    geometry = grid((80, 40, 40), 1.0)
    first = mask("pancreas_tumor", Block((-10.5, 0.5, 0.5), (20, 20, 20)), geometry)
    second = mask("duodenum", Block((10.5 + gap, 0.5, 0.5), (20, 20, 20)), geometry)
    between = Mask.from_full("x", first.full() & second.full(), 1.0)
    assert between.voxel_count == 0
    assert touches(first, second, geometry) is expected


def test_an_absent_neighbour_is_not_touched():
    geometry = grid((20, 20, 20), 1.0)
    lesion = mask("pancreas_tumor", Ellipsoid((0, 0, 0), (4, 4, 4)), geometry)
    assert not touches(lesion, Mask.absent("duodenum", geometry.shape, 0.9), geometry)
    assert np.count_nonzero(lesion.full()) == lesion.voxel_count
