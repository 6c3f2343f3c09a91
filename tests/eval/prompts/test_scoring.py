"""Stages of a turn: each is wrong for its own reason only."""

import pytest

from eval.prompts.scoring import STAGES, exact, stages


def act(*calls):
    return {"status": "act", "calls": [{"tool": tool, "args": args} for tool, args in calls]}


TUMOR = {"targets": ["kidney_tumor"], "measures": ["longest_diameter"], "within": "kidney_left"}
WANTED = act(("measure", TUMOR | {"select": "largest", "min_mm": 10.0}))


def wrong(expected, got):
    return {stage for stage, right in stages(expected, got).items() if right is False}


def test_the_same_plan_is_right_everywhere():
    assert wrong(WANTED, WANTED) == set()
    assert tuple(stages(WANTED, WANTED)) == STAGES


@pytest.mark.parametrize(
    ("change", "stage"),
    [
        ({"targets": ["liver_tumor"]}, "targets"),
        ({"within": "kidney_right"}, "region"),
        ({"select": "smallest"}, "selector"),
        ({"rank": 2}, "selector"),
        ({"min_mm": 1.0}, "sizes"),
        ({"measures": ["volume"]}, "measures"),
    ],
)
def test_a_wrong_argument_is_wrong_at_its_stage(change, stage):
    got = act(("measure", WANTED["calls"][0]["args"] | change))
    assert wrong(WANTED, got) == {stage, "exact"}


def test_a_wrong_side_is_seen():
    left, right = (act(("segment", {"targets": [f"kidney_{side}"]})) for side in ("left", "right"))
    assert wrong(left, right) == {"targets", "side", "exact"}


def test_groups_are_their_leaves_in_any_order():
    parts = act(("segment", {"targets": ["kidney_right", "kidney_left"]}))
    assert exact(act(("segment", {"targets": ["kidneys"]})), parts)


def test_an_unknown_target_is_not_dropped():
    assert not exact(
        act(("segment", {"targets": ["liver"]})), act(("segment", {"targets": ["liver", "flux"]}))
    )


def test_acting_where_nothing_was_called_for_is_wrong():
    refuse = {"status": "refuse", "calls": []}
    assert wrong(refuse, act(("segment", {"targets": ["liver"]}))) == {
        "status",
        "nothing uncalled for",
        "exact",
    }


def test_an_invented_region_is_wrong():
    plain = act(("segment", {"targets": ["liver_tumor"]}))
    assert "region" in wrong(plain, act(("segment", {"targets": ["liver_tumor"], "within": "liver"})))
