"""Every phrase that the planner knows: the ontology's names and the planner's own vocabulary, in one trie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from prompts.ontology import Ontology, Structure, ontology

from .tokens import key, tokenise

SIDES = {"left": "left", "right": "right", "lt": "left", "rt": "right", "l": "left", "r": "right",
         "sinister": "left", "sinistra": "left", "sinistrum": "left",
         "dexter": "right", "dextra": "right", "dextrum": "right"}  # fmt: skip
ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8,
         "iva": 4, "ivb": 4, "4a": 4, "4b": 4}  # fmt: skip
LESION_GROUPS = {"tumor": "tumors", "lesion": "lesions"}
_LINKS = frozenset({"of", "the", "on", "in", "and"})
_NUMBER = re.compile(r"^(.*?)_?(\d+)$")

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
    """Anatomy or a finding that has no class in the ontology."""

    name: str
    nearest: tuple[str, ...]


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
        node = self
        for place in range(start, len(words)):
            following = node.children.get(words[place])
            if following is None:
                return
            node = following
            if node.entries:
                yield place + 1, node.entries


@lru_cache(maxsize=None)
def data(name: str) -> Any:
    """A data file of the planner. Every scalar is read as text, so that `no`, `on` and `1` stay words."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    return yaml.load((files(__package__) / "data" / f"{name}.yaml").read_text("utf-8"), Loader=loader)


def phrase_keys(phrase: str) -> Phrase:
    """The keys of a phrase as it lies in the trie: joining signs dropped, unless it is made of signs only."""
    tokens = tokenise(phrase)
    kept = tuple(token.key for token in tokens if token.kind != "sign" or token.text not in "-',.()_")
    return kept or tuple(token.key for token in tokens)


