"""Lesions and the organs that stand apart from them."""

import pytest

from assistant.planner.clause import Clause
from assistant.planner.clauses import read_clauses
from assistant.planner.lexicon import lexicon
from assistant.planner.tag import prepare, tag
from assistant.planner.units import Size


def clauses(text: str) -> list[Clause]:
    return read_clauses(tag(prepare(text)), lexicon())


def test_the_organ_of_a_lesion_may_come_after_its_size() -> None:
    (clause,) = clauses("lesions over 1 cm in segment 6")
    assert clause.targets[0].ids == ("liver_tumor",)
    assert clause.targets[0].within == ("liver_segment_6",)
    assert [item.value for item in clause.of("size")] == [Size(10.0, None)]


@pytest.mark.parametrize(
    ("text", "ids", "within"),
    [
        ("tumors, both kidneys", ("kidney_tumor",), ()),
        ("tumor burden liver", ("liver_tumor",), ()),
        ("nodule count RUL", ("lung_tumor",), ("lung_upper_lobe_right",)),
    ],
)
def test_the_organ_may_follow(text: str, ids: tuple[str, ...], within: tuple[str, ...]) -> None:
    (clause,) = clauses(text)
    assert [(t.ids, t.within) for t in clause.targets] == [(ids, within)]


def test_the_next_part_has_the_lesion_too() -> None:
    (clause,) = clauses("any lesion in the pancreatic body or tail")
    assert {t.ids for t in clause.targets} == {("pancreas_tumor",)}


def test_an_organ_without_known_lesions_is_missing() -> None:
    (clause,) = clauses("any masses in the liver or the spleen")
    assert [t.ids for t in clause.targets] == [("liver_tumor",), ()]
    assert clause.targets[1].missing is not None


def test_an_organ_that_is_measured_is_no_place_of_lesions() -> None:
    (clause,) = clauses("is there contact between the pancreatic tumor and the portal vein")
    assert all(t.missing is None for t in clause.targets)
