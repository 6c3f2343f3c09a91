"""One turn while it is answered: its tools are run, told of as they run, and kept for the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from assistant.answer import Answer, CallRecord
from assistant.events import Event, ToolFinished, ToolProgress, ToolStarted, Understood
from assistant.tools import tools
from assistant.tools.base import Turn

Emit = Callable[[Event], None]


class Running:
    """A turn from its beginning to its answer.

    calls, results: what was run and what it returned, in order.
    broken: what a tool raised; an error that is ours, not the language model's.
    """

    def __init__(self, turn: Turn, emit: Emit) -> None:
        self.turn = turn
        self.calls: list[CallRecord] = []
        self.results: list[Mapping[str, Any]] = []
        self.broken: Exception | None = None
        self._emit = emit
        self._told = False
        self._started = time.perf_counter()

    def run(self, name: str, args: dict[str, Any]) -> Mapping[str, Any]:
        """Run one tool, with its events and its record."""
        turn, index, emit = self.turn, len(self.calls), self._emit
        if not index:
            self.understood(in_words(name, args))
        emit(ToolStarted(index, name, args))
        work = turn.workspace
        turn.progress = lambda fraction, what: emit(ToolProgress(index, name, fraction, what))
        started, looked_up, computed = time.perf_counter(), work.looked_up, work.computed
        try:
            result = tools()[name].call(turn, args)
        except Exception as error:
            self.broken = error
            raise
        seconds = time.perf_counter() - started
        cached = work.looked_up > looked_up and work.computed == computed
        self.calls.append(CallRecord(name, args, seconds, cached))
        self.results.append(result)
        emit(ToolFinished(index, name, seconds, cached, dict(result)))
        return result

    def understood(self, text: str) -> None:
        """Say once what the request was taken to mean."""
        if text and not self._told:
            self._told = True
            self._emit(Understood(text))

    def answer(self, request: str, text: str, messages: list[Any]) -> Answer:
        """The answer in these words. messages: those of this turn, as far as a planner or a model wrote them."""
        return Answer(
            request=request,
            status=self._status(messages),
            text=text,
            findings=tuple(self.turn.findings.values()),
            calls=tuple(self.calls),
            warnings=tuple(self.turn.warnings),
            seconds=time.perf_counter() - self._started,
            results=tuple(self.results),
        )

    def _status(self, messages: list[Any]) -> str:
        """act when something was done; clarify when all that was asked for is beyond the segmenter."""
        plans = [m.response_metadata["plan"] for m in messages if m.response_metadata.get("plan")]
        if self.results:
            return "clarify" if all(map(_beyond, self.results)) else "act"
        if plans:
            return str(plans[-1]["status"])
        return "clarify" if messages[-1].text.rstrip().endswith("?") else "chat"


def in_words(name: str, args: Mapping[str, Any]) -> str:
    """A call of a tool as a request that says the same."""
    parts = [name, *_listed(args, "targets")]
    if args.get("within"):
        parts.append(f"within {args['within']}")
    return " ".join([*parts, *_listed(args, "measures")]).replace("_", " ")


def _listed(args: Mapping[str, Any], name: str) -> list[str]:
    """An argument that ought to be a list; it was not checked yet."""
    value = args.get(name)
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _beyond(result: Mapping[str, Any]) -> bool:
    """Whether a tool could do nothing of what was asked: an error, or only what the segmenter cannot find."""
    asked = [r for r in result.get("findings", ()) if r["structure"] not in result.get("context", ())]
    return "error" in result or (bool(result.get("unsupported")) and not asked and "report" not in result)
