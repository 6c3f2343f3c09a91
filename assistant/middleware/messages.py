"""Reading an agent's messages: the current request, and the results that tools gave."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage


def current(messages: Sequence[BaseMessage]) -> tuple[str, list[BaseMessage]]:
    """The last request, and the messages after it."""
    for index in range(len(messages) - 1, -1, -1):
        if isinstance(messages[index], HumanMessage):
            return messages[index].text, list(messages[index + 1 :])
    return "", list(messages)


def results(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """What the tools returned, as data, in order."""
    return [data for m in messages if isinstance(m, ToolMessage) and (data := _data(m)) is not None]


def _data(message: ToolMessage) -> dict[str, Any] | None:
    try:
        data = json.loads(message.text)
    except json.JSONDecodeError:  # what LangChain itself answers, such as "not a valid tool"
        return {"tool": message.name or "", "error": message.text}
    return data if isinstance(data, dict) else None


def steps(messages: Sequence[BaseMessage]) -> int:
    """How often the model has spoken."""
    return sum(isinstance(m, AIMessage) for m in messages)
