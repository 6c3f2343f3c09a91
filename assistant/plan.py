"""What the assistant means to do: tool calls with canonical arguments, and the text that goes with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Status = Literal["act", "clarify", "refuse", "chat"]
STATUSES: tuple[str, ...] = get_args(Status)

QUERY_TOOLS = frozenset({"segment", "measure", "locate", "detect"})
TOOLS = (
    "segment",
    "measure",
    "locate",
    "detect",
    "compare",
    "report",
    "correct",
    "undo",
    "redo",
    "export",
    "show",
    "describe",
    "screen",
    "help",
)


def query_args(
    targets: Iterable[str] = (),
    measures: Iterable[str] = (),
    within: str | None = None,
    select: str = "all",
    min_mm: float | None = None,
    max_mm: float | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """The six canonical arguments of a query tool in the contract's order, then any extra that is set."""
    args: dict[str, Any] = {
        "targets": list(targets),
        "measures": list(measures),
        "within": within,
        "select": select,
        "min_mm": min_mm,
        "max_mm": max_mm,
    }
    return args | {key: value for key, value in extra.items() if value is not None}


@dataclass(frozen=True)
class Call:
    """One tool call.

    `senses` keeps how a measure was asked for ("size", "diameter"), because the same word means another
    measure on another kind of structure: "how big is the tumour?", "and the liver?". `mentions` are the
    targets as they were named, so that "it" is known to be open after "the liver and the spleen" but not
    after "T10 to L2".
    """

    tool: str
    args: dict[str, Any] = field(default_factory=dict)
    senses: tuple[str, ...] = ()
    mentions: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.tool not in TOOLS:
            raise ValueError(f"unknown tool {self.tool!r}; tools are {', '.join(TOOLS)}")

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.args.get("targets") or ())

    def to_dict(self) -> dict[str, Any]:
        return {"tool": self.tool, "args": dict(self.args)}

    def state(self) -> dict[str, Any]:
        """The call as plain data, with what a later turn needs of it."""
        return self.to_dict() | {"senses": list(self.senses), "mentions": [list(m) for m in self.mentions]}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Call:
        return cls(
            record["tool"],
            dict(record.get("args") or {}),
            tuple(record.get("senses") or ()),
            tuple(tuple(mention) for mention in record.get("mentions") or ()),
        )


@dataclass(frozen=True)
class Plan:
    """The reading of one request.

    status      act, clarify, refuse or chat
    calls       tool calls in the order in which they were asked for; empty unless status is act
    text        what to say: the reply of a plan without calls, what was declined or left out beside calls
    understood  one line of what was understood: "tail of the pancreas, tumour, longest diameter"
    pending     calls that wait for a target, when the plan asks for one
    suggestion  ids offered in place of what cannot be done; "yes" takes them
    """

    request: str
    status: Status
    calls: tuple[Call, ...] = ()
    text: str = ""
    understood: str = ""
    pending: tuple[Call, ...] = ()
    suggestion: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"unknown status {self.status!r}; one of {', '.join(STATUSES)}")
        if self.calls and self.status != "act":
            raise ValueError(f"a plan with calls has status act, not {self.status}")

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `bodymaps plan`: the keys of the contract, and `understood`."""
        return {
            "request": self.request,
            "status": self.status,
            "calls": [call.to_dict() for call in self.calls],
            "text": self.text,
            "understood": self.understood,
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Plan:
        calls: Sequence[dict[str, Any]] = record.get("calls") or ()
        return cls(
            request=record["request"],
            status=record["status"],
            calls=tuple(Call.from_dict(call) for call in calls),
            text=record.get("text", ""),
            understood=record.get("understood", ""),
        )
