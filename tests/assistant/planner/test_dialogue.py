import json

import pytest

from assistant.plan import Call, Plan, query_args
from assistant.planner import Dialogue, plan


def talk(*turns: str, dialogue: Dialogue | None = None) -> list[Plan]:
    state = dialogue or Dialogue()
    return [plan(turn, state) for turn in turns]


def test_it_is_what_was_named_last() -> None:
    last = talk("segment the left kidney", "measure it")[-1]
    assert last.calls[0].args == query_args(["kidney_left"], ["volume"])


def test_it_is_asked_about_when_two_are_open() -> None:
    assert talk("segment the liver and the spleen", "how big is it?")[-1].status == "clarify"


def test_a_range_is_one_thing() -> None:
    assert talk("segment T10-L2", "mean HU of it")[-1].status == "act"


def test_the_measure_is_that_of_the_new_kind() -> None:
    last = talk("how big is the liver tumour", "and the liver itself?")[-1]
    assert last.calls[0].args["measures"] == ["volume"]


def test_an_answer_fills_the_question() -> None:
    asked, answered = talk("measure the largest lesion over 1 cm", "in the liver")
    assert asked.status == "clarify"
    args = answered.calls[0].args
    assert (args["targets"], args["select"], args["min_mm"]) == (["liver_tumor"], "largest", 10.0)


def test_a_new_wish_drops_the_question() -> None:
    last = talk("segment the tumor", "how big is the spleen", "and the liver")[-1]
    assert last.calls[0].args == query_args(["liver"], ["volume"])


def test_yes_takes_the_offer() -> None:
    asked, taken = talk("segment the appendix", "yes please")
    assert asked.suggestion == ("colon",)
    assert taken.calls[0].targets == ("colon",)


def test_undo_steps_back() -> None:
    last = talk("segment the spleen", "segment the liver", "undo", "measure it")[-1]
    assert last.calls[0].targets == ("spleen",)


def test_undo_twice_steps_back_twice() -> None:
    last = talk("segment the spleen", "segment the liver", "segment the heart", "undo", "undo", "measure it")[
        -1
    ]
    assert last.calls[0].targets == ("spleen",)


def test_another_study_forgets_everything() -> None:
    dialogue = Dialogue()
    talk("segment the spleen", dialogue=dialogue)
    dialogue.reset()
    assert talk("measure it", dialogue=dialogue)[0].status == "clarify"
    assert dialogue.turns == []


def test_small_talk_leaves_the_focus() -> None:
    assert talk("segment the liver", "thanks", "measure it")[-1].calls[0].targets == ("liver",)


def test_remembering_one_plan_twice_counts_once() -> None:
    dialogue = Dialogue()
    made = plan("segment the liver", dialogue)
    dialogue.remember(made)
    assert len(dialogue.turns) == 1


def test_plans_from_elsewhere_can_be_remembered() -> None:
    dialogue = Dialogue()
    dialogue.remember(Plan("x", "act", (Call("segment", query_args(["stomach"])),)))
    assert talk("measure it", dialogue=dialogue)[0].calls[0].targets == ("stomach",)


def test_the_state_is_plain_data() -> None:
    dialogue = Dialogue()
    talk("any liver lesions over 1 cm?", "measure the tumour in the spleen", dialogue=dialogue)
    restored = Dialogue.from_dict(json.loads(json.dumps(dialogue.to_dict())))
    assert restored.to_dict() == dialogue.to_dict()
    (one,), (other,) = talk("the largest", dialogue=restored), talk("the largest", dialogue=dialogue)
    assert one.to_dict() == other.to_dict()


def test_many_turns_keep_the_state_small() -> None:
    dialogue = Dialogue()
    talk(*["segment the liver", "segment the spleen"] * 40, dialogue=dialogue)
    assert len(dialogue.turns) <= 32


def test_redo_brings_back_what_was_undone():
    dialogue = Dialogue()
    for request in ("segment the spleen", "segment the liver", "undo", "undo", "redo"):
        plan(request, dialogue)
    assert dialogue.calls[0].targets == ("spleen",)
    assert Dialogue.from_dict(dialogue.to_dict()).undone == dialogue.undone
    plan("segment the heart", dialogue)
    assert dialogue.undone == []


