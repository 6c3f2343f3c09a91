"""Volume, Hounsfield statistics and counts."""

import numpy as np
import pytest

from assistant.measure import measure
from encoders.errors import BodyMapsError
from eval.phantoms import Block, Ellipsoid, Tube, grid, paint, rasterise

SOLIDS = [
    Ellipsoid((1.3, -2.1, 0.4), (21, 14, 17), (10, 20, 30)),
    Block((0.3, 0.2, 0.6), (40.3, 30.2, 35.1), (20, 30, 10)),
    Tube((-12, -10, -25), (14, 12, 26), 22),
]


@pytest.mark.parametrize("solid", SOLIDS, ids=lambda solid: type(solid).__name__)
def test_volume(solid, geometry):
    found = measure("volume", rasterise(solid, geometry), geometry)
    assert found.value == pytest.approx(solid.volume_ml, rel=0.02)
    assert found.unit == "ml"


def test_hounsfield_statistics(geometry):
    mask = rasterise(SOLIDS[0], geometry)
    hu = np.random.default_rng(0).integers(-200, 300, geometry.shape).astype(np.int16)
    inside = hu[mask].astype(float)
    expected = {
        "mean_hu": inside.mean(),
        "std_hu": inside.std(),
        "min_hu": inside.min(),
        "max_hu": inside.max(),
    }
    for kind, value in expected.items():
        found = measure(kind, mask, geometry, hu=hu)
        assert found.value == pytest.approx(value)
        assert found.unit == "HU"


def test_statistics_of_a_painted_organ():
    geometry = grid((60, 60, 60), 1.0, "LPS")
    volume = paint(geometry, [(SOLIDS[0], 110)], noise=15, seed=4)
    mask = rasterise(SOLIDS[0], geometry)
    assert measure("mean_hu", mask, geometry, hu=volume.hu).value == pytest.approx(110, abs=1)
    assert measure("std_hu", mask, geometry, hu=volume.hu).value == pytest.approx(15, rel=0.05)


@pytest.mark.parametrize("hu", [None, np.zeros((2, 2, 2), np.int16)], ids=["none", "another grid"])
def test_statistics_need_the_pixels(hu):
    geometry = grid((5, 5, 5))
    with pytest.raises(BodyMapsError, match="pixels"):
        measure("mean_hu", np.ones(geometry.shape, bool), geometry, hu=hu)


def test_count_joins_what_touches_by_a_corner():
    geometry = grid((12, 12, 12))
    mask = np.zeros(geometry.shape, bool)
    mask[2, 2, 2] = mask[3, 3, 3] = mask[8, 8, 8] = True
    found = measure("count", mask, geometry)
    assert (found.value, found.unit) == (2, "lesions")
