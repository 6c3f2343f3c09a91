"""The published rules, and left and right where the published code is known to go wrong."""

import numpy as np
import pytest

from encoders.published import postprocess

SHAPE = (60, 40, 30)


def block(*ranges, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in ranges)] = True
    return mask


LEFT = block((4, 24), (5, 35), (2, 28))
RIGHT = block((36, 56), (5, 35), (2, 28))


@pytest.mark.parametrize("mixed", [False, True])
def test_parted_lungs_are_told_apart_by_place(mixed):
    """The channels may even be swapped: in RAS+ order the left lung has the smaller x."""
    masks = {"lung_left": RIGHT, "lung_right": LEFT} if mixed else {"lung_left": LEFT, "lung_right": RIGHT}
    done = postprocess.cleaned(masks, middle=29.5)
    assert np.array_equal(done["lung_left"], LEFT)
    assert np.array_equal(done["lung_right"], RIGHT)


def test_touching_lungs_are_parted():
    """Known fault: both lungs end up as the left one, or both vanish."""
    bridge = block((24, 36), (18, 21), (10, 14))
    both = LEFT | RIGHT | bridge
    done = postprocess.cleaned({"lung_left": both, "lung_right": both}, middle=29.5)
    left, right = done["lung_left"], done["lung_right"]
    assert not (left & right).any()
    assert np.array_equal(left | right, both)
    assert (left & LEFT).sum() == LEFT.sum()
    assert (right & RIGHT).sum() == RIGHT.sum()


@pytest.mark.parametrize(("lung", "side"), [(LEFT, "lung_left"), (RIGHT, "lung_right")])
def test_a_single_lung_keeps_its_side(lung, side):
    """Known fault: a scan with one lung has none."""
    other = "lung_right" if side == "lung_left" else "lung_left"
    done = postprocess.cleaned({side: lung, other: np.zeros(SHAPE, bool)}, middle=29.5)
    assert np.array_equal(done[side], lung)
    assert not done[other].any()


def test_lungs_that_never_part_are_cut_in_the_middle():
    slab = block((10, 50), (5, 35), (2, 28))
    done = postprocess.cleaned({"lung_left": slab, "lung_right": slab}, middle=29.5)
    assert np.array_equal(done["lung_left"], block((10, 30), (5, 35), (2, 28)))
    assert np.array_equal(done["lung_right"], block((30, 50), (5, 35), (2, 28)))


def test_no_lungs_stay_none():
    empty = np.zeros(SHAPE, bool)
    done = postprocess.cleaned({"lung_left": empty, "lung_right": empty}, middle=29.5)
    assert not done["lung_left"].any()
    assert not done["lung_right"].any()


def test_an_organ_keeps_its_largest_component():
    big, small = block((2, 12), (2, 12), (2, 12)), block((20, 24), (2, 6), (2, 6))
    assert np.array_equal(postprocess.cleaned({"liver": big | small}, 0)["liver"], big)
    touching = big | block((12, 14), (12, 14), (12, 14))  # at a corner: 26-connected
    assert np.array_equal(postprocess.cleaned({"liver": touching}, 0)["liver"], touching)


def test_the_portal_vein_does_not_reach_below_the_pancreas():
    vein, pancreas = block((10, 14), (10, 14), (2, 28)), block((20, 30), (10, 20), (9, 15))
    done = postprocess.cleaned({"portal_vein_and_splenic_vein": vein, "pancreas": pancreas}, 0)
    assert np.array_equal(done["portal_vein_and_splenic_vein"], block((10, 14), (10, 14), (9, 28)))
    # known fault: no pancreas, and the published code stops
    none = {"portal_vein_and_splenic_vein": vein, "pancreas": np.zeros(SHAPE, bool)}
    assert np.array_equal(postprocess.cleaned(none, 0)["portal_vein_and_splenic_vein"], vein)


def test_a_liver_tumour_lies_in_the_liver():
    liver = block((10, 40), (5, 35), (5, 25))
    inside, rim = block((20, 24), (10, 14), (10, 14)), block((40, 42), (10, 14), (10, 14))
    far = block((50, 55), (10, 15), (10, 15))
    done = postprocess.cleaned({"liver": liver, "liver_tumor": inside | rim | far}, 0)
    assert np.array_equal(done["liver_tumor"], inside | rim)
    nothing = postprocess.cleaned({"liver": np.zeros(SHAPE, bool), "liver_tumor": inside}, 0)
    assert not nothing["liver_tumor"].any()


def test_small_and_surplus_lesions_go():
    found = block((2, 7), (2, 7), (2, 6)) | block((20, 25), (2, 7), (2, 7)) | block((40, 43), (2, 5), (2, 5))
    kept = postprocess.cleaned({"pancreas_tumor": found}, 0)["pancreas_tumor"]
    assert np.array_equal(kept, block((20, 25), (2, 7), (2, 7)))
    assert not postprocess.cleaned({"kidney_cyst": block((2, 4), (2, 5), (2, 5))}, 0)["kidney_cyst"].any()


def test_what_a_rule_reads_is_asked_for_too():
    assert postprocess.needs(["spleen"]) == ("spleen",)
    assert postprocess.needs(["kidney_tumor"]) == ("kidney_tumor", "kidney_right", "kidney_left")
    assert postprocess.needs(["lung_right"]) == ("lung_right", "lung_left")
    assert postprocess.needs(["portal_vein_and_splenic_vein"])[1:] == ("pancreas",)
