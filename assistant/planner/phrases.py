"""Noun phrases: side, organ, region, number and lesion words composed into what they name together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .lexicon import ROMAN, Lesions, Lexicon, Noun, Unsupported
from .tag import NOMINAL, Tag

@dataclass(frozen=True)
class Target:
    """What a noun phrase names.

    ids        structures, groups kept whole
    within     regions or organs that a lesion must lie in; empty for the whole host
    lesion     class of lesion ("tumor", "lesion", "cyst"), None for anatomy
    open       a lesion without a named organ, or a region whose organ is still open
    refers     what it points back to: "it", "them", "one", "other", "side", "nth", "host"
    missing    what was named and cannot be found, with the nearest that can
    """

    ids: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    lesion: str | None = None
    open: bool = False
    noun: Noun | None = None
    sides: tuple[str, ...] = ()
    kind: str = "struct"
    refers: str | None = None
    nth: int | None = None
    select: str = "all"
    rank: int | None = None
    missing: Unsupported | None = None
    excluded: bool = False
    plural: bool = False
    every: bool = False
    definite: bool = False
    measures: tuple[str, ...] = ()
    text: str = ""

    @property
    def plain(self) -> bool:
        """A named structure that is no lesion."""
        return bool(self.ids) and self.lesion is None


@dataclass
class _Mods:
    """What stands before a head."""

    sides: list[str] = field(default_factory=list)
    select: str = "all"
    nth: int | None = None
    every: bool = False
    definite: bool = False
    other: bool = False
    any: bool = False

    @property
    def empty(self) -> bool:
        return not (self.sides or self.nth or self.every or self.other) and self.select == "all"


class PhraseReader:
    """Reads noun phrases from tags without fillers."""

    def __init__(self, tags: Sequence[Tag], lexicon: Lexicon) -> None:
        self.tags = list(tags)
        self.lexicon = lexicon

    def kind(self, place: int) -> str:
        return self.tags[place].kind if 0 <= place < len(self.tags) else ""

    def read(self, place: int) -> tuple[list[Target], int]:
        """The targets of the phrase that starts here, and where it ends; ([], place) when none starts."""
        mods, at = self._mods(place)
        heads: list[Target] = []
        target: Target | None = None
        while True:
            if self.kind(at) in NOMINAL:
                following, at = self._head(at, mods if target is None or mods.sides else _Mods())
                joined = self._compound(target, following) if target else following
                if joined is None:
                    heads.append(self._finished(target))
                    joined = following
                target = joined
                mods = _Mods()
                continue
            if target is not None and self.kind(at) == "side" and self.kind(at + 1) in NOMINAL:
                if self.tags[at].value in ("left", "right", "both"):
                    mods = _Mods(sides=[self.tags[at].value])
                    at += 1
                    continue
            break
        if target is None:
            return self._pointer(place, mods, at)
        target, at = self._after(target, at)
        heads.append(self._finished(target))
        first = heads[0]
        text = " ".join(tag.text for tag in self.tags[place:at])
        heads[0] = replace(first, text=first.text or text)
        return heads, at

    # ---- before the head ------------------------------------------------------------------------------

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
                if self.kind(at) == "conj" and self.kind(at + 1) == "side" and self._head_follows(at + 2):
                    at += 1
                continue
            if tag.kind == "superl" and tag.value in ("largest", "smallest", "longest", "shortest"):
                mods.select = "smallest" if tag.value in ("smallest", "shortest") else "largest"
            elif tag.kind == "ordinal":
                mods.nth = tag.value
            elif tag.kind == "all":
                mods.every = True
            elif tag.kind == "verb" and tag.keys == ("any",) and self._head_follows(at + 1):
                mods.any = True
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
        return self._head_follows(step) or self.kind(at + 1) == "superl"

    def _determines(self, at: int) -> bool:
        tag = self.tags[at]
        return tag.keys in _DETERMINERS and self._head_follows(at + 1)

    def _head_follows(self, at: int) -> bool:
        while self.kind(at) in ("side", "superl", "ordinal", "number") or (
            self.kind(at) == "conj" and self.kind(at + 1) == "side"
        ):
            at += 1
        return self.kind(at) in NOMINAL

    # ---- the head -------------------------------------------------------------------------------------

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
            return self._levels(at, base)
        if tag.kind == "numbered":
            return self._numbered(at + 1, replace(base, noun=Noun({None: tag.value}), kind="part"))
        if tag.kind == "lesion":
            return self._lesion_head(tag.value, base, mods), at + 1
        if tag.kind == "unsupported":
            return replace(base, missing=tag.value, definite=True), at + 1
        if tag.kind == "universe":
            return self._universe(tag, base), at + 1
        if tag.kind == "condition":
            ids, measures = tag.value
            return replace(base, ids=self._sided_ids(ids, mods.sides), kind="condition", measures=measures), at + 1
        target = replace(base, noun=tag.value)
        family = self._family(tag.value.ids)
        if family and mods.nth and not mods.other:
            return replace(target, noun=self._pick(tag.value, {mods.nth})), at + 1
        if family:
            return self._numbered(at + 1, target)
        if mods.nth and mods.nth > 0:
            target = replace(target, nth=mods.nth)
        return target, at + 1

    def _lesion_head(self, word: Lesions, base: Target, mods: _Mods) -> Target:
        rank = mods.nth if mods.nth and (mods.select != "all" or mods.nth > 0) else None
        select = mods.select
        if rank and select == "all":
            select, rank = "largest", rank
        rank = rank if rank and rank > 1 else None
        base = replace(base, lesion=word.kind, select=select, rank=rank)
        if word.ids:
            if base.sides and "both" not in base.sides:
                hosts = self._sided_ids(self._lesion_hosts(word.ids), base.sides)
                return replace(base, ids=word.ids, within=hosts)
            return replace(base, ids=word.ids)
        if word.host:
            return replace(base, open=True, noun=self.lexicon.nouns.get((word.host,)))
        return replace(base, open=True)

    def _lesion_hosts(self, lesions: Sequence[str]) -> tuple[str, ...]:
        return tuple(host for lesion in lesions for host in self.lexicon.ontology[lesion].within)

    def _universe(self, tag: Tag, base: Target) -> Target:
        """Everything, or all organs: leaves that are anatomy and no part of another structure."""
        organs = any(word in ("organ",) for word in tag.keys)
        kinds = ("organ",) if organs else ("organ", "vessel", "bone", "muscle")
        ids = tuple(s.id for s in self.lexicon.ontology.values() if s.kind in kinds and not s.children)
        return replace(base, ids=ids, every=True, kind="universe")

    def _levels(self, at: int, base: Target) -> tuple[Target, int]:
        """L3, T10-L2, C3 through C5, T10-12."""
        first = self.tags[at].value
        spine = [id for id in self.lexicon.leaves(["vertebrae"] if "vertebrae" in self.lexicon.ontology else [first])]
        if "sacrum" in spine:
            spine.remove("sacrum")
        step = self._range_step(at + 1)
        last: str | None = None
        end = at + 1
        if step and self.kind(step) == "level":
            last, end = self.tags[step].value, step + 1
        elif step and self.kind(step) == "number":
            last = self._same_letter(first, self.tags[step].value)
            end = step + 1
        if last and first in spine and last in spine:
            low, high = sorted((spine.index(first), spine.index(last)))
            return replace(base, ids=tuple(spine[low : high + 1]), plural=True), end
        ids = [first]
        while self._link(end) and self.kind(end + 1) == "number" and self.kind(end + 2) != "unit":
            more = self._same_letter(first, self.tags[end + 1].value)
            if not more:
                break
            ids.append(more)
            end += 2
        return replace(base, ids=tuple(ids), plural=len(ids) > 1), end

    def _same_letter(self, level: str, number: float) -> str | None:
        id = f"{level.rstrip('0123456789')}{int(number)}"
        return id if id in self.lexicon.ontology else None

    def _link(self, at: int) -> bool:
        return self.kind(at) == "conj"

    def _range_step(self, at: int) -> int | None:
        """The place after a range sign or word: "-", "to", "through"."""
        if self.kind(at) == "range":
            return at + 1
        if self.kind(at) in ("prep", "op", "word") and self.tags[at].keys[-1] in _RANGE_WORDS:
            return at + 1
        return None

    def _family(self, ids: Sequence[str]) -> bool:
        """Structures that are told apart by number: ribs, vertebrae of one part, liver segments."""
        leaves = self.lexicon.leaves(ids)
        return len(leaves) > 2 and all(self.lexicon.number(leaf) for leaf in leaves)

    def _pick(self, noun: Noun, numbers: set[int]) -> Noun:
        sides = {
            side: tuple(leaf for leaf in self.lexicon.leaves(ids) if self.lexicon.number(leaf) in numbers)
            for side, ids in noun.sides.items()
        }
        return Noun({side: ids for side, ids in sides.items() if ids})

    def _numbered(self, at: int, target: Target) -> tuple[Target, int]:
        """Numbers after a family name: ribs 5 to 8, segments V and VI, rib 3."""
        numbers: set[int] = set()
        end = at
        while True:
            number = self._number(end)
            if number is None:
                break
            numbers.add(number)
            end += 1
            step = self._range_step(end)
            last = self._number(step) if step else None
            if step and last:
                numbers.update(range(min(number, last), max(number, last) + 1))
                end = step + 1
            follow = end
            while self._link(follow):
                follow += 1
            if follow > end and self._number(follow) is not None:
                end = follow
                continue
            break
        if numbers and target.noun:
            picked = self._pick(target.noun, numbers)
            if picked.sides:
                return replace(target, noun=picked, plural=len(numbers) > 1), end
        return target, at

    def _number(self, at: int | None) -> int | None:
        """A whole number or roman numeral that is no size: not before a unit."""
        if at is None or at >= len(self.tags) or self.kind(at + 1) == "unit":
            return None
        tag = self.tags[at]
        if tag.kind in ("number", "ordinal") and float(tag.value).is_integer() and tag.value > 0:
            return int(tag.value)
        if tag.kind in ("word", "level", "lesion", "side", "measure") and len(tag.keys) == 1 and tag.keys[0] in ROMAN:
            return ROMAN[tag.keys[0]]
        if tag.kind in ("word", "level") and tag.keys[0][:1] == "s" and tag.keys[0][1:].isdigit():
            return int(tag.keys[0][1:])
        return None

    # ---- joining --------------------------------------------------------------------------------------

    def _compound(self, left: Target, right: Target) -> Target | None:
        """Two nouns in a row as one: host and lesion, host and region. None: they are two things."""
        if right.lesion is not None:
            if left.lesion is not None:
                return self._more_specific(left, right)
            return self.lesion_in(right, [left]) if left.kind != "universe" else None
        if left.lesion is not None:
            if left.open and self.lexicon.hosts.keys() & set(self._leaves(right)):
                return self.lesion_in(left, [right])
            return None
        if right.kind == "part":
            return self.part_of(right, left)
        if left.kind == "part":
            return self.part_of(left, right)
        if left.kind == "adj":
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

    def _leaves(self, target: Target) -> tuple[str, ...]:
        return self.lexicon.leaves(self.resolve(target).ids)

    def part_of(self, part: Target, host: Target) -> Target | None:
        """The part as far as it belongs to the host; None when it does not."""
        if not part.noun:
            return None
        sides = part.sides + host.sides
        inside = set(self.lexicon.leaves(self.resolve(host).ids))
        kept = {
            side: tuple(id for id in ids if self._belongs(id, inside)) for side, ids in part.noun.sides.items()
        }
        noun = Noun({side: ids for side, ids in kept.items() if ids})
        if not noun.sides:
            return None
        return replace(part, noun=noun, sides=tuple(dict.fromkeys(sides)), kind="struct",
                       plural=part.plural, every=part.every or host.every)  # fmt: skip

    def _belongs(self, id: str, inside: set[str]) -> bool:
        leaves = set(self.lexicon.leaves([id]))
        hosts = set(self.lexicon.leaves(self.lexicon.ontology[id].within))
        return leaves <= inside or bool(hosts & inside)

    def lesion_in(self, lesion: Target, hosts: Sequence[Target]) -> Target:
        """The lesion as far as it lies in these hosts."""
        resolved = [self.resolve(host) for host in hosts]
        missing = next((host.missing for host in resolved if host.missing), None)
        ids = tuple(dict.fromkeys(id for host in resolved for id in host.ids))
        if missing and not ids:
            return replace(lesion, missing=missing, open=False)
        if lesion.sides and not any(host.sides for host in hosts):
            ids = self._sided_ids(ids, lesion.sides)
        refers = next((host.refers for host in resolved if host.refers), None)
        if refers:
            return replace(lesion, refers="host", open=True, nth=None)
        found, within = self.lesions_within(lesion, ids)
        if not found:
            name = ", ".join(self.lexicon.ontology[id].name for id in ids)
            return replace(lesion, missing=Unsupported(f"lesion:{lesion.lesion}:{name}", ids), open=False)
        return replace(lesion, ids=found, within=within, open=False, noun=None)

    def lesions_within(self, lesion: Target, hosts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(lesion ids, within) for lesions of a class in some hosts; within is empty for whole organs."""
        ontology = self.lexicon.ontology
        organs: set[str] = set()
        for leaf in self.lexicon.leaves(hosts):
            organs.update(self.lexicon.leaves(ontology[leaf].within) if ontology[leaf].kind == "region" else (leaf,))
        both = organs | {other for organ in organs if (other := ontology.counterpart(organ))}
        fixed = [id for id in lesion.ids if set(self.lexicon.leaves(ontology[id].within)) & organs]
        candidates = fixed or [id for id in self.lexicon.lesions if self._of_class(id, lesion.lesion)]
        sure: list[str] = []
        for id in candidates:
            whole = set(self.lexicon.leaves(ontology[id].within))
            if whole & organs and (whole <= both or self._paired(whole, both)):
                sure.append(id)
        if not sure:
            return (), ()
        covered = {leaf for id in sure for leaf in self.lexicon.leaves(ontology[id].within)}
        if covered <= set(self.lexicon.leaves(hosts)):
            return tuple(sure), ()
        return tuple(sure), tuple(hosts)

    def _paired(self, whole: set[str], both: set[str]) -> bool:
        """Hosts of several leaves (lungs) that are partly named: the rest lies in the same group."""
        group = self.lexicon.group_of(sorted(whole))
        return len(group) == 1 and len(whole) > 1 and bool(whole & both)

    def _of_class(self, id: str, wanted: str | None) -> bool:
        is_cyst = "cyst" in id
        return wanted == "lesion" or (wanted == "cyst") == is_cyst

    # ---- after the head -------------------------------------------------------------------------------

    def _after(self, target: Target, at: int) -> tuple[Target, int]:
        """Prepositional and sided modifiers: "of the left lung", "on the right", ", left"."""
        while True:
            if self.kind(at) == "prep":
                joined = self._with_preposition(target, at)
            elif self.kind(at) in ("side", "conj") and not target.sides:
                joined = self._late_side(target, at)
            else:
                joined = None
            if joined is None:
                return target, at
            target, at = joined

    def _late_side(self, target: Target, at: int) -> tuple[Target, int] | None:
        """"kidney left", "the kidney, right side" where nothing else follows the side."""
        comma = self.kind(at) == "conj"
        if comma and self.tags[at].keys != (",",):
            return None
        step = at + 1 if comma else at
        if self.kind(step) != "side" or self.tags[step].value not in ("left", "right", "both"):
            return None
        if self._head_follows(step + 1) or (comma and self.kind(step + 1) == "conj") or not self._sideable(target):
            return None
        if self.kind(step + 1) == "pronoun":
            return None
        return replace(target, sides=(self.tags[step].value,)), step + 1

    def _sideable(self, target: Target) -> bool:
        if target.noun:
            return len(target.noun.sides.keys() & {"left", "right"}) == 2
        return any(self.lexicon.ontology[id].side for id in self.lexicon.leaves(target.ids))

    def _with_preposition(self, target: Target, at: int) -> tuple[Target, int] | None:
        word = self.tags[at].keys[-1]
        step = at + 1
        if word in ("for", "to", "from", "by", "near", "through", "across") and target.lesion is None and target.kind != "part":
            return None
        if word in ("to", "by", "near", "through", "for") and target.lesion is not None:
            return None
        side = self.tags[step].value if self.kind(step) == "side" else None
        if side in ("left", "right", "both") and not self._head_follows(step):
            if self.kind(step + 1) == "pronoun" or not (self._sideable(target) or target.lesion):
                return None
            if target.lesion is not None and target.ids:
                hosts = self._sided_ids(self._lesion_hosts(target.ids), (side,))
                return replace(target, within=() if side == "both" else hosts, sides=(side,)), step + 1
            return replace(target, sides=(*target.sides, side)), step + 1
        hosts, end = self._host_list(target, step)
        if not hosts:
            return None
        if target.lesion is not None:
            return self.lesion_in(target, hosts), end
        joined = self.part_of(target, hosts[0]) if target.noun and len(hosts) == 1 else None
        if joined is None and target.kind == "part" and hosts[0].refers:
            joined = replace(target, refers="host", open=True)
        return (joined, end) if joined else None

    def _host_list(self, target: Target, at: int) -> tuple[list[Target], int]:
        """The hosts after "in": "the liver or the pancreas", as long as each can hold the lesion."""
        hosts: list[Target] = []
        end = at
        while True:
            found, stop = self.read(at)
            if len(found) != 1 or (found[0].lesion is not None and not found[0].refers):
                break
            host = found[0]
            if hosts and not self._can_hold(target, host):
                break
            hosts.append(host)
            end = stop
            if target.lesion is None or not (
                self.kind(stop) == "conj" and self.tags[stop].keys in (("and",), ("or",), (",",), ("and", "or"))
            ):
                break
            at = stop + 1
            if self.kind(at) == "conj":
                at += 1
        return hosts, end

    def _can_hold(self, lesion: Target, host: Target) -> bool:
        resolved = self.resolve(host)
        return bool(resolved.ids) and bool(self.lesions_within(lesion, resolved.ids)[0])

    # ---- finishing ------------------------------------------------------------------------------------

    def _finished(self, target: Target) -> Target:
        return self.resolve(target)

    def resolve(self, target: Target) -> Target:
        """Fill in the ids of a noun with its sides."""
        if target.lesion is not None:
            return target
        if target.noun is None or target.missing:
            return target
        ids = self._noun_ids(target.noun, target.sides)
        if ids is None:
            name = f"{target.sides[0]} {target.text}"
            return replace(target, ids=(), missing=Unsupported(name, target.noun.ids))
        if target.nth and len(self.lexicon.leaves(ids)) > 2 and self._family(ids):
            ids = self.lexicon.leaves(ids)[target.nth - 1 : target.nth]
        is_open = target.kind == "part" and len(self._part_hosts(ids)) > 1
        return replace(target, ids=() if is_open else self.lexicon.group_of(ids), open=is_open)

    def _part_hosts(self, ids: Sequence[str]) -> set[tuple[str, ...]]:
        """The organs that the candidates of a region word belong to."""
        hosts: set[tuple[str, ...]] = set()
        for id in ids:
            within = self.lexicon.ontology[id].within
            if not within:
                hosts.add(("lung",))
            for host in within:
                other = self.lexicon.ontology.counterpart(host)
                hosts.add(tuple(sorted({host, other or host})))
        return hosts

    def _noun_ids(self, noun: Noun, sides: Sequence[str]) -> tuple[str, ...] | None:
        """The structures of a noun on some sides; None when it has no such side."""
        if not sides:
            return noun.ids
        if "both" in sides:
            sides = ("left", "right")
        ids: list[str] = []
        for side in dict.fromkeys(sides):
            named = noun.sides.get(side) or tuple(
                leaf for leaf in self.lexicon.leaves(noun.ids) if self.lexicon.ontology[leaf].side == side
            )
            if not named and len(noun.ids) == 1:
                named = tuple(
                    id for id in self.lexicon.ontology.regions_of(noun.ids[0])
                    if self.lexicon.ontology[id].side == side and "lobe" in id
                )  # fmt: skip
            if not named:
                return noun.ids if len(sides) == 2 else None
            ids += named
        return tuple(ids)

    def _sided_ids(self, ids: Sequence[str], sides: Sequence[str]) -> tuple[str, ...]:
        if not sides or "both" in sides:
            return tuple(ids)
        kept = tuple(leaf for leaf in self.lexicon.leaves(ids) if self.lexicon.ontology[leaf].side in sides)
        return self.lexicon.group_of(kept) or tuple(ids)

    # ---- pointing back --------------------------------------------------------------------------------

    def _pointer(self, place: int, mods: _Mods, at: int) -> tuple[list[Target], int]:
        """Phrases without a noun: it, both, the other one, the left one, the second largest, the first one."""
        text = " ".join(tag.text for tag in self.tags[place : max(at, place + 1)])
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
        if mods.every and one:
            return [Target(refers="them", text=text)], end
        if at == place and self.kind(at) == "pronoun":
            return [Target(refers=self.tags[at].value, text=text)], at + 1
        return [], place


_DETERMINERS = (("this",), ("that",), ("these",), ("those",), ("its",), ("said",), ("aforementioned",), ("their",))
_RANGE_WORDS = ("to", "through", "thru", "until", "till", "-")
