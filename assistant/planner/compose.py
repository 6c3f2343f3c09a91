"""Side, organ, region and lesion words put together into structures of the ontology."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .files import data
from .lexicon import Lexicon
from .target import Target
from .trie import Noun, Unsupported


class Composer:
    """Works out what combined names mean."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def resolve(self, target: Target) -> Target:
        """Fill in the ids of a noun with its sides."""
        if target.lesion is not None:
            return target
        if target.noun is None or target.missing:
            return target
        ids = self.noun_ids(target.noun, target.sides)
        if ids is None:
            name = f"{target.sides[0]} {target.text}"
            return replace(target, ids=(), missing=Unsupported(name, target.noun.ids))
        if target.nth and len(self.lexicon.leaves(ids)) > 2 and self.is_family(ids):
            ids = self.lexicon.leaves(ids)[target.nth - 1 : target.nth]
        if target.kind == "part" and target.sides and not target.plural:
            ids = self._default_part(target, ids)
        is_open = target.kind == "part" and len(self._part_hosts(ids)) > 1
        return replace(target, ids=() if is_open else self.lexicon.group_of(ids), open=is_open)

    def _default_part(self, target: Target, ids: tuple[str, ...]) -> tuple[str, ...]:
        """A sided part whose bare name is that of one organ: "the right lobe" is the liver's."""
        organ = data("parts")["default"].get(target.text.lower())
        own = tuple(id for id in ids if organ and organ in self.lexicon.ontology[id].within)
        return own or tuple(id for id in ids if id in target.ids) or ids

    def noun_ids(self, noun: Noun, sides: Sequence[str]) -> tuple[str, ...] | None:
        """The structures of a noun on some sides; None when it has no such side."""
        if not sides:
            return noun.ids
        if "both" in sides:
            sides = ("left", "right")
        ids: list[str] = []
        for side in dict.fromkeys(sides):
            named = noun.sides.get(side) or tuple(
                leaf for leaf in self.lexicon.leaves(noun.ids) if self.lexicon.ontology[leaf].side == side
            )
            if not named and len(noun.ids) == 1:
                named = tuple(
                    id for id in self.lexicon.ontology.regions_of(noun.ids[0])
                    if self.lexicon.ontology[id].side == side and "lobe" in id
                )  # fmt: skip
            if not named:
                return noun.ids if len(sides) == 2 else None
            ids += named
        return tuple(ids)

    def sided_ids(self, ids: Sequence[str], sides: Sequence[str]) -> tuple[str, ...]:
        if not sides or "both" in sides:
            return tuple(ids)
        kept = tuple(leaf for leaf in self.lexicon.leaves(ids) if self.lexicon.ontology[leaf].side in sides)
        return self.lexicon.group_of(kept) or tuple(ids)

    def part_of(self, part: Target, host: Target) -> Target | None:
        """The part as far as it belongs to the host; None when it does not."""
        if not part.noun:
            return None
        sides = part.sides + host.sides
        inside = set(self.lexicon.leaves(self.resolve(host).ids))
        kept = {
            side: tuple(id for id in ids if self._belongs(id, inside))
            for side, ids in part.noun.sides.items()
        }
        noun = Noun({side: ids for side, ids in kept.items() if ids})
        if not noun.sides:
            return None
        return replace(part, noun=noun, sides=tuple(dict.fromkeys(sides)), kind="struct",
                       plural=part.plural, every=part.every or host.every)  # fmt: skip

    def _belongs(self, id: str, inside: set[str]) -> bool:
        leaves = set(self.lexicon.leaves([id]))
        hosts = set(self.lexicon.leaves(self.lexicon.ontology[id].within))
        return leaves <= inside or bool(hosts & inside)

    def lesion_in(self, lesion: Target, hosts: Sequence[Target]) -> Target:
        """The lesion as far as it lies in these hosts."""
        resolved = [self.resolve(host) for host in hosts]
        missing = next((host.missing for host in resolved if host.missing), None)
        ids = tuple(dict.fromkeys(id for host in resolved for id in host.ids))
        if missing and not ids:
            return replace(lesion, missing=missing, open=False)
        if lesion.sides and not any(host.sides for host in hosts):
            ids = self.sided_ids(ids, lesion.sides)
        refers = next((host.refers for host in resolved if host.refers), None)
        if refers:
            return replace(lesion, refers="host", open=True, nth=None)
        ids = self._narrower(lesion.within, ids) or ids
        found, within = self.lesions_within(lesion, ids)
        if not found:
            name = ", ".join(self.lexicon.ontology[id].name for id in ids)
            return replace(lesion, missing=Unsupported(f"lesion:{lesion.lesion}:{name}", ids), open=False)
        return replace(lesion, ids=found, within=within, open=False, noun=None)

    def _narrower(self, regions: Sequence[str], hosts: Sequence[str]) -> tuple[str, ...]:
        """The regions said before that lie in the organ said now: "upper pole cyst of the left kidney"."""
        inside = set(self.lexicon.leaves(hosts))
        leaves = self.lexicon.leaves(regions)
        kept = tuple(id for id in leaves if self._belongs(id, inside))
        return self.lexicon.group_of(kept) if kept else ()

    def lesions_within(self, lesion: Target, hosts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(lesion ids, within) for lesions of a class in some hosts; within is empty for whole organs."""
        ontology = self.lexicon.ontology
        organs: set[str] = set()
        for leaf in self.lexicon.leaves(hosts):
            organs.update(
                self.lexicon.leaves(ontology[leaf].within) if ontology[leaf].kind == "region" else (leaf,)
            )
        both = organs | {other for organ in organs if (other := ontology.counterpart(organ))}
        fixed = [id for id in lesion.ids if set(self.lexicon.leaves(ontology[id].within)) & organs]
        candidates = fixed or [id for id in self.lexicon.lesions if self.of_class(id, lesion.lesion)]
        sure: list[str] = []
        for id in candidates:
            whole = set(self.lexicon.leaves(ontology[id].within))
            if whole & organs and (whole <= both or self._paired(whole, both)):
                sure.append(id)
        sure = sure or [id for id in candidates if set(self.lexicon.leaves(ontology[id].within)) & organs]
        if not sure:
            return (), ()
        covered = {leaf for id in sure for leaf in self.lexicon.leaves(ontology[id].within)}
        if covered <= set(self.lexicon.leaves(hosts)) or self._all_parts(hosts):
            return tuple(sure), ()
        return tuple(sure), tuple(hosts)

    def _all_parts(self, hosts: Sequence[str]) -> bool:
        """Every part of one kind, as both lobes: the whole organ."""
        leaves = set(self.lexicon.leaves(hosts))
        stems = {id.rsplit("_", 1)[0] for id in leaves}
        organs = {organ for id in leaves for organ in self.lexicon.ontology[id].within}
        if len(stems) != 1 or len(organs) != 1 or len(leaves) < 2:
            return False
        stem = stems.pop()
        return leaves == {
            id for id in self.lexicon.ontology.regions_of(organs.pop()) if id.startswith(f"{stem}_")
        }

    def _paired(self, whole: set[str], both: set[str]) -> bool:
        """Hosts of several leaves (lungs) that are partly named: the rest lies in the same group."""
        group = self.lexicon.group_of(sorted(whole))
        return len(group) == 1 and len(whole) > 1 and bool(whole & both)

    def of_class(self, id: str, wanted: str | None) -> bool:
        is_cyst = "cyst" in id
        return wanted == "lesion" or (wanted == "cyst") == is_cyst

    def lesion_hosts(self, lesions: Sequence[str]) -> tuple[str, ...]:
        return tuple(host for lesion in lesions for host in self.lexicon.ontology[lesion].within)

    def sideable(self, target: Target) -> bool:
        if target.noun:
            return len(target.noun.sides.keys() & {"left", "right"}) == 2
        return any(self.lexicon.ontology[id].side for id in self.lexicon.leaves(target.ids))

    def _part_hosts(self, ids: Sequence[str]) -> set[tuple[str, ...]]:
        """The organs that the candidates of a region word belong to."""
        hosts: set[tuple[str, ...]] = set()
        for id in ids:
            within = self.lexicon.ontology[id].within
            if not within:
                hosts.add(("lung",))
            for host in within:
                other = self.lexicon.ontology.counterpart(host)
                hosts.add(tuple(sorted({host, other or host})))
        return hosts

    def leaves_of(self, target: Target) -> tuple[str, ...]:
        return self.lexicon.leaves(self.resolve(target).ids)

    def is_family(self, ids: Sequence[str]) -> bool:
        """Structures that are told apart by number: ribs, vertebrae of one part, liver segments."""
        leaves = self.lexicon.leaves(ids)
        return len(leaves) > 2 and all(self.lexicon.number(leaf) for leaf in leaves)
