"""Phrases that say which is meant."""

import pytest

from assistant.planner.clause import Clause
from assistant.planner.clauses import read_clauses
from assistant.planner.lexicon import lexicon
from assistant.planner.tag import prepare, tag


def clauses(text: str) -> list[Clause]:
    return read_clauses(tag(prepare(text)), lexicon())


@pytest.mark.parametrize(
    "text",
    [
        "liver lesion, the largest",
        "the liver lesion with the largest diameter",
        "liver lesion of largest size",
    ],
)
def test_the_largest_of_them(text: str) -> None:
    (target,) = clauses(text)[0].targets
    assert (target.ids, target.select) == (("liver_tumor",), "largest")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("the lungs, but the right only", ("lung_right",)),
        ("how many ribs are there on the left side", ("ribs_left",)),
        ("muscle volume of the left psoas", ("iliopsoas_left",)),
    ],
)
def test_a_narrower_name_takes_the_place_of_the_wider(text: str, ids: tuple[str, ...]) -> None:
    (clause,) = clauses(text)
    assert [t.ids for t in clause.targets] == [ids]


def test_a_class_after_its_members_is_said_already() -> None:
    (clause,) = clauses("from T10 to T12 outline the vertebral bodies")
    assert all("vertebrae" not in t.ids for t in clause.targets)
    assert {id for t in clause.targets for id in t.ids} == {"vertebrae_T10", "vertebrae_T11", "vertebrae_T12"}
