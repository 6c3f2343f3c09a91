"""Noun phrases: a head noun with what stands before and after it."""

from __future__ import annotations

from dataclasses import replace

from .meaning import NOMINAL, Tag
from .modifiers import Mods
from .pointing import PointingReader
from .target import Target
from .trie import Lesions, Noun


class PhraseReader(PointingReader):
    """Reads noun phrases from tags without fillers."""

    def read(self, place: int) -> tuple[list[Target], int]:
        """The targets of the phrase that starts here, and where it ends; ([], place) when none starts."""
        mods, at = self.mods(place)
        before = mods
        heads: list[Target] = []
        target: Target | None = None
        while True:
            if self.kind(at) in NOMINAL:
                following, at = self._head(at, mods if target is None or mods.sides else Mods())
                joined = self.compound(target, following) if target else following
                if target is not None and joined is None:
                    heads.append(self.resolve(target))
                    joined = following
                target = joined
                mods = Mods()
                continue
            side = self.tags[at].value if self.kind(at) == "side" else None
            if target is not None and side in ("left", "right", "both") and self.kind(at + 1) in NOMINAL:
                mods = Mods(sides=[side])
                at += 1
                continue
            break
        if target is None:
            return self.pointer(place, mods, at)
        if target.lesion is not None:
            target = self.selected(target, before)
            target = replace(target, status=before.status)
        ones = self.kind(at) == "pronoun" and self.tags[at].keys[-1:] == ("one",)
        if ones and (target.kind == "adj" or (target.kind == "struct" and not target.lesion)):
            at += 1  # "the pulmonary one", "the liver one"
            target = replace(target, kind="adj")
        target, at = self.after(target, at)
        heads.append(self.resolve(target))
        first = heads[0]
        text = " ".join(tag.text for tag in self.tags[place:at])
        heads[0] = replace(first, text=first.text or text)
        if before.first and target.lesion and len(heads) == 1:  # "the smallest and the largest cyst"
            heads = [replace(heads[0], select=before.first), *heads]
        return heads, at

    def _head(self, at: int, mods: Mods) -> tuple[Target, int]:
        """One nominal tag with its modifiers and its numbers."""
        tag = self.tags[at]
        base = Target(
            text=tag.text,
            plural=tag.plural,
            sides=tuple(mods.sides),
            every=mods.every,
            whole=mods.whole,
            definite=mods.definite,
            select=mods.select,
            kind=tag.kind,
        )
        if tag.kind == "level":
            return self.levels(at, base, tag.value)
        if tag.kind == "numbered":
            return self.numbered(at + 1, replace(base, noun=Noun({None: tag.value}), kind="part"))
        if tag.kind == "lesion":
            base = replace(base, maybe=bool({"suspicious", "suspected"} & set(tag.keys)))
            return self._lesion_head(tag.value, base), at + 1
        if tag.kind == "unsupported":
            return replace(base, missing=tag.value, definite=True), at + 1
        if tag.kind == "universe":
            return self._universe(tag, base), at + 1
        if tag.kind == "condition":
            ids, measures = tag.value
            return replace(
                base, ids=self.sided_ids(ids, mods.sides), kind="condition", measures=measures
            ), at + 1
        target = replace(base, noun=tag.value)
        if len(tag.value.ids) == 1 and tag.value.ids[0] in self.lexicon.levels.values():
            return self.levels(at, base, tag.value.ids[0])
        family = self.is_family(tag.value.ids)
        if family and mods.nth and not mods.other:
            if mods.nth == -1:
                mods.more = [
                    max(self.lexicon.number(leaf) or 0 for leaf in self.lexicon.leaves(tag.value.ids))
                ]
            return replace(
                target, noun=self.pick(tag.value, set(mods.more)), plural=len(mods.more) > 1
            ), at + 1
        if family:
            return self.numbered(at + 1, target)
        own = {self.lexicon.number(leaf) for leaf in self.lexicon.leaves(tag.value.ids)}
        if len(own) == 1 and None not in own:
            return self.numbered(at + 1, target, own.pop())
        if mods.nth and mods.nth > 0:
            target = replace(target, nth=mods.nth)
        return target, at + 1

    def _lesion_head(self, word: Lesions, base: Target) -> Target:
        base = replace(base, lesion=word.kind)
        if word.ids:
            if base.sides and "both" not in base.sides:
                hosts = self.sided_ids(self.lesion_hosts(word.ids), base.sides)
                return replace(base, ids=word.ids, within=hosts)
            return replace(base, ids=word.ids)
        if word.host:
            return replace(base, open=True, noun=self.lexicon.nouns.get((word.host,)))
        return replace(base, open=True)

    def _universe(self, tag: Tag, base: Target) -> Target:
        """Everything, or all organs: leaves that are anatomy and no part of another structure."""
        organs = any(word in ("organ",) for word in tag.keys)
        kinds = ("organ",) if organs else ("organ", "vessel", "bone", "muscle")
        ids = tuple(
            s.id
            for s in self.lexicon.ontology.values()
            if s.kind in kinds and s.id in self.lexicon.scope and not s.children
        )
        return replace(base, ids=ids, every=True, kind="universe")