def test_the_prior_holds_on():
    dialogue = Dialogue()
    plan("compare the liver with the prior", dialogue)
    (call,) = plan("and the spleen?", dialogue).calls
    assert (call.tool, call.targets, call.args["study"]) == ("compare", ("spleen",), "prior")
    (call,) = plan("any new nodules in the lungs?", dialogue).calls
    assert (call.targets, call.args["status"]) == (("lung_tumor",), "new")


def test_a_place_told_later_holds_for_the_whole_request():
    calls = plan("Outline the tumour and measure it. It is in the pancreatic head.").calls
    assert [(call.targets, call.args["within"]) for call in calls] == [
        (("pancreas_tumor",), "pancreas_head")
    ] * 2


def test_everything_is_taken_back():
    dialogue = Dialogue()
    talk("segment the liver", "segment the spleen", dialogue=dialogue)
    (call,) = plan("reset everything", dialogue).calls
    assert (call.tool, call.args) == ("undo", {"steps": 100})
    assert dialogue.turns == []
    plan("redo", dialogue)
    assert dialogue.calls[0].targets == ("liver",)


def test_only_the_last_mask_can_be_deleted():
    dialogue = Dialogue()
    talk("segment the liver", "segment the spleen", dialogue=dialogue)
    assert plan("delete the liver mask", dialogue).status == "clarify"
    (call,) = plan("delete the spleen mask", dialogue).calls
    assert call.tool == "undo"
    assert dialogue.calls[0].targets == ("liver",)


def test_a_question_keeps_what_it_was_about():
    dialogue = Dialogue()
    talk("segment the liver", dialogue=dialogue)
    assert plan("the spleen, any lesion there?", dialogue).status == "clarify"
    assert plan("just its volume", dialogue).calls[0].targets == ("spleen",)


def test_both_of_two_ranks_are_the_two_largest():
    dialogue = Dialogue()
    talk("find liver lesions", "measure the largest", "and the second one", dialogue=dialogue)
    (call,) = plan("segment both", dialogue).calls
    assert (call.args["select"], call.args["top"], call.args.get("rank")) == ("largest", 2, None)


@pytest.mark.parametrize(
    "before",
    [
        (),
        ("how far is the liver from the gallbladder?",),
        ("diameter of the aorta",),
        ("segment the liver",),
        ("any liver tumors?",),
    ],
)
def test_a_volume_unit_asks_for_the_volume_of_what_is_named(before: tuple[str, ...]) -> None:
    """After a distance it asked for that distance in ml, from the spleen or, of the organ itself, from nothing."""
    (call,) = talk(*before, "spleen in ml")[-1].calls
    assert (call.tool, call.args) == ("measure", query_args(["spleen"], ["volume"], unit="ml"))


def test_the_new_organ_may_be_an_end_of_the_distance() -> None:
    first = "how far is the liver from the gallbladder?"
    (call,) = talk(first, "liver in litres")[-1].calls
    assert (call.args["targets"], call.args["measures"], call.args["unit"]) == (["liver"], ["volume"], "l")
    assert talk(first, "and the liver?")[-1].status == "clarify"  # nothing is far from itself


def test_a_length_unit_keeps_the_distance_and_a_volume_unit_does_not_fit_one() -> None:
    (call,) = talk("how far is the aorta from the liver?", "and the spleen in cm?")[-1].calls
    assert (call.args["measures"], call.args["unit"]) == (["distance"], "cm")
    assert "cm, mm" in talk("distance between the liver and the aorta in litres")[-1].text


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("export the masks", []),
        ("export all masks", []),
        ("save everything", []),
        ("export it", ["spleen"]),
        ("save the mask", ["spleen"]),
        ("export the liver masks", ["liver"]),
    ],
)
def test_the_masks_are_all_that_were_drawn(text, targets):
    (call,) = talk("segment the liver", "segment the spleen", text)[-1].calls
    assert (call.tool, call.args["targets"]) == ("export", targets)
