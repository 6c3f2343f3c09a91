"""Lesions of two scans that are not registered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.pairing import Placed, pair
from encoders.segmenters.base import Mask
from eval.phantoms import Ellipsoid, grid, rasterise

LOW, HIGH = np.array([0.0, 0.0, 0.0]), np.array([150.0, 120.0, 140.0])


def placed(*places, shift=(0, 0, 0), scale=1.0, organ="liver", whole=True):
    """Lesions (x, y, z, diameter) in an organ that lies elsewhere and has another size."""
    move = np.asarray(shift, dtype=float)
    return [
        Placed(organ, scale * np.array([x, y, z]) + move, d, (LOW + move, scale * HIGH + move), whole)
        for x, y, z, d in places
    ]


def partners(pairs):
    return {(p.before, p.after) for p in pairs}


def test_the_table_and_the_breath_do_not_matter():
    before = placed((30, 40, 50, 20), (100, 60, 30, 14), (60, 90, 110, 30))
    after = placed((60, 88, 108, 33), (32, 40, 50, 18), (100, 63, 30, 15), shift=(300, -80, 1000), scale=1.05)
    pairs = pair(before, after)
    assert partners(pairs) == {(0, 1), (1, 2), (2, 0)}
    assert all(p.doubt == "" for p in pairs)
    assert all(p.distance_mm < 4 for p in pairs)


def test_new_and_vanished_lesions_have_no_partner():
    pairs = pair(placed((30, 40, 50, 20), (100, 60, 30, 14)), placed((31, 40, 50, 21), (60, 100, 120, 12)))
    assert partners(pairs) == {(0, 0), (1, None), (None, 1)}


def test_the_smallest_sum_wins_over_the_nearest_first():
    # the nearest pair of all is (1, 0), but it would leave lesion 0 with a partner that is too far away
    pairs = pair(placed((50, 50, 40, 15), (50, 50, 60, 15)), placed((50, 50, 58, 15), (50, 50, 80, 15)))
    assert partners(pairs) == {(0, 0), (1, 1)}


def test_a_far_partner_and_a_rival_are_told():
    (far,) = pair(placed((50, 50, 40, 15)), placed((50, 50, 60, 15)))
    assert far.doubt == "far"
    pairs = pair(placed((50, 50, 40, 15)), placed((50, 50, 44, 15), (50, 55, 40, 15)))
    assert [p.doubt for p in pairs if p.before is not None] == ["rival"]


def test_size_tells_neighbours_apart():
    pairs = pair(placed((50, 50, 40, 40), (50, 50, 60, 10)), placed((50, 50, 50, 11), (50, 52, 50, 38)))
    assert partners(pairs) == {(0, 1), (1, 0)}


def test_lesions_of_different_organs_are_no_pair():
    pairs = pair(
        placed((50, 50, 50, 15), organ="kidney_left"), placed((50, 50, 50, 15), organ="kidney_right")
    )
    assert partners(pairs) == {(0, None), (None, 0)}


def test_without_an_organ_the_pair_is_unsure():
    bare = Placed(None, np.zeros(3), 12.0)
    (found,) = pair([bare], [Placed(None, np.full(3, 400.0), 14.0)])
    assert (found.before, found.after, found.doubt, found.distance_mm) == (0, 0, "place", None)


def test_a_cut_off_organ_makes_the_pair_unsure():
    (found,) = pair(placed((50, 50, 50, 15)), placed((50, 50, 50, 15), whole=False))
    assert found.doubt == "organ"


def test_a_piece_inside_a_former_lesion_may_be_a_part_of_it():
    pairs = pair(placed((50, 50, 50, 40)), placed((50, 50, 44, 20), (50, 50, 62, 14)))
    assert [p.doubt for p in pairs if p.before is None] == ["part"]


def test_nothing_and_nothing():
    assert pair([], []) == []
    assert partners(pair([], placed((1, 2, 3, 10)))) == {(None, 0)}
    assert partners(pair(placed((1, 2, 3, 10)), [])) == {(0, None)}


def test_places_come_from_masks_in_space():
    results = []
    for geometry in (grid((80, 70, 60), 2.0), grid((60, 80, 70), (2.0, 2.0, 2.0), "SLP")):
        organ = Mask.from_full("liver", rasterise(Ellipsoid((5, 0, 0), (60, 50, 40)), geometry), 1.0)
        lesion = Mask.from_full("liver_tumor", rasterise(Ellipsoid((20, 10, -9), (8, 8, 8)), geometry), 1.0)
        results.append(Placed.of(lesion, 16.0, organ, geometry))
    assert results[0].centre == pytest.approx(results[1].centre, abs=1e-6)
    assert results[0].centre == pytest.approx([20, 10, -9], abs=1)
    (found,) = pair(results[:1], results[1:])
    assert found.distance_mm == pytest.approx(0, abs=0.1)


places = st.tuples(*(st.floats(5, 115) for _ in range(3)), st.floats(3, 60))


@given(st.lists(places, max_size=5), st.lists(places, max_size=5))
def test_every_lesion_is_said_once(before, after):
    pairs = pair(placed(*before), placed(*after))
    assert sorted(p.before for p in pairs if p.before is not None) == list(range(len(before)))
    assert sorted(p.after for p in pairs if p.after is not None) == list(range(len(after)))
    assert all(p.distance_mm <= 25 for p in pairs if p.before is not None and p.after is not None)


@given(st.lists(places, min_size=1, max_size=5))
def test_a_scan_is_paired_with_itself(lesions):
    pairs = pair(placed(*lesions), placed(*lesions, shift=(7, 8, 9)))
    assert sum(p.distance_mm for p in pairs) == pytest.approx(0, abs=0.3)
