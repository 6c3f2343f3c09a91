"""Noun phrases: what stands before, at and after a head noun, and phrases that point back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .numerals import NumeralReader
from .tag import NOMINAL, Tag
from .target import Target
from .trie import Lesions, Noun


@dataclass
class _Mods:
    """What stands before a head."""

    sides: list[str] = field(default_factory=list)
    select: str = "all"
    nth: int | None = None
    more: list[int] = field(default_factory=list)
    every: bool = False
    definite: bool = False
    other: bool = False
    maybe: bool = False

    @property
    def empty(self) -> bool:
        return not (self.sides or self.nth or self.every or self.other) and self.select == "all"


class PhraseReader(NumeralReader):
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
                joined = self._compound(target, following) if target else following
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
        if target.kind == "adj" and self.kind(at) == "pronoun" and self.tags[at].value == "one":
            at += 1  # "the pulmonary one"
        target, at = self._after(target, at)
        heads.append(self.resolve(target))
        first = heads[0]
        text = " ".join(tag.text for tag in self.tags[place:at])
        heads[0] = replace(first, text=first.text or text)
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
                mods.select = "smallest" if tag.value in ("smallest", "shortest") else "largest"
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
            elif tag.kind == "verb" and tag.keys == ("any",) and self.head_follows(at + 1):
                pass
            elif tag.kind == "maybe" and self.head_follows(at + 1):
                mods.maybe = True
            elif tag.kind == "number" and mods.nth == 1 and self.head_follows(at + 1):
                mods.more = list(range(1, int(tag.value) + 1))  # "the first three ribs"
            elif tag.kind == "number" and self._size_before(at):
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

    def head_follows(self, at: int) -> bool:
        while self.kind(at) in ("side", "superl", "ordinal", "number", "maybe") or (
            self.kind(at) == "conj" and self.kind(at + 1) == "side"
        ):
            at += 1
        return self.kind(at) in NOMINAL

    def _head(self, at: int, mods: _Mods) -> tuple[Target, int]:
        """One nominal tag with its modifiers and its numbers."""
        tag = self.tags[at]
        base = Target(
            text=tag.text,
            plural=tag.plural,
            sides=tuple(mods.sides),
            every=mods.every,
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

    def _compound(self, left: Target, right: Target) -> Target | None:
        """Two nouns in a row as one: host and lesion, host and region. None: they are two things."""
        if right.lesion is not None:
            if left.lesion is not None:
                return self._more_specific(left, right)
            return self.lesion_in(right, [self._own_part(right, left)]) if left.kind != "universe" else None
        if left.lesion is not None:
            right = self._own_part(left, right)
            inside = set(self.leaves_of(right))
            if left.open and self.lexicon.hosts.keys() & inside:
                return self.lesion_in(left, [right])
            organ = set(self.lexicon.leaves(self.lesion_hosts(left.ids)))
            regions = {part for id in organ for part in self.lexicon.ontology.regions_of(id)}
            if left.ids and inside and (inside <= regions or inside < organ):
                return self.lesion_in(left, [right])
            return None
        if right.kind == "part":
            return self.part_of(right, left)
        if left.kind == "part":
            return self.part_of(left, right)
        if left.kind == "adj":
            return replace(right, sides=left.sides + right.sides)
        return self._apposition(left, right)

    def _own_part(self, lesion: Target, part: Target) -> Target:
        """A region word beside a lesion of a known organ, as that organ's: "upper pole renal mass"."""
        if part.kind != "part" or not lesion.ids:
            return part
        return self.part_of(part, Target(ids=self.lesion_hosts(lesion.ids))) or part

    def _apposition(self, left: Target, right: Target) -> Target | None:
        """A name beside the class that it belongs to: "vertebrae C3", "gluteus maximus muscles"."""
        first, second = set(self.leaves_of(left)), set(self.leaves_of(right))
        if first and second and first < second and len(second) > 2:
            return left
        regions = {part for id in second for part in self.lexicon.ontology.regions_of(id)}
        if right.kind == "adj" and first and first <= regions:
            return left  # "upper pole renal mass"
        parts = {part for id in first for part in self.lexicon.ontology.regions_of(id)}
        if second and second <= parts:
            return right  # "liver seg VI"
        if first and second and second < first and len(first) > 2:
            return replace(right, sides=left.sides + right.sides)
        return None

    def _more_specific(self, left: Target, right: Target) -> Target:
        """Two words for one lesion: "hcc nodule", "cystic lesion"."""
        chosen, other = (left, right) if left.ids or not right.ids else (right, left)
        kinds = {left.lesion, right.lesion}
        lesion = "cyst" if "cyst" in kinds else "tumor" if "tumor" in kinds else "lesion"
        noun = chosen.noun or other.noun
        select = chosen.select if chosen.select != "all" else other.select
        return replace(chosen, lesion=lesion, noun=noun, select=select, rank=chosen.rank or other.rank,
                       sides=left.sides + right.sides, plural=left.plural or right.plural)  # fmt: skip

    def _after(self, target: Target, at: int) -> tuple[Target, int]:
        """Prepositional and sided modifiers: "of the left lung", "on the right", ", left"."""
        while True:
            if target.missing is not None and self.kind(at) == "prep" and self.head_follows(at + 1):
                _, at = self.read(at + 1)  # "lymph nodes along the aorta": where they are does not help
                while self.kind(at) == "conj" and self.kind(at + 1) == "level":
                    _, at = self.read(at + 1)
                continue
            beside = self.kind(at) == "prep" and self.tags[at].keys[-1] in ("near", "beside")
            if beside and not target.lesion and self.head_follows(at + 1):
                _, at = self.read(at + 1)  # "the portal vein near the pancreas"
                continue
            family = target.noun is not None and not target.lesion and self.is_family(self.leaves_of(target))
            if family and self.kind(at) == "prep" and self.tags[at].keys in (("from",), ("between",)):
                picked, end = self.numbered(at + 1, target)
                joined = (picked, end) if end > at + 1 else None
            elif self.kind(at) == "prep":
                joined = self.with_preposition(target, at)
            elif self.kind(at) in ("side", "conj") and not target.sides:
                joined = self._late_side(target, at)
            else:
                joined = None
            if joined is None:
                return target, at
            target, at = joined

    def _late_side(self, target: Target, at: int) -> tuple[Target, int] | None:
        """As in "kidney left", "the kidney, right side" where nothing else follows the side."""
        comma = self.kind(at) == "conj"
        if comma and self.tags[at].keys != (",",):
            return None
        step = at + 1 if comma else at
        if self.kind(step) != "side" or self.tags[step].value not in ("left", "right", "both"):
            return None
        if (
            self.head_follows(step + 1)
            or (comma and self.kind(step + 1) == "conj")
            or not self.sideable(target)
        ):
            return None
        if self.kind(step + 1) == "pronoun":
            return None
        return replace(target, sides=(self.tags[step].value,)), step + 1

    def with_preposition(self, target: Target, at: int, late: bool = False) -> tuple[Target, int] | None:
        word = self.tags[at].keys[-1]
        step = at + 1
        if (
            word in ("for", "to", "from", "by", "near", "through", "across")
            and target.lesion is None
            and target.kind != "part"
        ):
            return None
        far = any(tag.kind == "measure" and tag.value == "distance" for tag in self.tags)
        from_organ = self.tags[at].keys == ("from",) and not far
        if self.tags[at].keys in _AWAY and target.lesion is not None and not late and not from_organ:
            return None
        side = self.tags[step].value if self.kind(step) == "side" else None
        if side in ("left", "right", "both") and not self.head_follows(step):
            if self.kind(step + 1) == "pronoun" or not (self.sideable(target) or target.lesion):
                return None
            if target.lesion is not None and target.ids:
                within = self.sided_ids(self.lesion_hosts(target.ids), (side,))
                return replace(target, within=() if side == "both" else within, sides=(side,)), step + 1
            return replace(target, sides=(*target.sides, side)), step + 1
        hosts, end = self._host_list(target, step)
        if not hosts:
            return None
        if target.lesion is not None and target.ids and hosts[0].open:
            organ = Target(ids=self.lesion_hosts(target.ids))
            hosts = [self.part_of(host, organ) or host for host in hosts]  # "liver lesion in the left lobe"
        if target.lesion is not None:
            return self.lesion_in(target, hosts), end
        part = self.part_of(target, hosts[0]) if target.noun and len(hosts) == 1 else None
        if part is None and target.kind == "part" and hosts[0].refers:
            part = replace(target, refers="host", open=True)
        return (part, end) if part else None

    def _host_list(self, target: Target, at: int) -> tuple[list[Target], int]:
        """The hosts after "in": "the liver or the pancreas", as long as each can hold the lesion."""
        hosts: list[Target] = []
        end = at
        while True:
            found, stop = self.read(at)
            if len(found) != 1 or found[0].refers == "select":
                break
            if found[0].lesion is not None and not found[0].refers:
                break
            host = found[0]
            if hosts and host.kind == "part" and host.noun:
                host = self.beside(host, hosts[-1])
            if hosts and not self._can_hold(target, host):
                break
            hosts.append(host)
            end = stop
            if target.lesion is None or not (
                self.kind(stop) == "conj"
                and self.tags[stop].keys in (("and",), ("or",), (",",), ("and", "or"))
            ):
                break
            at = stop + 1
            if self.kind(at) == "conj":
                at += 1
        return hosts, end

    def beside(self, part: Target, host: Target) -> Target:
        """A region word after a region, as of the same organ: "pancreatic body or tail"."""
        organs = tuple(organ for id in self.resolve(host).ids for organ in self.lexicon.ontology[id].within)
        return (self.part_of(part, Target(ids=organs)) if organs else None) or part

    def _can_hold(self, lesion: Target, host: Target) -> bool:
        resolved = self.resolve(host)
        return bool(resolved.ids) and bool(self.lesions_within(lesion, resolved.ids)[0])

    def _pointer(self, place: int, mods: _Mods, at: int) -> tuple[list[Target], int]:
        """Phrases without a noun: it, both, the other one, the second largest, the first one."""
        text = " ".join(tag.text for tag in self.tags[place : max(at, place + 1)])
        if self.kind(at) == "neighbor":
            return [Target(refers="next", nth=self.tags[at].value, text=text)], at + 1
        one = self.kind(at) == "pronoun" and self.tags[at].value == "one"
        end = at + 1 if one else at
        if mods.other:
            return [Target(refers="other", text=text)], end
        if mods.sides:
            if "both" in mods.sides or len(set(mods.sides)) > 1:
                return [Target(refers="them", text=text, sides=tuple(mods.sides))], end
            return [Target(refers="side", sides=tuple(mods.sides), text=text)], end
        if mods.select != "all":
            rank = mods.nth if mods.nth and mods.nth > 1 else None
            return [Target(refers="select", select=mods.select, rank=rank, text=text)], end
        if mods.nth and (one or mods.definite or self.kind(at) not in ("measure", "unit")):
            return [Target(refers="nth", nth=mods.nth, text=text)], end
        those = self.kind(at) == "pronoun" and self.tags[at].keys in _THOSE
        end = at + 1 if those else end
        if (one or those) and self.kind(end) == "prep" and self.tags[end].keys[-1] in ("in", "of", "inside", "within", "on"):
            hosts, stop = self._host_list(Target(lesion="lesion", open=True), end + 1)
            if hosts and all(host.plain or host.open for host in hosts):
                return [replace(hosts[0], refers="one_in", text=text)], stop
        end = at + 1 if one else at
        if mods.every and one:
            return [Target(refers="them", text=text)], end
        numbers, stop = self._numbers(at)
        if at == place and place <= 2 and stop >= len(self.tags) - 1 and numbers:
            return [Target(refers="number", nth=number, text=text) for number in numbers], stop
        if at == place and self.kind(at) == "pronoun":
            number = next((n for word, n in _COUNTS.items() if word in self.tags[at].keys), None)
            return [Target(refers=self.tags[at].value, nth=number, text=text)], at + 1
        return [], place


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
_THOSE = (("those",), ("these",), ("one",), ("the", "one"))
_AWAY = (("to",), ("by",), ("near",), ("through",), ("for",), ("from",), ("across",))
_RANGE_WORDS = ("to", "through", "thru", "until", "till", "-")
