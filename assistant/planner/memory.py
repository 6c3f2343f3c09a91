"""What can be pointed to: the calls of this request so far and of the turns before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.plan import Call

from .compose import Composer
from .dialogue import Dialogue, mentions_of
from .lexicon import Lexicon


@dataclass(frozen=True)
class Scope:
    """Structures found for one phrase, and the limits that hold for lesions."""

    ids: tuple[str, ...]
    within: tuple[str, ...] = ()
    lesion: bool = False
    select: str = "all"
    rank: int | None = None
    low: float | None = None
    high: float | None = None
    top: int | None = None


@dataclass(frozen=True)
class Problem:
    """Why a phrase has no structures: a key of the replies, what fills it, and what is nearest.

    about: what was named all the same; "it" means that in the next turn.
    """

    reason: str
    fields: dict[str, str] = field(default_factory=dict)
    nearest: tuple[str, ...] = ()
    lesion: str | None = None
    about: tuple[str, ...] = ()


class Memory:
    """The structures that were talked about, newest first."""

    def __init__(self, lexicon: Lexicon, dialogue: Dialogue) -> None:
        self.lexicon = lexicon
        self.dialogue = dialogue
        self.compose = Composer(lexicon)
        self.calls: list[Call] = []
        self.local: list[Scope] = []
        self.topic: list[Scope] = []

    def recent(self) -> list[Call]:
        """Calls with targets, newest first: this request's, what a question was about, the dialogue's."""
        asked = [Call("help", {"targets": call.args["about"]}) for call in self.dialogue.waiting
                 if call.args.get("about")]  # fmt: skip
        return [call for call in reversed(self.calls) if call.targets] + asked + self.dialogue.history()

    def focus(self) -> list[Scope]:
        """What "it" or "they" can be: the last thing of this clause, else the last call's targets."""
        if self.local:
            return self.local[-1:]
        if self.topic:
            return self.topic
        calls = self.recent()
        return self.scopes_of(calls[0]) if calls else []

    def scopes_of(self, call: Call) -> list[Scope]:
        mentions = list(mentions_of(call))
        if "distance" in call.args.get("measures", ()):
            mentions = mentions[:1]
        return [self._scope(mention, call) for mention in mentions]

    def _scope(self, ids: Sequence[str], call: Call) -> Scope:
        args = call.args
        known = tuple(id for id in ids if id in self.lexicon.ontology)
        lesion = bool(known) and self.lexicon.kind(known[0]) == "lesion"
        if not lesion:
            return Scope(known)
        within = (args["within"],) if args.get("within") else ()
        select = args.get("select") or "all"
        limits = [args.get(name) for name in ("rank", "min_mm", "max_mm", "top")]
        return Scope(known, within, True, select, *limits)

    def last_lesion(self, wanted: str | None = None) -> Scope | None:
        for scope in (*self.local[::-1], *self.topic[::-1]):
            if scope.lesion:
                return scope
        for call in self.recent():
            for scope in self.scopes_of(call)[::-1]:
                if scope.lesion and (wanted != "cyst" or any("cyst" in id for id in scope.ids)):
                    return scope
        return None

    def last_organ(self) -> Scope | None:
        """The anatomy that is talked about: the last plain structure, or the host of the last lesion."""
        for scope in (*self.local[::-1], *self.topic[::-1]):
            if not scope.lesion:
                return scope
        for call in self.recent()[:1]:
            for scope in self.scopes_of(call)[::-1]:
                if not scope.lesion:
                    return scope
                hosts = scope.within or tuple(h for id in scope.ids for h in self.lexicon.ontology[id].within)
                return Scope(self.lexicon.group_of(hosts)) if hosts else None
        return None
