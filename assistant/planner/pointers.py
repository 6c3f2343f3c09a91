"""Phrases that point back: it, both, the other one, the left one, the second largest, the first one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .dialogue import mentions_of
from .memory import Memory, Problem, Scope
from .target import Target


class Pointers(Memory):
    """Follows pointers into the memory."""

    def point(self, target: Target) -> list[Scope] | Problem:
        focus = self.focus()
        refers = target.refers
        if refers == "nth":
            return self._nth(target)
        if refers == "next":
            return self._next(target.nth or 1, target.rank or 1)
        if refers == "number":
            return self._numbered(target.nth or 0)
        if refers == "select":
            known = self.last_lesion()
            if known is not None:
                return [replace(known, select=target.select, rank=target.rank, top=target.top)]
        if not focus:
            return Problem("target")
        if refers == "it" and focus[-1].lesion and target.text.lower().endswith("organ"):
            organ = self.last_organ()  # "the organ", of a lesion
            return [organ] if organ else Problem("target")
        if refers in ("it", "one"):
            if len(focus) > 1:
                return Problem("several", {"names": self._names(focus)})
            return focus
        if refers == "them":
            return self._last_of(target.nth) if target.nth else self._them(focus, "both" in target.sides)
        if refers == "other":
            return self._other(focus)
        if refers == "side":
            return self._side(focus, target.sides[0])
        return focus

    def _names(self, scopes: Sequence[Scope]) -> str:
        return ", ".join(self.lexicon.ontology[id].name for scope in scopes for id in scope.ids[:2])

    def _them(self, focus: list[Scope], both: bool = False) -> list[Scope]:
        """All of several; of one side, both sides; of one thing alone, the two last named."""
        if len(focus) > 1 or not self._single(focus[0]):
            return self._with_earlier(focus) if not self.local else focus
        if focus[0].lesion:
            ranked = self._with_ranks(focus[0])
            return [self._on_both_sides(ranked) if both and ranked == focus[0] else ranked]
        earlier = self._with_earlier(focus)
        if len(earlier) > 1:
            return earlier
        other = self.lexicon.ontology.counterpart(focus[0].ids[0])
        if other:
            return [Scope(self.lexicon.group_of((focus[0].ids[0], other)))]
        return focus

    def _on_both_sides(self, scope: Scope) -> Scope:
        """As in "and bilaterally?" after lesions of one side: of the pair."""
        mirrored = self.mirrored(scope)
        if mirrored is None or scope.select != "all":
            return scope
        found, within = self.compose.lesions_within(
            Target(lesion="lesion", ids=scope.ids), (*scope.within, *mirrored.within)
        )
        return replace(scope, ids=found, within=within)

    def _with_ranks(self, scope: Scope) -> Scope:
        """As in "both" after the largest lesion and the second one: the two largest."""
        alike = [
            s for call in self.recent() for s in self.scopes_of(call) if replace(s, rank=scope.rank) == scope
        ]
        ranks = {s.rank or 1 for s in alike}
        together = scope.select != "all" and not scope.top and ranks == set(range(1, len(ranks) + 1))
        return replace(scope, rank=None, top=len(ranks)) if together and len(ranks) > 1 else scope

    def _single(self, scope: Scope) -> bool:
        """One thing: a structure without parts, or one of a pair, as a lung is."""
        one = len(scope.ids) == 1 and self.lexicon.ontology.counterpart(scope.ids[0])
        return bool(one) or len(self.lexicon.leaves(scope.ids)) == 1

    def together(self) -> list[Scope]:
        """What can be compared where nothing is named: the last things, and the one before where it is one."""
        focus, calls = self.focus(), self.recent()
        if len(focus) > 1 or self.local or self.topic:
            return focus
        if len(calls) > 1 and calls[0].tool == calls[1].tool == "measure":
            before = self.scopes_of(calls[1])
            if len(before) == 1 and before[0].ids != focus[0].ids and not before[0].lesion:
                return [*before, *focus]
        return self._with_earlier(focus) if focus else []

    def _last_of(self, number: int) -> list[Scope]:
        """As in "all three": the last so many things that were named."""
        found: list[Scope] = []
        for call in self.recent():
            found += [scope for scope in self.scopes_of(call)[::-1] if scope not in found]
        return found[:number][::-1]

    def _with_earlier(self, focus: list[Scope]) -> list[Scope]:
        """The focus and, when it is a single structure, what the turn before named."""
        if len(focus) > 1 or focus[0].lesion or not self._single(focus[0]):
            return focus
        for call in self.recent()[1:3]:
            scopes = [scope for scope in self.scopes_of(call) if scope.ids != focus[0].ids]
            if len(scopes) == 1 and not scopes[0].lesion and self._single(scopes[0]):
                pair = (*scopes[0].ids, *focus[0].ids)
                joined = self.lexicon.group_of(pair)
                return [Scope(joined)] if len(joined) == 1 else [scopes[0], focus[0]]
            if scopes:
                break
        return focus

    def _other(self, focus: list[Scope]) -> list[Scope] | Problem:
        found: list[Scope] = []
        for scope in focus:
            mirrored = self.mirrored(scope)
            if mirrored:
                found.append(mirrored)
        return found or Problem("side")

    def mirrored(self, scope: Scope) -> Scope | None:
        """The same on the other side."""
        if scope.lesion:
            hosts = tuple(other for id in scope.within if (other := self.lexicon.ontology.counterpart(id)))
            return replace(scope, within=hosts, select="all", rank=None) if hosts else None
        ids = tuple(other for id in scope.ids if (other := self.lexicon.ontology.counterpart(id)))
        return Scope(ids) if ids else None

    def _side(self, focus: list[Scope], side: str) -> list[Scope] | Problem:
        for scope in reversed(focus):
            found = self.on_side(scope, side)
            if found is not None:
                return [found]
        for call in self.recent()[:4]:
            for scope in reversed(self.scopes_of(call)):
                found = self.on_side(scope, side)
                if found is not None:
                    return [found]
        return Problem("side")

    def on_side(self, scope: Scope, side: str) -> Scope | None:
        """The same structure, or the lesion in the same organ, on a side."""
        ontology = self.lexicon.ontology
        if scope.lesion:
            hosts = scope.within or tuple(h for id in scope.ids for h in ontology[id].within)
            within = self._ids_on_side(hosts, side)
            return (
                replace(scope, within=self.lexicon.group_of(within), select="all", rank=None)
                if within
                else None
            )
        ids = self._ids_on_side(scope.ids, side)
        return Scope(self.lexicon.group_of(ids)) if ids else None

    def _ids_on_side(self, ids: Sequence[str], side: str) -> tuple[str, ...]:
        ontology = self.lexicon.ontology
        found: list[str] = []
        for id in ids:
            if ontology[id].side == side:
                found.append(id)
            elif ontology[id].side is not None:
                other = ontology.counterpart(id)
                found += [other] if other else []
            else:
                members = [child for child in ontology[id].children if ontology[child].side == side]
                found += members or [
                    leaf for leaf in self.lexicon.leaves([id]) if ontology[leaf].side == side
                ]
        return tuple(dict.fromkeys(found))

    def _nth(self, target: Target) -> list[Scope] | Problem:
        """The first one: of a numbered family just named, of lesions by size, of what was named before."""
        number = target.nth or 1
        if self.local and self.local[-1].lesion is False:
            picked = tuple(
                leaf
                for leaf in self.lexicon.leaves(self.local[-1].ids)
                if self.lexicon.number(leaf) == number
            )
            if picked:
                return [Scope(picked)]
        focus = self.focus()
        if focus and focus[0].lesion and number > 0:
            return [replace(focus[0], select="largest", rank=number if number > 1 else None, top=None)]
        mentions = self.dialogue.mentions() if number > 0 else self._last_named()
        index = number - 1 if number > 0 else number
        if -len(mentions) <= index < len(mentions):
            return [Scope(mentions[index])]
        return Problem("target")

    def _last_named(self) -> list[tuple[str, ...]]:
        """What "the former" and "the latter" choose from: the last turn that named several things."""
        for turn in reversed(self.dialogue.turns):
            named = list(dict.fromkeys(ids for call in turn.restored() for ids in mentions_of(call)))
            if len(named) > 1:
                return named
        return self.dialogue.mentions()

    def _next(self, step: int, count: int = 1) -> list[Scope] | Problem:
        """As in "the one below" after L3: the next of the same family; `count`: so many of them."""
        if count > 1:
            steps = [self._next(n * step) for n in range(1, count + 1)]
            return [scope for scopes in steps if isinstance(scopes, list) for scope in scopes] or Problem(
                "target"
            )
        spine = list(dict.fromkeys(self.lexicon.levels.values()))
        for scope in self.focus()[::-1]:
            if scope.lesion:
                select = scope.select if scope.select != "all" else "largest"
                return [replace(scope, select=select, rank=max((scope.rank or 1) + step, 1), top=None)]
            id = scope.ids[-1 if step > 0 else 0]
            number = self.lexicon.number(id)
            if id in spine:
                place = spine.index(id) + step
                found = spine[place] if 0 <= place < len(spine) else ""
            else:
                found = f"{id.rstrip('0123456789')}{(number or 0) + step}" if number else ""
            if found in self.lexicon.scope:
                return [Scope((found,))]
        return Problem("target")

    def _numbered(self, number: int) -> list[Scope] | Problem:
        """As in "And 8?" after liver segment 7: the same family, that number."""
        for scope in self.focus()[::-1]:
            id = f"{scope.ids[-1].rstrip('0123456789')}{number}"
            if id in self.lexicon.scope:
                return [Scope((id,))]
        return Problem("nothing")
