"""Where clauses begin."""

import pytest

from assistant.planner.clause import Clause
from assistant.planner.clauses import read_clauses
from assistant.planner.lexicon import lexicon
from assistant.planner.tag import prepare, tag


def clauses(text: str) -> list[Clause]:
    return read_clauses(tag(prepare(text)), lexicon())


def test_a_verb_opens_a_clause() -> None:
    first, second = clauses("segment the spleen and measure it")
    assert first.verbs() == ["segment"]
    assert second.verbs() == ["measure"]
    assert second.targets[0].refers == "it"


def test_two_nouns_of_one_verb_stay_together() -> None:
    (clause,) = clauses("segment the liver and the spleen")
    assert [t.ids for t in clause.targets] == [("liver",), ("spleen",)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("give me the tumor's location in the pancreas", 1),
        ("leave out the ribs and segment the bones", 1),
        ("how many centimetres does the spleen measure", 1),
        ("check the liver and measure the spleen", 2),
        ("start over with the spleen", 2),
        ("known HCC, how big is the spleen?", 2),
        ("known HCC in segment 7", 1),
    ],
)
def test_how_many_wishes_a_sentence_has(text: str, count: int) -> None:
    assert len(clauses(text)) == count


def test_what_is_told_of_a_patient_is_a_statement() -> None:
    first, second = clauses("67 yo with colorectal cancer. Measure the liver")
    assert first.verbs() == ["state"]
    assert second.verbs() == ["measure"]
