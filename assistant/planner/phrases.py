"""Noun phrases: what stands before, at and after a head noun, and phrases that point back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .compounds import CompoundReader
from .meaning import NOMINAL, Tag
from .target import Target
from .trie import Lesions, Noun


@dataclass
class _Mods:
    """What stands before a head."""

    sides: list[str] = field(default_factory=list)
    select: str = "all"
    first: str = ""
    nth: int | None = None
    top: int | None = None
    more: list[int] = field(default_factory=list)
    every: bool = False
    whole: bool = False
    definite: bool = False
    other: bool = False
    maybe: bool = False
    status: str | None = None

    @property
    def empty(self) -> bool:
        return not (self.sides or self.nth or self.every or self.other) and self.select == "all"


class PhraseReader(CompoundReader):
    """Reads noun phrases from tags without fillers."""

    def read(self, place: int) -> tuple[list[Target], int]:
        """The targets of the phrase that starts here, and where it ends; ([], place) when none starts."""
        mods, at = self._mods(place)
        before = mods
        heads: list[Target] = []
        target: Target | None = None
        while True:
            if self.kind(at) in NOMINAL:
                following, at = self._head(at, mods if target is None or mods.sides else _Mods())
                joined = self.compound(target, following) if target else following
                if target is not None and joined is None:
                    heads.append(self.resolve(target))
                    joined = following
                target = joined
                mods = _Mods()
                continue
            side = self.tags[at].value if self.kind(at) == "side" else None
            if target is not None and side in ("left", "right", "both") and self.kind(at + 1) in NOMINAL:
                mods = _Mods(sides=[side])
                at += 1
                continue
            break
        if target is None:
            return self._pointer(place, mods, at)
        if target.lesion is not None:
            target = self._selected(target, before)
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

    def _mods(self, place: int) -> tuple[_Mods, int]:
        mods = _Mods()
        at = place
        while at < len(self.tags):
            tag = self.tags[at]
            if tag.kind == "side":
                if tag.value == "other":
                    mods.other = True
                else:
                    mods.sides.append(tag.value)
                at += 1
                # "left and right kidney"
                if self.kind(at) == "conj" and self.kind(at + 1) == "side" and self.head_follows(at + 2):
                    at += 1
                continue
            if tag.kind == "superl" and tag.value in ("largest", "smallest", "longest", "shortest"):
                select = "smallest" if tag.value in ("smallest", "shortest") else "largest"
                mods.first = mods.select if mods.select not in ("all", select) else ""
                mods.select = select
                if (
                    self.kind(at + 1) == "conj"
                    and self.kind(at + 2) == "superl"
                    and self.head_follows(at + 2)
                ):
                    at += 1
            elif tag.kind == "ordinal":
                mods.nth = tag.value
                mods.more.append(tag.value)
                # "7th and 8th ribs"
                if (
                    self.kind(at + 1) == "conj"
                    and self.kind(at + 2) == "ordinal"
                    and self.head_follows(at + 2)
                ):
                    at += 1
            elif tag.kind == "all":
                mods.every = True
                mods.whole = bool(_WHOLE.intersection(tag.keys))
            elif tag.kind == "verb" and tag.keys == ("any",) and self.head_follows(at + 1):
                pass
            elif tag.kind == "status" and (self.head_follows(at + 1) or self._ones(at + 1)):
                mods.status = tag.value
            elif tag.kind == "maybe" and self.head_follows(at + 1):
                mods.maybe = True
            elif tag.kind == "number" and mods.nth == 1 and self.head_follows(at + 1):
                mods.more = list(range(1, int(tag.value) + 1))  # "the first three ribs"
            elif tag.kind == "number" and self._size_before(at):
                if self.kind(at + 1) == "superl" or (mods.select != "all" and self.kind(at + 1) != "unit"):
                    mods.top = max(int(tag.value), 1)  # "the three largest", "the largest 3 nodules"
                at += 1 if self.kind(at + 1) == "unit" else 0
            elif tag.kind == "pronoun" and tag.value in ("it", "them") and self._determines(at):
                mods.definite = True
            elif tag.kind == "prep" and tag.keys[-1] == "of" and at > place and not mods.empty:
                pass
            else:
                break
            at += 1
        return mods, at

    def _size_before(self, at: int) -> bool:
        """A number that only describes: "two kidneys", "the 3 cm lesion"."""
        step = at + 2 if self.kind(at + 1) == "unit" else at + 1
        return self.head_follows(step) or self.kind(at + 1) == "superl"

    def _determines(self, at: int) -> bool:
        tag = self.tags[at]
        return tag.keys in _DETERMINERS and self.head_follows(at + 1)

    def _head(self, at: int, mods: _Mods) -> tuple[Target, int]:
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

    def _selected(self, target: Target, mods: _Mods) -> Target:
        """What stands before the compound holds for the lesion: "the second largest liver lesion"."""
        select, rank = mods.select, mods.nth if mods.nth and mods.nth > 0 else None
        if rank and select == "all":
            select = "largest"
        if select == "all":
            select, rank = target.select, target.rank
        return replace(
            target,
            select=select,
            top=mods.top or target.top,
            rank=rank if rank and rank > 1 else None,
            maybe=target.maybe or mods.maybe,
            every=target.every or mods.every,
            definite=target.definite or mods.definite,
        )

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

    def _ones(self, at: int) -> bool:
        return self.kind(at) == "pronoun" and self.tags[at].value == "one"

    def _pointer(self, place: int, mods: _Mods, at: int) -> tuple[list[Target], int]:
        """Phrases without a noun: it, both, the other one, the second largest, the first one."""
        text = " ".join(tag.text for tag in self.tags[place : max(at, place + 1)])
        if self.kind(at) == "neighbor":
            more = self.number_at(at + 1) or 1  # "the next two"
            stop = at + 1 if more == 1 else at + 2
            return [Target(refers="next", nth=self.tags[at].value, rank=more, text=text)], stop
        one = self._ones(at)
        end = at + 1 if one else at
        if mods.status and one:
            return [Target(lesion="lesion", open=True, plural=True, status=mods.status, text=text)], end
        if mods.other:
            return [Target(refers="other", text=text)], end
        if mods.sides:
            if "both" in mods.sides or len(set(mods.sides)) > 1:
                return [Target(refers="them", text=text, sides=tuple(mods.sides))], end
            return [Target(refers="side", sides=tuple(mods.sides), text=text)], end
        if mods.select != "all":
            rank = mods.nth if mods.nth and mods.nth > 1 else None
            hosts, stop = self._place(end, _INSIDE)
            if hosts:  # "the largest in the liver"
                chosen = replace(
                    hosts[0], refers="one_in", select=mods.select, rank=rank, top=mods.top, text=text
                )
                return [chosen], stop
            return [Target(refers="select", select=mods.select, rank=rank, top=mods.top, text=text)], end
        if mods.nth and (one or mods.definite or self.kind(at) not in ("measure", "unit")):
            return [Target(refers="nth", nth=mods.nth, text=text)], end
        those = self.kind(at) == "pronoun" and self.tags[at].keys in _THOSE
        end = at + 1 if those else end
        if (
            one
            and self.kind(end) == "prep"
            and self.kind(end + 1) == "side"
            and not self.head_follows(end + 1)
        ):
            side = self.tags[end + 1].value  # "one in the left"
            if side in ("left", "right"):
                return [Target(refers="side", sides=(side,), text=text)], end + 2
        hosts, stop = self._place(end, (*_INSIDE, "of")) if one or those else ([], end)
        if hosts:
            return [replace(hosts[0], refers="one_in", text=text)], stop
        end = at + 1 if one else at
        if mods.every and one:
            return [Target(refers="them", text=text)], end
        numbers, stop = self._numbers(at)
        counted = place > 0 and self.tags[place - 1].value == "count"  # "are there more than five"
        if at == place and place <= 2 and stop >= len(self.tags) - 1 and numbers and not counted:
            return [Target(refers="number", nth=number, text=text) for number in numbers], stop
        if at == place and self.kind(at) == "pronoun":
            number = next((n for word, n in _COUNTS.items() if word in self.tags[at].keys), None)
            return [Target(refers=self.tags[at].value, nth=number, text=text)], at + 1
        return [], place

    def _place(self, at: int, words: tuple[str, ...]) -> tuple[list[Target], int]:
        """The anatomy after "in": where the thing pointed to lies."""
        if self.kind(at) != "prep" or self.tags[at].keys[-1] not in words:
            return [], at
        hosts, stop = self.host_list(Target(lesion="lesion", open=True), at + 1)
        return (hosts, stop) if all(host.plain or host.open for host in hosts) else ([], at)

    def _numbers(self, at: int) -> tuple[list[int], int]:
        """As in "and 7 and 8": whole numbers joined by "and"."""
        numbers: list[int] = []
        while (number := self.number_at(at)) is not None:
            numbers.append(number)
            at += 1
            if self.kind(at) != "conj" or self.number_at(at + 1) is None:
                break
            at += 1
        return numbers, at


_DETERMINERS = (
    ("the", "two"),
    ("this",),
    ("that",),
    ("these",),
    ("those",),
    ("its",),
    ("said",),
    ("aforementioned",),
    ("their",),
)
_COUNTS = {"three": 3, "four": 4}
_WHOLE = frozenset({"whole", "entire", "complete", "full"})
_INSIDE = ("in", "inside", "within", "on")
_THOSE = (("those",), ("these",), ("them",), ("one",), ("the", "one"))
_RANGE_WORDS = ("to", "through", "thru", "until", "till", "-")
