"""What the planner asks of the ontology: leaves, groups, numbers, levels, hosts of lesions, and its scope."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from prompts.ontology import Ontology

from .files import data

ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8} | {
    "iva": 4,
    "ivb": 4,
    "4a": 4,
    "4b": 4,
}
_NUMBER = re.compile(r"^(.*?)_?(\d+)$")


class Anatomy:
    """The ontology as far as a plan may name it.

    extra    ids beyond the contract that the model in use can find
    scope    ids that a plan may name
    lesions  lesions of whole organs; levels: vertebrae as they are written, "th12"
    hosts    leaf of an organ -> the lesions that arise in it
    """

    def __init__(self, structures: Ontology, extra: frozenset[str] = frozenset()) -> None:
        self.ontology = structures
        self.extra = extra
        self.scope = _in_scope(structures, extra)
        self.lesions = tuple(
            s.id for s in structures.values() if s.kind == "lesion" and s.side is None and s.id in self.scope
        )
        self.levels = _levels(structures)
        self.hosts = self._hosts()

    def kind(self, id: str) -> str:
        """The kind that decides measures: that of a group's leaves; lesion groups are lesions."""
        leaf = self.ontology.leaves(id)[0]
        return self.ontology[leaf].kind

    def leaves(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The leaves of several ids, each once, in order."""
        return tuple(dict.fromkeys(leaf for id in ids for leaf in self.ontology.leaves(id)))

    def known(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(id for id in ids if id in self.scope)

    def group_of(self, ids: Sequence[str]) -> tuple[str, ...]:
        """The one group that has just these leaves, else the ids, groups cut to what is in scope."""
        ids = tuple(part for id in ids for part in self._in(id))
        wanted = set(self.leaves(ids))
        if len(wanted) < 2:
            return tuple(ids)
        parents = {group for id in wanted for group in self._ancestors(id)}
        exact = sorted(group for group in parents if set(self.ontology.leaves(group)) == wanted)
        return (exact[0],) if exact else tuple(ids)

    def _in(self, id: str) -> tuple[str, ...]:
        """A group that holds more than a plan may name, as its leaves that may be."""
        leaves = self.ontology.leaves(id)
        return (
            (id,) if self.scope.issuperset(leaves) else tuple(leaf for leaf in leaves if leaf in self.scope)
        )

    def _ancestors(self, id: str) -> set[str]:
        found: set[str] = set()
        waiting = list(self.ontology[id].parents)
        while waiting:
            group = waiting.pop()
            if group in self.ontology and group not in found:
                found.add(group)
                waiting += self.ontology[group].parents
        return found

    def number(self, id: str) -> int | None:
        """The number at the end of an id: rib_left_5, liver_segment_7, vertebrae_L3."""
        match = _NUMBER.match(id)
        return int(match[2]) if match else None

    def _hosts(self) -> dict[str, tuple[str, ...]]:
        """Leaf of a host organ -> the lesions that arise in it."""
        hosts: dict[str, tuple[str, ...]] = {}
        for lesion in self.lesions:
            for host in self.ontology[lesion].within:
                for leaf in self.ontology.leaves(host):
                    hosts[leaf] = (*hosts.get(leaf, ()), lesion)
        return hosts


def _in_scope(structures: Ontology, extra: frozenset[str]) -> frozenset[str]:
    """The ids that a plan may name: those of the contract, those asked for, and the groups of these."""
    patterns = data("scope")["ids"]
    leaves = {id for id in structures if not structures[id].children
              and (id in extra or any(fnmatchcase(id, pattern) for pattern in patterns))}  # fmt: skip
    groups = {
        id for id in structures if structures[id].children and leaves.intersection(structures.leaves(id))
    }
    return frozenset(leaves | groups)


def _levels(structures: Ontology) -> dict[str, str]:
    """Vertebral levels as they are written: l3, th12, t12, d12, s1."""
    levels: dict[str, str] = {}
    for id in structures:
        match = re.fullmatch(r"vertebrae_([CTLS])(\d+)", id)
        if match:
            letter, number = match[1].lower(), match[2]
            for prefix in {"t": ("t", "th", "d")}.get(letter, (letter,)):
                levels[f"{prefix}{number}"] = id
    return levels
