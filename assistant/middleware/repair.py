"""Calls as small models write them, made into calls: found in the text, checked against the schema, pruned.

What was measured with small local models: they write calls as JSON into the message text, fill every optional
argument with every value of its list, and copy the schema's own wording into it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any, get_args

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ModelResponse
from langchain_core.messages import AIMessage

from assistant.tools import tools
from assistant.tools.base import MeasureKind
from prompts.ontology import normalise, ontology

TOO_MANY_MEASURES = 6
"""A list this long was copied from the schema; nobody asks for it."""


class Repair(AgentMiddleware):
    """Recovers tool calls from the text and prunes the arguments of all calls."""

    def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        response = handler(request)
        message = response.result[0]
        if not isinstance(message, AIMessage):
            return response
        calls = [(call["name"], call["args"], call["id"]) for call in message.tool_calls]
        if not calls:
            calls = [(name, args, None) for name, args in calls_in_text(message.text)]
        if not calls and message.invalid_tool_calls:
            calls = [
                (str(bad["name"]), _loads(bad["args"] or ""), bad["id"]) for bad in message.invalid_tool_calls
            ]
        # a tool that does not exist stays: the agent tells the model so
        kept = [(name, prune(name, args) if name in tools() else args, call) for name, args, call in calls]
        if not calls:
            return response
        content = message.content if message.tool_calls else ""
        repaired = AIMessage(
            content,
            id=message.id,
            tool_calls=[
                {
                    "name": name,
                    "args": args,
                    "id": call or f"call_{uuid.uuid4().hex[:12]}",
                    "type": "tool_call",
                }
                for name, args, call in kept
            ],
        )
        return ModelResponse(result=[repaired], structured_response=response.structured_response)


def calls_in_text(text: str) -> list[tuple[str, dict[str, Any]]]:
    """(tool, arguments) of every JSON object in a text that names a tool, in order.

    Understands {"name", "arguments"}, {"tool", "args"}, {"function": {...}}, {"action", "action_input"} and
    lists of them.
    """
    return [call for value in _json_values(text) for call in _calls_of(value)]


def prune(tool: str, args: dict[str, Any]) -> dict[str, Any]:
    """The arguments that make sense: known names, ids for phrases, values of the schema; all else is left
    out.

    Targets that are no structure stay, so that the tool can say so.
    """
    fields = tools()[tool].args.model_fields
    kept = {name: value for name, value in args.items() if name in fields and value not in (None, "", [], {})}
    if "targets" in kept:
        targets = kept["targets"] if isinstance(kept["targets"], list) else [kept["targets"]]
        kept["targets"] = list(
            dict.fromkeys(t for target in targets for t in _ids(str(target)) or [str(target)])
        )
    if "measures" in kept:
        kinds = kept["measures"] if isinstance(kept["measures"], list) else [kept["measures"]]
        known = [k for k in map(_identifier, kinds) if k in get_args(MeasureKind)]
        kept["measures"] = list(dict.fromkeys(known)) if len(known) < TOO_MANY_MEASURES else []
    if "within" in kept:
        region = _ids(str(kept.pop("within")))
        if region and region[0] not in kept.get("targets", ()):
            kept["within"] = region[0]
    for name in ("min_mm", "max_mm", "rank", "top", "slice", "steps"):
        if name in kept and not _positive(kept[name]) and not (name == "slice" and kept[name] == 0):
            del kept[name]
    for name in list(kept):
        choices = get_args(fields[name].annotation)
        if choices and all(isinstance(c, str) for c in choices) and kept[name] not in choices:
            del kept[name]
    if kept.get("unit") not in (None, "mm", "cm", "ml", "l"):
        del kept["unit"]
    return {name: value for name, value in kept.items() if value != []}


def _ids(phrase: str) -> list[str]:
    """The structures that a phrase names; ids of the ontology are taken as they are."""
    words, identifier = ontology(), _identifier(phrase)
    if identifier in words:
        return [identifier]
    return list(words.exact(phrase)) or list(words.exact(normalise(phrase).removeprefix("the ")))


def _identifier(phrase: Any) -> str:
    return str(phrase).strip().replace(" ", "_")


def _positive(value: Any) -> bool:
    try:
        return float(value) > 0
    except (TypeError, ValueError):
        return False


def _json_values(text: str) -> Iterator[Any]:
    """Every JSON object or list in a text, outermost ones only."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at] in "{[":
            try:
                value, at = decoder.raw_decode(text, at)
                yield value
                continue
            except json.JSONDecodeError:
                pass
        at += 1


def _calls_of(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        for item in value:
            yield from _calls_of(item)
    if not isinstance(value, dict):
        return
    if isinstance(value.get("function"), dict):
        yield from _calls_of(value["function"])
        return
    for nested in ("tool_calls", "calls"):
        yield from _calls_of(value.get(nested))
    name = next(
        (value[k] for k in ("name", "tool", "function", "action") if isinstance(value.get(k), str)), None
    )
    args = next(
        (value[k] for k in ("arguments", "args", "parameters", "action_input", "input") if k in value), None
    )
    if name in tools():
        yield name, _loads(args) if isinstance(args, str) else args if isinstance(args, dict) else {}


def _loads(text: str) -> dict[str, Any]:
    return next((value for value in _json_values(text) if isinstance(value, dict)), {})
