"""The registry of measures, what cannot be measured, and that the layout of the file changes nothing."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.measure import KINDS, Measurement, Unmeasurable, measure
from encoders.errors import BodyMapsError
from encoders.geometry import Axes, Box
from encoders.segmenters.base import Mask
from eval.phantoms import grid

CONTRACT = {
    "longest_diameter": "mm", "short_axis": "mm", "max_3d_diameter": "mm", "craniocaudal_extent": "mm",
    "volume": "ml", "mean_hu": "HU", "std_hu": "HU", "min_hu": "HU", "max_hu": "HU", "count": "lesions",
    "distance": "mm", "max_axial_diameter": "mm",
}  # fmt: skip
AXES = [Axes(order, flips) for order in permutations(range(3)) for flips in product((False, True), repeat=3)]
GEOMETRY = grid((13, 12, 11), (0.8, 1.3, 2.2), "LAS", (12, -9, 20), (30, -40, 50))
HU = np.random.default_rng(5).integers(-100, 200, GEOMETRY.shape).astype(np.int16)


def blobs(seed, lump):
    """A lumpy random mask that keeps off the edge; `lump` makes it larger."""
    noise = np.random.default_rng(seed).normal(size=GEOMETRY.shape)
    smooth = sum(np.roll(noise, step, axis) for axis in range(3) for step in (-1, 0, 1))
    mask = np.zeros(GEOMETRY.shape, bool)
    mask[2:-2, 2:-2, 2:-2] = smooth[2:-2, 2:-2, 2:-2] > 3 - lump
    mask[5, 5, 5] = True
    return mask


def all_measures(mask, geometry, hu, other):
    return {kind: measure(kind, mask, geometry, hu=hu, other=other) for kind in KINDS}


def assert_same(before, after, axial=lambda k: k):
    for kind, one in before.items():
        two = after[kind]
        assert two.value == pytest.approx(one.value, abs=1e-9), kind
        assert (two.endpoints_mm is None) == (one.endpoints_mm is None)
        if one.endpoints_mm is not None:
            assert np.allclose(two.endpoints_mm, one.endpoints_mm, atol=1e-6), kind
        assert two.slice_k == (None if one.slice_k is None else axial(one.slice_k)), kind


def test_registry_is_the_contract():
    assert {kind: facts.unit for kind, facts in KINDS.items()} == CONTRACT
    for facts in KINDS.values():
        assert facts.label
        assert facts.method.endswith(".")
        assert set(facts.applies) <= {"all", "organ", "vessel", "bone", "muscle", "lesion", "region", "group"}
    assert {kind for kind, facts in KINDS.items() if facts.needs == "hu"} == {
        "mean_hu", "std_hu", "min_hu", "max_hu"
    }  # fmt: skip
    assert KINDS["distance"].needs == "other"
    assert KINDS["count"].applies_to("lesion")
    assert not KINDS["count"].applies_to("organ")
    assert KINDS["volume"].applies_to("organ")


def test_every_kind_gives_its_unit_and_says_how():
    found = all_measures(blobs(0, 1), GEOMETRY, HU, blobs(1, 0))
    for kind, result in found.items():
        assert isinstance(result, Measurement)
        assert (result.kind, result.unit) == (kind, CONTRACT[kind])
        assert result.method == KINDS[kind].method
        assert isinstance(result.value, float)


@settings(deadline=None, max_examples=24)
@given(st.integers(0, 10_000), st.floats(-1, 3), st.sampled_from(AXES))
def test_flips_and_permutations_change_no_number(seed, lump, axes):
    mask, other = blobs(seed, lump), blobs(seed + 1, 0)
    moved = axes.apply_geometry(GEOMETRY)
    before = all_measures(mask, GEOMETRY, HU, other)
    after = all_measures(axes.apply(mask), moved, axes.apply(HU), axes.apply(other))
    depth = GEOMETRY.shape[GEOMETRY.axial_axis]
    flipped = axes.flips[axes.order.index(GEOMETRY.axial_axis)]
    assert_same(before, after, lambda k: depth - 1 - k if flipped else k)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.floats(-1, 3), st.data())
def test_crops_change_no_number(seed, lump, data):
    mask, other = blobs(seed, lump), blobs(seed + 1, 0)
    around = Box.of_mask(mask | other)
    start = tuple(data.draw(st.integers(0, a - 1)) for a in around.start)
    stop = tuple(data.draw(st.integers(b + 1, n)) for b, n in zip(around.stop, GEOMETRY.shape, strict=True))
    crop = Box(start, stop)
    before = all_measures(mask, GEOMETRY, HU, other)
    after = all_measures(mask[crop.slices], GEOMETRY.crop(crop), HU[crop.slices], other[crop.slices])
    assert_same(before, after, lambda k: k - crop.start[GEOMETRY.axial_axis])


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 10_000), st.floats(-1, 3))
def test_a_mask_object_and_its_array_are_the_same(seed, lump):
    mask, other = blobs(seed, lump), blobs(seed + 1, 0)
    arrays = all_measures(mask, GEOMETRY, HU, other)
    objects = all_measures(Mask.from_full("liver", mask, 1), GEOMETRY, HU, Mask.from_full("spleen", other, 1))
    assert_same(arrays, objects)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_mask_gives_no_number(kind):
    empty = np.zeros(GEOMETRY.shape, bool)
    for mask in (empty, Mask.absent("liver", GEOMETRY.shape, 0.9)):
        found = measure(kind, mask, GEOMETRY, hu=HU, other=blobs(0, 0))
        assert isinstance(found, Unmeasurable)
        assert "not found" in found.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("axis", "end"), list(product(range(3), (0, -1))))
def test_reaching_the_edge_is_said(kind, axis, end):
    inner = np.zeros(GEOMETRY.shape, bool)
    inner[4:8, 4:8, 4:8] = True
    inside = measure(kind, inner, GEOMETRY, hu=HU, other=blobs(0, 0))
    assert not inside.cut_off
    assert "cut off" not in inside.note
    edge = [slice(4, 8)] * 3
    edge[axis] = slice(0, 8) if end == 0 else slice(4, None)
    cut = np.zeros(GEOMETRY.shape, bool)
    cut[tuple(edge)] = True
    found = measure(kind, cut, GEOMETRY, hu=HU, other=blobs(0, 0))
    assert found.cut_off
    assert found.note.endswith("may be cut off.")


def test_a_cut_off_partner_is_said():
    inner, cut = np.zeros((2, *GEOMETRY.shape), bool)
    inner[4:8, 4:8, 4:8] = True
    cut[0, 4, 4] = True
    assert measure("distance", inner, GEOMETRY, other=cut).cut_off


def test_misuse_is_refused():
    mask = blobs(0, 0)
    with pytest.raises(BodyMapsError, match="no measure 'girth'"):
        measure("girth", mask, GEOMETRY)
    with pytest.raises(BodyMapsError, match="second structure"):
        measure("distance", mask, GEOMETRY)
    with pytest.raises(BodyMapsError, match="shape"):
        measure("volume", mask[1:], GEOMETRY)


def test_importing_costs_no_scipy():
    import subprocess
    import sys

    code = "import sys, assistant.measure; print(sorted({'torch', 'scipy', 'cc3d'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
