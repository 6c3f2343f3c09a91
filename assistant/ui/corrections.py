"""Corrections made in the viewer as part of the conversation: the chat tells of all that was done, in its order."""

from __future__ import annotations

from assistant.answer import Answer
from assistant.events import Answered
from assistant.ui import chat
from assistant.ui.reading import Reading


def made(reading: Reading, answer: Answer) -> None:
    """A correction was made: it joins those since the last question in one entry of the chat."""
    _retell(reading, [*reading.corrections, answer])


def undone(reading: Reading, answer: Answer) -> None:
    """A correction was undone: it leaves the chat; one that questions came after stays, and its end is told."""
    if reading.corrections and reading.corrections[-1] is answer:
        _retell(reading, reading.corrections[:-1])
    else:
        reading.turns.append(chat.taken_back(answer))


def redone(reading: Reading, answer: Answer) -> None:
    """A correction or a question that was undone is there again."""
    if chat.correction_of(answer):
        made(reading, answer)
    else:
        reading.corrections = []
        reading.turns.append(chat.turn(answer.request, [Answered(answer)]))


def _retell(reading: Reading, answers: list[Answer]) -> None:
    if reading.corrections:
        reading.turns.pop()
    reading.corrections = answers
    if answers:
        reading.turns.append(chat.corrections(answers))
