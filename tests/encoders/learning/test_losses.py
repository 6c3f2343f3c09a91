import numpy as np
import pytest
import torch

from encoders.learning.cases import OUTSIDE, Case
from encoders.learning.losses import TargetTable, partial_loss

LEAVES = {
    "liver": ("liver",),
    "spleen": ("spleen",),
    "lungs": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
    "heart": ("heart",),
}


def leaves(name):
    return LEAVES.get(name, (name,))


@pytest.fixture
def table():
    case = Case(
        name="c",
        spacing_mm=3.0,
        hu=None,
        labels=np.zeros((1, 1, 1), np.uint8),
        names=("unlabelled", "liver", "lung_upper_lobe_left", OUTSIDE),
        complete=frozenset({"liver"}),
        weak=frozenset({"spleen"}),
        trusted=None,
    )
    return TargetTable(case, list(LEAVES), leaves)


def test_what_is_known_about_each_voxel(table):
    labels = torch.tensor([0, 0, 1, 2, 3])
    trusted = torch.tensor([True, False, True, True, True])
    target, known = table(labels, trusted)
    assert target.tolist() == [
        [False, False, True, False, False],
        [False, False, False, False, False],
        [False, False, False, True, False],
        [False, False, False, False, False],
    ]
    assert known.tolist() == [
        [True, True, True, True, True],  # liver: complete
        [True, False, True, True, True],  # spleen: weak, believed only where trusted
        [False, False, True, True, True],  # lungs: only where another label is
        [False, False, True, True, True],  # heart: never labelled here
    ]


def test_a_label_of_a_whole_counts_for_its_group_and_leaves_its_parts_open():
    case = Case(
        "c", 3.0, None, np.zeros((1, 1, 1), np.uint8), ("unlabelled", "lungs"), frozenset(), frozenset(), None
    )
    columns = ["lungs", "lung_upper_lobe_left", "heart"]
    target, known = TargetTable(case, columns, leaves)(torch.tensor([1]), torch.tensor([True]))
    assert target[:, 0].tolist() == [True, False, False]
    assert known[:, 0].tolist() == [True, False, True]


def test_unknown_voxels_have_no_gradient():
    logits = torch.zeros(2, 4, requires_grad=True)
    target = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0]])
    known = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0]])
    loss, _ = partial_loss(logits, target, known)
    loss.backward()
    assert (logits.grad[0, :2] != 0).all()
    assert (logits.grad[0, 2:] == 0).all()
    assert (logits.grad[1] == 0).all()


def test_right_answers_cost_nothing():
    target = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0]])
    loss, dice = partial_loss((target * 2 - 1) * 50, target, torch.ones(2, 4))
    assert loss == pytest.approx(0, abs=1e-5)
    assert dice == pytest.approx(0, abs=1e-5)
    wrong, _ = partial_loss((target * 2 - 1) * -50, target, torch.ones(2, 4))
    assert wrong > 10


def test_classes_may_be_balanced_apart():
    logits = torch.zeros(2, 8)
    target = torch.zeros(2, 8)
    target[:, 0] = 1
    known = torch.ones(2, 8)
    low, high = (partial_loss(logits + target, target, known, balance=b)[0] for b in (0.0, 1.0))
    apart, _ = partial_loss(logits + target, target, known, balance=torch.tensor([0.0, 1.0]))
    assert low != pytest.approx(float(high))
    assert apart == pytest.approx(float(low + high) / 2)
