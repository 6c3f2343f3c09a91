"""Phrases without a noun."""

import pytest

from assistant.planner.lexicon import lexicon
from assistant.planner.phrases import PhraseReader
from assistant.planner.tag import prepare, tag
from assistant.planner.target import Target


def read(text: str) -> list[Target]:
    tags = [t for t in tag(prepare(text)) if t.kind != "filler"]
    found, stop = PhraseReader(tags, lexicon()).read(0)
    assert stop == len(tags)
    return found


@pytest.mark.parametrize(
    ("text", "refers"),
    [
        ("it", "it"),
        ("both", "them"),
        ("the other one", "other"),
        ("the left one", "side"),
        ("the first one", "nth"),
        ("the second largest", "select"),
        ("the one below", "next"),
        ("the one in the liver", "one_in"),
        ("the largest in the liver", "one_in"),
        ("7 and 8", "number"),
    ],
)
def test_phrases_that_point_back(text: str, refers: str) -> None:
    assert {target.refers for target in read(text)} == {refers}


def test_the_one_above_is_a_step_up() -> None:
    (target,) = read("the one above")
    assert (target.refers, target.nth, target.rank) == ("next", -1, 1)


def test_the_new_ones_are_lesions() -> None:
    (target,) = read("the new ones")
    assert (target.lesion, target.status) == ("lesion", "new")
