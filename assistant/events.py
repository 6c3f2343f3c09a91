"""What happens while a question is answered, as dataclasses: `Session.stream` yields these in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.answer import Answer


@dataclass(frozen=True)
class Understood:
    """What the request was taken to mean, one line."""

    text: str


@dataclass(frozen=True)
class ToolStarted:
    index: int
    tool: str
    args: dict[str, Any]


@dataclass(frozen=True)
class ToolProgress:
    """fraction: 0..1 of this tool's work."""

    index: int
    tool: str
    fraction: float
    text: str


@dataclass(frozen=True)
class ToolFinished:
    """result: what the tool returned, plain data; `result["error"]` says what went wrong, when something
    did.
    """

    index: int
    tool: str
    seconds: float
    cached: bool
    result: dict[str, Any]


@dataclass(frozen=True)
class TextToken:
    """A piece of the answer's text; all pieces joined are the text."""

    text: str


@dataclass(frozen=True)
class Answered:
    """The last event of a turn."""

    answer: Answer


Event = Understood | ToolStarted | ToolProgress | ToolFinished | TextToken | Answered
