"""Corrections made in the viewer are part of what the chat tells."""

from __future__ import annotations

import pytest

from assistant.session import Session
from assistant.ui import chat, corrections
from assistant.ui.reading import Reading


@pytest.fixture
def reading(study, make_segmenter):
    session = Session(study, make_segmenter())
    reading = Reading(session, "phantom")
    question(reading, "segment the liver and the spleen")
    return reading


def question(reading, text):
    """What the page does with a question."""
    answer = reading.session.ask(text)
    reading.turns.append(chat.turn(text, []))
    reading.corrections = []
    return answer


def erase(reading, structure, shift=0.0, **more):
    """One correction: a hole, or a point when more says so."""
    finding = next(f for f in reading.findings if f.structure == structure)
    low, high = finding.box.world_mm
    middle = [(a + b) / 2 + shift for a, b in zip(low, high, strict=True)]
    answer = reading.session.correct(structure, exclude=[middle], **({"radius_mm": 6, "brush": True} | more))
    corrections.made(reading, answer)
    return answer


def lines(reading):
    """What the chat tells beside questions."""
    return [m["content"] for turn in reading.turns for m in turn if m["content"].startswith("*")]


def undo(reading):
    last = reading.session.history[-1]
    reading.session.undo()
    corrections.undone(reading, last)


def redo(reading):
    reading.session.redo()
    corrections.redone(reading, reading.session.history[-1])


def ml(reading, structure):
    record = chat.correction_of(reading.session.history[-1])
    assert record["structure"] == structure
    return record["before"], record["after"]


def test_corrections_of_one_mask_are_one_line_with_its_size_before_and_after(reading):
    erase(reading, "liver")
    before, _ = ml(reading, "liver")
    erase(reading, "liver", 8)
    erase(reading, "liver", 2, radius_mm=20, brush=False)
    _, after = ml(reading, "liver")
    assert before != after
    assert lines(reading) == [f"*Corrected liver: 2 strokes and 1 point, {before} → {after}*"]
    erase(reading, "spleen")
    assert len(lines(reading)) == 2
    assert lines(reading)[1].startswith("*Corrected spleen: 1 stroke, ")
    assert len(reading.turns) == 2


def test_what_is_undone_leaves_and_what_is_made_again_comes_back(reading):
    erase(reading, "liver")
    erase(reading, "spleen")
    both = lines(reading)
    undo(reading)
    assert lines(reading) == both[:1]
    undo(reading)
    assert lines(reading) == []
    assert len(reading.turns) == 1
    redo(reading)
    redo(reading)
    assert lines(reading) == both


def test_a_question_between_closes_the_line(reading):
    erase(reading, "liver")
    question(reading, "how big is the liver?")
    erase(reading, "liver", 8)
    assert len(lines(reading)) == 2
    assert [turn[0]["content"].startswith("*") for turn in reading.turns] == [False, True, False, True]


def test_undoing_what_stands_further_up_is_told(reading):
    erase(reading, "liver")
    question(reading, "how big is it?")
    reading.turns.append(chat.turn("undo", []))
    reading.corrections = []
    reading.session.undo()
    undo(reading)
    assert lines(reading)[-1] == "*Taken back: mend the mask of the liver*"
    redo(reading)
    assert lines(reading)[-1].startswith("*Corrected liver: 1 stroke")
    redo(reading)  # the question
    assert reading.turns[-1][0]["content"] == "how big is it?"
    assert "Liver" in reading.turns[-1][-1]["content"]
