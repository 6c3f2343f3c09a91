"""Nouns that belong together: in a row, after a preposition, with a side behind them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from .meaning import NOMINAL
from .numerals import NumeralReader
from .target import Target


class CompoundReader(NumeralReader):
    """Joins a noun to the nouns and sides around it, from tags without fillers."""

    @abstractmethod
    def read(self, place: int) -> tuple[list[Target], int]:
        """The targets of the phrase that starts here, and where it ends; ([], place) when none starts."""

    def head_follows(self, at: int) -> bool:
        while self.kind(at) in ("side", "superl", "ordinal", "number", "maybe", "status") or (
            self.kind(at) == "conj" and self.kind(at + 1) == "side"
        ):
            at += 1
        return self.kind(at) in NOMINAL

    def compound(self, left: Target, right: Target) -> Target | None:
        """Two nouns in a row as one: host and lesion, host and region. None: they are two things."""
        if right.lesion is not None:
            if left.lesion is not None:
                return self._more_specific(left, right)
            return self.lesion_in(right, [self._own_part(right, left)]) if left.kind != "universe" else None
        if left.lesion is not None:
            right = self._own_part(left, right)
            inside = set(self.lexicon.leaves(left.within))
            inside |= {part for id in inside for part in self.lexicon.ontology.regions_of(id)}
            beyond = set(self.leaves_of(right)) - inside
            if left.ids and left.within and beyond and self._can_hold(left, right) and right.kind != "adj":
                more = Target(ids=(*left.within, *self.resolve(right).ids))
                return self.lesion_in(replace(left, within=()), [more])  # "nodules RUL RML RLL"
            inside = set(self.leaves_of(right))
            organs = {organ for id in inside for organ in self.lexicon.ontology[id].within}
            if left.open and self.lexicon.hosts.keys() & (inside | organs):
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
        narrowed = bool(lesion.within) and part.noun is not None and not part.sides
        if not lesion.ids or not (part.kind == "part" or narrowed):
            return part
        return self.part_of(part, Target(ids=lesion.within or self.lesion_hosts(lesion.ids))) or part

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
                       top=chosen.top or other.top,
                       sides=left.sides + right.sides, plural=left.plural or right.plural)  # fmt: skip

    def after(self, target: Target, at: int) -> tuple[Target, int]:
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
            chosen = self._late_choice(at)
            if target.lesion and target.select == "all" and chosen:
                at += 2 if self.kind(at) == "pronoun" else 1
                target = replace(target, select=chosen)  # "the nodule most big"
                continue
            parts = self._divided(target, at)
            if parts is not None:
                return parts
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

    def _late_choice(self, at: int) -> str | None:
        """As in "the nodule most big", "the tumor more small": which one, behind the noun."""
        if self.kind(at) == "superl" and self.tags[at].value in ("largest", "smallest"):
            return None if self.head_follows(at) else str(self.tags[at].value)
        if self.kind(at) == "pronoun" and self.tags[at].keys in (("that",), ("which",)):
            return self._late_choice(at + 1)  # "the cyst that is largest"
        if self.kind(at) == "compar" and self.tags[at].keys[0] == "more":
            return {"size+": "largest", "size-": "smallest"}.get(self.tags[at].value)
        return None

    def _divided(self, target: Target, at: int) -> tuple[Target, int] | None:
        """As in "the liver into its lobes": the parts."""
        target = self.resolve(target)
        if not target.plain or self.kind(at) != "prep" or self.tags[at].keys != ("into",):
            return None
        step = at + 2 if self.kind(at + 1) == "pronoun" else at + 1
        found, stop = self.read(step)
        if len(found) != 1 or found[0].noun is None or not found[0].plural:
            return None
        part = self.part_of(found[0], target) if found[0].kind == "part" else found[0]
        if part is None:
            return None
        leaves = set(self.leaves_of(target))
        parts = {id for leaf in leaves for id in self.lexicon.ontology.regions_of(leaf)} | leaves
        part = self.resolve(part)
        return (part, stop) if part.ids and set(self.leaves_of(part)) <= parts else None

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
        if side == "both" and target.lesion and target.open and not self.head_follows(step):
            return replace(target, refers="host", every=True), step + 1  # "any lesions in either"
        if side in ("left", "right", "both") and not self.head_follows(step):
            if self.kind(step + 1) == "pronoun" or not (self.sideable(target) or target.lesion):
                return None
            if target.lesion is not None and target.ids:
                within = self.sided_ids(self.lesion_hosts(target.ids), (side,))
                return replace(target, within=() if side == "both" else within, sides=(side,)), step + 1
            return replace(target, sides=(*target.sides, side)), step + 1
        hosts, end = self.host_list(target, step)
        if not hosts:
            return None
        if target.lesion is not None and target.ids and hosts[0].open:
            organ = Target(ids=self.lesion_hosts(target.ids))
            hosts = [self.part_of(host, organ) or host for host in hosts]  # "liver lesion in the left lobe"
        if target.lesion is not None:
            return self.lesion_in(target, hosts), end
        inner = self.resolve(hosts[0]) if len(hosts) == 1 and word in ("of", "in") else None
        if inner is not None and inner.plain and not target.sides:
            leaves = set(self.leaves_of(target))
            if len(leaves) > 2 and set(self.leaves_of(inner)) < leaves:
                return replace(inner, text=target.text), end  # "the bones of the pelvis"
        part = self.part_of(target, hosts[0]) if target.noun and len(hosts) == 1 else None
        if part is None and target.kind == "part" and hosts[0].refers:
            part = replace(target, refers="host", open=True)
        return (part, end) if part else None

    def host_list(self, target: Target, at: int) -> tuple[list[Target], int]:
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
            if self.kind(at) == "prep" and self.tags[at].keys == ("in",):
                at += 1  # "in the head or in the tail"
        return hosts, end

    def beside(self, part: Target, host: Target) -> Target:
        """A region word after a region, as of the same organ: "pancreatic body or tail"."""
        organs = tuple(organ for id in self.resolve(host).ids for organ in self.lexicon.ontology[id].within)
        return (self.part_of(part, Target(ids=organs)) if organs else None) or part

    def _can_hold(self, lesion: Target, host: Target) -> bool:
        resolved = self.resolve(host)
        return bool(resolved.ids) and bool(self.lesions_within(lesion, resolved.ids)[0])


_AWAY = (("to",), ("by",), ("near",), ("through",), ("for",), ("from",), ("across",))
