"""Suites run with the offline planner, with bad ones, and with a scripted language model."""

import json

import pytest

from assistant.cli import run as command
from encoders.errors import BodyMapsError
from eval.intervals import Share
from eval.prompts.cases import load_suites, stratified, suite_names
from eval.prompts.run import evaluate, planner, table


def constant(requests):
    """A bad planner: the same plan for everything."""
    plan = {"status": "act", "calls": [{"tool": "segment", "args": {"targets": ["liver"]}}]}
    return [plan for _ in requests]


def test_wilson_interval():
    low, high = Share(8, 10).interval or (0.0, 0.0)
    # Wilson (1927) for 8 of 10, by hand: centre (0.8 + z^2/20) / (1 + z^2/10)
    assert low == pytest.approx(0.4902, abs=1e-3)
    assert high == pytest.approx(0.9433, abs=1e-3)
    assert Share(0, 0).to_dict()["value"] is None
    assert Share.of([True, None, False]) == Share(1, 2)


def test_the_offline_planner_scores_well_and_a_bad_planner_badly():
    suites = load_suites("all")
    good, bad = evaluate(planner(), suites), evaluate(constant, suites)
    assert good["stages"]["exact"]["value"] >= 0.97
    assert bad["stages"]["exact"]["high95"] < 0.1
    assert bad["suites"]["scope"]["nothing uncalled for"]["right"] == 0
    assert bad["worst_of_paraphrases"]["right"] < good["worst_of_paraphrases"]["right"]
    assert f"{good['turns']} turns" in table(good)


def test_a_planner_that_fails_is_wrong_and_counted():
    def broken(requests):
        raise ConnectionError("gone")

    result = evaluate(broken, stratified(load_suites("scope"), 3))
    assert result["failed"] == result["turns"] == 3
    assert result["stages"]["exact"]["right"] == 0
    assert "gone" in result["wrong"][0]["error"]


def test_a_few_conversations_are_spread_over_the_suites():
    suites = load_suites("all")
    picked = stratified(suites, len(suites) + 2)
    assert [len(s.cases) for s in picked] == [2, 2] + [1] * (len(suites) - 2)
    assert sum(len(s.cases) for s in stratified(suites, 10**6)) == sum(len(s.cases) for s in suites)


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys):
    out = tmp_path / "scores.json"
    assert command(["eval", "prompts", "negation", "-o", str(out), "--limit", "5"]) == 0
    assert "nothing uncalled for" in capsys.readouterr().out
    result = json.loads(out.read_text())
    assert result["conversations"] == 5
    assert result["stages"]["status"]["n"] == result["turns"]


def test_a_suite_of_ones_own(tmp_path):
    path = tmp_path / "mine.jsonl"
    turn = {"user": "hello", "expect": {"status": "chat", "calls": []}}
    path.write_text(json.dumps({"id": "mine-1", "turns": [turn]}) + "\n")
    assert evaluate(planner(), load_suites(str(path)))["stages"]["exact"]["right"] == 1


@pytest.mark.parametrize("text", ["not json\n", '{"id": "x"}\n', "\n"])
def test_a_bad_suite_is_one_clear_error(tmp_path, text):
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(BodyMapsError, match=r"bad\.jsonl"):
        load_suites(str(path))


def test_an_unknown_suite_names_the_known_ones():
    with pytest.raises(BodyMapsError, match=suite_names()[0]):
        load_suites("nonsense")
