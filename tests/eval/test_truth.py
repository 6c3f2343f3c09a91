"""The formulas against hand-made numbers, and against counting voxels on a fine grid."""

import numpy as np
import pytest

from eval import truth
from eval.phantoms import Arch, Block, Ellipsoid, Tube, grid, rasterise, rotation
from eval.scans import Part, Scan, scan, scan_names

BODY = Part("body", Ellipsoid((0, 0, 0), (500, 500, 500)), 20)


def make(*parts, geometry=None, noise=0.0):
    return Scan("made", geometry or grid((80, 80, 80), 1.0), BODY, parts, noise)


def test_sizes_of_a_plain_ellipsoid():
    part = Part("liver", Ellipsoid((0, 0, 0), (20, 10, 15)), 100)
    of = make(part)
    assert truth.value("volume", part, of) == pytest.approx(12.566, abs=1e-3)  # 4/3 pi 20 10 15 / 1000
    assert truth.value("longest_diameter", part, of) == pytest.approx(40)
    assert truth.value("short_axis", part, of) == pytest.approx(20)
    assert truth.value("max_3d_diameter", part, of) == pytest.approx(40)
    assert truth.value("craniocaudal_extent", part, of) == pytest.approx(30)


def test_a_lesion_changes_the_density_of_its_organ():
    organ = Part("liver", Ellipsoid((0, 0, 0), (20, 20, 20)), 100)
    lesion = Part("liver_tumor", Ellipsoid((0, 0, 0), (10, 10, 10)), 20, inside="liver")
    of = make(organ, lesion, noise=3.0)
    assert truth.value("mean_hu", organ, of) == pytest.approx(90)  # an eighth of the volume is 80 HU lower
    assert truth.value("std_hu", organ, of) == pytest.approx(np.sqrt(7 / 64 * 80**2 + 9))
    assert truth.value("mean_hu", lesion, of) == 20


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_visible_part_of_a_cut_ellipsoid(axis, sign):
    centre = [0.0, 0.0, 0.0]
    centre[axis] = sign * 33.0
    solid = Ellipsoid(tuple(centre), (16, 18, 14))
    geometry = grid((80, 80, 80), 1.0)
    part = Part("liver", solid, 100)
    counted = rasterise(solid, geometry).sum() * geometry.voxel_ml
    assert truth.value("volume", part, make(part)) == pytest.approx(counted, rel=0.02)
    assert truth.value("longest_diameter", part, make(part)) is None
    (face,) = truth.extent(solid, geometry).cut
    assert face == (("left", "right"), ("back", "front"), ("bottom", "top"))[axis][sign > 0]


@pytest.mark.parametrize(
    "solid",
    [
        Ellipsoid((2, -3, 4), (20, 14, 25), (20, 40, -30)),
        Block((1, 2, 3), (24, 30, 20), (15, -25, 35)),
        Tube((-15, -10, -25), (12, 15, 20), 18),
    ],
)
@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SAR"])
def test_the_box_holds_the_voxels_and_no_more(solid, orientation):
    geometry = grid((150, 150, 150), 0.6, orientation, (8, -6, 12))
    where = truth.extent(solid, geometry)
    voxels = np.argwhere(rasterise(solid, geometry))
    assert where.cut == ()
    assert np.abs(where.start - voxels.min(axis=0)).max() <= 1.5
    assert np.abs(where.stop - (voxels.max(axis=0) + 1)).max() <= 1.5


def test_distances():
    ball, other = Ellipsoid((0, 0, 0), (10, 10, 10)), Ellipsoid((30, 40, 0), (5, 5, 5))
    tube = Tube((0, -30, -99), (0, -30, 99), 20)
    assert truth.distance(ball, other) == pytest.approx(35)
    assert truth.distance(ball, tube) == pytest.approx(10)
    assert truth.distance(ball, ball) == 0
    assert truth.distance(ball, Ellipsoid((50, 0, 0), (10, 9, 8))) is None


def test_ten_millimetres_on_thin_slices_two_slices_on_thick_ones():
    thin, thick = grid((9, 9, 9), (1, 1, 2.5)), grid((9, 9, 9), (1, 1, 6.5))
    assert truth.measurable(10.0, thin)
    assert not truth.measurable(9.9, thin)
    assert not truth.measurable(12.9, thick)
    assert truth.measurable(13.0, thick)


def test_a_solid_without_a_formula_is_told():
    with pytest.raises(TypeError, match="Arch"):
        truth.span(Arch((0, 0, 0), 20, 10), (0, 0, 1))


def test_lesions_of_the_registry_lie_wholly_inside_their_organs():
    directions = np.random.default_rng(0).normal(size=(2000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    for name in scan_names():
        for part in scan(name).parts:
            if part.inside is None:
                continue
            assert isinstance(part.solid, Ellipsoid)
            centre = np.asarray(part.solid.centre)
            (organ,) = scan(name).of(part.inside)

            surface = centre + (directions * part.solid.radii) @ rotation(part.solid.turn).T
            assert organ.solid.contains(surface).all(), (name, part)


def test_a_mirrored_scan_is_the_mirror_image():
    left, right = scan("lesions"), scan("lesions_mirrored")
    kidney, image = left.of("kidney_left")[0].solid, right.of("kidney_right")[0].solid
    assert truth.span(kidney, (1, 0, 0)) == pytest.approx(
        [-v for v in reversed(truth.span(image, (1, 0, 0)))]
    )
    turned, mirrored = left.of("liver_tumor")[0].solid, right.of("liver_tumor")[0].solid
    assert truth.span(turned, (1, 2, 0)) == pytest.approx(truth.span(mirrored, (-1, 2, 0)))
    assert np.array_equal(left.volume.hu, right.volume.hu[::-1])
