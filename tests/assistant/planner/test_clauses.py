from assistant.planner.clause import Clause
from assistant.planner.clauses import read_clauses
from assistant.planner.lexicon import lexicon
from assistant.planner.tag import prepare, tag


def clauses(text: str) -> list[Clause]:
    return read_clauses(tag(prepare(text)), lexicon())


def test_a_mask_is_no_second_wish() -> None:
    (clause,) = clauses("export the left kidney mask")
    assert clause.verbs() == ["export"]


def test_words_without_meaning_are_counted() -> None:
    (clause,) = clauses("frobnicate the liver")
    assert clause.unknown == ["frobnicate"]
