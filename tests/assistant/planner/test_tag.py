import pytest

from assistant.planner.tag import prepare, tag


def kinds(text: str) -> list[str]:
    return [t.kind for t in tag(prepare(text)) if t.kind != "filler"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("segment the liver", ["verb", "struct"]),
        ("segment segment 7", ["verb", "struct"]),
        ("segment 7", ["struct"]),
        ("segments V and VI", ["struct", "conj", "word"]),
        ("segment L3", ["verb", "level"]),
        ("renal mass", ["adj", "lesion"]),
        ("T10-L2", ["level", "range", "level"]),
        ("over 1 cm", ["op", "number", "unit"]),
        ("over the liver", ["struct"]),
        ("WHO measurement", ["measure"]),
        ("appendix", ["unsupported"]),
        ("no tumour", ["neg", "lesion"]),
        ("L kidney", ["side", "struct"]),
    ],
)
def test_the_longest_phrase_that_fits_is_taken(text: str, expected: list[str]) -> None:
    assert kinds(text) == expected


def test_capitals_tell_the_organisation_from_the_question() -> None:
    assert kinds("WHO") == ["measure"]
    assert "measure" not in kinds("who")


def test_the_organ_keeps_its_verb() -> None:
    assert kinds("forget the liver, segment the stomach")[-2:] == ["verb", "struct"]
    assert kinds("instead of the liver segment the stomach")[-2:] == ["verb", "struct"]


def test_places_of_tags_are_those_of_the_tokens() -> None:
    tokens = prepare("measure the left kidney")
    tags = tag(tokens)
    assert [t.start for t in tags] == [0, 1, 2, 3]
    assert tags[-1].stop == len(tokens)
