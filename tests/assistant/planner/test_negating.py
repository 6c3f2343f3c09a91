"""Negations."""

from assistant.planner.clause import Clause
from assistant.planner.clauses import read_clauses
from assistant.planner.lexicon import lexicon
from assistant.planner.tag import prepare, tag


def clauses(text: str) -> list[Clause]:
    return read_clauses(tag(prepare(text)), lexicon())


def test_a_negated_verb_negates_its_clause() -> None:
    first, second = clauses("segment the liver but do not measure it")
    assert not first.negated
    assert second.negated


def test_what_is_left_out_is_apart() -> None:
    (clause,) = clauses("segment both kidneys but not the left")
    assert [t.ids for t in clause.targets] == [("kidneys",)]
    assert [t.refers for t in clause.excluded] == ["side"]


def test_a_comma_ends_a_negation() -> None:
    (clause,) = clauses("not the spleen, the liver")
    assert [t.ids for t in clause.excluded] == [("spleen",)]
    assert [t.ids for t in clause.targets] == [("liver",)]


def test_no_as_an_answer_negates_nothing() -> None:
    (clause,) = clauses("no, the left kidney")
    assert not clause.excluded
    assert [t.ids for t in clause.targets] == [("kidney_left",)]


def test_a_negation_at_the_end_is_of_the_last_thing() -> None:
    (clause,) = clauses("the spleen, the liver not")
    assert [t.ids for t in clause.excluded] == [("liver",)]
