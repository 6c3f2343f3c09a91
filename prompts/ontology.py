"""The registry of structures: what can be named, what the names mean, how structures hang together.

The data are `prompts/structures/<kind>.yaml`. A file maps an id, or a template of ids, to a record:

    kidney_{side}:                 # one structure a side; a name without {side} is joined with it
      name: kidney                 # the id with spaces when left out
      synonyms: [ren]              # words in braces come from `words.yaml`, or from the record's own `levels`
      adjectives: [renal]
      sct: 64033007                # SNOMED CT, without the side: that is a modifier of its own, as in DICOM
      colour: [230, 120, 60]       # of the left side; the right one is a darker shade of it
      hu: [20, 230]                # typical mean, native to portal-venous, HU
      volume_ml: [80, 260]         # typical adult, wholly imaged
      within: [...]                # lesions and regions: where they lie
      children: [...]              # groups: members, with {side} for both sides and * as a wildcard
      levels: {L1: {...}, ...}     # with {level} in the id: one structure each, with fields of its own
      left: {...}                  # what only one side has

The heart is an organ of its own; its chambers, its muscle and the appendage are regions of it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from prompts.expand import Record, expand, matching

KINDS = ("organ", "vessel", "bone", "muscle", "region", "lesion", "group")
"""Every kind of structure, in the order in which the ontology lists them."""


@dataclass(frozen=True, slots=True)
class Structure:
    """One thing that can be asked for."""

    id: str
    name: str
    kind: str
    """One of `KINDS`."""
    side: str | None
    """"left", "right" or None."""
    children: tuple[str, ...]
    """Direct members of a group, else empty."""
    parents: tuple[str, ...]
    """Groups that list this structure as a direct member."""
    within: tuple[str, ...]
    """Where a lesion or region lies, any of these."""
    synonyms: tuple[str, ...]
    """Lower case, American spelling, without the name."""
    adjectives: tuple[str, ...]
    """"renal" for a kidney; without a side."""
    codes: Mapping[str, str] = field(hash=False)
    """{"SCT": "10200004"}; the side is not part of the code."""
    colour: tuple[int, int, int]
    """RGB, 0..255."""
    hu: tuple[float, float] | None
    """Typical mean HU, native to portal-venous phase."""
    volume_ml: tuple[float, float] | None
    """Typical adult volume when wholly imaged."""


class Ontology(Mapping[str, Structure]):
    """Every structure by id, in file order. An unknown id is a KeyError."""

    def __init__(self, structures: Sequence[Structure]) -> None:
        self._structures = {s.id: s for s in structures}
        self._phrases: dict[str, list[str]] = {}
        for s in structures:
            for phrase in dict.fromkeys(normalise(p) for p in (s.id, s.name, *s.synonyms)):
                self._phrases.setdefault(phrase, []).append(s.id)

    def __getitem__(self, id: str) -> Structure:
        return self._structures[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._structures)

    def __len__(self) -> int:
        return len(self._structures)

    def leaves(self, id: str) -> tuple[str, ...]:
        """Return the leaf ids of a group in order, each once; a leaf gives itself."""
        children = self[id].children
        return tuple(dict.fromkeys(leaf for child in children for leaf in self.leaves(child))) or (id,)

    def counterpart(self, id: str) -> str | None:
        """Return the same structure of the other side, or None.

        >>> ontology().counterpart("kidney_left")
        'kidney_right'
        """
        side = self[id].side
        if side is None:
            return None
        other = id.replace(side, "right" if side == "left" else "left")
        return other if other != id and other in self else None

    def lesions_of(self, id: str) -> tuple[str, ...]:
        """Return the lesions that may lie in a structure, in a member of a group or in a region's host."""
        hosts = self[id].within if self[id].kind == "region" else (id,)
        return self._lying_in(hosts, "lesion")

    def regions_of(self, id: str) -> tuple[str, ...]:
        """Return the regions of a structure or of a group's members."""
        return self._lying_in((id,), "region")

    def names(self, id: str) -> tuple[str, ...]:
        """Return the name and the synonyms."""
        return (self[id].name, *self[id].synonyms)

    def exact(self, phrase: str) -> tuple[str, ...]:
        """Return the ids whose name, id or synonym is the normalised `phrase`; several when ambiguous."""
        return tuple(self._phrases.get(normalise(phrase), ()))

    def _lying_in(self, hosts: Sequence[str], kind: str) -> tuple[str, ...]:
        wanted = {leaf for host in hosts for leaf in self.leaves(host)}
        return tuple(
            s.id
            for s in self.values()
            if s.kind == kind and any(not wanted.isdisjoint(self.leaves(host)) for host in s.within)
        )


def record(structure: Structure, supported: Sequence[str]) -> dict[str, Any]:
    """Return one line of `bodymaps structures --json`; `supported` names the segmenters that can find it."""
    return {
        "id": structure.id,
        "name": structure.name,
        "kind": structure.kind,
        "children": list(structure.children),
        "synonyms": list(structure.synonyms),
        "codes": dict(structure.codes),
        "supported": list(supported),
    }


def normalise(phrase: str) -> str:
    """Return `phrase` without case, accents and punctuation, single-spaced, in American spelling.

    >>> normalise("The  Œsophagus_(upper-third)")
    'the esophagus upper third'
    """
    letters = phrase
    if not phrase.isascii():
        decomposed = unicodedata.normalize("NFKD", phrase)
        letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    text = re.sub(r"[\W_]+", " ", re.sub("['’]", "", letters.casefold())).strip()
    for british, american in _words()["spelling"].items():
        text = text.replace(british, american)
    return text


@cache
def ontology() -> Ontology:
    """Return the ontology, read once."""
    words = _words()
    flat: dict[str, tuple[str, Record]] = {}
    for kind in KINDS:
        for key, entry in _read(f"structures/{kind}.yaml").items():
            flat |= {id: (kind, fields) for id, fields in expand(key, entry or {}, words)}
    children = {id: matching(fields["children"], list(flat)) for id, (_, fields) in flat.items()}
    parents: dict[str, list[str]] = {}
    for group, inside in children.items():
        for child in inside:
            parents.setdefault(child, []).append(group)

    def colour(id: str) -> tuple[int, int, int]:
        """Return a structure's own colour, or that of the first member of a group."""
        return flat[id][1]["colour"] or colour(children[id][0])

    return Ontology(
        [
            Structure(
                id=id,
                name=fields["name"],
                kind=kind,
                side=fields["side"],
                children=children[id],
                parents=tuple(parents.get(id, ())),
                within=tuple(fields["within"]),
                synonyms=fields["synonyms"],
                adjectives=tuple(fields.get("adjectives", ())),
                codes={"SCT": str(fields["sct"])} if "sct" in fields else {},
                colour=colour(id),
                hu=_range(fields.get("hu")),
                volume_ml=_range(fields.get("volume_ml")),
            )
            for id, (kind, fields) in flat.items()
        ]
    )


def request_words() -> frozenset[str]:
    """Return words around a name that look like a part of one, or like one with a typing error."""
    return frozenset(_words()["request"])


@cache
def _words() -> dict[str, Any]:
    return _read("words.yaml")


def _read(path: str) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(files("prompts").joinpath(path).read_text(encoding="utf-8"), Loader=loader)


def _range(ends: Sequence[float] | None) -> tuple[float, float] | None:
    return (float(ends[0]), float(ends[1])) if ends else None
