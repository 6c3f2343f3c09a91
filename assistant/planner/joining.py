"""How a noun phrase joins what its clause said before: sides that hold on, hosts of lesions, narrower names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .clause import Clause, Item
from .lexicon import Lexicon
from .meaning import Tag
from .phrases import PhraseReader
from .target import Target


class Joiner:
    """A clause in the making, with the reader of its noun phrases.

    negation  what the words before make of the next target: "not", "except" or None
    link      the joining word just before: "and", ",", "but"
    """

    def __init__(self, tags: Sequence[Tag], lexicon: Lexicon) -> None:
        self.tags = list(tags)
        self.reader = PhraseReader(self.tags, lexicon)
        self.clause = Clause()
        self.negation: str | None = None
        self.link = ""

    def late_host(self, place: int) -> int | None:
        """The organ of a lesion with something in between: "lesions over 1 cm in segment 6", "tumors, both kidneys"."""
        word = self.tags[place].keys[-1]
        listed = word == "," and not self.clause.verbs() and self.reader.head_follows(place + 1)
        if not listed and word not in ("in", "of", "within", "inside", "on", "throughout", "for"):
            return None
        at = next(
            (n for n in range(len(self.clause.items) - 1, -1, -1) if self.clause.items[n].kind == "target"),
            None,
        )
        if at is None or (at == len(self.clause.items) - 1 and self.clause.items[at].value.within):
            return None
        item = self.clause.items[at]
        between = {
            later.kind for later in self.clause.items[at + 1 :] if later.value not in ("exist", "locate")
        }
        if (
            item.value.lesion is None
            or item.value.within
            or (listed and (item.negated or not item.value.open or not between <= {"only"}))
            or not between <= {"size", "measure", "ordinal", "number", "unit", "only"}
        ):
            return None
        joined = self.reader.with_preposition(item.value, place, late=True)
        if joined is None or (listed and not joined[0].ids):
            return None
        self.clause.items[at] = replace(item, value=joined[0])
        return joined[1]

    def by_extreme(self, place: int) -> int | None:
        """As in "the lesion of smallest size", "the nodule with the largest diameter": which lesion is meant."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.tags[place].keys[-1] not in ("of", "with") or last is None or last.kind != "target":
            return None
        if last.value.lesion is None or last.value.select != "all" or place + 1 >= len(self.tags):
            return None
        tag = self.tags[place + 1]
        word = tag.keys[0] if tag.kind in ("superl", "measure") else ""
        stop = place + 2
        if tag.kind == "superl":
            if self.reader.kind(stop) != "measure":
                return None
            stop += 1
        select = next((select for select, words in _EXTREMES.items() if word in words), None)
        if select is None:
            return None
        self.clause.items[-1] = replace(last, value=replace(last.value, select=select))
        return stop

    def join(self, found: Sequence[Target], tight: bool = False) -> None:
        """Add the targets of a phrase. tight: only a joining word stands between it and the noun before."""
        negated = self.negation is not None
        for number, target in enumerate(found):
            target = self._shared_side(target) if number == 0 else target
            if number == 0 and tight:
                self._share_head(target)
            self._share_back(target)
            target = self._same_lesion(target)
            if not negated and (
                self._place_of(target)
                or self._said_already(target)
                or self._any_of_these(target)
                or self._picks_out(target)
                or self._hosts_before(target)
            ):
                continue
            self.add(
                Item("target", target, target.text, link=self.link if number == 0 else "", negated=negated)
            )
        self.link = ""

    def _shared_side(self, target: Target) -> Target:
        """As in "left upper and lower lobes", "the left kidney and adrenal": the side holds on."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.link not in ("and", "or", "&", "/") or last is None or last.kind != "target" or target.sides:
            return target
        sides = last.value.sides
        if len(sides) != 1 or "both" in sides or not target.noun or not self.reader.sideable(target):
            return target
        if target.lesion or (target.plural and last.value.kind != "part"):
            return target
        return self.reader.resolve(replace(target, sides=sides))

    def _same_lesion(self, target: Target) -> Target:
        """As in "any lesion in the pancreatic body or tail": the lesion in the next part, too."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.link not in ("or", "and", ",", "/") or last is None or last.kind != "target":
            return target
        lesion = last.value
        if target.kind != "part":
            return self._no_host(lesion, target)
        if not lesion.lesion or not lesion.within or not target.noun:
            return target
        host = self.reader.beside(target, Target(ids=lesion.within))
        joined = self.reader.lesion_in(replace(lesion, within=()), [host])
        return target if joined.missing or joined.refers else joined

    def _no_host(self, lesion: Target, target: Target) -> Target:
        """As in "any masses in the liver or the spleen?": of the spleen no lesion is known, and that is said."""
        hosted = lesion.lesion and not lesion.refers and (lesion.ids or lesion.missing)
        searched = not {"exist", "detect", "screen"}.isdisjoint(self.clause.verbs()) or (
            self.link == "or" and not self.clause.verbs()
        )
        if self.clause.of("measure") or not (hosted and searched and target.plain):
            return target
        alike = Target(lesion=lesion.lesion, open=True, plural=lesion.plural)
        return self.reader.lesion_in(alike, [target])

    def _share_head(self, target: Target) -> None:
        """As in "liver and lung tumors": the tumors of both."""
        last = self.clause.items[-1] if self.clause.items else None
        if last is None or last.kind != "target" or not (target.lesion and target.ids):
            return
        one = last.value
        if one.kind == "part" or self._is_region(one):
            self._share_regions(one, target)
        if not target.plural:
            return
        hosts = set(self.reader.lexicon.leaves(self.reader.lesion_hosts(target.ids)))
        if not one.plain or target.within or hosts & self._leaves(one):
            return
        shared = replace(target, ids=(), open=True, sides=(), text=f"{one.text} {target.text}")
        hosted = self.reader.lesion_in(shared, [one])
        if not hosted.missing:
            self.clause.items[-1] = replace(last, value=hosted)

    def _is_region(self, target: Target) -> bool:
        ontology = self.reader.lexicon.ontology
        return target.plain and all(ontology[id].kind == "region" for id in target.ids)

    def _share_regions(self, one: Target, target: Target) -> None:
        """As in "body or tail mass of the pancreas": the mass in both."""
        if not target.within or not (self.link == "or" or target.plural):
            return
        organ = Target(ids=self.reader.lesion_hosts(target.ids))
        part = self.reader.part_of(one, organ) if one.noun else None
        hosted = self.reader.lesion_in(replace(target, within=()), [part]) if part else None
        if hosted is not None and not hosted.missing and hosted.within:
            self.clause.items[-1] = replace(self.clause.items[-1], value=hosted)

    def _share_back(self, target: Target) -> None:
        """As in "the upper and the lower lobe of the left lung": the side holds for the lobe before, too."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.link not in ("and", "or", "&", "/", ",") or last is None or last.kind != "target":
            return
        one = last.value
        lobes = all("lobe" in id or "pole" in id for id in (*self._named(one), *self._named(target)))
        if one.sides or one.plural or one.lesion or not one.noun or len(target.sides) != 1 or not lobes:
            return
        if one.ids and target.ids and self.reader.sideable(one):
            self.clause.items[-1] = replace(last, value=self.reader.resolve(replace(one, sides=target.sides)))

    def _named(self, target: Target) -> tuple[str, ...]:
        return self.reader.lexicon.leaves(target.ids) or ("",)

    def _place_of(self, target: Target) -> bool:
        """As in "target lesion 1 is the one in segment 7": where the lesion just named is."""
        if target.refers != "one_in":
            return False
        for place in range(len(self.clause.items) - 1, -1, -1):
            item = self.clause.items[place]
            if item.kind == "target" and item.value.lesion and item.value.open and not item.value.refers:
                hosted = self.reader.lesion_in(item.value, [replace(target, refers=None)])
                chosen = target if target.select != "all" else item.value
                value = replace(hosted, select=chosen.select, rank=chosen.rank, top=chosen.top)
                self.clause.items[place] = replace(item, value=value)
                return True
            if item.kind == "target" and item.value.plain and target.select != "all":
                pointer = replace(
                    Target(refers="select", text=target.text),
                    select=target.select,
                    rank=target.rank,
                    top=target.top,
                )
                self.join([pointer, replace(target, refers=None, select="all", rank=None)])
                return True
        return False

    def _picks_out(self, target: Target) -> bool:
        """What follows says which, or what: "liver lesion, the largest", "muscle volume of the psoas"."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.link in ("and", "or"):
            return False
        after_lesion = last is not None and last.kind == "target" and last.value.lesion
        if last is not None and after_lesion and target.refers == "select" and last.value.select == "all":
            chosen = replace(last.value, select=target.select, rank=target.rank, top=target.top)
            self.clause.items[-1] = replace(last, value=chosen)
            return True
        if (
            last is not None
            and last.kind == "target"
            and target.refers == "select"
            and not self.link
            and last.value.refers in ("one", "it", "them")
        ):  # "which one is the biggest"
            self.clause.items[-1] = replace(last, value=target)
            return True
        sided = target.refers == "side" and last is not None and self.link in (",", "")
        lesions = [
            n for n, item in enumerate(self.clause.items) if item.kind == "target" and item.value.lesion
        ]
        if (
            sided
            and lesions
            and {item.kind for item in self.clause.items[lesions[-1] + 1 :]} <= {"size", "measure"}
        ):
            place = lesions[-1]
            lesion = self.clause.items[place].value
            if not (lesion.sides or lesion.within or lesion.refers) and (lesion.open or lesion.ids):
                host = Target(ids=self.reader.sided_ids(self.reader.lesion_hosts(lesion.ids), target.sides))
                value = replace(lesion, sides=target.sides, within=host.ids if lesion.ids else ())
                self.clause.items[place] = replace(self.clause.items[place], value=value)
                return True
        narrows = (
            self.link == "but" and target.refers == "side" and last is not None and last.kind == "target"
        )
        if (
            narrows
            and last is not None
            and not last.negated
            and last.value.noun
            and self.reader.sideable(last.value)
        ):
            value = self.reader.resolve(replace(last.value, sides=target.sides))
            self.clause.items[-1] = replace(last, value=value)  # "the lungs, but the right only"
            return True
        before = [n for n, item in enumerate(self.clause.items) if item.kind == "target"]
        if sided and not self.link and before and self.clause.items[-1].kind == "prep":
            item = self.clause.items[before[-1]]
            if (
                item.value.plain
                and item.value.noun
                and not item.value.sides
                and self.reader.sideable(item.value)
            ):
                narrowed = self.reader.resolve(replace(item.value, sides=target.sides))
                self.clause.items[before[-1]] = replace(item, value=narrowed)
                return True  # "how many ribs are there on the left side"
        if not target.plain or self.link:
            return False
        leaves = self._leaves(target)
        ranged = last is not None and last.keys in (("from",), ("between",))  # "each vertebra from T8 to T10"
        for place, item in enumerate(self.clause.items):
            wider = item.kind == "target" and item.value.plain and not item.negated
            wider = wider and (ranged or not item.value.every)
            if wider and leaves < self._leaves(item.value):
                self.clause.items[place] = replace(item, value=target, text=target.text)
                return True
        return False

    def _hosts_before(self, target: Target) -> bool:
        """The organ after lesion and measure: "tumor burden liver", "nodule count RUL"."""
        items = self.clause.items
        place = max((n for n, item in enumerate(items) if item.kind == "target"), default=-1)
        between = {item.kind for item in items[place + 1 :]}
        if place < 0 or not between or not between <= {"measure", "size"} or self.link not in ("", ","):
            return False
        lesion = items[place].value
        region = bool(lesion.ids and not lesion.within and target.kind in ("part", "struct") and self.link)
        if self.link and not region:
            return False
        if not (target.plain and lesion.lesion and (lesion.open or region) and not lesion.refers):
            return False
        if region and not self._named_region(target, lesion):
            return False
        hosted = self.reader.lesion_in(lesion, [target])
        if hosted.missing or items[-1].value == "distance":
            return False
        items[place] = replace(items[place], value=hosted)
        return True

    def _named_region(self, target: Target, lesion: Target) -> bool:
        """Whether a structure is a part of the organ of a lesion: "liver mets LD, segment 7"."""
        lexicon = self.reader.lexicon
        organs = set(lexicon.leaves(self.reader.lesion_hosts(lesion.ids)))
        parts = {part for id in organs for part in lexicon.ontology.regions_of(id)}
        return bool(target.ids) and set(lexicon.leaves(target.ids)) <= parts

    def _leaves(self, target: Target) -> set[str]:
        ids = self.reader.lexicon.leaves(target.ids)
        return {*ids, *(part for id in ids for part in self.reader.lexicon.ontology.regions_of(id))}

    def _said_already(self, target: Target) -> bool:
        """The class of what was just named: "from T10 to T12 outline the vertebral bodies"."""
        if self.link or not target.plain:
            return False
        leaves = self._leaves(target)
        items = [item for item in self.clause.items if item.kind == "target" and not item.negated]
        named = [item.value for item in items if item.value.plain]
        return any(self._leaves(other) < leaves for other in named)

    def _any_of_these(self, target: Target) -> bool:
        """As in "liver mets, anything new?": any of the lesions just named."""
        last = self.clause.items[-1] if self.clause.items else None
        if last is None or last.kind != "target" or self.link not in ("", ","):
            return False
        any_of = target.lesion == "lesion" and target.open and not (target.refers or target.noun)
        return any_of and last.value.lesion is not None and not last.value.refers

    def add(self, item: Item) -> None:
        if self.negation == "except" and item.kind == "measure" and self.link == ",":
            self.negation = None  # "all vertebrae except L5, volumes"
        if self.negation and item.kind in ("measure", "prior"):
            item = replace(item, negated=True)
            self.negation = None if item.kind == "measure" else self.negation
        self.clause.items.append(replace(item, link=item.link or self.link))
        if item.kind not in ("target", "again", "only"):  # "..., and the ratio of ...": still joined
            self.link = ""


_EXTREMES = {
    "largest": ("largest", "biggest", "greatest", "longest", "maximum", "maximal", "max", "highest"),
    "smallest": ("smallest", "least", "shortest", "tiniest", "minimum", "minimal", "min", "lowest"),
}
