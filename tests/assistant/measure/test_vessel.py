"""Width of vessels that run straight, aslant, along the slice and in an arch."""

import numpy as np
import pytest

from assistant.measure import measure
from eval.phantoms import Arch, Tube, grid, rasterise


def width(solid, geometry):
    return measure("max_axial_diameter", rasterise(solid, geometry), geometry)


@pytest.mark.parametrize("diameter", [5, 12, 24])
@pytest.mark.parametrize(
    "direction", [(0, 0, 1), (0.5, 0.2, 1), (1, -0.4, 0.6)], ids=["upright", "aslant", "flat"]
)
def test_tube(direction, diameter, geometry, diagonal):
    reach = np.array(direction) / np.linalg.norm(direction) * 26
    tube = Tube(tuple(0.4 - reach), tuple(0.4 + reach), diameter)
    found = width(tube, geometry)
    assert found.value == pytest.approx(diameter, abs=diagonal(geometry))
    assert np.linalg.norm(np.subtract(*found.endpoints_mm)) == pytest.approx(found.value)
    assert np.allclose(
        geometry.to_voxel(found.endpoints_mm)[:, geometry.axial_axis], found.slice_k, atol=1e-6
    )


@pytest.mark.parametrize("turn", [(0, 0, 20), (20, 0, 30), (45, 0, 45), (90, 0, 0)])
def test_arch_is_as_wide_as_its_tube(turn):
    geometry = grid((90, 90, 90), 1.3)
    assert width(Arch((0, 0, -10), 36, 26, turn), geometry).value == pytest.approx(26, abs=1.3 * np.sqrt(2))


def test_widest_place_is_found():
    geometry = grid((60, 60, 80), 1.0)
    mask = rasterise(Tube((0, 0, -38), (0, 0, 38), 18), geometry)
    mask |= rasterise(Tube((0, 0, 10), (0, 0, 25), 30), geometry)
    found = measure("max_axial_diameter", mask, geometry)
    assert found.value == pytest.approx(30, abs=1.5)
    assert 10 <= found.endpoints_mm[0][2] <= 25


def test_a_hole_does_not_halve_the_vessel():
    geometry = grid((50, 50, 40), 1.0)
    mask = rasterise(Tube((0, 0, -15), (0, 0, 15), 24), geometry)
    mask[24:26, 24:26] = False
    assert measure("max_axial_diameter", mask, geometry).value == pytest.approx(24, abs=1.5)
