"""The prompt suites against the offline planner: how many turns come out exactly as written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import eval as eval_room
from assistant.planner import Dialogue, plan
from assistant.planner.lexicon import lexicon
from eval.prompts.scoring import exact

SUITES = sorted(Path(eval_room.__file__).parent.joinpath("suites").glob("*.yaml"))


def cases(header: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder.joinpath(header["file"]).read_text("utf-8").splitlines()]


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_the_suite_is_read_exactly(path: Path) -> None:
    header = yaml.safe_load(path.read_text("utf-8"))
    total, wrong = 0, []
    for case in cases(header, path.parent):
        dialogue = Dialogue()
        for turn in case["turns"]:
            total += 1
            if "scan" in turn:  # another study, another conversation
                dialogue = Dialogue()
            got = plan(turn["user"], dialogue).to_dict()
            if not exact(turn["expect"], got):
                wrong.append(f"{case['id']} {turn['user']!r}: {got['status']} {got['calls']}")
    assert 1 - len(wrong) / total >= header["floor"], "\n".join(wrong)


def test_the_suites_hold_enough_turns_with_unique_ids() -> None:
    ids: list[str] = []
    turns: list[str] = []
    for path in SUITES:
        header = yaml.safe_load(path.read_text("utf-8"))
        read = cases(header, path.parent)
        assert header["cases"] == len(read)
        assert header["turns"] == sum(len(case["turns"]) for case in read)
        ids += [case["id"] for case in read]
        turns += [turn["user"] for case in read for turn in case["turns"]]
    assert len(ids) == len(set(ids))
    assert len(turns) >= 600


def test_the_suites_name_only_structures_of_the_ontology() -> None:
    for path in SUITES:
        header = yaml.safe_load(path.read_text("utf-8"))
        for case in cases(header, path.parent):
            for turn in case["turns"]:
                for call in turn["expect"]["calls"]:
                    named = [*call["args"].get("targets", ()), call["args"].get("within")]
                    assert all(id is None or id in lexicon().ontology for id in named), case["id"]


def test_a_planner_that_always_says_the_same_scores_badly() -> None:
    """The score can tell a planner from none: one answer for everything is right for few turns."""
    constant = plan("segment the liver").to_dict()
    turns = [
        turn
        for path in SUITES
        for case in cases(yaml.safe_load(path.read_text("utf-8")), path.parent)
        for turn in case["turns"]
    ]
    assert sum(exact(turn["expect"], constant) for turn in turns) / len(turns) < 0.1
