"""The scope is fixed: what the offline planner refuses, no language model is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.messages import AIMessage

from assistant.middleware.messages import current
from assistant.plan import Plan


class Scope(AgentMiddleware):
    """Ends the turn with the planner's own words when the request is out of scope or tries to change the
    rules.

    read: the offline planner's reading of a request.
    """

    def __init__(self, read: Callable[[str], Plan]) -> None:
        super().__init__()
        self._read = read

    @hook_config(can_jump_to=["end"])
    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        request, _ = current(state["messages"])
        plan = self._read(request)
        if plan.status != "refuse":
            return None
        message = AIMessage(plan.text, response_metadata={"plan": plan.to_dict()})
        return {"messages": [message], "jump_to": "end"}
