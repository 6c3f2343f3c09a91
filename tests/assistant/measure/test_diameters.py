"""Diameters of solids whose sizes are known."""

import numpy as np
import pytest

from assistant.measure import measure
from eval.phantoms import Block, Ellipsoid, grid, rasterise

ELLIPSOIDS = [
    Ellipsoid((1.3, -2.1, 0.4), (21, 14, 17)),
    Ellipsoid((-2.2, 1.7, 3.1), (12, 24, 18), (25, -15, 40)),
    Ellipsoid((0.2, 0.9, -1.4), (6, 8, 7), (0, 0, 30)),
]


def between(ends):
    return float(np.linalg.norm(np.subtract(*ends)))


@pytest.mark.parametrize("solid", ELLIPSOIDS, ids=["plain", "turned", "small"])
def test_ellipsoid(solid, geometry, diagonal, normal):
    mask = rasterise(solid, geometry)
    long, short = (measure(kind, mask, geometry) for kind in ("longest_diameter", "short_axis"))
    true_long, true_short = solid.section_diameters(normal(geometry))
    pixel = diagonal(geometry, geometry.axial_axis)
    assert long.value == pytest.approx(true_long, abs=pixel)
    assert short.value == pytest.approx(true_short, abs=pixel)
    assert measure("max_3d_diameter", mask, geometry).value == pytest.approx(
        2 * max(solid.radii), abs=diagonal(geometry)
    )
    assert measure("craniocaudal_extent", mask, geometry).value == pytest.approx(
        solid.extents[2], abs=diagonal(geometry)
    )


@pytest.mark.parametrize("solid", ELLIPSOIDS, ids=["plain", "turned", "small"])
@pytest.mark.parametrize("kind", ["longest_diameter", "short_axis", "max_3d_diameter", "craniocaudal_extent"])
def test_endpoints_are_as_far_apart_as_the_value_and_near_the_surface(kind, solid, geometry, diagonal):
    mask = rasterise(solid, geometry)
    found = measure(kind, mask, geometry)
    assert between(found.endpoints_mm) == pytest.approx(found.value)
    if kind != "craniocaudal_extent":  # that line is drawn through the centroid
        from scipy.spatial import KDTree

        centres = geometry.to_world(np.argwhere(mask))
        assert KDTree(centres).query(found.endpoints_mm)[0].max() <= diagonal(geometry)


@pytest.mark.parametrize("kind", ["longest_diameter", "short_axis"])
def test_lines_lie_in_their_slice(kind, geometry):
    mask = rasterise(ELLIPSOIDS[1], geometry)
    found = measure(kind, mask, geometry)
    ends = geometry.to_voxel(found.endpoints_mm)
    assert np.allclose(ends[:, geometry.axial_axis], found.slice_k)
    assert mask.take(found.slice_k, geometry.axial_axis).any()


def test_short_axis_is_perpendicular_in_the_same_slice(geometry):
    mask = rasterise(ELLIPSOIDS[1], geometry)
    long, short = (measure(kind, mask, geometry) for kind in ("longest_diameter", "short_axis"))
    assert long.slice_k == short.slice_k
    assert np.dot(np.subtract(*long.endpoints_mm), np.subtract(*short.endpoints_mm)) == pytest.approx(
        0, abs=1e-6
    )
    assert short.value <= long.value


def test_box_along_the_axes_is_exact():
    geometry = grid((40, 40, 30), (0.8, 1.1, 2.5))
    mask = np.zeros(geometry.shape, bool)
    mask[5:25, 10, 3:15] = True
    assert measure("craniocaudal_extent", mask, geometry).value == pytest.approx(12 * 2.5)
    assert measure("longest_diameter", mask, geometry).value == pytest.approx(20 * 0.8)
    assert measure("short_axis", mask, geometry).value == pytest.approx(1.1)


def test_box_diagonals():
    geometry = grid((60, 60, 60), 1.0)
    mask = rasterise(Block((0, 0, 0), (40, 30, 20)), geometry)
    assert measure("longest_diameter", mask, geometry).value == pytest.approx(50, abs=np.sqrt(2))
    assert measure("max_3d_diameter", mask, geometry).value == pytest.approx(np.sqrt(2900), abs=np.sqrt(3))
    # across the diagonal of a 40 x 30 rectangle, through the corner: 30 / sin of its slope
    assert measure("short_axis", mask, geometry).value == pytest.approx(30 / 0.8, abs=2 * np.sqrt(2))


def test_one_voxel_is_one_voxel_wide():
    geometry = grid((9, 9, 9), (0.7, 0.9, 2.0))
    mask = np.zeros(geometry.shape, bool)
    mask[4, 4, 4] = True
    assert measure("longest_diameter", mask, geometry).value == pytest.approx(0.9)
    assert measure("short_axis", mask, geometry).value == pytest.approx(0.7)
    assert measure("max_3d_diameter", mask, geometry).value == pytest.approx(2.0)
    assert measure("craniocaudal_extent", mask, geometry).value == pytest.approx(2.0)


def test_a_diameter_does_not_join_two_lesions():
    geometry = grid((80, 40, 40), 1.0)
    first, second = Ellipsoid((-25, 0, 0), (7, 7, 7)), Ellipsoid((25, 0, 0), (9, 9, 9))
    mask = rasterise(first, geometry) | rasterise(second, geometry)
    for kind in ("longest_diameter", "max_3d_diameter"):
        found = measure(kind, mask, geometry)
        assert found.value == pytest.approx(18, abs=2)
        assert min(end[0] for end in found.endpoints_mm) > 10


@pytest.mark.parametrize(
    ("radius", "slice_mm", "says"),
    [(4, 1, "Below 10 mm"), (6, 1, ""), (6, 8, "Below 16 mm"), (10, 8, "")],
)
def test_recist_minimum(radius, slice_mm, says):
    geometry = grid((40, 40, 20), (1, 1, slice_mm))
    note = measure(
        "longest_diameter", rasterise(Ellipsoid((0, 0, 0), (radius,) * 3), geometry), geometry
    ).note
    assert note.startswith(says)
    assert bool(note) == bool(says)


def test_sheared_grid_measures_in_millimetres():
    plain = grid((60, 60, 60), 1.0)
    sheared = plain.affine.copy()
    sheared[1, 2] = 0.3  # as an uncorrected gantry tilt
    from encoders.geometry import Geometry

    geometry = Geometry(plain.shape, sheared)
    solid = Ellipsoid(tuple(geometry.to_world((30, 30, 30))), (9, 12, 15), (10, 20, 30))
    mask = rasterise(solid, geometry)
    assert measure("max_3d_diameter", mask, geometry).value == pytest.approx(30, abs=np.sqrt(3))
    assert measure("longest_diameter", mask, geometry).value == pytest.approx(
        solid.section_diameters()[0], abs=np.sqrt(2)
    )
