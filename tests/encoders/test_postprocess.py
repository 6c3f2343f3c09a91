import numpy as np
import pytest

from encoders.postprocess import confidence_of, host_organs, judge, plausible
from prompts.ontology import ontology


def ball(shape, centre, radius):
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return radius - np.linalg.norm(grid - np.asarray(centre), axis=-1)


SHAPE = (60, 40, 50)


def verdict(logits, structure):
    return judge(logits, ontology()[structure], voxel_ml=0.027, middle=29.5, width=60)


def test_keeps_the_largest_piece_of_an_organ():
    logits = np.maximum(ball(SHAPE, (45, 20, 25), 12), ball(SHAPE, (12, 20, 25), 6))
    found = verdict(logits, "liver")
    assert found.keep[45, 20, 25]
    assert not found.keep[12, 20, 25]
    assert found.confidence > 0.6


def test_a_pancreas_may_come_in_two_pieces():
    """Head and tail both stay where the mask misses the thin neck; a far smaller third piece does not."""
    pieces = [((12, 20, 25), 9), ((45, 20, 25), 8), ((30, 32, 8), 5)]
    found = verdict(np.max([ball(SHAPE, *piece) for piece in pieces], axis=0), "pancreas")
    assert [bool(found.keep[centre]) for centre, _ in pieces] == [True, True, False]


def test_a_left_kidney_on_the_right_is_not_one():
    left, right = ball(SHAPE, (14, 15, 25), 8), ball(SHAPE, (46, 15, 25), 9)
    both = np.maximum(left, right)
    assert verdict(both, "kidney_left").keep[14, 15, 25]
    assert not verdict(both, "kidney_left").keep[46, 15, 25]
    assert verdict(both, "kidney_right").keep[46, 15, 25]
    assert not verdict(right, "kidney_left").present


def test_groups_keep_all_their_members():
    logits = np.max([ball(SHAPE, (30, 15, k), 5) for k in (8, 22, 36)], axis=0)
    found = verdict(logits, "vertebrae")
    assert all(found.keep[30, 15, k] for k in (8, 22, 36))


def test_nothing_found_is_absent_and_sure_of_it():
    found = verdict(np.full(SHAPE, -9.0), "liver")
    assert not found.present
    assert found.confidence > 0.99


def test_a_crumb_of_liver_is_no_liver_unless_it_is_cut_off():
    crumb = ball(SHAPE, (30, 20, 25), 4)
    assert not verdict(crumb, "liver").present
    cut = ball(SHAPE, (30, 20, 49), 6)
    assert verdict(cut, "liver").present


def test_confidence_is_the_expected_dice():
    probability = np.zeros((4, 4, 4), np.float32)
    probability[:2] = 1
    assert confidence_of(probability, probability > 0.5) == 1.0
    probability[2] = 0.4
    assert confidence_of(probability, probability > 0.5) == pytest.approx(2 * 32 / (32 + 6.4 + 32))


def test_lesions_count_in_and_beside_their_organ_only():
    spots = [(12, 20, 25), (27, 20, 25), (50, 20, 25)]  # in the organ, 3 mm beside it, far away; 3 mm voxels
    logits = np.max([ball(SHAPE, spot, 2.5) for spot in spots], axis=0)
    organ = ball(SHAPE, (15, 20, 25), 9) > 0
    tumour = ontology()["liver_tumor"]
    found = judge(logits, tumour, 0.027, 29.5, 60, organ)
    assert [bool(found.keep[spot]) for spot in spots] == [True, True, False]
    assert judge(logits, tumour, 0.027, 29.5, 60).keep[spots[2]]
    assert not judge(logits, tumour, 0.027, 29.5, 60, np.zeros_like(organ)).present


def test_hosts_are_the_fewest_that_cover_the_organ():
    known = ["liver", "lungs", "lung_left", "lung_right", "kidney_left"]
    assert host_organs("lung_tumor", known) == ("lungs",)
    assert host_organs("kidney_cyst", known) == ("kidney_left",)
    assert host_organs("pancreas_tumor", known) == ()
    assert host_organs("liver", known) == ()


@pytest.mark.parametrize(
    ("structure", "hu", "size", "expected"),
    [
        ("liver", 60, 30, True),
        ("liver", -800, 30, False),
        ("liver", 60, 3, False),
        ("liver", 60, 0, False),
        ("kidneys", 150, 16, True),
        ("kidneys", 150, 8, False),
    ],
)
def test_plausible_means_typical_volume_and_density(structure, hu, size, expected):
    assert plausible(structure, np.full(size**3, hu), 0.064) is expected
