from __future__ import annotations

from assistant.answer import Answer
from assistant.events import Answered, TextToken, ToolFinished, ToolProgress, ToolStarted, Understood
from assistant.ui import chat

STARTED = ToolStarted(0, "measure", {"targets": ["kidney_left"], "measures": ["volume"], "within": None})


def test_question_is_there_before_anything_happens():
    assert [m["role"] for m in chat.turn("hello", [])] == ["user"]


def test_understanding_comes_before_the_calls_and_the_answer():
    events = [
        Understood("left kidney, volume"),
        STARTED,
        ToolFinished(0, "measure", 1.25, False, {}),
        TextToken("It "),
    ]
    messages = chat.turn("how big is it?", [*events, TextToken("is big.")])
    assert [m["role"] for m in messages] == ["user", "assistant", "assistant", "assistant"]
    assert messages[1]["content"] == "*I understood: left kidney, volume*"
    assert messages[3]["content"] == "It is big."


def test_call_is_an_accordion_with_arguments_seconds_and_cache():
    running = chat.turn("?", [STARTED, ToolProgress(0, "measure", 0.42, "decoding")])[1]
    assert running["metadata"]["title"] == "measure: left kidney"
    assert running["metadata"]["status"] == "pending"
    assert running["metadata"]["log"] == "42% decoding"
    assert "targets: left kidney" in running["content"]
    assert "within" not in running["content"]
    for cached, words in ((True, "from memory"), (False, "computed now")):
        done = chat.turn("?", [STARTED, ToolFinished(0, "measure", 1.25, cached, {})])[1]
        assert done["metadata"]["status"] == "done"
        assert done["metadata"]["duration"] == 1.25
        assert words in done["content"]
        assert "1.2 s" in done["content"]


def test_failed_call_says_so():
    done = chat.turn("?", [STARTED, ToolFinished(0, "measure", 0.1, False, {"error": "no"})])[1]
    assert done["metadata"]["log"] == "did not work"


def test_ending_closes_what_was_running():
    messages = chat.turn("?", [STARTED], "Stopped.")
    assert messages[1]["metadata"]["status"] == "done"
    assert messages[-1]["content"] == "Stopped."


def test_warnings_that_the_text_does_not_say_are_notes():
    answer = Answer(
        "?", "act", "The liver is cut off.", warnings=("The liver is cut off.", "The scan is odd.")
    )
    *_, said, notes = chat.turn("?", [Answered(answer)])
    assert said["content"] == "The liver is cut off."
    assert notes["content"] == "- The scan is odd."
    assert notes["metadata"] == {"title": "Notes (1)", "status": "done"}


def test_words_of_others_are_no_markup():
    text = chat.turn("<img src=x> [a](http://b) `c`", [])[0]["content"]
    for mark in "<>[]`":
        assert text.count(mark) == text.count(f"\\{mark}") > 0
    answer = Answer("?", "chat", "![x](http://evil/?liver) <script>")
    said = chat.turn("?", [Answered(answer)])[-1]["content"]
    assert "\\[x\\]" in said
    assert "\\<script\\>" in said


def test_fraction_is_of_the_running_call():
    assert chat.fraction([]) == (0.0, "")
    assert chat.fraction([STARTED, ToolProgress(0, "measure", 0.5, "half")]) == (0.5, "half")
    assert chat.fraction([ToolProgress(0, "m", 0.5, "half"), ToolFinished(0, "m", 1, False, {})]) == (0.0, "")
