"""A clause in the making."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from .clause import Clause, Item
from .lexicon import Lexicon
from .meaning import Tag
from .phrases import PhraseReader
from .target import Target


class Making(ABC):
    """A clause in the making, with the reader of its noun phrases.

    all       every tag of the request; tags: those that mean something
    done      the clauses before

    negation  what the words before make of the next target: "not", "except" or None
    link      the joining word just before: "and", ",", "but"
    """

    def __init__(self, tags: Sequence[Tag], lexicon: Lexicon) -> None:
        self.all = list(tags)
        self.tags = [
            tag for tag in tags if tag.kind != "filler" and not (tag.kind == "sign" and tag.value != "#")
        ]
        self.reader = PhraseReader(self.tags, lexicon)
        self.clause = Clause()
        self.done: list[Clause] = []
        self.negation: str | None = None
        self.link = ""

    @abstractmethod
    def join(self, found: Sequence[Target], tight: bool = False) -> None:
        """Add the targets of a phrase. tight: only a joining word stands between it and the noun before."""

    def add(self, item: Item) -> None:
        if self.negation == "except" and item.kind == "measure" and self.link == ",":
            self.negation = None  # "all vertebrae except L5, volumes"
        if self.negation and item.kind in ("measure", "prior"):
            item = replace(item, negated=True)
            self.negation = None if item.kind == "measure" else self.negation
        self.clause.items.append(replace(item, link=item.link or self.link))
        if item.kind not in ("target", "again", "only"):  # "..., and the ratio of ...": still joined
            self.link = ""

    def leaves(self, target: Target) -> set[str]:
        """The leaves of a target, with their parts."""
        ids = self.reader.lexicon.leaves(target.ids)
        return {*ids, *(part for id in ids for part in self.reader.lexicon.ontology.regions_of(id))}

    def close(self) -> None:
        """End the clause, unless it says nothing, and begin another."""
        clause = self.clause
        if clause.items or clause.unknown:
            clause.question |= self._asks(clause.start)
            clause.text = " ".join(item.text for item in clause.items)
            self.done.append(clause)
        self.clause = Clause()
        self.negation = None

    def _asks(self, start: int) -> bool:
        """Whether the words before a clause open a question: "is it over 2 cm"."""
        at = next((n for n, tag in enumerate(self.all) if tag.start >= start), 0)
        while at > 0 and self.all[at - 1].kind == "filler":
            at -= 1
            if self.all[at].keys[0] in _ASKING:
                return True
        return False


_ASKING = frozenset({"is", "be", "are", "was", "were", "does", "do", "did", "has", "have"})
