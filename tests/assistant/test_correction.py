"""Clicks and boxes on phantoms: an organ of 60 HU in fat of -90 HU, on oblique and anisotropic grids."""

import time

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from assistant.correction import Hints, corrected
from encoders.errors import BodyMapsError
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask
from encoders.volume import Volume
from eval.scores import dice

AFFINES = {
    "isotropic": np.diag([1.5, 1.5, 1.5, 1.0]),
    "LPS, thick slices": np.diag([-1.2, -1.2, 3.0, 1.0]),
}
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", (10, -8, 15), degrees=True).as_matrix() * (1.3, 1.3, 2.0)
AFFINES["oblique"] = OBLIQUE


@pytest.fixture(params=AFFINES.values(), ids=AFFINES)
def scan(request):
    """An ellipsoid A (semi-axes 20, 16, 18 mm) that touches a sphere B of 110 HU, with noise."""
    geometry = Geometry((72, 72, 40), request.param)
    middle = geometry.to_world(np.array([36, 36, 20]))
    world = geometry.to_world(np.stack(np.indices(geometry.shape), -1))
    offset = world - middle
    organ = (np.square(offset / (20, 16, 18)).sum(-1)) <= 1
    other = np.square(offset - (0, 26, 0)).sum(-1) <= 11**2
    rng = np.random.default_rng(0)
    hu = np.where(organ, 60, np.where(other, 130, -90)) + rng.normal(0, 10, geometry.shape)
    return Volume(hu.astype(np.float32), geometry), organ, other & ~organ, middle, offset


def at(middle, x, y, z):
    return tuple(float(m + d) for m, d in zip(middle, (x, y, z), strict=True))


def mask(voxels):
    return Mask.from_full("spleen", voxels, 0.9)


def test_a_click_inside_adds_the_missing_part(scan):
    volume, organ, _, middle, offset = scan
    bitten = organ & ~(offset[..., 0] > 5)
    found = corrected(mask(bitten), volume, Hints(include=(at(middle, 11, 0, 0),))).full()
    assert dice(bitten, organ) < 0.85
    assert dice(found, organ) > 0.95
    assert (found & bitten == bitten).all()


def test_a_click_outside_takes_a_leak_away(scan):
    volume, organ, other, middle, _ = scan
    found = corrected(mask(organ | other), volume, Hints(exclude=(at(middle, 0, 27, 0),))).full()
    assert dice(organ | other, organ) < 0.93
    assert dice(found, organ) > 0.96
    assert (found & other).sum() < 0.1 * other.sum()


def test_nothing_changes_far_from_a_click(scan):
    volume, organ, _, middle, offset = scan
    bitten = organ & ~(offset[..., 0] > 5)
    point = at(middle, 14, 0, 0)
    found = corrected(mask(bitten), volume, Hints(include=(point,), radius_mm=8)).full()
    changed = found != bitten
    assert changed.any()
    assert (
        np.linalg.norm(offset[changed] - (14, 0, 0), axis=-1).max() <= 8 + 3.5
    )  # half a voxel's diagonal more


def test_a_click_on_nothing_draws_the_structure_there(scan):
    volume, organ, _, middle, _ = scan
    nothing = mask(np.zeros(organ.shape, bool))
    found = corrected(nothing, volume, Hints(include=(tuple(middle),), radius_mm=30)).full()
    assert dice(found, organ) > 0.9


def test_a_box_alone_draws_what_is_in_it(scan):
    volume, organ, _, middle, _ = scan
    box = (at(middle, -23, -19, -21), at(middle, 23, 17, 21))
    found = corrected(mask(np.zeros(organ.shape, bool)), volume, Hints(box=box)).full()
    assert dice(found, organ) > 0.9


def test_a_box_takes_away_what_lies_outside(scan):
    volume, organ, other, middle, offset = scan
    box = (at(middle, -23, -19, -21), at(middle, 23, 17, 21))
    found = corrected(mask(organ | other), volume, Hints(box=box)).full()
    assert dice(found, organ) > 0.93
    assert not found[offset[..., 1] > 22].any()


def test_a_click_is_what_it_says_even_against_the_picture(scan):
    volume, organ, _, middle, offset = scan
    fat = at(middle, 0, 0, 24)
    voxel = np.unravel_index(np.argmin(np.linalg.norm(offset - (0, 0, 24), axis=-1)), organ.shape)
    assert corrected(mask(organ), volume, Hints(include=(fat,))).full()[voxel]
    assert not corrected(mask(organ), volume, Hints(exclude=(tuple(middle),))).full()[36, 36, 20]


def test_excluding_all_of_a_small_mask_leaves_none():
    volume = Volume(np.zeros((30, 30, 30), np.float32), Geometry((30, 30, 30), np.eye(4)))
    small = np.zeros((30, 30, 30), bool)
    small[14:17, 14:17, 14:17] = True
    assert not corrected(mask(small), volume, Hints(exclude=((15, 15, 15),))).present


def test_marks_outside_the_scan_are_refused(scan):
    volume, organ, *_ = scan
    with pytest.raises(BodyMapsError, match="outside the scan"):
        corrected(mask(organ), volume, Hints(include=((9e3, 0, 0),)))
    with pytest.raises(BodyMapsError, match="no voxel"):
        corrected(mask(organ), volume, Hints(box=((9e3, 0, 0), (9.1e3, 9, 9))))


def test_a_large_region_is_worked_on_a_coarser_grid():
    """A click with a reach of 60 mm in a fine scan: 5 million voxels, but not that many paths."""
    geometry = Geometry((180, 180, 180), np.diag([0.7, 0.7, 0.7, 1.0]))
    grid = np.indices(geometry.shape) - 90
    ball = np.square(grid * 0.7).sum(0) <= 40**2
    volume = Volume(np.where(ball, 60, -90).astype(np.int16), geometry)
    hints = Hints(include=((63.0, 63.0, 63.0),), radius_mm=60)
    started = time.perf_counter()
    found = corrected(mask(np.zeros(ball.shape, bool)), volume, hints)
    assert time.perf_counter() - started < 10
    assert dice(found.full(), ball) > 0.9


def test_a_stroke_of_the_brush_is_taken_as_it_is(scan):
    volume, organ, _, middle, offset = scan
    stroke = (at(middle, 0, 0, 18), at(middle, 4, 0, 18))
    painted = corrected(mask(organ), volume, Hints(include=stroke, radius_mm=5, brush=True)).full()
    near = np.minimum(*(np.linalg.norm(offset - (x, 0, 18), axis=-1) for x in (0, 4)))
    assert painted[near < 5 - 1e-6].all()
    assert (painted == organ)[near > 5 + 1e-6].all()
    erased = corrected(mask(organ), volume, Hints(exclude=stroke, radius_mm=5, brush=True)).full()
    assert not erased[near < 5 - 1e-6].any()
    assert (erased == organ)[near > 5 + 1e-6].all()


def test_a_click_leaves_what_another_one_says(scan):
    """Two clicks of opposite sides close together: both voxels are as marked."""
    volume, organ, *_ = scan
    inside, outside = volume.geometry.to_world([[36, 36, 20], [36, 36, 22]])
    found = corrected(mask(organ), volume, Hints(include=(tuple(inside),), exclude=(tuple(outside),))).full()
    assert found[36, 36, 20]
    assert not found[36, 36, 22]


def test_no_hints_change_nothing(scan):
    volume, organ, *_ = scan
    assert corrected(mask(organ), volume, Hints()).full().sum() == organ.sum()
    nothing = corrected(mask(np.zeros(organ.shape, bool)), volume, Hints())
    assert not nothing.present
