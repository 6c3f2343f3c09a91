"""Where along a structure it is measured."""

import pytest

from assistant.planner import Dialogue, plan


def last(*turns: str) -> list[tuple[list[str], list[str] | None]]:
    """The targets and the level of each call of the last turn."""
    state = Dialogue()
    made = [plan(turn, state) for turn in turns][-1]
    return [(call.args["targets"], call.args.get("level")) for call in made.calls]


L1, L3 = ["vertebrae_L1"], ["vertebrae_L3"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("diameter of the aorta at L3", [(["aorta"], L3)]),
        ("how wide is the aorta at the level of the L3 vertebra", [(["aorta"], L3)]),
        ("how wide is the aorta at L1 and at L3?", [(["aorta"], L1), (["aorta"], L3)]),
        ("aorta width at L1-L3", [(["aorta"], ["vertebrae_L1", "vertebrae_L2", "vertebrae_L3"])]),
        ("diameter of the aorta at the level of the kidneys", [(["aorta"], ["kidneys"])]),
        ("bone density at L1", [(L1, None)]),
        ("mean HU of the liver and L1", [(["liver", *L1], None)]),
    ],
)
def test_a_height_is_no_target(text: str, expected: list[tuple[list[str], list[str] | None]]) -> None:
    assert last(text) == expected


def test_a_follow_up_changes_the_height_or_keeps_it() -> None:
    first = "how wide is the aorta at L3?"
    assert last(first, "and at L1?") == [(["aorta"], L1)]
    assert last(first, "and the inferior vena cava?") == [(["inferior_vena_cava"], L3)]
    assert last(first, "how wide is the aorta?") == [(["aorta"], None)]
    assert last("segment the aorta", "its diameter at L3") == [(["aorta"], L3)]
    assert last("diameter at L3", "the aorta") == [(["aorta"], L3)]


def test_the_height_is_in_the_line_of_what_was_understood() -> None:
    assert plan("diameter of the aorta at L3").understood == "aorta, largest axial diameter, at L3 vertebra"
