"""The assistant: what did the user want, and what is the answer?

`from assistant import Assistant` is all that most programs need. Importing this package is cheap: the agent,
the segmenter and their libraries are imported when the first question is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.answer import Answer, BoundingBox, Finding, Measurement
    from assistant.session import Assistant, Session

_HOME = {
    "Answer": "assistant.answer",
    "Assistant": "assistant.session",
    "BoundingBox": "assistant.answer",
    "Finding": "assistant.answer",
    "Measurement": "assistant.answer",
    "Session": "assistant.session",
}
__all__ = ["Answer", "Assistant", "BoundingBox", "Finding", "Measurement", "Session"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
