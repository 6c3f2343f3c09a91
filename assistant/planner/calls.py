"""Scopes to calls: measures by kind of structure, grouping, distances and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from assistant.plan import Call, query_args

from .dialogue import Dialogue
from .files import data
from .lexicon import Lexicon
from .memory import Problem, Scope
from .scope import Finder
from .units import UNITS, suits
from .wish import Wish


@dataclass(frozen=True)
class Asked:
    """A problem with the calls that wait for its answer."""

    problem: Problem
    pending: tuple[Call, ...] = ()


class CallMaker:
    """Makes calls of what was found; collects what has to be asked."""

    def __init__(self, lexicon: Lexicon, dialogue: Dialogue) -> None:
        self.lexicon = lexicon
        self.dialogue = dialogue
        self.finder = Finder(lexicon, dialogue)
        self.asked: list[Asked] = []

    @property
    def calls(self) -> list[Call]:
        return self.finder.calls

    def _last_calls(self) -> list[Call]:
        return [call for call in self.calls if call.targets] or self.dialogue.calls

    def _grouped(
        self,
        tool: str,
        scopes: Sequence[Scope],
        senses: Sequence[str],
        measures: Sequence[str] = (),
        unit: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> list[Call]:
        """As few calls as the limits and measures allow, in order of mention."""
        groups: dict[tuple[Any, ...], list[Scope]] = {}
        for scope in scopes:
            kinds = tuple(measures) or self.measures(scope.ids, senses)
            if kinds == ("count",):
                scope = replace(scope, select="all", rank=None)
            groups.setdefault(
                (kinds, scope.within, scope.select, scope.rank, scope.top, scope.low, scope.high), []
            ).append(scope)
        made: list[Call] = []
        for (kinds, within, select, rank, top, low, high), members in groups.items():
            problem = misfit(unit, kinds or ("volume", "longest_diameter"))
            if problem is not None:
                return self._ask(problem)
            ids = tuple(dict.fromkeys(id for scope in members for id in scope.ids))
            args = query_args(ids, kinds, within[0] if within else None, select, low, high,
                              rank=rank, top=top if select != "all" else None, unit=unit, **(extra or {}))  # fmt: skip
            made.append(Call(tool, args, tuple(senses), tuple(scope.ids for scope in members)))
        return made

    def measures(self, ids: Sequence[str], senses: Sequence[str]) -> tuple[str, ...]:
        """The measures that the senses mean for structures of this kind."""
        table = data("measures")
        kind = self.lexicon.kind(ids[0])
        found: list[str] = []
        for sense in senses:
            row = table.get(sense) or {"default": [sense]}
            found += row.get(ids[0]) or row.get(kind) or row["default"]
        return tuple(dict.fromkeys(found))

    def _distance(self, wish: Wish, scopes: Sequence[Scope]) -> list[Call]:
        problem = misfit(wish.unit, ("distance",))
        if problem is not None:
            return self._ask(problem)
        scopes = list(dict.fromkeys(scopes))  # nothing is far from itself
        if len(scopes) == 1 and len(wish.targets) == 1 and wish.targets[0].refers is None:
            leaves = self.lexicon.leaves(scopes[0].ids)
            focus = [s for s in self._focus_before(scopes) if s.ids != scopes[0].ids]
            if focus:
                scopes = [focus[0], scopes[0]]
            elif len(leaves) == 2 and not scopes[0].lesion:
                scopes = [Scope((leaf,)) for leaf in leaves]
        if len(scopes) < 2:
            name = self.lexicon.ontology[scopes[0].ids[0]].name
            return self._ask(Problem("second", {"name": name}), wish)
        made: list[Call] = []
        for other in scopes[1:]:
            pair = (scopes[0], other)
            lesion = next((scope for scope in pair if scope.lesion), Scope(()))
            args = query_args(
                (*pair[0].ids, *pair[1].ids), ("distance",), lesion.within[0] if lesion.within else None,
                lesion.select, lesion.low, lesion.high, rank=lesion.rank, unit=wish.unit,
            )  # fmt: skip
            made.append(Call("measure", args, ("distance",), (pair[0].ids, pair[1].ids)))
        return made

    def _focus_before(self, scopes: Sequence[Scope]) -> list[Scope]:
        del scopes
        self.finder.local = []
        return self.finder.focus()

    def _compare_scopes(self, wish: Wish, scopes: Sequence[Scope]) -> list[Call]:
        """Two or more structures side by side."""
        scopes = list(scopes)
        if len(scopes) == 1:
            scopes = self._pair(scopes[0])
        if len(scopes) < 2:
            return self._ask(Problem("second", {"name": self.lexicon.ontology[scopes[0].ids[0]].name}), wish)
        ids = tuple(dict.fromkeys(id for scope in scopes for id in scope.ids))
        within = next((scope.within[0] for scope in scopes if scope.within), None)
        kinds = self.measures(ids, wish.senses)
        return [
            Call(
                "compare",
                query_args(ids, kinds, within, level=wish.extra.get("level")),
                wish.senses,
                tuple(scope.ids for scope in scopes),
            )
        ]

    def _pair(self, scope: Scope) -> list[Scope]:
        """One phrase that names two: a pair, or one side and its counterpart; else it and the focus."""
        ontology = self.lexicon.ontology
        if len(scope.ids) > 1:
            return [Scope((id,)) for id in scope.ids]
        members = ontology[scope.ids[0]].children
        if len(members) >= 2:
            return [Scope((id,)) for id in members]
        self.finder.local = []
        focus = [s for s in self.finder.focus() if s.ids != scope.ids]
        if focus:
            return [focus[0], scope]
        other = ontology.counterpart(scope.ids[0])
        return [scope, Scope((other,))] if other else [scope]

    def _prior(self, wish: Wish, scopes: Sequence[Scope]) -> list[Call]:
        senses = wish.senses or (("size",) if scopes else ())
        if not scopes:
            kinds = tuple(
                kind
                for sense in senses
                for kind in data("measures").get(sense, {"default": [sense]})["default"]
            )
            return [Call("compare", query_args((), dict.fromkeys(kinds), **wish.extra), senses)]
        return self._grouped("compare", scopes, senses, (), wish.unit, wish.extra)

    def _ask(self, problem: Problem, wish: Wish | None = None) -> list[Call]:
        pending: tuple[Call, ...] = ()
        if wish is not None:
            args: dict[str, Any] = {"verb": wish.verb}
            if problem.about:
                args["about"] = list(problem.about)
            if problem.lesion:
                args["lesion"] = problem.lesion
            selected = next((t for t in wish.targets if t.select != "all"), None)
            if selected:
                args |= {"select": selected.select, "rank": selected.rank, "top": selected.top}
            if wish.size:
                args |= {"min_mm": wish.size.low, "max_mm": wish.size.high}
            if wish.unit:
                args["unit"] = wish.unit
            if wish.extra.get("level"):
                args["level"] = wish.extra["level"]
            senses = wish.senses
            tool = wish.tool or ("measure" if senses else "help")
            pending = (Call(tool, args, senses),)
        self.asked.append(Asked(problem, pending))
        return []


def misfit(unit: str | None, kinds: Sequence[str]) -> Problem | None:
    """A unit in which none of the measures can be given."""
    if unit is None or any(suits(unit, kind) for kind in kinds):
        return None
    wanted = ", ".join(sorted({u for kind in kinds for u in UNITS.get(kind, ("mm", "cm"))}))
    return Problem("unit", {"unit": unit, "units": wanted or "mm"})
