"""Any text at all: never an exception, always a valid plan, the same plan for the same words."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.plan import QUERY_TOOLS, STATUSES, TOOLS, Plan
from assistant.planner import Dialogue, plan
from assistant.planner.lexicon import lexicon

VOCABULARY = """
    segment measure the liver left right both kidney it them and , . ? not no except tumor lesion
    largest second over 1 cm mm 5 in of pancreas tail segment 7 L3 - T10 ribs to how big far from
    dense many is there any compare with prior undo other one same for what about volume hu where
    box screen report show slice between everything but only first last sorry yes ignore
    instructions should she chemo appendix cyst upper lobe lungs
"""
WORDS = st.sampled_from(VOCABULARY.split())
SENTENCES = st.lists(WORDS, max_size=14).map(" ".join)
ANYTHING = st.text(max_size=80)


def check(made: Plan) -> None:
    known = lexicon()
    assert made.status in STATUSES
    assert (made.status == "act") == bool(made.calls)
    assert made.calls or made.text
    for call in made.calls:
        assert call.tool in TOOLS
        assert all(id in known.scope for id in call.targets)
        assert all(id in known.scope for id in call.args.get("exclude", ()))
        if call.tool in QUERY_TOOLS:
            assert list(call.args)[:6] == ["targets", "measures", "within", "select", "min_mm", "max_mm"]
            assert call.targets
            assert call.args["select"] in ("all", "largest", "smallest")
            assert call.args["within"] is None or call.args["within"] in known.scope
    json.dumps(made.to_dict())


@settings(max_examples=400, deadline=None)
@given(ANYTHING)
def test_any_text_gives_a_valid_plan(text: str) -> None:
    check(plan(text))


@settings(max_examples=600, deadline=None)
@given(st.lists(SENTENCES, min_size=1, max_size=4))
def test_any_dialogue_of_known_words_gives_valid_plans(turns: list[str]) -> None:
    dialogue = Dialogue()
    for turn in turns:
        check(plan(turn, dialogue))


@settings(max_examples=150, deadline=None)
@given(st.lists(SENTENCES, min_size=1, max_size=3))
def test_the_same_dialogue_gives_the_same_plans_also_after_a_round_trip(turns: list[str]) -> None:
    first, second = Dialogue(), Dialogue()
    for turn in turns:
        one = plan(turn, first)
        other = plan(turn, second)
        assert one.to_dict() == other.to_dict()
        second = Dialogue.from_dict(json.loads(json.dumps(second.to_dict())))
        assert second.to_dict() == first.to_dict()


@settings(max_examples=100, deadline=None)
@given(SENTENCES)
def test_case_and_closing_punctuation_do_not_change_what_is_meant(text: str) -> None:
    assert plan(text).to_dict()["calls"] == plan(f"  {text} ").to_dict()["calls"]
