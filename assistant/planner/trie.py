"""Phrases and their meanings: a trie over folded words, matched longest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .tokens import tokenise

SIDES = {"left": "left", "right": "right", "lt": "left", "rt": "right", "l": "left", "r": "right",
         "sinister": "left", "sinistra": "left", "sinistrum": "left",
         "dexter": "right", "dextra": "right", "dextrum": "right"}  # fmt: skip
ARTICLES = frozenset({"the", "my", "his", "her", "your", "our"})
LINKS = frozenset({"of", "the", "on", "in", "and"})

Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One meaning of a phrase. `caps`: only when written in capitals (WHO, PE)."""

    kind: str
    value: Any
    caps: bool = False


@dataclass(frozen=True)
class Noun:
    """A name without its side, and the structures that it may mean on either side or on none."""

    sides: Mapping[str | None, tuple[str, ...]]

    @property
    def ids(self) -> tuple[str, ...]:
        """What the name means without a side: the structure or group of that name, else both sides."""
        return self.sides.get(None) or self.sides.get("left", ()) + self.sides.get("right", ())


@dataclass(frozen=True)
class Lesions:
    """A word for lesions: of one class, in a host that the word implies, or fixed ids."""

    kind: str = "lesion"
    host: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unsupported:
    """Anatomy or a finding that has no class in the ontology. `named`: the nearest was named beside it."""

    name: str
    nearest: tuple[str, ...]
    named: bool = False
    finding: bool = False


@dataclass
class Trie:
    """Phrases by their words; the longest match wins."""

    children: dict[str, Trie] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def add(self, phrase: Phrase, entry: Entry) -> None:
        node = self
        for word in phrase:
            node = node.children.setdefault(word, Trie())
        if entry not in node.entries:
            node.entries.append(entry)

    def matches(self, words: Sequence[str], start: int) -> Iterator[tuple[int, list[Entry]]]:
        """(stop, entries) of every phrase that starts here, the shortest first."""
        nodes = [self]
        for place in range(start, len(words)):
            word = words[place]
            following = [child for node in nodes if (child := node.children.get(word)) is not None]
            entries = [entry for node in following for entry in node.entries]
            if entries:
                yield place + 1, entries
            if word in ARTICLES and place > start:
                following += nodes  # most names are kept without articles
            if not following:
                return
            nodes = following


def phrase_keys(phrase: str) -> Phrase:
    """The keys of a phrase as it lies in the trie: joining signs dropped, unless it is made of signs only."""
    tokens = tokenise(phrase)
    kept = tuple(token.key for token in tokens if token.kind != "sign" or token.text not in "-',.()_")
    return kept or tuple(token.key for token in tokens)


def strip_side(phrase: Phrase) -> tuple[Phrase, str | None]:
    """A name without its side word and the links around it, and the side."""
    sides = {SIDES[word] for word in phrase if word in SIDES}
    rest = [word for word in phrase if word not in SIDES and word not in ("the", "sided")]
    while rest and rest[-1] in LINKS:
        rest.pop()
    return tuple(rest), sides.pop() if len(sides) == 1 else None


def words_of(trie: Trie, without: frozenset[str] = frozenset()) -> Iterator[str]:
    """The words of all phrases that have an entry of another kind than `without`."""
    for word, child in trie.children.items():
        below = list(words_of(child, without))
        if below or any(entry.kind not in without for entry in child.entries):
            yield word
        yield from below
