"""Distances between surfaces."""

import numpy as np
import pytest

from assistant.measure import Unmeasurable, measure
from eval.phantoms import Ellipsoid, grid, rasterise


def test_balls(geometry, diagonal):
    first, second = Ellipsoid((-14, -8, -5), (9, 9, 9)), Ellipsoid((12, 10, 9), (11, 11, 11))
    a, b = rasterise(first, geometry), rasterise(second, geometry)
    found = measure("distance", a, geometry, other=b)
    true = np.linalg.norm(np.subtract(first.centre, second.centre)) - 20
    assert found.value == pytest.approx(true, abs=diagonal(geometry))
    assert np.linalg.norm(np.subtract(*found.endpoints_mm)) == pytest.approx(found.value)
    back = measure("distance", b, geometry, other=a)
    assert back.value == pytest.approx(found.value)
    assert np.linalg.norm(np.subtract(found.endpoints_mm[0], first.centre)) == pytest.approx(
        9, abs=diagonal(geometry)
    )


def test_agrees_with_every_pair_of_faces():
    from scipy.spatial.distance import cdist

    from assistant.measure.surface import faces

    geometry = grid((24, 22, 20), (0.8, 1.3, 2.1), turn=(10, 20, 30))
    rng = np.random.default_rng(3)
    for _ in range(10):
        a, b = (rasterise(Ellipsoid(tuple(rng.uniform(-9, 9, 3)), (4, 3, 5)), geometry) for _ in range(2))
        found = measure("distance", a, geometry, other=b)
        if (a & b).any():
            assert found.value == 0
            continue
        pairs = cdist(geometry.to_world(faces(a)), geometry.to_world(faces(b)))
        assert found.value == pytest.approx(pairs.min(), abs=1e-5)


def test_gap_between_boxes_is_exact():
    geometry = grid((40, 20, 20), (1.5, 1, 2))
    a, b = np.zeros((2, *geometry.shape), bool)
    a[3:10, 5:15, 5:15] = True
    b[16:30, 5:15, 5:15] = True
    assert measure("distance", a, geometry, other=b).value == pytest.approx(6 * 1.5)


def test_touching_and_overlapping_are_zero_and_say_so():
    geometry = grid((20, 20, 20), (0.7, 0.9, 1.1), turn=(5, 5, 5))
    a, b = np.zeros((2, *geometry.shape), bool)
    a[3:10, 5:15, 5:15] = True
    b[10:15, 5:15, 5:15] = True
    touching = measure("distance", a, geometry, other=b)
    assert (touching.value, touching.note) == (0, "The structures touch.")
    b[9] = a[9]
    overlapping = measure("distance", a, geometry, other=b)
    assert (overlapping.value, overlapping.note) == (0, "The structures overlap.")
    at = np.rint(geometry.to_voxel(overlapping.endpoints_mm[0])).astype(int)
    assert a[tuple(at)]
    assert b[tuple(at)]


def test_nothing_to_measure_to():
    geometry = grid((9, 9, 9))
    a = np.zeros(geometry.shape, bool)
    a[4, 4, 4] = True
    found = measure("distance", a, geometry, other=np.zeros_like(a))
    assert isinstance(found, Unmeasurable)
    assert "other structure" in found.reason
