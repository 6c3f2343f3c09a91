"""Phantoms: their voxels add up to their formulas, on any grid."""

import numpy as np
import pytest

from eval.phantoms import Arch, Block, Ellipsoid, Tube, grid, paint, rasterise

SOLIDS = [
    Ellipsoid((2, -3, 4), (20, 14, 25), (20, 40, -30)),
    Block((1, 2, 3), (24, 30, 20), (15, -25, 35)),
    Tube((-15, -10, -25), (12, 15, 20), 18),
    Arch((0, 0, -10), 22, 14, (20, 10, 50)),
]
GRIDS = [
    grid((90, 90, 90), 1.0),
    grid((100, 80, 45), (0.9, 1.2, 2.0), "LPS", (12, -8, 20)),
    grid((50, 90, 100), (2.0, 1.0, 0.9), "SAR", (-10, 15, 5)),
]


@pytest.mark.parametrize("geometry", GRIDS, ids=["plain", "oblique LPS", "oblique SAR"])
@pytest.mark.parametrize("solid", SOLIDS, ids=lambda solid: type(solid).__name__)
def test_volume(solid, geometry):
    assert rasterise(solid, geometry).sum() * geometry.voxel_ml == pytest.approx(solid.volume_ml, rel=0.02)


@pytest.mark.parametrize("solid", SOLIDS, ids=lambda solid: type(solid).__name__)
def test_bounds_hold_the_solid(solid):
    low, high = solid.bounds()
    points = np.random.default_rng(0).uniform(-80, 80, (200_000, 3))
    inside = points[solid.contains(points)]
    assert len(inside) > 100
    assert (inside >= low).all()
    assert (inside <= high).all()


def test_ellipsoid_sizes():
    plain = Ellipsoid((0, 0, 0), (10, 20, 30))
    assert plain.extents == pytest.approx((20, 40, 60))
    assert plain.section_diameters() == pytest.approx((40, 20))
    assert plain.section_diameters((1, 0, 0)) == pytest.approx((60, 40))
    upended = Ellipsoid((0, 0, 0), (10, 20, 30), (90, 0, 0))
    assert upended.extents == pytest.approx((20, 60, 40))


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SRA", "IPR"])
def test_grid_is_where_it_should_be(orientation):
    geometry = grid((11, 9, 7), (1, 2, 3), orientation, (5, 10, 15), (40, -30, 20))
    assert geometry.orientation == orientation
    assert geometry.spacing == pytest.approx((1, 2, 3))
    assert geometry.to_world((5, 4, 3)) == pytest.approx((40, -30, 20))


def test_paint():
    ball = Ellipsoid((0, 0, 0), (8, 8, 8))
    volume = paint(grid((30, 30, 30)), [(Block((0, 0, 0), (20, 20, 20)), 40), (ball, 120)])
    assert volume.hu[15, 15, 15] == 120
    assert volume.hu[6, 6, 6] == 40
    assert volume.hu[0, 0, 0] == -1000
    noisy = paint(grid((30, 30, 30)), [(ball, 100)], background=0, noise=10, seed=1)
    inside = noisy.hu[rasterise(ball, noisy.geometry)]
    assert inside.mean() == pytest.approx(100, abs=1)
    assert inside.std() == pytest.approx(10, rel=0.1)


def test_outside_the_grid_is_empty():
    assert not rasterise(Ellipsoid((500, 0, 0), (8, 8, 8)), grid((20, 20, 20))).any()
