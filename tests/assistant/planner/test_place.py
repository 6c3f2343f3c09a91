from assistant.planner.lexicon import lexicon
from assistant.planner.place import Place, means
from assistant.planner.tag import prepare, tag


def place(text: str, start: int, stop: int) -> Place:
    tokens = prepare(text)
    before = [t for t in tag(tokens, lexicon()) if t.stop <= start]
    return Place(tokens, [token.key for token in tokens], start, stop, before, lexicon())


def test_what_stands_around_a_stretch() -> None:
    at = place("please segment the liver.", 3, 4)
    assert at.words == ["liver"]
    assert at.single
    assert at.ends
    assert at.after("verb")  # over the fillers


def test_a_sentence_begins_after_the_one_before() -> None:
    at = place("segment the liver. and the spleen", 6, 7)
    assert at.sentence == []
    assert at.alone


def test_all_of_something_may_be_asked_for() -> None:
    assert place("is the whole liver in the scan", 3, 4).all_of_it
    assert not place("is the liver in the scan", 2, 3).all_of_it


def test_what_can_follow() -> None:
    at = place("segment left lobe of the liver", 1, 2)
    assert at.leads_to("part")
    assert not at.leads_to("verb")
    assert means(lexicon(), ["portal", "vein"], 0, "struct", longer_than=1)
    assert not means(lexicon(), ["liver"], 0, "struct", longer_than=1)
