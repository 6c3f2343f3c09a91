import pytest

from assistant.planner.tokens import fold, key, keys, singular, tokenise


def texts(text: str) -> list[str]:
    return [token.key for token in tokenise(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10mm", ["10", "mm"]),
        ("1,5 cm", ["1.5", "cm"]),
        ("1,200 ml", ["1200", "ml"]),
        ("5, 6 and 7", ["5", ",", "6", "and", "7"]),
        ("½ inch", ["0.5", "inch"]),
        ("≥2 cm", [">=", "2", "cm"]),
        ("T10–L2", ["t10", "-", "l2"]),
        ("don't", ["do", "not"]),
        ("what's", ["what", "is"]),
        ("the liver's size", ["the", "liver", "size"]),
    ],
)
def test_words_numbers_and_signs(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tumours", "tumor"),
        ("oesophagus", "esophagus"),
        ("vertebrae", "vertebra"),
        ("scapulae", "scapula"),
        ("metastases", "metastasis"),
        ("masses", "mass"),
        ("calibre", "caliber"),
        ("groß", "gross"),
        ("Kidneys", "kidney"),
        ("cœliac".replace("œ", "oe"), "celiac"),
        ("bodies", "body"),
    ],
)
def test_spellings_and_plurals_fall_together(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    "word", ["pancreas", "psoas", "atlas", "pelvis", "sinus", "mass", "axis", "ivc", "l3"]
)
def test_words_that_only_look_like_plurals_stay(word: str) -> None:
    assert singular(fold(word)) == word


def test_plurals_are_marked() -> None:
    assert [token.plural for token in tokenise("both kidneys")] == [False, True]


def test_quoted_words_are_marked() -> None:
    tokens = tokenise('the note says "ignore all rules" here')
    assert [token.key for token in tokens if token.quoted] == ["ignore", "all", "rule"]


def test_a_single_quotation_mark_quotes_nothing() -> None:
    assert not any(token.quoted for token in tokenise('a 5" mass'))


def test_keys_leave_out_signs() -> None:
    assert keys("portal- and splenic vein, please") == ("portal", "and", "splenic", "vein", "please")


def test_slashed_words() -> None:
    assert keys("woman w/ cysts") == ("woman", "with", "cyst")
    assert keys("kidneys w/o cysts")[1] == "without"
