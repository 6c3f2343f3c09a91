"""Turns of the conversation as chat messages: a pure projection of the events of `Session.stream`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from assistant.answer import Answer
from assistant.events import Answered, Event, TextToken, ToolFinished, ToolProgress, ToolStarted, Understood
from assistant.ui.words import page
from assistant.wording import sentence_list
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


def corrections(answers: Sequence[Answer]) -> list[Message]:
    """Corrections made in the viewer, one after the other: a line for those of one mask."""
    say, lines = page()["mend"], []
    for structure, group in groupby(map(correction_of, answers), lambda record: record["structure"]):
        records = list(group)
        marks = sum((Counter(record["marks"]) for record in records), Counter())
        words = [say["counts"][kind][n > 1].format(count=n) for kind, n in marks.items()]
        ends = {"before": records[0]["before"], "after": records[-1]["after"]}
        line = say["line"].format(name=_name(structure), marks=sentence_list(words), **ends)
        lines.append(_message("assistant", f"*{line}*"))
    return lines


def taken_back(answer: Answer) -> list[Message]:
    """That a step which stands further up was undone."""
    line = page()["mend"]["taken_back"].format(request=_plain(answer.request))
    return [_message("assistant", f"*{line}*")]


def correction_of(answer: Answer) -> Mapping[str, Any]:
    """What the correction tool did; empty for any other answer."""
    return next((r["correction"] for r in answer.results if "correction" in r), {})


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
