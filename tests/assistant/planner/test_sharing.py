"""What joined nouns share."""

from assistant.planner.clause import Clause
from assistant.planner.clauses import read_clauses
from assistant.planner.lexicon import lexicon
from assistant.planner.tag import prepare, tag


def clauses(text: str) -> list[Clause]:
    return read_clauses(tag(prepare(text)), lexicon())


def test_a_side_holds_on() -> None:
    (clause,) = clauses("the left kidney and adrenal")
    assert [t.ids for t in clause.targets] == [("kidney_left",), ("adrenal_gland_left",)]


def test_a_side_at_the_end_holds_for_the_lobe_before() -> None:
    (clause,) = clauses("segment the upper and the lower lobe of the left lung")
    assert [t.ids for t in clause.targets] == [("lung_upper_lobe_left",), ("lung_lower_lobe_left",)]


def test_a_head_is_that_of_both() -> None:
    (clause,) = clauses("liver and lung tumors")
    assert [t.ids for t in clause.targets] == [("liver_tumor",), ("lung_tumor",)]


def test_an_article_parts_them() -> None:
    (clause,) = clauses("the liver and the lung tumors")
    assert clause.targets[0].ids == ("liver",)
