"""Clauses: a request cut into what is asked for one after the other, each with its verb, targets and measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .lexicon import Lexicon
from .phrases import PhraseReader, Target
from .tag import NOMINAL, Tag
from .units import Size, to_mm

STRONG = frozenset("segment measure locate find detect check compare screen report undo export correct describe".split())
WEAK = frozenset({"give", "exist", "show"})


@dataclass(frozen=True)
class Item:
    """A piece of a clause in order: a target, a measure, a bound on size, or another meaningful word."""

    kind: str
    value: Any
    text: str = ""
    link: str = ""
    negated: bool = False
    keys: tuple[str, ...] = ()
    plural: bool = False


@dataclass
class Clause:
    """One wish. `negated`: what is not wanted. `unknown`: words that mean nothing to the planner."""

    items: list[Item] = field(default_factory=list)
    negated: bool = False
    unknown: list[str] = field(default_factory=list)
    text: str = ""
    question: bool = False
    leading: str = ""

    def of(self, *kinds: str) -> list[Item]:
        return [item for item in self.items if item.kind in kinds]

    def verbs(self) -> list[str]:
        return [item.value for item in self.items if item.kind == "verb"]

    @property
    def targets(self) -> list[Target]:
        return [item.value for item in self.items if item.kind == "target" and not item.negated]

    @property
    def excluded(self) -> list[Target]:
        return [item.value for item in self.items if item.kind == "target" and item.negated]

    @property
    def has_content(self) -> bool:
        return any(item.kind in ("target", "measure", "size", "compar", "view", "format") for item in self.items)


def read_clauses(tags: Sequence[Tag], lexicon: Lexicon) -> list[Clause]:
    """The clauses of a tagged request, in order, the empty ones left out."""
    builder = _Builder(tags, lexicon)
    return builder.clauses()


class _Builder:
    def __init__(self, tags: Sequence[Tag], lexicon: Lexicon) -> None:
        self.all = list(tags)
        self.tags = [tag for tag in tags if tag.kind != "filler" and not (tag.kind == "sign" and tag.value != "#")]
        self.reader = PhraseReader(self.tags, lexicon)
        self.done: list[Clause] = []
        self.clause = Clause()
        self.negation: str | None = None
        self.link = ""

    def clauses(self) -> list[Clause]:
        place = 0
        while place < len(self.tags):
            place = self._step(place)
        self._close()
        return self.done

    # ---- one step -------------------------------------------------------------------------------------

    def _step(self, place: int) -> int:
        tag = self.tags[place]
        if tag.kind == "seq":
            self.clause.question |= tag.keys[-1] == "?"
            if not self._nothing_yet() or self.clause.negated:
                self._close()
            self.link = ""
            return place + 1
        if tag.kind == "neg":
            return self._negate(place)
        if tag.kind == "conj":
            self.link = tag.keys[-1]
            if tag.keys == (",",) and self.negation == "not" and self._names_something(self.clause):
                self.negation = None
            if tag.keys[0] == "but":
                self.negation = None if self.negation == "not" else self.negation
                if any(item.kind == "target" and item.value.every for item in self.clause.items):
                    self.negation = "except"
            return place + 1
        if tag.kind in ("op", "number"):
            size, stop = self._size(place)
            if size is not None:
                self._add(Item("size", size, tag.text))
                return stop
        if tag.kind == "unit":
            self._add(Item("unit", tag.value, tag.text))
            return place + 1
        if tag.kind == "verb" and not (tag.value == "exist" and self._quantifies(place)):
            self._verb(place)
            return place + 1
        if tag.kind == "prep" and self._unit_wish(place):
            self._add(Item("unit", self.tags[place + 1].value, self.tags[place + 1].text))
            return place + 2
        found, stop = self.reader.read(place)
        if found:
            self._targets(found, place)
            return stop
        if tag.kind == "word":
            self.clause.unknown.append(tag.text)
        elif tag.kind not in ("sign", "range"):
            self._add(Item(tag.kind, tag.value, tag.text, keys=tag.keys))
        self.link = ""
        return place + 1

    def _nothing_yet(self) -> bool:
        return not self.clause.items and not self.clause.unknown

    def _names_something(self, clause: Clause) -> bool:
        return any(item.negated for item in clause.items)

    def _quantifies(self, place: int) -> bool:
        """"any" before a noun of a clause that has its verb: no new clause."""
        return self.tags[place].keys == ("any",) and bool(self.clause.items) and self.reader._head_follows(place + 1)

    def _negate(self, place: int) -> int:
        tag = self.tags[place]
        following = self.tags[place + 1] if place + 1 < len(self.tags) else None
        if tag.keys == ("no",) and self._says_no(place):
            self._add(Item("correction", "no", tag.text))
            return place + 1
        if tag.value == "replace":
            self.negation = "not"
            return place + 1
        if following is not None and following.kind == "verb" and tag.value == "not" and following.value != "exist":
            self._close()
            self.clause.negated = True
            self.negation = None
            return place + 1
        if tag.value == "not" and self.negation is None and self._nothing_yet() is False and self._complete():
            pass
        self.negation = tag.value
        if following is not None and following.kind == "verb" and following.value == "exist":
            return place + 2
        return place + 1

    def _says_no(self, place: int) -> bool:
        """"no, the left one": an answer, not a negation."""
        if place != 0:
            return False
        raw = self.all
        at = raw.index(self.tags[place])
        nxt = raw[at + 1] if at + 1 < len(raw) else None
        return nxt is not None and (nxt.keys in ((",",), ("the",), (".",), ("i",)) or nxt.kind in ("correction", "neg"))

    def _complete(self) -> bool:
        return self.clause.has_content

    # ---- verbs ----------------------------------------------------------------------------------------

    def _verb(self, place: int) -> None:
        tag = self.tags[place]
        starts = self._starts_clause(place)
        if starts:
            link = self.link
            self._close()
            self.link = ""
            self.clause.leading = link
        self.negation = None if self.negation != "except" or starts else self.negation
        self._add(Item("verb", tag.value, tag.text, keys=tag.keys))

    def _starts_clause(self, place: int) -> bool:
        """A verb opens a new clause when the one before has something to do already."""
        tag = self.tags[place]
        if self.clause.negated:
            return bool(self.clause.items) and tag.value in STRONG | WEAK and (bool(self.link) or tag.value in STRONG)
        if not self.clause.has_content:
            return bool(self.clause.verbs()) and self.link != "" and tag.value in STRONG
        if tag.value in STRONG:
            return bool(self.link) or self._target_follows(place)
        return bool(self.link) and not (tag.value == "exist" and tag.keys == ("any",))

    def _target_follows(self, place: int) -> bool:
        """A noun stands after this verb before the next one: the verb has an object of its own."""
        for tag in self.tags[place + 1 :]:
            if tag.kind in ("verb", "seq"):
                return False
            if tag.kind in NOMINAL:
                return True
        return False

    # ---- targets --------------------------------------------------------------------------------------

    def _targets(self, found: Sequence[Target], place: int) -> None:
        negated = self.negation is not None
        for number, target in enumerate(found):
            self._add(Item("target", target, target.text, link=self.link if number == 0 else "", negated=negated))
        self.link = ""

    # ---- sizes ----------------------------------------------------------------------------------------

    def _unit_wish(self, place: int) -> bool:
        nxt = self.tags[place + 1] if place + 1 < len(self.tags) else None
        return self.tags[place].keys[-1] == "in" and nxt is not None and nxt.kind == "unit"

    def _size(self, place: int) -> tuple[Size | None, int]:
        """over 1 cm, between 5 and 10 mm, 8 mm or more; a bare "3 cm" says nothing of what is wanted."""
        tag = self.tags[place]
        op = tag.value if tag.kind == "op" else None
        at = place + 1 if op else place
        first, unit, at = self._quantity(at)
        if first is None:
            return None, place
        second: float | None = None
        step = at
        if op == "between" or self._is_range(step):
            step += 1 if step < len(self.tags) and self.tags[step].kind in ("conj", "range", "prep", "op") else 0
            second, last_unit, stop = self._quantity(step)
            if second is not None:
                unit, at = unit or last_unit, stop
                low, high = to_mm(first, unit or last_unit), to_mm(second, last_unit or unit)
                if low is not None and high is not None:
                    return Size(min(low, high), max(low, high)), at
                return None, place
        if at < len(self.tags) and self.tags[at].kind == "op" and self.tags[at].value in ("after_min", "after_max"):
            op, at = self.tags[at].value.removeprefix("after_"), at + 1
        value = to_mm(first, unit)
        if value is None or op is None:
            return (Size(None, None), at) if unit and op is None else (None, place)
        return (Size(value, None) if op == "min" else Size(None, value)), at

    def _is_range(self, at: int) -> bool:
        if at >= len(self.tags) or self.reader.kind(at + 1) != "number":
            return False
        return self.tags[at].kind == "range" or self.tags[at].keys[-1] == "to"

    def _quantity(self, at: int) -> tuple[float | None, str | None, int]:
        if self.reader.kind(at) != "number":
            return None, None, at
        value = float(self.tags[at].value)
        if self.reader.kind(at + 1) == "number" and self.tags[at + 1].keys[0] in ("half", "0.5"):
            value += 0.5
            at += 1
        if self.reader.kind(at + 1) == "unit":
            return value, self.tags[at + 1].value, at + 2
        return value, None, at + 1

    # ---- bookkeeping ----------------------------------------------------------------------------------

    def _add(self, item: Item) -> None:
        if self.negation and item.kind == "measure":
            item = replace(item, negated=True)
            self.negation = None
        self.clause.items.append(replace(item, link=item.link or self.link))
        if item.kind != "target":
            self.link = ""

    def _close(self) -> None:
        clause = self.clause
        if clause.items or clause.unknown:
            clause.text = " ".join(item.text for item in clause.items)
            self.done.append(clause)
        self.clause = Clause()
        self.negation = None
