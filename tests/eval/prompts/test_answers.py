"""Suites with answers: the agent scores well, a bad planner and a liar badly; mirrors, repeats, locks."""

import json
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from assistant.cli import run as command
from eval.oracle import Oracle
from eval.prompts.answers import Stand, Watched, hold, mirrored
from eval.prompts.cases import load_suites, stratified
from eval.prompts.known import known, present
from eval.prompts.report import summary, table
from eval.prompts.sums import groups, locks
from eval.prompts.wanted import expected
from eval.scans import scan


class Fixed(BaseChatModel):
    """Makes the same call for every request, then says the same words; no call: only words."""

    call: dict[str, Any] | None = None
    words: str = "Done."

    @property
    def _llm_type(self) -> str:
        return "fixed"

    def bind_tools(self, tools: Any, **kwargs: Any) -> "Fixed":
        return self

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        if self.call and not isinstance(messages[-1], ToolMessage):
            message = AIMessage("", tool_calls=[self.call | {"id": f"c{len(messages)}"}])
        else:
            message = AIMessage(self.words)
        return ChatResult(generations=[ChatGeneration(message=message)])


@pytest.fixture(scope="module")
def few():
    """Two dozen conversations of four suites."""
    names = ("recist", "absence", "measurement", "laterality_flip")
    return stratified([suite for name in names for suite in load_suites(name)], 24)


def scores(few, llm=None):
    stand = Stand(llm)
    try:
        return summary(hold(stand, few), few)
    finally:
        stand.close()


def test_the_agent_scores_well(few):
    result = scores(few)
    assert result["stages"]["all"]["value"] >= 0.9, [w["case"] for w in result["wrong"]]
    assert result["metrics"]["faithfulness: no invented number"]["value"] == 1.0
    assert result["metrics"]["absence: false positive"]["value"] == 0.0
    assert "RECIST: longest diameter, mm" in table(result)
    assert result["not_run"] == 0


def test_a_bad_planner_scores_badly(few):
    call = {"name": "segment", "args": {"targets": ["liver"]}}
    result = scores(few, Fixed(call=call, words="The liver was segmented."))
    assert result["stages"]["all"]["value"] < 0.1
    assert result["stages"]["target"]["value"] < 0.2
    assert result["stages"]["mask"]["value"] < 0.3
    assert len(result["wrong"]) >= 0.9 * result["turns"]


def test_a_liar_scores_badly_and_its_numbers_do_not_get_through(few):
    lie = "The liver tumor measures 31.7 mm and its volume is 4321 ml. No cyst was found."
    result = scores(few, Fixed(words=lie))
    assert result["stages"]["all"]["value"] < 0.1
    assert result["stages"]["measure"]["value"] < 0.3
    assert result["metrics"]["text: wanted number is said"]["value"] == 0.0
    assert not any("4321" in w["text"] for w in result["wrong"])


def test_a_liar_without_a_guard_is_caught_by_the_scores(few, monkeypatch):
    monkeypatch.setattr("assistant.middleware.grounding.ground", lambda text, results: ([text], []))
    result = scores(few, Fixed(words="The liver tumor measures 31.7 mm and its volume is 4321 ml."))
    assert result["metrics"]["faithfulness: no invented number"]["value"] == 0.0
    assert all("4321 ml" in w["unfounded"] for w in result["wrong"])


def test_conversations_without_a_scan_are_not_run_but_counted():
    suites = stratified(load_suites("scope"), 3)
    result = scores(suites)
    assert (result["turns"], result["not_run"]) == (0, 3)


def test_the_perfect_segmenter_cannot_see_the_demo_ct():
    (demo,) = load_suites("demo")
    assert not any(Stand().runs(case) for case in demo.cases)
    assert all(Stand(segmenter="embedded").runs(case) for case in demo.cases)


def test_repeats_are_counted():
    part = scan("trunk")
    watched = Watched(Oracle({"liver": part.of("liver")[0].solid}))
    watched.segment(part.volume, ["liver"])
    assert watched.repeats == 0
    watched.segment(part.volume, ["liver"])
    assert watched.repeats == 1


def test_the_same_answer_is_no_mirror_image():
    (suite,) = load_suites("laterality_flip")
    stand = Stand()
    first, image = hold(stand, [suite.__class__(suite.name, suite.header, suite.cases[:2])])
    stand.close()
    assert mirrored(first.answer, image.answer)
    assert not mirrored(first.answer, first.answer)
    assert ("laterality: mirrored study, mirrored answer", True) in image.judged.notes


def test_worst_of_k():
    found = groups([("a", True), ("a", True), ("b", True), ("b", False), ("b", False), ("c", False)])
    worst = found["worst_of_k"]
    assert (worst["right"], worst["n"]) == (1, 2)  # c has one phrasing only
    assert found["mean"] == pytest.approx((1 + 1 / 3) / 2)
    assert found["k"] == [2, 3]


def test_the_lock_changes_with_the_suite(tmp_path):
    path = tmp_path / "mine.jsonl"
    line = {"id": "m", "turns": [{"user": "hello", "expect": {"status": "chat", "calls": []}}]}
    path.write_text(json.dumps(line) + "\n")
    before = locks(load_suites(str(path)))
    assert before == locks(load_suites(str(path)))
    path.write_text(json.dumps(line | {"id": "n"}) + "\n")
    after = locks(load_suites(str(path)))
    assert before["mine"] != after["mine"]
    assert before["scans"] == after["scans"]


def test_what_a_call_must_bring():
    lesions = known("lesions")
    measure = {"targets": ["liver_tumor"], "measures": ["longest_diameter"]}

    def lengths(**args):
        found = expected([{"tool": "measure", "args": measure | args}], lesions)
        return [w.item and round(w.item.value("longest_diameter")) for w in found.wanted]

    assert lengths() == [42, 22, 14]
    assert lengths(select="largest", rank=2) == [22]
    assert lengths(min_mm=20) == [42, 22]
    assert lengths(select="largest", rank=4) == []
    assert [name for name, _ in present(lesions, "kidneys")] == ["kidney_left", "kidney_right"]
    absent = expected([{"tool": "detect", "args": {"targets": ["lung_tumor"]}}], lesions)
    assert [w.item for w in absent.wanted] == [None]


def test_the_command_answers_with_perfect_masks(tmp_path, capsys):
    out = tmp_path / "scores.json"
    assert command(["eval", "prompts", "recist", "--tools", "oracle", "-o", str(out), "--limit", "3"]) == 0
    printed = capsys.readouterr().out
    assert "RECIST: slice off by" in printed
    result = json.loads(out.read_text())
    assert result["tools"] == "oracle"
    assert set(result["lock"]) == {"recist", "scans"}
    assert result["stages"]["all"]["n"] == 3
