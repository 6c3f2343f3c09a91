"""Targets to structures: what was named or pointed to, with the dialogue and the sentence as memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .dialogue import mentions_of
from .memory import Problem, Scope
from .pointers import Pointers
from .target import Target


class Finder(Pointers):
    """Finds what phrases mean."""

    def find(self, target: Target, tool: str | None = None, loose: bool = False) -> list[Scope] | Problem:
        """The structures of a phrase. `loose`: an open lesion may mean those of every organ."""
        if target.missing:
            return self._missing(target)
        if target.lesion is not None:
            return self._lesion(target, loose)
        if target.refers == "one_in":
            return self._one_in(target)
        if target.refers:
            return self.point(target)
        if target.open or (target.kind == "part" and not target.ids):
            return self._part(target)
        if not target.ids:
            return Problem("nothing")
        return [self._same_side(target) or Scope(target.ids)]

    def _one_in(self, host: Target) -> list[Scope] | Problem:
        """As in "the one in segment 7": the lesion talked about, there; else the structure itself."""
        place = replace(host, refers=None, select="all", rank=None)
        known = self.last_lesion()
        if known is None and host.select == "all":
            return self.find(place)
        organ = self.last_organ()
        if place.open and organ is not None:
            place = self.compose.part_of(place, Target(ids=organ.ids)) or place
        wanted = self.class_of(known)
        found = self.compose.lesion_in(Target(lesion=wanted, open=True), [place])
        if found.missing:
            return self._missing(found)
        return self._limited(Scope(found.ids, found.within, True), host)

    def class_of(self, known: Scope | None) -> str:
        """The class of the lesions talked about; any, where there were none."""
        cysts = {"cyst" in id for id in known.ids} if known else {True, False}
        return "lesion" if len(cysts) > 1 else "cyst" if cysts == {True} else "tumor"

    def _same_side(self, target: Target) -> Scope | None:
        """As in "The kidney" after "the left kidney": the one that is talked about, not both."""
        noun = target.noun
        if noun is None or target.sides or target.plural or any(not scope.lesion for scope in self.local):
            return None
        if target.every and not target.whole:
            return None
        if target.kind == "part":
            return self._sister(target)
        pair = [set(self.lexicon.leaves(noun.sides.get(side, ()))) for side in ("left", "right")]
        if not all(pair):
            return None
        for scope in self._talked_about()[::-1]:
            leaves = set(self.lexicon.leaves(scope.within if scope.lesion else scope.ids))
            for side, members in zip(("left", "right"), pair, strict=True):
                other = pair[1] if members is pair[0] else pair[0]
                if leaves and (leaves <= members or (members <= leaves and not other <= leaves)):
                    return Scope(self.lexicon.group_of(noun.sides[side]))
        return None

    def _talked_about(self) -> list[Scope]:
        """The focus, with both ends of a distance."""
        calls = self.recent()
        far = not self.topic and bool(calls) and "distance" in calls[0].args.get("measures", ())
        return [Scope(tuple(mention)) for mention in mentions_of(calls[0])] if far else self.focus()

    def _sister(self, target: Target) -> Scope | None:
        """As in "lower" after the right middle lobe, or after the right lung: the part of the same whole."""
        ontology = self.lexicon.ontology
        named = target.noun.sides.values() if target.noun else ()
        for scope in self.focus()[::-1]:
            wholes = {id for id in (*scope.ids, *ontology[scope.ids[0]].parents) if ontology[id].side}
            for ids in named:
                if len(ids) == 1 and wholes.intersection(ontology[ids[0]].parents):
                    return Scope(ids)
        return None

    def _missing(self, target: Target) -> Problem:
        assert target.missing is not None
        name, nearest = target.missing.name, target.missing.nearest
        if name.startswith("lesion:"):
            _, lesion, host = name.split(":", 2)
            host = host or "that organ"
            reason = (
                "cyst_unsupported"
                if lesion == "cyst" and self._other_lesions(nearest)
                else "lesion_unsupported"
            )
            others = self._other_lesions(nearest) or nearest
            return Problem(reason, {"host": host}, others, lesion, about=nearest)
        about = nearest if target.missing.named else ()
        name = target.text.lower() if target.sides == () else name
        fields = {"name": name} | ({"finding": "yes"} if target.missing.finding else {})
        return Problem("unsupported", fields, nearest, about=about)

    def _other_lesions(self, hosts: Sequence[str]) -> tuple[str, ...]:
        found, _ = self.compose.lesions_within(Target(lesion="lesion"), hosts)
        return found

    def _lesion(self, target: Target, loose: bool) -> list[Scope] | Problem:
        if not target.open:
            return self._limited(Scope(target.ids, target.within, True), target)
        organ = self.last_organ()
        if target.refers == "host":
            if organ is None:
                return Problem("target", lesion=target.lesion)
            near = [s for s in (self.local or self.focus()) if not s.lesion] if target.every else []
            return self._hosted(target, tuple(id for scope in near for id in scope.ids) or organ.ids)
        if target.sides and "both" not in target.sides:
            return self._sided_lesion(target)
        known = self.last_lesion(target.lesion)
        if known and not loose and (target.definite or target.select != "all" or not target.plural):
            return self._limited(replace(known, select="all", rank=None), target)
        if organ and not target.every:
            organs = tuple(id for scope in self.focus() if not scope.lesion for id in scope.ids)
            hosted = self._hosted(target, organs or organ.ids)
            if not isinstance(hosted, Problem):
                return hosted
        if target.noun is not None:
            return self._hosted(target, target.noun.ids)
        if target.lesion == "cyst":
            ids = tuple(id for id in self.lexicon.lesions if "cyst" in id)
            return self._limited(Scope(ids, (), True), target)
        if known and not target.every and not loose:
            return self._limited(replace(known, select="all", rank=None), target)
        if loose or target.every or target.plural:
            ids = tuple(id for id in self.lexicon.lesions if self.compose.of_class(id, target.lesion))
            return self._limited(Scope(ids, (), True), target)
        return Problem("lesion", lesion=target.lesion)

    def _hosted(self, target: Target, hosts: Sequence[str]) -> list[Scope] | Problem:
        found = self.compose.lesion_in(replace(target, refers=None), [Target(ids=tuple(hosts))])
        if found.missing:
            return self._missing(found)
        return self._limited(Scope(found.ids, found.within, True), target)

    def _sided_lesion(self, target: Target) -> list[Scope] | Problem:
        """As in "The left nodule": the lesion talked about, or the word's own organ, on that side."""
        known = self.last_lesion(target.lesion)
        if known is not None:
            return self._limited(self.on_side(known, target.sides[0]) or known, target)
        if target.noun is not None:
            return self._hosted(
                replace(target, sides=()), self.compose.noun_ids(target.noun, target.sides) or ()
            )
        return Problem("lesion", lesion=target.lesion)

    def _limited(self, scope: Scope, target: Target) -> list[Scope]:
        if target.select != "all":
            scope = replace(scope, select=target.select, rank=target.rank, top=target.top)
        within = self.lexicon.group_of(scope.within) if scope.within else ()
        if len(within) > 1:
            return [replace(scope, within=(host,), ids=self._lesions_of(scope.ids, host)) for host in within]
        return [replace(scope, within=tuple(within))]

    def _lesions_of(self, ids: Sequence[str], host: str) -> tuple[str, ...]:
        """Of some lesions those that may lie in a host."""
        kept = tuple(id for id in ids if id in self.lexicon.ontology.lesions_of(host))
        return kept or tuple(ids)

    def _part(self, target: Target) -> list[Scope] | Problem:
        """A region word without its organ: the organ that is talked about."""
        organ = self.last_organ()
        if organ is not None and target.noun is not None:
            found = self.compose.part_of(target, Target(ids=organ.ids))
            if found is not None:
                ids = self.compose.noun_ids(found.noun, found.sides) if found.noun else None
                if ids:
                    return [Scope(self.lexicon.group_of(ids))]
        ids = self.compose.noun_ids(target.noun, target.sides) if target.noun else None
        names = ", ".join(self.lexicon.ontology[id].name for id in (ids or ())[:4])
        return Problem("several", {"names": names})
