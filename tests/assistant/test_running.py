import pytest

from assistant.events import ToolFinished, ToolStarted, Understood
from assistant.running import Running, in_words
from assistant.tools.base import Turn

LIVER = {"targets": ["liver"], "measures": ["volume"]}


@pytest.fixture
def events():
    return []


@pytest.fixture
def running(session, events):
    return Running(Turn(session.workspace), events.append)


def test_a_tool_is_told_of_and_kept(running, events):
    result = running.run("measure", LIVER)
    assert isinstance(events[0], Understood)
    assert isinstance(events[1], ToolStarted)
    assert isinstance(events[-1], ToolFinished)
    assert running.results == [result]
    assert not running.calls[0].cached
    running.run("measure", LIVER)
    assert running.calls[1].cached


def test_what_was_understood_is_said_once(running, events):
    running.understood("liver, volume")
    running.understood("liver again")
    running.run("measure", LIVER)
    assert [event.text for event in events if isinstance(event, Understood)] == ["liver, volume"]


def test_the_answer_says_what_was_found(running):
    running.run("measure", LIVER)
    answer = running.answer("how big is the liver?", "302 ml", [])
    assert (answer.status, answer.text) == ("act", "302 ml")
    assert answer.findings[0].structure == "liver"


def test_what_is_beyond_the_segmenter_is_to_be_clarified(study, organs_only):
    from assistant.workspace import Workspace

    running = Running(Turn(Workspace(study, organs_only)), lambda event: None)
    running.run("detect", {"targets": ["pancreas_tumor"]})
    assert running.answer("", "", []).status == "clarify"


def test_what_a_tool_raises_is_known_as_ours(running, monkeypatch):
    def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(running.turn.workspace, "find", fail)
    with pytest.raises(RuntimeError) as caught:
        running.run("segment", {"targets": ["liver"]})
    assert running.broken is caught.value


def test_a_call_in_words():
    args = {"targets": ["liver_tumor"], "within": "liver_lobe_left", "measures": ["volume"]}
    assert in_words("measure", args) == "measure liver tumor within liver lobe left volume"


@pytest.mark.parametrize("args", [{"targets": None, "measures": None}, {"targets": 5}, {}])
def test_arguments_that_are_no_lists_have_words_too(args):
    assert in_words("measure", args) == "measure"
