"""The rule for lesions is chosen so that most are found with few false ones."""

import numpy as np
import pytest

from encoders.segmenters.lesions import Rule
from eval.lesion_rules import LEAST_MM, MOST_FALSE, Scan, choose, examine, measured

SHAPE = (48, 48, 48)
VOXEL_ML = 1.5**3 / 1000


def ball(centre, radius):
    grid = np.indices(SHAPE) - np.reshape(centre, (3, 1, 1, 1))
    return (grid**2).sum(0) <= radius**2


def scan(lesion=6.0, false=4.0, radius=5, spread=0):
    """A lesion of 15 mm with this logit, and a false piece elsewhere in the organ."""
    truth = ball((16, 24, 24), radius)
    values = np.full(SHAPE, -8.0)
    values[ball((16, 24, 24), radius + spread)] = lesion
    values[ball((34, 24, 24), 4)] = false
    return Scan(values, np.ones(SHAPE, bool), truth, VOXEL_ML)


def test_a_lesion_is_found_and_the_rest_is_false():
    (lesion,), false = examine(scan(), Rule(level=0.0))
    assert lesion.diameter_mm == pytest.approx(15, rel=0.1)
    assert (lesion.peak, lesion.dice) == (pytest.approx(6), 1.0)
    assert false == pytest.approx([4])


def test_a_piece_that_swallows_its_surroundings_is_no_hit():
    (lesion,), false = examine(scan(radius=4, spread=8), Rule(level=0.0))
    assert lesion.peak == -np.inf
    assert sorted(false) == pytest.approx([4, 6])


def test_a_piece_on_a_lesion_that_the_ct_had_before_counts_neither_way():
    own = Scan(scan().values, np.ones(SHAPE, bool), ball((16, 24, 24), 5), VOXEL_ML, ball((34, 24, 24), 4))
    lesions, false = examine(own, Rule(level=0.0))
    assert (len(lesions), false) == (1, [])
    elsewhere = Scan(own.values, own.host, own.truth, VOXEL_ML, ball((34, 40, 24), 4))
    assert examine(elsewhere, Rule(level=0.0))[1] == pytest.approx([4])


def test_the_threshold_lies_between_lesions_and_false_pieces():
    chosen = choose([scan(), scan(lesion=5.0), scan(false=4.5)], ["liver_tumor"])
    assert (chosen.found, chosen.lesions_of_10_mm, chosen.false_a_scan) == (3, 3, 0)
    assert 4.5 < chosen.rule["peak"] < 5.0
    assert chosen.dice == 1.0


def test_false_ones_are_kept_few_even_where_lesions_are_lost():
    scans = [scan(lesion=3.0, false=5.0) for _ in range(4)]
    for one in scans:
        one.values[ball((24, 40, 24), 3)] = 4.5
    chosen = choose(scans, ["liver_tumor"])
    assert chosen.found == 0
    assert chosen.false_a_scan <= MOST_FALSE


def test_a_chosen_rule_is_measured_on_other_scans():
    chosen = choose([scan(), scan(lesion=5.0)], ["liver_tumor"])
    others = measured(chosen, [scan(lesion=3.0), scan(false=7.0), scan(lesion=7.0), scan(radius=2)])
    assert others.rule == chosen.rule
    assert (others.found, others.lesions_of_10_mm, others.false_a_scan, others.scans) == (2, 3, 0.25, 4)


def test_small_lesions_do_not_decide():
    assert choose([scan(radius=2)], ["liver_tumor"]).lesions_of_10_mm == 0
    assert LEAST_MM == 10
