"""Turns of the conversation as chat messages: a pure projection of the events of `Session.stream`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.answer import Answer
from assistant.events import Answered, Event, TextToken, ToolFinished, ToolProgress, ToolStarted, Understood
from assistant.ui.words import page
from prompts.ontology import ontology

Message = dict[str, Any]
"""What gr.Chatbot takes: role, content and metadata."""


def turn(request: str, events: Sequence[Event], ending: str = "") -> list[Message]:
    """The messages of one turn so far.

    ending: a sentence in place of the answer when there is none: stopped, or what went wrong.
    """
    messages = [_message("user", _plain(request))]
    calls: dict[int, Message] = {}
    text = ""
    warnings: tuple[str, ...] = ()
    for event in events:
        match event:
            case Understood():
                line = page()["understood"].format(text=_plain(event.text))
                messages.append(_message("assistant", f"*{line}*"))
            case ToolStarted():
                calls[event.index] = _call(event)
                messages.append(calls[event.index])
            case ToolProgress():
                log = f"{event.fraction:.0%} {event.text}"
                calls[event.index]["metadata"] |= {"log": log}
            case ToolFinished():
                _finish(calls[event.index], event)
            case TextToken():
                text += event.text
            case Answered():
                text, warnings = event.answer.text, event.answer.warnings
    if ending:
        for call in calls.values():
            call["metadata"]["status"] = "done"
        text = ending
    if text:
        messages.append(_message("assistant", _prose(text)))
    if notes := [note for note in warnings if note not in text]:
        title = page()["notes"].format(count=len(notes))
        lines = "\n".join(f"- {_prose(note)}" for note in notes)
        messages.append(_message("assistant", lines, title=title, status="done"))
    return messages


def answer_of(events: Sequence[Event]) -> Answer | None:
    """The answer, when it is there."""
    return next((e.answer for e in reversed(events) if isinstance(e, Answered)), None)


def fraction(events: Sequence[Event]) -> tuple[float, str]:
    """How far the running tool is, 0..1, and what it does."""
    last = next((e for e in reversed(events) if isinstance(e, (ToolProgress, ToolFinished))), None)
    return (last.fraction, last.text) if isinstance(last, ToolProgress) else (0.0, "")


def _call(event: ToolStarted) -> Message:
    """A tool call that runs: an open accordion."""
    names = [_name(value) for value in event.args.get("targets", ())]
    title = ": ".join([event.tool, *([", ".join(names)] if names else [])])
    return _message("assistant", _arguments(event.args), title=title, status="pending")


def _finish(message: Message, event: ToolFinished) -> None:
    say = page()["call"]
    how = say["failed"] if event.result.get("error") else say["cached"] if event.cached else say["computed"]
    message["content"] += f"\n\n{say['took'].format(seconds=event.seconds, how=how)}"
    message["metadata"] |= {"status": "done", "duration": round(event.seconds, 2), "log": how}


def _arguments(args: Mapping[str, Any]) -> str:
    """The arguments that are set, one a line."""
    lines = []
    for key, value in args.items():
        if value in (None, [], "all"):
            continue
        values = value if isinstance(value, (list, tuple)) else [value]
        lines.append(f"- {_plain(key.replace('_', ' '))}: {', '.join(_name(v) for v in values)}")
    return "\n".join(lines) or page()["call"]["no_arguments"]


def _name(value: Any) -> str:
    """A structure by its name, anything else as it is."""
    known = ontology().get(str(value))
    return _plain(known.name if known else str(value).replace("_", " "))


def _plain(text: str, special: str = "\\`*_[]<>#|~$") -> str:
    """Text that Markdown and HTML leave as it is, but for its line breaks."""
    return "".join(f"\\{c}" if c in special else c for c in text)


def _prose(text: str) -> str:
    """An answer: headings, lists and stress are shown as such; links, pictures, code and HTML are not."""
    return _plain(text, "\\`_[]<>~$")


def _message(role: str, content: str, **metadata: Any) -> Message:
    return {"role": role, "content": content, "metadata": metadata}