class Lexicon:
    """The phrases of the ontology and of the planner, ready for the tagger."""

    def __init__(self, structures: Ontology) -> None:
        self.ontology = structures
        self.trie = Trie()
        self.nouns: dict[Phrase, Noun] = {}
        self.lesions = tuple(s.id for s in structures.values() if s.kind == "lesion" and s.side is None)
        self.levels = _levels(structures)
        self.hosts = self._hosts()
        self._add_vocabulary()
        self._add_lesions()
        self._add_structures()
        self._add_parts()
        self._add_unsupported()
        self.words = frozenset(_words(self.trie))

    # ---- ontology -------------------------------------------------------------------------------------

    def kind(self, id: str) -> str:
        """The kind that decides measures: that of a group's leaves; lesion groups are lesions."""
        leaf = self.ontology.leaves(id)[0]
        return self.ontology[leaf].kind

    def leaves(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The leaves of several ids, each once, in order."""
        return tuple(dict.fromkeys(leaf for id in ids for leaf in self.ontology.leaves(id)))

    def known(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(id for id in ids if id in self.ontology)

    def group_of(self, ids: Sequence[str]) -> tuple[str, ...]:
        """The one group that has just these leaves, if there is one; else the ids themselves."""
        wanted = set(self.leaves(ids))
        if len(wanted) < 2:
            return tuple(ids)
        parents = {group for id in wanted for group in self._ancestors(id)}
        exact = sorted(group for group in parents if set(self.ontology.leaves(group)) == wanted)
        return (exact[0],) if exact else tuple(ids)

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

    # ---- building the trie ----------------------------------------------------------------------------

    def _put(self, phrase: str, kind: str, value: Any) -> None:
        caps = phrase.isupper() and len(phrase) > 1 and phrase.isalpha()
        self.trie.add(phrase_keys(phrase), Entry(kind, value, caps))

    def _add_vocabulary(self) -> None:
        for kind, section in data("vocabulary").items():
            if isinstance(section, list):
                for phrase in section:
                    self._put(phrase, kind, True)
            else:
                for value, phrases in _flat(section):
                    for phrase in phrases:
                        self._put(phrase, kind, value)
                        if kind == "verb" and value in _INFLECTED:
                            for form in _inflections(phrase):
                                self._put(form, kind, value)
        for record in data("conditions"):
            targets = self.known(record["targets"])
            for name in record["names"] if targets else ():
                self._put(name, "condition", (targets, tuple(record["measures"])))

    def _add_lesions(self) -> None:
        for record in data("lesions"):
            fixed = self.known(record.get("ids", ()))
            if record.get("ids") and not fixed:
                continue
            value = Lesions(record.get("class", "tumor"), record.get("host"), fixed)
            for word in record["words"]:
                self._put(word, "lesion", value)

    def _add_structures(self) -> None:
        named: dict[Phrase, dict[str | None, list[str]]] = {}
        for structure in self.ontology.values():
            if structure.kind == "lesion":
                self._add_lesion_names(structure)
                continue
            if structure.id in LESION_GROUPS.values():
                continue
            for name in (*self.ontology.names(structure.id), structure.id.replace("_", " ")):
                phrase, side = strip_side(phrase_keys(name))
                if phrase:
                    ids = named.setdefault(phrase, {}).setdefault(side, [])
                    if structure.id not in ids:
                        ids.append(structure.id)
            self.trie.add((key(structure.id),), Entry("struct", Noun({None: (structure.id,)})))
        for phrase, sides in named.items():
            noun = self._noun(sides)
            self.nouns[phrase] = noun
            self.trie.add(phrase, Entry("struct", noun))
        self._add_adjectives()
        for name, id in self.levels.items():
            self.trie.add((name,), Entry("level", id))

    def _noun(self, sides: dict[str | None, list[str]]) -> Noun:
        """Prefer the group among homonyms without a side, and name both sides by their group if there is one."""
        whole = sides.get(None, [])
        groups = [id for id in whole if self.ontology[id].children]
        if groups:
            whole = groups[:1]
        elif not whole and "left" in sides and "right" in sides:
            whole = list(self.group_of([*sides["left"], *sides["right"]]))
        return Noun({side: tuple(ids) for side, ids in {**sides, None: whole}.items() if ids})

    def _add_lesion_names(self, structure: Structure) -> None:
        """A lesion's own names, except "host + word for lesion", which is composed like any other."""
        fixed = Lesions("tumor", None, (structure.id,))
        self.trie.add((key(structure.id),), Entry("lesion", fixed))
        hosts = {word for host in structure.within for word in self._host_words(host)}
        for name in self.ontology.names(structure.id):
            phrase, side = strip_side(phrase_keys(name))
            rest = tuple(word for word in phrase if word not in hosts and word not in _LINKS)
            composed = len(rest) < len(phrase) and any(
                entry.kind == "lesion" and stop == len(rest)
                for stop, entries in self.trie.matches(rest, 0)
                for entry in entries
            )
            if not (composed or side or phrase in ((),)):
                self.trie.add(phrase, Entry("lesion", fixed))

    def _host_words(self, id: str) -> set[str]:
        structure = self.ontology[id]
        words = {word for name in (*self.ontology.names(id), *structure.adjectives) for word in phrase_keys(name)}
        for group in self._ancestors(id):
            words |= {word for word in phrase_keys(self.ontology[group].name) if len(self.ontology.leaves(group)) <= 5}
        return words - set(SIDES)

    def _add_adjectives(self) -> None:
        owners: dict[str, list[str]] = {}
        for structure in self.ontology.values():
            for adjective in structure.adjectives:
                owners.setdefault(adjective, []).append(structure.id)
        for adjective, ids in owners.items():
            groups = [id for id in ids if self.ontology[id].children]
            whole = tuple(groups[:1]) or self.group_of(ids)
            sides: dict[str | None, tuple[str, ...]] = {None: whole}
            for id in ids:
                side = self.ontology[id].side
                if side:
                    sides[side] = (*sides.get(side, ()), id)
            self.trie.add(phrase_keys(adjective), Entry("adj", Noun(sides)))

    def _add_parts(self) -> None:
        """Names of regions without their organ ("tail", "lobe", "segment 7"), to be met by an organ later."""
        parts: dict[Phrase, dict[str | None, list[str]]] = {}

        def add(phrase: Phrase, side: str | None, id: str) -> None:
            ids = parts.setdefault(phrase, {}).setdefault(side, [])
            if id not in ids:
                ids.append(id)

        for structure in self.ontology.values():
            hosts = {word for host in structure.within for word in self._host_words(host)}
            if structure.kind == "region" and not structure.children:
                for name in self.ontology.names(structure.id):
                    phrase, side = strip_side(phrase_keys(name))
                    rest = tuple(word for word in phrase if word not in hosts and word not in _LINKS)
                    if rest and len(rest) < len(phrase):
                        add(rest, side, structure.id)
            for word, pattern in data("parts")["words"].items():
                if pattern in structure.id and not structure.children:
                    add(phrase_keys(word), structure.side, structure.id)
        for phrase, sides in parts.items():
            self.trie.add(phrase, Entry("part", Noun({side: tuple(ids) for side, ids in sides.items()})))
        segments = tuple(id for id in self.ontology if re.fullmatch(r"liver_segment_\d", id))
        for phrase in data("parts")["segment_words"]:
            self.trie.add(phrase_keys(phrase), Entry("numbered", segments))

    def _add_unsupported(self) -> None:
        taken = {node for node in self.nouns}
        for section in data("unsupported").values():
            for record in section:
                value = Unsupported(record["names"][0], self.known(record["nearest"]))
                for name in record["names"]:
                    if strip_side(phrase_keys(name))[0] not in taken or name.isupper():
                        self._put(name, "unsupported", Unsupported(name, value.nearest))


_INFLECTED = frozenset({"segment", "measure", "locate", "detect", "compare", "export", "correct", "screen", "show"})


def _inflections(phrase: str) -> tuple[str, ...]:
    """"outline" -> "outlining", "outlined"; only for a phrase of one plain word."""
    if " " in phrase or not phrase.isalpha() or len(phrase) < 4:
        return ()
    stem = phrase.removesuffix("e")
    return (f"{stem}ing", f"{stem}ed")


def strip_side(phrase: Phrase) -> tuple[Phrase, str | None]:
    """A name without its side word and the links around it, and the side."""
    sides = {SIDES[word] for word in phrase if word in SIDES}
    rest = [word for word in phrase if word not in SIDES and word not in ("the", "sided")]
    while rest and rest[-1] in _LINKS:
        rest.pop()
    return tuple(rest), sides.pop() if len(sides) == 1 else None


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


def _flat(section: dict[str, Any]) -> Iterator[tuple[Any, list[str]]]:
    """(value, phrases) of a section; nested sections give pairs as values."""
    for value, phrases in section.items():
        if isinstance(phrases, dict):
            for inner, more in phrases.items():
                yield (value, inner), more
        else:
            yield value, phrases


def _words(trie: Trie) -> Iterator[str]:
    for word, child in trie.children.items():
        yield word
        yield from _words(child)


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The lexicon of the project's ontology; built once."""
    return Lexicon(ontology())
