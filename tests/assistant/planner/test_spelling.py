import pytest

from assistant.planner import plan
from assistant.planner.spelling import allowed, common_words
from assistant.planner.tag import prepare, speller


def mended(text: str) -> list[str]:
    return [token.key for token in prepare(text)]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("pancraes", "pancreas"),
        ("splen", "spleen"),
        ("kidny", "kidney"),
        ("segmnet", "segment"),
        ("livr", "liver"),
        ("clavicals", "clavicle"),
        ("larget", "largest"),
        ("tumer", "tumor"),
        ("galbladder", "gallbladder"),
        ("dsitance", "distance"),
        ("prostrate", "prostate"),
    ],
)
def test_typing_errors_are_mended(wrong: str, right: str) -> None:
    assert mended(wrong) == [right]


@pytest.mark.parametrize("word", ["lever", "river", "older", "poem", "heart", "ilium", "ileum"])
def test_real_words_stay(word: str) -> None:
    assert mended(word) == [word]


@pytest.mark.parametrize("word", ["L3", "T12", "IVC", "S8", "C7", "7", "1.5"])
def test_levels_digits_and_abbreviations_survive(word: str) -> None:
    assert mended(word) == [word.lower()]


def test_two_words_written_as_one_come_apart() -> None:
    assert mended("leftkidney") == ["left", "kidney"]


def test_one_word_written_as_two_comes_together() -> None:
    assert mended("panc reas") == ["pancreas"]


def test_short_words_are_never_changed() -> None:
    assert allowed(3) == 0
    assert mended("lvr") == ["lvr"]


def test_a_common_word_is_tried_only_in_the_second_look() -> None:
    assert "lever" in common_words()
    assert speller().nearest("lever") is None
    assert speller().nearest("lever", relaxed=True) == "liver"


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("teh rigth kidny", ["kidney_right"]),
        ("segement the speen and the galbladder", ["spleen", "gallbladder"]),
        ("outline the kidney cysta", ["kidney_cyst"]),
        ("lef adrenal glnd", ["adrenal_gland_left"]),
        ("tumuors in teh pancrease", ["pancreas_tumor"]),
    ],
)
def test_two_slips_in_one_request_are_read(text: str, targets: list[str]) -> None:
    assert [id for call in plan(text).calls for id in call.targets] == targets


@pytest.mark.parametrize("word", ["speed", "hope", "weak", "affected", "active"])
def test_common_words_are_no_misspelt_anatomy(word: str) -> None:
    assert speller().nearest(word) is None


def test_a_word_that_nothing_covers_is_answered_with_the_nearest_name() -> None:
    answer = plan("segment the hepatoduodenum")
    assert answer.status == "clarify"
    assert answer.suggestion == ("duodenum",)
    assert "hepatoduodenum" in answer.text
