"""Words whose meaning depends on where they stand."""

import pytest

from assistant.planner.lexicon import lexicon
from assistant.planner.tag import prepare, tag


def kind(text: str, word: str) -> str:
    return next(t.kind for t in tag(prepare(text), lexicon()) if word in t.text.lower().split())


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("any tumors in the chest or abdomen", "abdomen", "adj"),
        ("tumors of the liver, then a view of the abdomen", "abdomen", "word"),
        ("segment the liver", "segment", "verb"),
        ("is the liver big", "big", "measure"),
        ("the big nodule", "big", "filler"),
        ("the next two vertebrae", "next", "neighbor"),
        ("Measure what's left.", "left", "pronoun"),
        ("what is left kidney volume", "left", "side"),
        ("how big r the kidneys", "r", "filler"),
    ],
)
def test_a_word_means_what_its_place_allows(text: str, word: str, expected: str) -> None:
    assert kind(text, word) == expected
