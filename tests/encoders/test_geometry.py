"""Geometry: round trips, and the same place in space whatever the axis order."""

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.errors import BodyMapsError
from encoders.geometry import Axes, Box, Geometry
from eval.phantoms import grid

ORIENTATIONS = [
    "".join(letters)
    for order in permutations(("RL", "AP", "SI"))
    for letters in product(*order)  # 6 orders x 8 sign choices
]
shapes = st.tuples(*[st.integers(1, 9)] * 3)
spacings = st.tuples(*[st.floats(0.3, 8)] * 3)
turns = st.tuples(*[st.floats(-30, 30)] * 3)
points = st.tuples(*[st.floats(-500, 500)] * 3)
AXES = [Axes(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]


@st.composite
def geometries(draw):
    return grid(draw(shapes), draw(spacings), draw(st.sampled_from(ORIENTATIONS)), draw(turns), draw(points))


@st.composite
def boxes_in(draw, shape):
    start = [draw(st.integers(0, n - 1)) for n in shape]
    return Box(tuple(start), tuple(draw(st.integers(a + 1, n)) for a, n in zip(start, shape, strict=True)))


@settings(deadline=None)
@given(geometries(), points)
def test_world_and_voxel_are_inverse(geometry, point):
    assert np.allclose(geometry.to_world(geometry.to_voxel(point)), point, atol=1e-6)
    assert np.allclose(geometry.to_voxel(geometry.to_world(point)), point, atol=1e-6)


@settings(deadline=None)
@given(geometries())
def test_agrees_with_nibabel(geometry):
    assert np.allclose(geometry.spacing, nib.affines.voxel_sizes(geometry.affine))
    assert geometry.voxel_ml == pytest.approx(np.prod(geometry.spacing) / 1000)
    voxels = np.array([[0, 0, 0], geometry.shape])
    assert np.allclose(geometry.to_world(voxels), nib.affines.apply_affine(geometry.affine, voxels))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_is_that_of_nibabel(orientation):
    geometry = grid((4, 5, 6), (1, 2, 3), orientation, turn=(10, -15, 12))
    assert geometry.orientation == orientation == "".join(nib.aff2axcodes(geometry.affine))
    assert orientation[geometry.axial_axis] in "SI"


@settings(deadline=None)
@given(geometries())
def test_canonical_is_ras_and_moves_nothing(geometry):
    canonical = geometry.canonical()
    assert canonical.orientation == "RAS"
    assert canonical.axes == Axes((0, 1, 2), (False, False, False))
    array = np.arange(np.prod(geometry.shape)).reshape(geometry.shape)
    upright = geometry.to_canonical(array)
    assert upright.shape == canonical.shape
    assert np.array_equal(geometry.from_canonical(upright), array)
    for index in (np.zeros(3, int), np.array(canonical.shape) - 1):
        at = np.argwhere(array == upright[tuple(index)])[0]
        assert np.allclose(canonical.to_world(index), geometry.to_world(at), atol=1e-6)


@settings(deadline=None)
@given(st.data())
def test_boxes_follow_the_axes(data):
    geometry = data.draw(geometries())
    box = data.draw(boxes_in(geometry.shape))
    upright = geometry.canonical_box(box)
    assert geometry.from_canonical_box(upright) == box
    mask = np.zeros(geometry.shape, bool)
    mask[box.slices] = True
    assert Box.of_mask(mask) == box
    assert Box.of_mask(geometry.to_canonical(mask)) == upright
    assert np.allclose(geometry.canonical().world_box(upright), geometry.world_box(box), atol=1e-6)


@settings(deadline=None)
@given(geometries(), st.sampled_from(AXES))
def test_axes_permute_and_flip_without_moving(geometry, axes):
    array = np.arange(np.prod(geometry.shape)).reshape(geometry.shape)
    moved = axes.apply_geometry(geometry)
    assert axes.apply(array).shape == moved.shape
    assert np.array_equal(axes.invert(axes.apply(array)), array)
    whole, other = Box.whole(geometry.shape), Box.whole(moved.shape)
    assert np.allclose(moved.world_box(other), geometry.world_box(whole), atol=1e-6)
    last = tuple(n - 1 for n in moved.shape)
    at = np.argwhere(array == axes.apply(array)[last])[0]
    assert np.allclose(moved.to_world(last), geometry.to_world(at), atol=1e-6)


@settings(deadline=None)
@given(st.data())
def test_crop_keeps_every_voxel_in_place(data):
    geometry = data.draw(geometries())
    box = data.draw(boxes_in(geometry.shape))
    cropped = geometry.crop(box)
    assert cropped.shape == box.shape
    inside = np.array(box.shape) - 1
    assert np.allclose(cropped.to_world(inside), geometry.to_world(inside + box.start), atol=1e-6)
    assert np.allclose(cropped.world_box(Box.whole(box.shape)), geometry.world_box(box), atol=1e-6)


@settings(deadline=None)
@given(st.data())
def test_world_box_encloses_whole_voxels_tightly(data):
    geometry = data.draw(geometries())
    box = data.draw(boxes_in(geometry.shape))
    low, high = np.array(geometry.world_box(box))
    corners = np.array(list(product(*zip(box.start, box.stop, strict=True)))) - 0.5
    world = geometry.to_world(corners)
    assert np.allclose(world.min(axis=0), low)
    assert np.allclose(world.max(axis=0), high)


@settings(deadline=None)
@given(geometries(), spacings)
def test_resampled_keeps_the_field_of_view(geometry, spacing):
    other = geometry.resampled(spacing)
    before, after = (g.world_box(Box.whole(g.shape)) for g in (geometry, other))
    assert np.allclose(before, after, atol=1e-6)
    assert other.orientation == geometry.orientation
    extent = np.array(geometry.shape) * geometry.spacing
    assert np.allclose(np.array(other.shape) * other.spacing, extent)
    fits = extent >= spacing
    assert (np.abs(np.array(other.shape) - extent / spacing)[fits] <= 0.5 + 1e-9).all()


def test_box_arithmetic():
    box = Box((1, 2, 3), (4, 4, 8))
    assert box.shape == (3, 2, 5)
    assert box.centre == (2.0, 2.5, 5.0)
    assert box.shifted((1, 0, -3)) == Box((2, 2, 0), (5, 4, 5))
    assert box.grown(2, (5, 9, 9)) == Box((0, 0, 1), (5, 6, 9))
    assert box.grown((0, 1, 0), (5, 9, 9)) == Box((1, 1, 3), (4, 5, 8))
    assert box.intersection(Box((3, 0, 0), (9, 9, 9))) == Box((3, 2, 3), (4, 4, 8))
    assert box.intersection(Box((4, 0, 0), (9, 9, 9))) is None
    assert not box.touches_edge((5, 5, 9))
    assert box.touches_edge((4, 5, 9))
    assert Box.of_mask(np.zeros((2, 3, 4), bool)) is None
    with pytest.raises(BodyMapsError, match="start < stop"):
        Box((1, 1, 1), (2, 1, 2))


def test_same_grid():
    a = grid((10, 11, 12), 1.0)
    assert a.same_grid(grid((10, 11, 12), 1.0, centre=(0.005, 0, 0)))
    assert not a.same_grid(grid((10, 11, 12), 1.0, centre=(0.5, 0, 0)))
    assert not a.same_grid(grid((10, 11, 13), 1.0))
    assert not a.same_grid(grid((10, 11, 12), 1.0, turn=(0, 0, 3)))


@pytest.mark.parametrize(
    ("shape", "affine", "says"),
    [
        ((4, 4), np.eye(4), "three axes"),
        ((4, 4, 4, 2), np.eye(4), "three axes"),
        ((4, 0, 4), np.eye(4), "no voxels"),
        ((4, 4, 4), np.diag([1, 0, 1, 1]), "singular"),
        ((4, 4, 4), [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], "singular"),
        ((4, 4, 4), np.full((4, 4), np.nan), "finite"),
        ((4, 4, 4), np.eye(3), "4 by 4"),
        ((4, 4, 4), np.eye(4) * 2, "last row"),
    ],
)
def test_bad_grids_are_refused(shape, affine, says):
    with pytest.raises(BodyMapsError, match=says):
        Geometry(shape, affine)


@pytest.mark.parametrize("spacing", [0, -1, (1, 1, np.inf), np.nan])
def test_bad_spacing_is_refused(spacing):
    with pytest.raises(BodyMapsError, match="above zero"):
        grid((4, 4, 4)).resampled(spacing)


def test_affine_is_a_private_copy():
    affine = np.eye(4)
    geometry = Geometry((2, 2, 2), affine)
    affine[0, 0] = 5
    assert geometry.spacing == (1, 1, 1)
    with pytest.raises(ValueError, match="read-only"):
        geometry.affine[0, 0] = 2


def test_no_heavy_import():
    import subprocess
    import sys

    code = (
        "import sys, encoders.geometry, encoders.volume, encoders.segmenters.base\n"
        "print(sorted({'torch', 'monai', 'scipy', 'nibabel'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
