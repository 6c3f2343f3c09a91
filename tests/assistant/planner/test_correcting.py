"""Corrections within a sentence."""

import pytest

from assistant.planner import plan
from assistant.planner.clause import Clause
from assistant.planner.clauses import read_clauses
from assistant.planner.lexicon import lexicon
from assistant.planner.tag import prepare, tag


def clauses(text: str) -> list[Clause]:
    return read_clauses(tag(prepare(text)), lexicon())


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("volume of the spleen, sorry, the liver", ("liver",)),
        ("mean HU of T4, no, make that T5", ("vertebrae_T5",)),
        ("segment the left kidney, I mean the right", ("kidney_right",)),
        ("measure the spleen, or rather the liver", ("liver",)),
        ("any tumors in the liver, no, the pancreas", ("pancreas_tumor",)),
    ],
)
def test_what_is_meant_takes_the_place_of_what_was_said(text: str, ids: tuple[str, ...]) -> None:
    assert [target.ids for target in clauses(text)[-1].targets] == [ids]


def test_a_lesion_moves_to_the_region_that_is_meant() -> None:
    (target,) = clauses("tumor in the pancreatic head, sorry, tail")[0].targets
    assert (target.ids, target.within) == (("pancreas_tumor",), ("pancreas_tail",))


def test_only_the_last_of_several_is_taken_back() -> None:
    (call,) = plan("segment the liver and the spleen, no, the kidneys").calls
    assert call.targets == ("liver", "kidneys")


@pytest.mark.parametrize(
    "text", ["segment the liver and actually the spleen too", "segment the liver, no spleen"]
)
def test_no_correction(text: str) -> None:
    assert "liver" in plan(text).calls[0].targets
