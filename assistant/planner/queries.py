"""Wishes about structures to calls: what is named, left out, implied, and by which tool."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from assistant.plan import Call

from .calls import CallMaker
from .files import data
from .memory import Problem, Scope
from .target import Target
from .units import meant_by
from .wish import Wish


class Queries(CallMaker):
    """Segment, measure, locate and detect, when the wish says what it is about."""

    def _by_unit(self, wish: Wish) -> Wish:
        """As in "liver in litres": measured by what has that unit, unless the call that is repeated does so already."""
        kind = meant_by(wish.unit)
        silent = not (wish.senses or wish.measures) and wish.verb in ("", "give", "measure")
        repeated = any(kind in call.args.get("measures", ()) for call in self._last_calls())
        if kind is None or not (silent and wish.targets) or (repeated and not wish.verb):
            return wish
        return replace(wish, tool="measure", senses=(kind,))

    def _loose(self, wish: Wish) -> bool:
        """An open lesion means those of any organ when something is looked for, not when it is given."""
        return (
            wish.tool == "detect"
            or wish.comparison == "prior"
            or "exist" in wish.flags
            or wish.verb in ("find", "locate", "check", "detect")
            or ("count" in wish.senses)
        )

    def _scopes(self, wish: Wish) -> list[Scope] | None:
        """The scopes of a wish's targets less its exclusions; None when something has to be asked instead."""
        targets = self._hosted(wish)
        if not targets:
            return self._implied(wish)
        scopes: list[Scope] = []
        problems: list[Problem] = []
        pointing = any(target.refers or target.open for target in wish.targets)
        gone = self._notice(wish.excluded) if pointing else set()
        for target in targets:
            found = self.finder.find(target, wish.tool, self._loose(wish) or target.maybe)
            if isinstance(found, Problem):
                problems.append(found)
                continue
            for scope in found:
                if scope not in scopes:
                    scopes.append(scope)
            self.finder.local = [*self.finder.local, *found]
        if wish.excluded:
            scopes = self._without(scopes, gone if pointing else self._notice(wish.excluded))
            if not scopes and not problems:
                self._ask(Problem("nothing_left", {"verb": wish.tool or "segment"}))
                return None
        for problem in problems:
            self._ask(problem, wish)
        return None if problems and "distance" in wish.senses else scopes or None

    def _notice(self, excluded: Iterable[Target]) -> set[str]:
        """The leaves to leave out. They can still be pointed at: "not the left kidney but the right"."""
        gone: set[str] = set()
        for target in excluded:
            found = self.finder.find(target)
            if not isinstance(found, Problem):
                self.finder.local = [*self.finder.local, *found]
                gone |= {leaf for scope in found for leaf in self.lexicon.leaves(scope.ids)}
        return gone

    def _implied(self, wish: Wish) -> list[Scope] | None:
        """No target is named: the focus, when there is just one."""
        focus = self.finder.focus()
        if not focus:
            alone = [id for sense in wish.senses for id in data("measures").get(sense, {}).get("alone", ())]
            if alone:
                return [Scope(self.lexicon.known(alone))]
            self._ask(Problem("target"), wish)
            return None
        several = len(focus) > 1 and "distance" not in wish.senses
        if several and wish.senses and "question" in wish.flags:
            return focus
        return focus

    def _hosted(self, wish: Wish) -> tuple[Target, ...]:
        """As in "Check the liver and kidneys for masses": the organs are where the masses are looked for."""
        lesions = [t for t in wish.targets if t.lesion is not None and t.open and t.refers != "host"]
        plain = [t for t in wish.targets if t.plain and t.lesion is None]
        searching = (
            "inside" in wish.flags
            or wish.verb in ("check", "detect", "find", "exist")
            or wish.tool == "screen"
            or "count" in wish.senses
        )
        if searching and len(lesions) == 1 and plain and len(plain) + 1 == len(wish.targets):
            return (self.finder.compose.lesion_in(lesions[0], plain),)
        return wish.targets

    def _without(self, scopes: Sequence[Scope], gone: set[str]) -> list[Scope]:
        kept: list[Scope] = []
        for scope in scopes:
            leaves = self.lexicon.leaves(scope.ids)
            rest = tuple(leaf for leaf in leaves if leaf not in gone)
            rest = tuple(part for leaf in rest for part in self._less_parts(leaf, gone))
            if rest == leaves:
                kept.append(scope)
            elif rest:
                kept.append(replace(scope, ids=self.lexicon.group_of(rest)))
        return kept

    def _less_parts(self, leaf: str, gone: set[str]) -> tuple[str, ...]:
        """A structure, or its other parts when one of its parts is left out."""
        regions = self.lexicon.ontology.regions_of(leaf)
        out = [id for id in regions if id in gone]
        if not out:
            return (leaf,)
        family = out[0].rsplit("_", 1)[0]
        rest = tuple(id for id in regions if id not in gone and id.rsplit("_", 1)[0] == family)
        return rest or (leaf,)

    def _tool(self, wish: Wish, scopes: Sequence[Scope]) -> str:
        """The tool for these scopes: lesions are looked for, anatomy is outlined."""
        lesion = all(scope.lesion for scope in scopes)
        some = any(scope.lesion for scope in scopes)
        if wish.senses or wish.measures:
            return "measure"
        if wish.unit and lesion and wish.verb in ("", "give"):
            return "measure"
        if "which" in wish.flags and lesion and any(target.refers == "one_in" for target in wish.targets):
            return "detect"
        if wish.verb == "find":
            return "detect" if some else "locate"
        if wish.verb == "check":
            return "detect" if some else "measure"
        if wish.verb == "exist" or (wish.tool == "detect" and not some):
            return "detect" if some else "locate"
        if wish.tool == "segment" and lesion and any(target.maybe for target in wish.targets):
            return "detect"
        if wish.tool:
            return wish.tool
        if lesion and "only" in wish.flags and not (wish.size and not wish.verb):
            return "segment"
        if lesion:
            selected = any(scope.select != "all" for scope in scopes)
            if "which" in wish.flags and wish.size and not selected:
                return "detect"
            return "segment" if selected or wish.verb == "give" else "detect"
        return "segment"

    def _calls(self, wish: Wish, scopes: Sequence[Scope]) -> list[Call]:
        tool = self._tool(wish, scopes)
        scopes = [self._limited(scope, wish) for scope in scopes]
        senses = wish.senses or (("size",) if tool == "measure" and not wish.measures else ())
        if "distance" in senses:
            return self._distance(replace(wish, senses=senses), scopes)
        return self._grouped(tool, scopes, senses, wish.measures, wish.unit, wish.extra)

    def _limited(self, scope: Scope, wish: Wish) -> Scope:
        if not scope.lesion or wish.size is None:
            return scope
        return replace(scope, low=wish.size.low, high=wish.size.high)
