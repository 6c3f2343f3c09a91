"""Lesions and the organs of their clause: where the lesion and its organ stand apart."""

from __future__ import annotations

from dataclasses import replace

from .making import Making
from .target import Target


class Hosting(Making):
    """Puts lesions into organs that are named later, or that are joined to where they are."""

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

    def same_lesion(self, target: Target) -> Target:
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

    def hosts_before(self, target: Target) -> bool:
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

    def any_of_these(self, target: Target) -> bool:
        """As in "liver mets, anything new?": any of the lesions just named."""
        last = self.clause.items[-1] if self.clause.items else None
        if last is None or last.kind != "target" or self.link not in ("", ","):
            return False
        any_of = target.lesion == "lesion" and target.open and not (target.refers or target.noun)
        return any_of and last.value.lesion is not None and not last.value.refers
