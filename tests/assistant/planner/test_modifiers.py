"""What stands before a head noun."""

import pytest

from assistant.planner.lexicon import lexicon
from assistant.planner.modifiers import Mods
from assistant.planner.phrases import PhraseReader
from assistant.planner.tag import prepare, tag


def reader(text: str) -> PhraseReader:
    return PhraseReader([t for t in tag(prepare(text)) if t.kind != "filler"], lexicon())


def mods(text: str) -> Mods:
    return reader(text).mods(0)[0]


@pytest.mark.parametrize(
    ("text", "sides"),
    [("left kidney", ["left"]), ("left and right kidney", ["both"])],
)
def test_sides(text: str, sides: list[str]) -> None:
    assert mods(text).sides == sides


def test_the_second_largest() -> None:
    made = mods("the second largest liver lesion")
    assert (made.select, made.nth, made.top) == ("largest", 2, None)


def test_how_many_of_them() -> None:
    assert mods("the three largest nodules").top == 3
    assert mods("first three ribs").more == [1, 2, 3]


def test_two_choices_at_once() -> None:
    made = mods("the smallest and the largest cyst")
    assert (made.first, made.select) == ("smallest", "largest")


def test_nothing_before_the_head() -> None:
    made, at = reader("liver").mods(0)
    assert made.empty
    assert at == 0


def test_what_stands_before_holds_for_the_lesion() -> None:
    (target,), _ = reader("the second largest liver lesion").read(0)
    assert (target.select, target.rank) == ("largest", 2)
