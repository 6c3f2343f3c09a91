"""What a conversation remembers of the turns before, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from assistant.plan import Call, Plan

DEPTH = 32


@dataclass
class Turn:
    """One turn that did something: its calls."""

    calls: list[dict[str, Any]]

    def restored(self) -> list[Call]:
        return [Call.from_dict(call) for call in self.calls]


@dataclass
class Dialogue:
    """The state of one conversation about one study.

    turns       turns that acted, oldest first; undo takes the last one away
    undone      turns that were taken away and can come back, the next one last
    pending     calls that wait for the answer to a question
    suggestion  ids that were offered; "yes" takes them
    """

    turns: list[Turn] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    suggestion: list[str] = field(default_factory=list)
    undone: list[Turn] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._last: Plan | None = None

    def remember(self, plan: Plan) -> None:
        """Take in a plan. The same plan object given twice counts once."""
        if plan is self._last:
            return
        self._last = plan
        self.pending = [call.state() for call in plan.pending]
        self.suggestion = list(plan.suggestion)
        for call in plan.calls:
            source, goal = {"undo": (self.turns, self.undone), "redo": (self.undone, self.turns)}.get(
                call.tool, ([], [])
            )
            for _ in range(min(call.args.get("steps") or 1, len(source))):
                goal.append(source.pop())
        apart = ("undo", "redo", "help", "report", "describe")
        calls = [call.state() for call in plan.calls if call.tool not in apart]
        calls = [call for call in calls if call["args"].get("targets")]
        if calls and not self._looks(calls):
            self.turns = [*self.turns, Turn(calls)][-DEPTH:]
            self.undone = []

    def _looks(self, calls: Sequence[dict[str, Any]]) -> bool:
        """Only shows or saves what was talked about, which keeps its limits: the largest one, that region."""
        last = self.turns[-1].calls if self.turns else []
        known = [call["args"].get("targets") for call in last]
        return all(call["tool"] in ("show", "export") and call["args"]["targets"] in known for call in calls)

    def reset(self) -> None:
        """Forget everything: another study was opened."""
        self.turns, self.pending, self.suggestion, self.undone, self._last = [], [], [], [], None

    @property
    def calls(self) -> list[Call]:
        """The calls of the last turn that acted."""
        return self.turns[-1].restored() if self.turns else []

    @property
    def waiting(self) -> list[Call]:
        return [Call.from_dict(call) for call in self.pending]

    def history(self) -> list[Call]:
        """Every remembered call, newest first; the calls of one turn in reverse order."""
        return [call for turn in reversed(self.turns) for call in reversed(turn.restored())]

    def mentions(self) -> list[tuple[str, ...]]:
        """What was named, each once, in the order of first mention."""
        seen: dict[tuple[str, ...], None] = {}
        for call in reversed(self.history()):
            for mention in mentions_of(call):
                seen.setdefault(mention)
        return list(seen)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Dialogue:
        turns, undone = (
            [Turn(list(turn["calls"])) for turn in record.get(name, ())] for name in ("turns", "undone")
        )
        return cls(turns, list(record.get("pending", ())), list(record.get("suggestion", ())), undone)


def mentions_of(call: Call) -> Sequence[tuple[str, ...]]:
    """The targets of a call as they were named; one by one when that is not known."""
    return call.mentions or tuple((id,) for id in call.targets)
