"""One turn against what it should have become, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assistant.plan import QUERY_TOOLS
from assistant.planner.lexicon import lexicon

Plan = dict[str, Any]
"""The JSON of a plan: {"status", "calls": [{"tool", "args"}]}."""

SIZES = ("min_mm", "max_mm")
CHOICE = ("select", "rank")


def canonical(call: dict[str, Any]) -> dict[str, Any]:
    """A call with groups as their leaves and lists in a fixed order; an unset choice is "all"."""
    args = call["args"]
    named = list(args.get("targets") or ())
    known = [id for id in named if id in lexicon().ontology]
    form: dict[str, Any] = {
        "tool": call["tool"],
        "targets": sorted({*lexicon().leaves(known), *(set(named) - set(known))}),
        "measures": sorted(args.get("measures") or ()),
    }
    if call["tool"] in QUERY_TOOLS:
        form |= {name: args.get(name) for name in ("within", *SIZES, "rank")}
        form["select"] = args.get("select") or "all"
    else:
        form |= {name: args[name] for name in ("select", "status") if args.get(name, "all") != "all"}
    return form


def exact(expected: Plan, got: Plan) -> bool:
    """The same status and calls; other tools are compared in the arguments that the suite names."""
    if expected["status"] != got["status"] or len(expected["calls"]) != len(got["calls"]):
        return False
    for one, other in zip(map(canonical, expected["calls"]), map(canonical, got["calls"]), strict=True):
        if one["tool"] not in QUERY_TOOLS:
            one = {key: value for key, value in one.items() if value}
        if any(value != other.get(key) for key, value in one.items()):
            return False
    return True


def stages(expected: Plan, got: Plan) -> dict[str, bool | None]:
    """Right or wrong at each stage; None where the turn has nothing to say about it.

    Status and exact count for every turn, "nothing uncalled for" for turns that should call no tool, the
    others for turns that should. Side counts
    when a named structure has one; region, selector and sizes when the turn names one or the plan invents
    one. Calls are paired in order, and a missing call is wrong in all that it should have said.
    """
    scores: dict[str, bool | None] = {
        "status": expected["status"] == got["status"],
        "tools": None,
        "targets": None,
        "side": None,
        "region": None,
        "selector": None,
        "sizes": None,
        "measures": None,
    }
    wanted, made = list(map(canonical, expected["calls"])), list(map(canonical, got["calls"]))
    if wanted:
        scores["tools"] = _all(wanted, made, lambda call: call["tool"])
        if any(call["targets"] for call in wanted):
            scores["targets"] = _all(wanted, made, lambda call: call["targets"])
        if any(_sides(call) for call in wanted):
            scores["side"] = _all(wanted, made, _sides)
        both = [*wanted, *made]
        if any(call.get("within") for call in both):
            scores["region"] = _all(wanted, made, lambda call: call.get("within"))
        if any(call.get("select", "all") != "all" or call.get("rank") for call in both):
            scores["selector"] = _all(wanted, made, lambda call: [call.get(name) for name in CHOICE])
        if any(call.get(name) is not None for call in both for name in SIZES):
            scores["sizes"] = _all(wanted, made, lambda call: [call.get(name) for name in SIZES])
        if any(call["measures"] for call in wanted):
            scores["measures"] = _all(wanted, made, lambda call: call["measures"])
    scores["nothing uncalled for"] = None if wanted else not made
    return scores | {"exact": exact(expected, got)}


STAGES = tuple(stages({"status": "chat", "calls": []}, {"status": "chat", "calls": []}))
"""The names of the stages, in the order of a turn's way."""


def _sides(call: dict[str, Any]) -> list[str]:
    words = lexicon().ontology
    return sorted({side for id in call["targets"] if id in words and (side := words[id].side)})


def _all(
    wanted: list[dict[str, Any]], made: list[dict[str, Any]], of: Callable[[dict[str, Any]], Any]
) -> bool:
    return [of(call) for call in wanted] == [of(call) for call in made]
