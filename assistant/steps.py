"""The steps of a conversation, to be taken back and made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assistant.answer import Answer
from assistant.workspace import Found

State = tuple[list[Any], dict[str, Found]]
"""The messages of a conversation and its mended masks."""


@dataclass(frozen=True, eq=False)
class Step:
    """A turn, with the state before it and after it."""

    answer: Answer
    before: State
    after: State


class Steps:
    """done: the steps that count, oldest first. undone: those that can be made again, the next one last."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.undone: list[Step] = []

    def add(self, step: Step) -> None:
        """A new step; what was taken back before it cannot be made again."""
        self.done.append(step)
        self.undone.clear()

    def back(self, steps: int) -> State | None:
        """Take steps back, as many as there are. The state to go to, None where there is no step."""
        state = None
        for _ in range(min(steps, len(self.done))):
            self.undone.append(self.done.pop())
            state = self.undone[-1].before
        return state

    def forth(self, steps: int) -> State | None:
        """Make steps again, as many as were taken back. The state to go to, None where there is none."""
        state = None
        for _ in range(min(steps, len(self.undone))):
            self.done.append(self.undone.pop())
            state = self.done[-1].after
        return state
