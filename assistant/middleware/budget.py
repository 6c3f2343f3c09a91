"""A turn ends: the model may speak only so often, and a call that was made is not made again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from assistant.middleware.messages import current, results, steps
from assistant.wording import compose

STEPS = 8
REPEATS = 2


class Budget(AgentMiddleware):
    """Stops a turn after `steps` model calls, or when the same call came back `REPEATS` times.

    The answer is then made of what the tools have found so far.
    """

    def __init__(self, limit: int = STEPS) -> None:
        super().__init__()
        self._limit = limit

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        _, after = current(state["messages"])
        repeated = max(Counter(_calls(after)).values(), default=0)
        if steps(after) < self._limit and repeated <= REPEATS:
            return None
        text = compose(results(after))
        return {"messages": [AIMessage(text, response_metadata={"composed": True})], "jump_to": "end"}


class NoRepeats(AgentMiddleware):
    """A call with the arguments of an earlier one of the same turn gets that one's result without running
    again.
    """

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        _, after = current(request.state["messages"])
        key = _key(request.tool_call)
        for message in after:
            if isinstance(message, AIMessage):
                earlier = {call["id"] for call in message.tool_calls if _key(call) == key}
                answer = next(
                    (m for m in after if isinstance(m, ToolMessage) and m.tool_call_id in earlier), None
                )
                if answer is not None:
                    return ToolMessage(answer.content, tool_call_id=request.tool_call["id"], name=answer.name)
        return handler(request)


def _key(call: Any) -> str:
    return json.dumps([call["name"], call["args"]], sort_keys=True, default=str)


def _calls(messages: list[BaseMessage]) -> list[str]:
    return [_key(call) for m in messages if isinstance(m, AIMessage) for call in m.tool_calls]
