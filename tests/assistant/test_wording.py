import pytest

from assistant.measure.kinds import KINDS
from assistant.wording import _quality, compose, number, sentence_list, usual_measures, words
from prompts.ontology import KINDS as STRUCTURE_KINDS


@pytest.mark.parametrize(
    ("value", "unit", "wish", "said"),
    [
        (1643.2, "ml", None, "1,643 ml"),
        (51.26, "ml", None, "51.3 ml"),
        (1643.2, "ml", "l", "1.64 l"),
        (24.64, "mm", None, "24.6 mm"),
        (24.64, "mm", "cm", "2.46 cm"),
        (24.64, "mm", "ml", "24.6 mm"),
        (-12.4, "HU", "cm", "-12 HU"),
        (3, "lesions", None, "3"),
    ],
)
def test_numbers_come_with_their_unit(value, unit, wish, said):
    assert number(value, unit, wish) == said


def test_lists_are_sentences():
    assert sentence_list(["a"]) == "a"
    assert sentence_list(["a", "b", "c"]) == "a, b and c"


def test_every_measure_and_every_kind_of_structure_has_words():
    assert set(words()["measures"]) >= set(KINDS) - {"distance"}
    for kind in STRUCTURE_KINDS:
        assert set(usual_measures(kind)) <= set(KINDS)


def test_no_result_is_said():
    assert compose([]) == words()["nothing"]


def test_errors_are_sentences():
    assert compose([{"tool": "show", "error": "there is no slice 99"}]) == "there is no slice 99."


def test_what_the_planner_says_comes_first():
    text = compose([{"tool": "undo", "lines": ["The last step is undone."]}], before="Only a part is done.")
    assert text.splitlines()[0] == "Only a part is done."


def test_a_dice_has_the_digits_that_were_measured():
    quality = {"level": "validated", "dice": 0.855, "cases": 2, "note": ""}
    record = {"label": "left kidney", "present": True, "segmenter": "embedded", "quality": quality}
    assert _quality([record]) == ["Dice of the embedded model: 0.855 on 2 cases."]
