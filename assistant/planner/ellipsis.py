"""Wishes that live on the turns before: "and the spleen?", "the second largest", "yes"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.plan import QUERY_TOOLS, Call

from .calls import misfit
from .heights import is_level
from .memory import Problem, Scope
from .queries import Queries
from .target import Target
from .wish import Wish


class Ellipsis(Queries):
    """Repeats the last calls with what a wish changes, and takes the answers to questions."""

    def _compares_again(self, wish: Wish) -> bool:
        """As in "and by volume?" after a comparison."""
        last = self._last_calls()
        compared = bool(last) and last[0].tool == "compare" and not last[0].args.get("study")
        theirs = "again" in wish.flags and all(target.refers == "them" for target in wish.targets)
        return compared and wish.verb == "" and bool(wish.senses) and (theirs or not wish.targets)

    def _compares_prior_again(self, wish: Wish) -> bool:
        """As in "and in volume?" after a comparison with the prior study."""
        last = self._last_calls()
        prior = bool(last) and last[0].tool == "compare" and bool(last[0].args.get("study"))
        return prior and wish.verb == "" and wish.tool == "measure" and bool(wish.senses) and not wish.targets

    def _repeats(self, wish: Wish) -> bool:
        """Whether the wish only changes what was asked before: "and the spleen?", "the second largest"."""
        last = self._last_calls()
        if not last or last[0].tool not in QUERY_TOOLS | {"compare"}:
            return False
        if {"same", "correction"} & wish.flags and wish.tool is None and not wish.senses:
            return True
        if wish.tool is not None and not (wish.verb == "exist" and wish.flags & {"about"}):
            return wish.tool == "segment" and "same" in wish.flags
        if wish.senses or wish.measures:
            return False
        other = wish.targets and all(target.refers in ("side", "other") for target in wish.targets)
        if other and wish.verb == "give" and "which" in wish.flags:
            return True  # "which volume has the left kidney, and which the right?"
        bounded = wish.verb == "give" and wish.size is not None and not wish.targets
        return bounded or wish.verb == "" or (wish.verb == "give" and bool({"too", "about"} & wish.flags))

    def _repeat(self, wish: Wish) -> list[Call]:
        """The last calls again, with what this wish changes."""
        hosting = any(target.refers == "one_in" for target in wish.targets)
        wish = replace(wish, targets=tuple(_hosting(target) for target in wish.targets))
        last = self._last_calls()
        if not wish.targets and wish.excluded:
            return self._exclude_from(last, wish)
        if not wish.targets:
            return self._changed(last, wish)
        if all(call.args.get("level") for call in last) and all(map(is_level, wish.targets)):
            return [
                replace(call, args=call.args | {"level": list(target.ids)})
                for target in wish.targets
                for call in last[-1:]
            ]  # "and at L4?"
        distance = next((call for call in last if "distance" in call.args.get("measures", ())), None)
        searched = any(call.tool == "detect" or "count" in call.args.get("measures", ()) for call in last)
        searched = searched or (
            ("in" in wish.flags or hosting) and any(self._about_lesions(call) for call in last)
        )
        lesions = any(self._about_lesions(call) for call in last)
        targets = tuple(
            self._as_hosts(t, last)
            if t.plain and (searched or (lesions and self._can_hold(t, wish)) or self._is_next_place(t, last))
            else t
            for t in wish.targets
        )
        scopes = self._scopes(replace(wish, targets=targets, tool="detect" if searched else wish.tool))
        if scopes is None:
            return []
        if any(t.refers == "them" and t.text.lower().startswith("all") for t in wish.targets):
            scopes = [replace(scope, select="all", rank=None, low=None, high=None) for scope in scopes]
            last = [replace(call, args=call.args | {"min_mm": None, "max_mm": None}) for call in last]
        if distance is not None:
            pair = self._pair_of(distance, scopes)
            return self._distance(replace(wish, senses=("distance",)), pair)
        made: list[Call] = []
        for call in last:
            inherited = [self._inherit(scope, call, wish) for scope in scopes]
            senses = call.senses or tuple(call.args.get("measures", ()))
            if wish.unit and not senses and all(scope.lesion for scope in scopes):
                made += self._grouped("measure", inherited, ("size",), (), wish.unit)
                continue
            if senses == ("count",) and any(scope.select != "all" for scope in scopes):
                senses = ("size",)
            unit = wish.unit or call.args.get("unit")
            if call.args.get("study"):
                again = {key: call.args[key] for key in ("study", "status") if call.args.get(key)}
                made += self._prior(replace(wish, senses=senses, unit=unit, extra=again), inherited)
            elif call.tool == "compare" and "only" in wish.flags:
                made += self._grouped("measure", inherited, senses or ("size",), (), unit)
            elif call.tool == "compare":
                made += self._compare_scopes(replace(wish, senses=senses), inherited)
            else:
                level = {"level": call.args.get("level")}
                made += self._grouped(call.tool, inherited, senses, (), unit if senses else None, level)
        return made

    def _can_hold(self, target: Target, wish: Wish) -> bool:
        """As in "the same for the pancreas" after a lesion: its lesions, where it can have any."""
        hosts = self.lexicon.hosts.keys() & set(self.lexicon.leaves(target.ids))
        return target.kind == "adj" or ("same" in wish.flags and bool(hosts))

    def _is_next_place(self, target: Target, last: Sequence[Call]) -> bool:
        """As in "and what about the left lung?" after lesions of the right one: a place of the same kind."""
        ontology = self.lexicon.ontology
        for call in last:
            place = call.args.get("within")
            if not (place and self._about_lesions(call)):
                continue
            for id in target.ids:
                alike = id.rsplit("_", 1)[0] == place.rsplit("_", 1)[0]
                if id != place and (alike or ontology.counterpart(place) == id):
                    return True
        return False

    def _pair_of(self, call: Call, scopes: Sequence[Scope]) -> list[Scope]:
        """The two ends of a distance asked for again: the first stays, unless the new one is its other side."""
        ends = call.mentions or tuple((id,) for id in call.targets)
        first = self.finder.scopes_of(call)[:1]
        mirrored = self.finder.mirrored(first[0]) if first else None
        if len(ends) == 2 and mirrored is not None and len(scopes) == 1 and scopes[0] == mirrored:
            return [*scopes, Scope(ends[1])]
        return [*first, *scopes]

    def _about_lesions(self, call: Call) -> bool:
        return bool(call.targets) and self.lexicon.kind(call.targets[0]) == "lesion"

    def _as_hosts(self, target: Target, last: Sequence[Call]) -> Target:
        """An organ named after a search for lesions: search there."""
        call = next((c for c in last if self._about_lesions(c)), None)
        if call is None:
            return target
        classes = {"cyst" if "cyst" in id else "tumor" for id in self.lexicon.leaves(call.targets)}
        wanted = "lesion" if len(classes) > 1 else classes.pop()
        lesion = Target(lesion=wanted, open=True, text=target.text)
        return self.finder.compose.lesion_in(lesion, [target])

    def _inherit(self, scope: Scope, call: Call, wish: Wish) -> Scope:
        """Limits on size hold on for the next organ's lesions."""
        if not scope.lesion:
            return scope
        low = wish.size.low if wish.size else scope.low if scope.low is not None else call.args.get("min_mm")
        high = (
            wish.size.high if wish.size else scope.high if scope.high is not None else call.args.get("max_mm")
        )
        ranked = call.args.get("rank") and "same" not in wish.flags
        if wish.flags & {"same", "in"} and call.senses and scope.select == "all" and not ranked:
            select, rank, top = (call.args.get(name) for name in ("select", "rank", "top"))
            scope = replace(scope, select=select or "all", rank=rank, top=top)
        return replace(scope, low=low, high=high)

    def _changed(self, last: Sequence[Call], wish: Wish) -> list[Call]:
        """Only a bound, a unit or nothing at all was said."""
        if wish.size is None and wish.unit is None:
            return self._ask(Problem("nothing"))
        made: list[Call] = []
        for call in last:
            args = dict(call.args)
            if wish.size is not None:
                args |= {"min_mm": wish.size.low, "max_mm": wish.size.high}
            if wish.unit is not None:
                problem = misfit(wish.unit, args.get("measures", []))
                if problem is not None:
                    return self._ask(problem)
                args["unit"] = wish.unit
            made.append(replace(call, args=args))
        return made

    def _exclude_from(self, last: Sequence[Call], wish: Wish) -> list[Call]:
        made: list[Call] = []
        for call in last:
            scopes = self.finder.scopes_of(call)
            self.finder.local = scopes[-1:]
            kept = self._without(scopes, self._notice(wish.excluded))
            if kept:
                made += self._grouped(call.tool, kept, call.senses)
        return made or self._ask(Problem("nothing_left", {"verb": last[0].tool}))

    def _answers_question(self, wish: Wish) -> bool:
        waiting = self.dialogue.waiting
        return (
            bool(waiting)
            and wish.tool is None
            and not wish.senses
            and not wish.measures
            and (bool(wish.targets))
        )

    def _fill_pending(self, wish: Wish) -> list[Call]:
        """The target that was asked for has come."""
        wish = replace(wish, targets=tuple(_hosting(target) for target in wish.targets))
        made: list[Call] = []
        for call in self.dialogue.waiting:
            lesion = call.args.get("lesion")
            targets = wish.targets
            if lesion:
                open_lesion = Target(lesion=lesion, open=True)
                targets = tuple(
                    self.finder.compose.lesion_in(open_lesion, [t]) if t.plain else t for t in wish.targets
                )
            tool = None if call.tool == "help" else call.tool
            again = replace(
                wish,
                tool=tool,
                verb=call.args.get("verb", ""),
                targets=targets,
                senses=call.senses,
                unit=wish.unit or call.args.get("unit"),
                extra={key: call.args[key] for key in ("level",) if call.args.get(key)} | wish.extra,
            )
            scopes = self._scopes(again)
            if scopes is None:
                return []
            limits = {
                "select": call.args.get("select", "all"),
                "rank": call.args.get("rank"),
                "top": call.args.get("top"),
                "low": call.args.get("min_mm"),
                "high": call.args.get("max_mm"),
            }
            scopes = [replace(s, **limits) if s.lesion and lesion else s for s in scopes]
            made += self._calls(again, scopes)
        return made

    def accept(self) -> list[Call]:
        """As in "Yes": what was offered, in the calls that wait."""
        waiting = self.dialogue.waiting
        scopes = [Scope((id,), lesion=self.lexicon.kind(id) == "lesion") for id in self.dialogue.suggestion]
        made: list[Call] = []
        for call in waiting or [Call("segment")]:
            tool = call.tool if call.tool in QUERY_TOOLS else "segment"
            senses = call.senses or (("size",) if tool == "measure" else ())
            made += self._grouped(tool, scopes, senses)
        self.calls.extend(made)
        return made


def _hosting(target: Target) -> Target:
    """As in "the one in the colon": the colon, where the call that is repeated says of what."""
    return replace(target, refers=None) if target.refers == "one_in" else target
