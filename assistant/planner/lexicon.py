"""Every phrase that the planner knows: the ontology's names and the planner's own vocabulary, in one trie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from prompts.ontology import Ontology, Structure, ontology

from .anatomy import Anatomy
from .files import data
from .tokens import key
from .trie import (
    LINKS,
    SIDES,
    Entry,
    Lesions,
    Noun,
    Phrase,
    Trie,
    Unsupported,
    phrase_keys,
    strip_side,
    words_of,
)

_LESION_GROUPS = {"tumors", "lesions"}
_INFLECTED = frozenset(
    {"segment", "measure", "locate", "detect", "compare", "export", "correct", "screen", "show"}
)
_EMPTY_KINDS = frozenset({"filler", "again", "yes", "maybe", "correction", "describe", "pronoun"})


class Lexicon(Anatomy):
    """The phrases of the ontology and of the planner, ready for the tagger.

    words  all words of the phrases; meant: those that a misspelt word may stand for
    nouns  names without their side
    """

    def __init__(self, structures: Ontology, extra: frozenset[str] = frozenset()) -> None:
        super().__init__(structures, extra)
        self.trie = Trie()
        self.nouns: dict[Phrase, Noun] = {}
        self._add_vocabulary()
        self._add_lesions()
        self._add_structures()
        self._add_parts()
        self._add_unsupported()
        self.words = frozenset(words_of(self.trie))
        self.meant = frozenset(words_of(self.trie, _EMPTY_KINDS))

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
        beyond: dict[Phrase, Structure] = {}
        # a name of several structures is that of the one whose alias it is: PV is the portal vein
        claimed = {phrase_keys(name): id for id, names in data("aliases").items() for name in names}
        for structure in self.ontology.values():
            if structure.kind == "lesion" and structure.id in self.scope:
                self._add_lesion_names(structure)
                continue
            if structure.id in _LESION_GROUPS:
                continue
            more = data("aliases").get(structure.id, ())
            for name in (*self.ontology.names(structure.id), structure.id.replace("_", " "), *more):
                phrase, side = strip_side(phrase_keys(name))
                if structure.id not in self.scope:
                    beyond.setdefault(phrase, structure)
                elif phrase and (name in more or claimed.get(phrase, structure.id) == structure.id):
                    ids = named.setdefault(phrase, {}).setdefault(side, [])
                    if structure.id not in ids:
                        ids.append(structure.id)
            if structure.id in self.scope and "_" in structure.id:
                self.trie.add((key(structure.id),), Entry("struct", Noun({None: (structure.id,)})))
        for phrase, sides in named.items():
            noun = self._noun(sides)
            self.nouns[phrase] = noun
            self.trie.add(phrase, Entry("struct", noun))
        self._add_beyond({phrase: s for phrase, s in beyond.items() if phrase and phrase not in named})
        self._add_adjectives()
        for name, id in self.levels.items():
            self.trie.add((name,), Entry("level", id))

    def _add_beyond(self, beyond: Mapping[Phrase, Structure]) -> None:
        """Structures that the ontology names and no plan may: with what is nearest to them."""
        nearest = {
            strip_side(phrase_keys(name))[0]: self.known(record["nearest"])
            for section in ("anatomy", "findings")
            for record in data("unsupported")[section]
            for name in record["names"]
        }
        for phrase, structure in beyond.items():
            own = [strip_side(phrase_keys(name))[0] for name in self.ontology.names(structure.id)]
            close = next((nearest[name] for name in own if nearest.get(name)), ())
            close = close or self.known(structure.within)
            self.trie.add(phrase, Entry("unsupported", Unsupported(structure.name, close)))

    def _noun(self, sides: dict[str | None, list[str]]) -> Noun:
        """Among homonyms without a side the group; both sides by their group if there is one."""
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
            rest = tuple(word for word in phrase if word not in hosts and word not in LINKS)
            composed = len(rest) < len(phrase) and any(
                entry.kind == "lesion" and stop == len(rest)
                for stop, entries in self.trie.matches(rest, 0)
                for entry in entries
            )
            if not (composed or side or phrase in ((),)):
                self.trie.add(phrase, Entry("lesion", fixed))

    def _host_words(self, id: str) -> set[str]:
        structure = self.ontology[id]
        words = {
            word for name in (*self.ontology.names(id), *structure.adjectives) for word in phrase_keys(name)
        }
        for group in self._ancestors(id):
            words |= {
                word
                for word in phrase_keys(self.ontology[group].name)
                if len(self.ontology.leaves(group)) <= 5
            }
        return words - set(SIDES)

    def _add_adjectives(self) -> None:
        owners: dict[str, list[str]] = {}
        for structure in self.ontology.values():
            if structure.kind in ("region", "lesion") or structure.id not in self.scope:
                continue
            for adjective in structure.adjectives:
                owners.setdefault(adjective, []).append(structure.id)
        for adjective, ids in owners.items():
            groups = [id for id in ids if self.ontology[id].children]
            whole = (max(groups, key=lambda id: len(self.leaves([id]))),) if groups else self.group_of(ids)
            sides: dict[str | None, tuple[str, ...]] = {None: whole}
            for id in ids:
                side = self.ontology[id].side
                if side:
                    sides[side] = (*sides.get(side, ()), id)
            self.trie.add(phrase_keys(adjective), Entry("adj", Noun(sides)))
        for room, id in data("parts")["rooms"].items():
            self.trie.add(phrase_keys(room), Entry("adj", Noun({None: (id,)})))

    def _add_parts(self) -> None:
        """Names of regions without their organ ("tail", "lobe", "segment 7"), to be met by an organ later."""
        parts: dict[Phrase, dict[str | None, list[str]]] = {}

        def add(phrase: Phrase, side: str | None, id: str) -> None:
            ids = parts.setdefault(phrase, {}).setdefault(side, [])
            if id not in ids:
                ids.append(id)

        for structure in self.ontology.values():
            if structure.id not in self.scope:
                continue
            hosts = {word for host in structure.within for word in self._host_words(host)}
            if structure.kind == "region" and not structure.children:
                for name in self.ontology.names(structure.id):
                    phrase, side = strip_side(phrase_keys(name))
                    rest = tuple(word for word in phrase if word not in hosts and word not in LINKS)
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
        asked = {phrase_keys(name) for id in self.extra for name in self.ontology.names(id)}
        for section in ("anatomy", "findings"):
            for record in data("unsupported")[section]:
                nearest = self.known(record["nearest"])
                for name in record["names"]:
                    for written in () if phrase_keys(name) in asked else (name, *_turned(name)):
                        if strip_side(phrase_keys(written))[0] not in self.nouns or name.isupper():
                            self._put(
                                written,
                                "unsupported",
                                Unsupported(name, nearest, finding=section == "findings"),
                            )


def _inflections(phrase: str) -> tuple[str, ...]:
    """The forms in -ing and -ed of a verb phrase of one plain word."""
    if " " in phrase or not phrase.isalpha() or len(phrase) < 4:
        return ()
    stem = phrase.removesuffix("e")
    return (f"{stem}ing", f"{stem}ed")


def _turned(name: str) -> tuple[str, ...]:
    """A name of two words in the order of other languages: "aorta abdominal", "wall of the bladder"."""
    first, *rest = name.split(" ")
    noun = len(rest) == 1 and rest[0] != "segment"
    return (f"{rest[0]} {first}", f"{rest[0]} of {first}") if noun else ()


def _flat(section: dict[str, Any]) -> Iterator[tuple[Any, list[str]]]:
    """(value, phrases) of a section; nested sections give pairs as values."""
    for value, phrases in section.items():
        if isinstance(phrases, dict):
            for inner, more in phrases.items():
                yield (value, inner), more
        else:
            yield value, phrases


@lru_cache(maxsize=4)
def lexicon(extra: frozenset[str] = frozenset()) -> Lexicon:
    """The lexicon of the project's ontology. `extra`: ids beyond the contract that can be found."""
    return Lexicon(ontology(), extra)
