from assistant.planner.clause import Clause
from assistant.planner.clauses import read_clauses
from assistant.planner.lexicon import lexicon
from assistant.planner.tag import prepare, tag
from assistant.planner.units import Size


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


def test_a_mask_is_no_second_wish() -> None:
    (clause,) = clauses("export the left kidney mask")
    assert clause.verbs() == ["export"]


def test_the_organ_of_a_lesion_may_come_after_its_size() -> None:
    (clause,) = clauses("lesions over 1 cm in segment 6")
    assert clause.targets[0].ids == ("liver_tumor",)
    assert clause.targets[0].within == ("liver_segment_6",)
    assert [item.value for item in clause.of("size")] == [Size(10.0, None)]


def test_words_without_meaning_are_counted() -> None:
    (clause,) = clauses("frobnicate the liver")
    assert clause.unknown == ["frobnicate"]
