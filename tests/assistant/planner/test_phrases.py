import pytest

from assistant.planner.lexicon import lexicon
from assistant.planner.phrases import PhraseReader
from assistant.planner.tag import prepare, tag
from assistant.planner.target import Target


def read(text: str) -> list[Target]:
    tags = [t for t in tag(prepare(text)) if t.kind != "filler"]
    found, stop = PhraseReader(tags, lexicon()).read(0)
    assert stop == len(tags), f"only {stop} of {tags} read"
    return found


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("left kidney", ["kidney_left"]),
        ("kidney on the left", ["kidney_left"]),
        ("the kidney, right side", ["kidney_right"]),
        ("left and right kidney", ["kidneys"]),
        ("upper lobe of the left lung", ["lung_upper_lobe_left"]),
        ("tail of the pancreas", ["pancreas_tail"]),
        ("pancreatic tail", ["pancreas_tail"]),
        ("left lobe of the liver", ["liver_lobe_left"]),
        ("liver segment VII", ["liver_segment_7"]),
        ("segments 5-8 of the liver", [f"liver_segment_{n}" for n in (5, 6, 7, 8)]),
        ("left 5th rib", ["rib_left_5"]),
        ("ribs 5 to 7 on the left", ["rib_left_5", "rib_left_6", "rib_left_7"]),
        ("7th and 8th ribs on the right", ["rib_right_7", "rib_right_8"]),
        ("the last rib on the left", ["rib_left_12"]),
        ("T11 to L1", ["vertebrae_T11", "vertebrae_T12", "vertebrae_L1"]),
        ("third lumbar vertebra", ["vertebrae_L3"]),
        ("L5-S1", ["vertebrae_L5", "vertebrae_S1"]),
        ("T10-12", ["vertebrae_T10", "vertebrae_T11", "vertebrae_T12"]),
        ("gluteus maximus muscles", ["gluteus_maximus_muscles"]),
    ],
)
def test_structures(text: str, ids: list[str]) -> None:
    assert [id for target in read(text) for id in target.ids] == ids


@pytest.mark.parametrize(
    ("text", "ids", "within"),
    [
        ("liver tumour", ["liver_tumor"], []),
        ("tumour in the liver", ["liver_tumor"], []),
        ("lesion in segment 7", ["liver_tumor"], ["liver_segment_7"]),
        ("pancreatic tail tumor", ["pancreas_tumor"], ["pancreas_tail"]),
        ("left kidney tumor", ["kidney_tumor"], ["kidney_left"]),
        ("renal lesion", ["kidney_tumor", "kidney_cyst"], []),
        ("cyst in the right kidney", ["kidney_cyst"], ["kidney_right"]),
        ("nodule in the right upper lobe", ["lung_tumor"], ["lung_upper_lobe_right"]),
        ("tumours in the liver or the pancreas", ["liver_tumor", "pancreas_tumor"], []),
        ("hcc", ["liver_tumor"], []),
        ("lesions in both kidneys", ["kidney_tumor", "kidney_cyst"], []),
    ],
)
def test_lesions_and_where_they_lie(text: str, ids: list[str], within: list[str]) -> None:
    (target,) = read(text)
    assert list(target.ids) == ids
    assert list(target.within) == within


@pytest.mark.parametrize("text", ["spleen lesion", "brain tumour", "tumour of the urinary bladder"])
def test_a_lesion_of_an_organ_without_a_class_is_missing(text: str) -> None:
    (target,) = read(text)
    assert target.missing is not None
    assert not target.ids


@pytest.mark.parametrize("text", ["right spleen", "left urinary bladder"])
def test_a_side_that_does_not_exist_is_missing(text: str) -> None:
    (target,) = read(text)
    assert target.missing is not None


def test_a_tumour_alone_is_open() -> None:
    (target,) = read("the tumour")
    assert target.open
    assert not target.ids
