"""The agent: a LangChain agent over the tools, driven by the offline planner or by a language model.

The offline planner is a chat model like any other: it answers a request with tool calls and the results of
the tools with text. A language model takes its place without another line changing, behind the middleware.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import PrivateAttr

from assistant.middleware.budget import Budget, NoRepeats
from assistant.middleware.grounding import Grounding
from assistant.middleware.messages import current, results
from assistant.middleware.repair import Repair
from assistant.middleware.scope import Scope
from assistant.plan import Plan, Status
from assistant.planner import Dialogue, plan
from assistant.tools import tools
from assistant.wording import compose
from encoders.errors import BodyMapsError, install

Runner = Callable[[str, dict[str, Any]], Mapping[str, Any]]
"""Runs a tool by name and gives its result as data."""

MOST_STEPS = 100
"""A guard against loops in the graph itself; the turn's own budget is `middleware.budget.STEPS`."""


class Reader:
    """The offline planner's reading of a conversation, kept so that a new turn costs one parse."""

    def __init__(self) -> None:
        self._requests: list[str] = []
        self._plans: list[Plan] = []
        self._dialogue = Dialogue()

    def read(self, requests: Sequence[str], can_find: Callable[[str], bool] | None = None) -> Plan:
        """The plan of the last request after the ones before it."""
        if list(requests) == self._requests:
            return self._plans[-1]
        if list(requests[:-1]) != self._requests:  # a step was undone, or another conversation began
            self._requests, self._plans, self._dialogue = [], [], Dialogue()
        for request in requests[len(self._requests) :]:
            reading = plan(request, self._dialogue, can_find)
            self._dialogue.remember(reading)
            self._plans.append(reading)
            self._requests.append(request)
        return self._plans[-1]


class OfflinePlanner(BaseChatModel):
    """The deterministic planner as a chat model: no network, no weights.

    It makes the calls of its plan one after the other, then says what their results say.
    """

    heard: Callable[[Plan], None] | None = None
    """Called with the plan of a request before its first tool runs."""
    can_find: Callable[[str], bool] | None = None
    """Whether the segmenter knows a structure, for what is said of it."""
    _reader: Reader = PrivateAttr(default_factory=Reader)

    @property
    def _llm_type(self) -> str:
        return "bodymaps-offline-planner"

    def bind_tools(self, tools: Any, *, tool_choice: str | None = None, **kwargs: Any) -> OfflinePlanner:
        """The planner knows the tools already."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        message = self._answer(messages)
        chunks = [
            tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=i)
            for i, call in enumerate(message.tool_calls)
        ]
        if chunks:
            yield ChatGenerationChunk(
                message=AIMessageChunk(
                    content="", tool_call_chunks=chunks, response_metadata=message.response_metadata
                )
            )
            return
        for i, token in enumerate(tokens(message.text)):
            metadata = message.response_metadata if i == 0 else {}
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=token, response_metadata=metadata))
            if run_manager:
                run_manager.on_llm_new_token(token, chunk=chunk)
            yield chunk

    def _answer(self, messages: Sequence[BaseMessage]) -> AIMessage:
        reading = self._reader.read([m.text for m in messages if isinstance(m, HumanMessage)], self.can_find)
        _, after = current(messages)
        done = sum(isinstance(m, ToolMessage) for m in after)
        metadata = {"plan": reading.to_dict()}
        if not done and self.heard is not None:
            self.heard(reading)
        if done < len(reading.calls):
            call = reading.calls[done]
            wanted = {"name": call.tool, "args": dict(call.args), "id": f"call_{uuid.uuid4().hex[:12]}"}
            return AIMessage("", tool_calls=[wanted], response_metadata=metadata)
        text = compose(results(after), before=reading.text) if reading.calls else reading.text
        return AIMessage(text, response_metadata=metadata)


def tokens(text: str) -> list[str]:
    """A text in pieces for streaming: words with the white space before them."""
    pieces, start = [], 0
    for at in range(1, len(text) + 1):
        if at == len(text) or (text[at].isspace() and not text[at - 1].isspace()):
            pieces.append(text[start:at])
            start = at
    return pieces


def chat_model(spec: str | BaseChatModel | None) -> BaseChatModel:
    """The offline planner for None, else LangChain's model of a spec such as "ollama:qwen3:8b".

    Options follow a question mark: "openai:NAME?base_url=http://localhost:8000/v1&temperature=0".
    Raises BodyMapsError when the model cannot be made.
    """
    if spec is None:
        return OfflinePlanner()
    if isinstance(spec, BaseChatModel):
        return spec
    from langchain.chat_models import init_chat_model

    name, _, query = spec.partition("?")
    options: dict[str, Any] = {"temperature": 0.0} | dict(parse_qsl(query))
    try:
        return init_chat_model(name, **options | {"temperature": float(options["temperature"])})
    except ImportError as error:
        raise BodyMapsError(f"the language model '{name}' needs a package more: {install('llm')}") from error
    except Exception as error:  # each provider has errors of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BodyMapsError(f"the language model '{name}' cannot be used: {reason}") from error


def build_agent(model: BaseChatModel, run: Runner) -> Any:
    """The agent over all tools.

    run: executes a tool. What it returns is given to the model as JSON; masks and pixels never are.
    """
    offline = isinstance(model, OfflinePlanner)
    reader = Reader()
    middleware: list[Any] = []
    if not offline:
        scope = Scope(lambda request: reader.read([request]))
        middleware = [scope, Budget(), NoRepeats(), Repair(), Grounding()]
    return create_agent(
        model,
        [_tool(name, run) for name in tools()],
        system_prompt=None
        if offline
        else files("assistant").joinpath("data/system.md").read_text(encoding="utf-8"),
        middleware=middleware,
    )


def _tool(name: str, run: Runner) -> BaseTool:
    """A tool for LangChain. Arguments are validated by the tool itself, whose errors are data for the
    model.
    """
    tool = tools()[name]

    def call(**args: Any) -> str:
        return json.dumps(run(name, args), ensure_ascii=False)

    return StructuredTool.from_function(
        call, name=name, description=tool.description, args_schema=tool.args.model_json_schema()
    )


def speak(agent: Any, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Let the agent answer the last message; returns all messages."""
    return agent.invoke({"messages": list(messages)}, {"recursion_limit": MOST_STEPS})["messages"]


def plan_with_model(spec: str | BaseChatModel, requests: Sequence[str]) -> list[Plan]:
    """What a language model would do for each request of a conversation, without a study.

    Its calls go through the same middleware; the tools answer that they were planned.
    """
    calls: list[tuple[str, dict[str, Any]]] = []

    def note(name: str, args: dict[str, Any]) -> Mapping[str, Any]:
        calls.append((name, args))
        return {"tool": name, "planned": True, "notes": ["planned, not run: there is no study"]}

    agent = build_agent(chat_model(spec), note)
    messages: list[BaseMessage] = []
    plans: list[Plan] = []
    for request in requests:
        calls.clear()
        messages = speak(agent, [*messages, HumanMessage(request)])
        plans.append(_plan_of(request, messages[-1], calls))
    return plans


def _plan_of(request: str, last: BaseMessage, calls: Sequence[tuple[str, dict[str, Any]]]) -> Plan:
    from assistant.plan import QUERY_TOOLS, Call, query_args

    made = tuple(Call(name, query_args(**args) if name in QUERY_TOOLS else args) for name, args in calls)
    planned = last.response_metadata.get("plan")
    status: Status = (
        "act" if made else planned["status"] if planned else "clarify" if last.text.endswith("?") else "chat"
    )
    return Plan(request=request, status=status, calls=made, text=last.text)
