"""RECIST 1.1: every class and every boundary."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assistant.recist import Followed, choose_targets, judge


def followed(*sizes, organ="liver"):
    """Lesions of one organ: (before, after) in mm, None when not there. Two at most become targets."""
    return [Followed(organ, before, after) for before, after in sizes]


@pytest.mark.parametrize(
    ("lesions", "response"),
    [
        (followed((20.0, None)), "CR"),
        (followed((20.0, None), (8.0, None)), "CR"),
        (followed((20.0, None), (8.0, 8.0)), "PR"),  # a lesion too small to be a target remains
        (followed((20.0, 14.0)), "PR"),  # exactly -30 %
        (followed((20.0, 14.01)), "SD"),
        (followed((30.0, 21.0)), "PR"),
        (followed((20.0, 23.9)), "SD"),
        (followed((24.5, 29.4)), "SD"),  # +20 %, 4.9 mm
        (followed((25.0, 30.0)), "PD"),  # +20 %, 5.0 mm
        (followed((25.0, 29.99)), "SD"),  # below 20 %
        (followed((100.0, 119.9)), "SD"),  # 19.9 mm, below 20 %
        (followed((10.0, 14.9)), "SD"),  # +49 %, below 5 mm
        (followed((10.0, 15.0)), "PD"),
        (followed((20.0, 20.0), (None, 11.0)), "PD"),
        (followed((20.0, None), (None, 11.0)), "PD"),  # all targets gone, but one is new
        (followed((None, 12.0)), "PD"),
        (followed((9.9, 15.0)), "NE"),  # nothing measurable before
        ([], "NE"),
    ],
)
def test_classes_and_boundaries(lesions, response):
    assert judge(lesions).response == response


def test_targets_are_the_largest_two_of_an_organ_and_five_in_all():
    lesions = [
        *followed((12.0, 12.0), (30.0, 30.0), (20.0, 20.0), (9.9, 9.9)),
        *followed((11.0, 11.0), organ="pancreas"),
        *followed((50.0, 50.0), (40.0, 40.0), (35.0, 35.0), organ="lung_left"),
        *followed((10.0, 10.0), organ="colon"),
    ]
    assert choose_targets(lesions) == (5, 6, 1, 2, 4)
    assert judge(lesions).before_mm == 50 + 40 + 30 + 20 + 11


def test_sums_are_of_targets_alone():
    lesions = followed(
        (30.0, 21.0), (20.0, 14.0), (12.0, 30.0)
    )  # the third is no target and its growth not judged
    found = judge(lesions)
    assert (found.before_mm, found.after_mm, found.response) == (50.0, 35.0, "PR")
    assert found.percent == pytest.approx(-30)


def test_a_target_that_the_later_scan_could_not_show_is_not_gone():
    lesions = [Followed("liver", 20.0, None, evaluable=False)]
    assert judge(lesions).response == "NE"
    assert judge([*lesions, Followed("liver", None, 12.0)]).response == "PD"


@pytest.mark.parametrize(("after", "borderline"), [(14.2, True), (17.0, False), (24.8, True)])
def test_one_voxel_from_another_class_is_said(after, borderline):
    assert judge(followed((20.0, after)), voxel_mm=0.7).borderline is borderline


sizes = st.floats(10.0, 200.0)


@given(st.lists(st.tuples(sizes, st.floats(1.0, 300.0)), min_size=1, max_size=8))
def test_the_class_follows_from_the_sums(pairs):
    lesions = [Followed(f"organ {n}", *both) for n, both in enumerate(pairs)]
    found = judge(lesions)
    change = found.after_mm - found.before_mm
    assert len(found.targets) == min(len(pairs), 5)
    if found.response == "PD":
        assert change >= 5 - 1e-6
        assert found.percent >= 20 - 1e-6
    elif found.response == "PR":
        assert found.percent <= -30 + 1e-6
    else:
        assert found.response == "SD"
        assert found.percent > -30
        assert change < 5 or found.percent < 20


@example([(10.0, 10.0), (10.0, 10.0), (10.0, 15.0)], 1.0)
@given(st.lists(st.tuples(sizes, sizes), min_size=1, max_size=5), st.floats(0.5, 2.0))
def test_an_order_of_lesions_changes_nothing(pairs, factor):
    lesions = followed(*((a, b * factor) for a, b in pairs))
    assert judge(lesions).response == judge(lesions[::-1]).response
