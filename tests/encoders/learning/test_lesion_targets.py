"""Targets of lesion classes, and what lesions do to those of their organs."""

import numpy as np
import torch

from encoders.learning import lesion_targets
from encoders.learning.cases import Case
from encoders.learning.lesion_settings import DECOY, LESIONS
from encoders.learning.lesion_targets import (
    AROUND,
    BESIDE,
    ELSEWHERE,
    MOST_ALIKE,
    MOST_BESIDE,
    MOST_ORGAN,
    host_labels,
    lesion_points,
    real_lesions,
    supervise,
)
from encoders.learning.losses import TargetTable
from prompts.ontology import ontology

NAMES = ("", "liver", "kidney_left", "body_rest")
STRUCTURES = ["liver", "kidney_left", "kidney_right", "liver_tumor", "kidney_tumor"]
# voxels: unlabelled, liver, liver, left kidney, rest, rest
LABELS = torch.tensor([0, 1, 1, 2, 3, 3])


def _value(name):
    return LESIONS.index(name) + 1


def _made(complete, lesions, **options):
    case = Case("c", 3.0, None, np.zeros((1, 1, 1)), NAMES, frozenset(complete), frozenset(), None)
    table = TargetTable(case, STRUCTURES, lambda n: ontology().leaves(n) if n in ontology() else (n,))
    target, known = table(LABELS, torch.ones(6, dtype=torch.bool))
    return supervise(target, known, torch.tensor(lesions), STRUCTURES, **options)


def test_lesions_are_theirs_and_stay_in_the_organ():
    target, known = _made(["liver"], [0, 0, _value("liver_tumor"), 0, 0, 0])
    assert target[3].tolist() == [False, False, True, False, False, False]
    assert known[3].all()  # the liver is complete: no liver tumor elsewhere
    assert target[0].tolist() == [False, True, True, False, False, False]
    assert known[0].all()


def test_a_labelled_lesion_counts_like_a_planted_one():
    values = real_lesions(("", "liver", "liver_cyst", "body_rest"))
    assert values.tolist() == [0, 0, _value("liver_cyst"), 0]


def test_an_incomplete_organ_leaves_its_lesions_unknown_where_nothing_is_labelled():
    _, known = _made([], [0] * 6)
    assert known[3].tolist() == [False, True, True, True, True, True]


def test_a_lesion_class_needs_all_its_hosts_to_be_known():
    _, known = _made(["kidney_left"], [0] * 6)
    assert not known[4, 0]
    _, known = _made(["kidney_left", "kidney_right"], [0] * 6)
    assert known[4, 0]


def test_a_lesion_beyond_the_organ_leaves_the_host_unknown_there():
    target, known = _made(["kidney_left", "kidney_right"], [0, 0, 0, 0, 0, _value("kidney_tumor")])
    assert not known[1, 5]
    assert not known[2, 5]
    assert known[0, 5]
    assert known[4, 5]
    assert target[4, 5]


def test_classes_with_real_lesions_take_no_part():
    _, known = _made(["liver"], [0] * 6, unknown=["liver_tumor"])
    assert not known[3].any()
    assert known[4, 1]


def test_classes_without_real_lesions_are_known_everywhere():
    planted = [0, 0, _value("liver_tumor"), 0, 0, 0]
    _, before = _made([], planted)
    target, known = _made([], planted, absent=["liver_tumor"])
    assert not before[3, 0]  # no label there, and the liver is not complete
    assert known[3].all()
    assert target[3].tolist() == [False, False, True, False, False, False]
    assert torch.equal(known[4], before[4])
    assert torch.equal(known[:3], before[:3])


def test_what_may_be_real_is_not_surely_absent():
    _, known = _made(["liver"], [0] * 6, unknown=["liver_tumor"], absent=["liver_tumor"])
    assert not known[3].any()


def test_lesion_points_hold_the_lesions_and_their_organs():
    hosts = host_labels(NAMES)
    assert hosts.tolist() == [False, True, True, False]
    labels = torch.full((30, 30, 30), 3)
    labels[5:25, 5:25, 5:25] = 1
    lesions = torch.zeros_like(labels)
    lesions[10:13, 10:13, 10:13] = _value("liver_tumor")
    points = lesion_points(labels, lesions, hosts, np.random.default_rng(0))
    assert (lesions.reshape(-1)[points] > 0).sum() >= 27
    organ = (labels.reshape(-1)[points] == 1) & (lesions.reshape(-1)[points] == 0)
    assert organ.sum() >= MOST_ORGAN
    assert len(points) == 27 + MOST_ORGAN + MOST_BESIDE + ELSEWHERE


def test_lesion_points_hold_what_lies_beside_an_organ(monkeypatch):
    monkeypatch.setattr(lesion_targets, "ELSEWHERE", 0)
    labels = torch.full((40, 40, 40), 3)
    labels[15:25, 15:25, 15:25] = 1
    hosts = host_labels(NAMES)
    points = lesion_points(labels, torch.zeros_like(labels), hosts, np.random.default_rng(0))
    places = np.stack(np.unravel_index(points.numpy(), labels.shape), 1)
    away = np.maximum(15 - places, places - 24).max(1)  # voxels from the organ's cube; none above zero inside
    beside = away[away > 0]
    assert len(beside) == MOST_BESIDE
    assert beside.max() == BESIDE
    assert set(beside.tolist()) == set(range(1, BESIDE + 1))
    assert (away <= 0).sum() == 1000


def test_lesion_points_hold_the_decoys():
    labels = torch.full((60, 60, 60), 1)
    lesions = torch.zeros_like(labels)
    lesions[30, 30, 10:50] = DECOY
    points = lesion_points(labels, lesions, host_labels(NAMES), np.random.default_rng(0))
    places = np.stack(np.unravel_index(points.numpy(), labels.shape), 1)
    near = (np.abs(places[:, :2] - 30).max(1) <= AROUND) & (places[:, 2] >= 8) & (places[:, 2] < 52)
    assert near.sum() >= min(5 * 5 * 44, MOST_ALIKE)  # a vessel is a thousandth of its organ


def test_a_window_without_a_host_is_asked_about_at_random():
    labels = torch.full((12, 12, 12), 3)
    hosts = host_labels(NAMES)
    points = lesion_points(labels, torch.zeros_like(labels), hosts, np.random.default_rng(0))
    assert len(points) == ELSEWHERE
