"""Clauses: a request cut into what is asked for one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .clause import Clause, Item
from .lexicon import Lexicon
from .phrases import PhraseReader
from .sizes import SizeReader
from .tag import NOMINAL, Tag
from .target import Target
from .trie import Unsupported
from .units import Size

STRONG = frozenset(
    [
        "segment",
        "measure",
        "locate",
        "find",
        "detect",
        "check",
        "compare",
        "screen",
        "report",
        "undo",
        "export",
        "correct",
        "describe",
    ]
)
WEAK = frozenset({"give", "exist", "show", "state"})


def read_clauses(tags: Sequence[Tag], lexicon: Lexicon) -> list[Clause]:
    """The clauses of a tagged request, in order, the empty ones left out."""
    builder = _Builder(tags, lexicon)
    return builder.clauses()


class _Builder:
    def __init__(self, tags: Sequence[Tag], lexicon: Lexicon) -> None:
        self.all = list(tags)
        self.tags = [
            tag for tag in tags if tag.kind != "filler" and not (tag.kind == "sign" and tag.value != "#")
        ]
        self.reader = PhraseReader(self.tags, lexicon)
        self.sizes = SizeReader(self.tags)
        self.done: list[Clause] = []
        self.clause = Clause()
        self.negation: str | None = None
        self.link = ""

    def clauses(self) -> list[Clause]:
        place = 0
        while place < len(self.tags):
            stop = self._step(place)
            if self.tags[place].kind != "seq":
                self.clause.cover(self.tags[place:stop])
            place = stop
        self._close()
        return self.done

    # ---- one step -------------------------------------------------------------------------------------

    def _step(self, place: int) -> int:
        tag = self.tags[place]
        if tag.kind == "seq":
            self.clause.question |= tag.keys[-1] == "?"
            if not self._nothing_yet() or self.clause.negated:
                self._close()
            self.link = ""
            return place + 1
        if tag.kind == "neg":
            return self._negate(place)
        if tag.kind == "conj":
            chosen = self._by_extreme(place)
            if chosen is not None:
                return chosen
            self.link = tag.keys[-1]
            if tag.keys == (",",) and self.negation == "not" and self._names_something(self.clause):
                self.negation = None
            if tag.keys[0] == "but":
                self.negation = None if self.negation == "not" else self.negation
                if any(item.kind == "target" and item.value.every for item in self.clause.items):
                    self.negation = "except"
            return place + 1
        if tag.kind == "ordinal" and self.reader.kind(place + 1) == "verb":
            return place + 1  # "first segment the liver"
        if tag.kind in ("op", "number"):
            size, stop = self.sizes.read(place)
            if size is not None:
                self._add(Item("size", size, tag.text))
                return stop
        if tag.kind == "bounded":
            low, high = (None if bound == "-" else float(bound) for bound in tag.value.split(" "))
            self._add(Item("size", Size(low, high), tag.text))
            return place + 1
        if tag.kind == "unit":
            self._add(Item("unit", tag.value, tag.text))
            return place + 1
        if tag.kind == "verb" and tag.keys == ("do",) and self.reader.kind(place + 1) == "neg":
            return place + 1  # "do not"
        if tag.kind == "verb" and not (tag.value == "exist" and self._quantifies(place)):
            self._verb(place)
            return place + 1
        if self.clause.negated and self.link and self.clause.items and tag.kind in ("only", "verb"):
            self._close()
        if tag.kind == "prep" and tag.keys == ("from",) and self.negation == "except":
            self.negation = None
            self._add(Item("from", True, tag.text))
            return place + 1
        chosen = self._by_extreme(place)
        if chosen is not None:
            return chosen
        late = self._late_host(place) if tag.kind == "prep" else None
        if late is not None:
            return late
        if tag.kind == "prep" and self.sizes.unit_wish(place):
            self._add(Item("unit", self.tags[place + 1].value, self.tags[place + 1].text))
            return place + 2
        found, stop = self.reader.read(place)
        if found:
            self._targets(found)
            return stop
        if tag.kind == "word":
            self.clause.unknown.append(tag.text)
            return self._unknown_kind(place) or place + 1
        if tag.kind not in ("sign", "range"):
            self._add(Item(tag.kind, tag.value, tag.text, keys=tag.keys))
        self.link = ""
        return place + 1

    def _late_host(self, place: int) -> int | None:
        """The organ of a lesion with something in between: "lesions over 1 cm in segment 6"."""
        if self.tags[place].keys[-1] not in ("in", "of", "within", "inside", "on", "throughout", "for"):
            return None
        at = next(
            (n for n in range(len(self.clause.items) - 1, -1, -1) if self.clause.items[n].kind == "target"),
            None,
        )
        if at is None or (at == len(self.clause.items) - 1 and self.clause.items[at].value.within):
            return None
        item = self.clause.items[at]
        between = {later.kind for later in self.clause.items[at + 1 :] if later.value != "exist"}
        if (
            item.value.lesion is None
            or item.value.within
            or not between <= {"size", "measure", "ordinal", "number", "unit"}
        ):
            return None
        joined = self.reader.with_preposition(item.value, place, late=True)
        if joined is None:
            return None
        self.clause.items[at] = replace(item, value=joined[0])
        return joined[1]

    def _by_extreme(self, place: int) -> int | None:
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

    def _unknown_kind(self, place: int) -> int | None:
        """A kind of a broad class that is not known ("neck arteries"): not the whole class."""
        following = self.tags[place + 1] if place + 1 < len(self.tags) else None
        if following is None or following.kind != "struct" or following.start != self.tags[place].stop:
            return None
        if not set(following.value.ids) & _BROAD:
            return None
        name = f"{self.tags[place].text} {following.text}"
        self._targets([Target(missing=Unsupported(name, ()), text=name)])
        return place + 2

    def _nothing_yet(self) -> bool:
        return not self.clause.items and not self.clause.unknown

    def _names_something(self, clause: Clause) -> bool:
        return any(item.negated for item in clause.items)

    def _quantifies(self, place: int) -> bool:
        """As in "any" before a noun of a clause that has its verb: no new clause."""
        return (
            self.tags[place].keys == ("any",)
            and bool(self.clause.verbs())
            and self.reader.head_follows(place + 1)
        )

    def _negate(self, place: int) -> int:
        tag = self.tags[place]
        following = self.tags[place + 1] if place + 1 < len(self.tags) else None
        if tag.keys == ("no",) and following is not None and following.keys == ("no",):
            return place + 1
        if tag.keys == ("no",) and self._says_no(place):
            self._add(Item("correction", "no", tag.text))
            return place + 1
        if tag.value == "replace":
            self.negation = "not"
            return place + 1
        last = self.clause.items[-1] if self.clause.items else None
        ends = following is None or following.kind == "seq"
        if ends and tag.keys == ("not",) and last is not None and last.kind == "target":
            self.clause.items[-1] = replace(last, negated=True)  # "the spleen, the liver not"
            return place + 1
        if (
            following is not None
            and following.kind == "verb"
            and tag.value == "not"
            and following.value != "exist"
        ):
            self._close()
            self.clause.negated = True
            self.negation = None
            return place + 1
        self.negation = tag.value
        if following is not None and following.kind == "verb" and following.value == "exist":
            return place + 2
        return place + 1

    def _says_no(self, place: int) -> bool:
        """As in "no, the left one": an answer, not a negation."""
        if any(before.keys != ("no",) for before in self.tags[:place]):
            return False
        raw = self.all
        at = raw.index(self.tags[place])
        nxt = raw[at + 1] if at + 1 < len(raw) else None
        return nxt is not None and (
            nxt.keys in ((",",), ("the",), (".",), ("?",), ("!",), ("i",)) or nxt.kind in ("correction", "neg")
        )

    # ---- verbs ----------------------------------------------------------------------------------------

    def _verb(self, place: int) -> None:
        tag = self.tags[place]
        if tag.value == "report" and place and self.tags[place - 1].kind == "prep":
            return  # "in the report"
        if self._names_result(tag):
            self._add(Item("result", tag.value, tag.text))
            return
        starts = self._starts_clause(place)
        if starts:
            link = self.link
            self._close()
            self.link = ""
            self.clause.leading = link
        if self.negation and not starts and not self.clause.has_content:
            self.clause.negated = True
        self.negation = None if self.negation != "except" or starts else self.negation
        self._add(Item("verb", tag.value, tag.text, keys=tag.keys))

    def _names_result(self, tag: Tag) -> bool:
        """As in "The left kidney mask": the noun, not a wish, when the clause has its verb already."""
        last = self.clause.items[-1] if self.clause.items else None
        after_target = last is not None and last.kind == "target" and not self.link
        return after_target and bool(self.clause.verbs()) and tag.keys in _RESULTS

    def _starts_clause(self, place: int) -> bool:
        """A verb opens a new clause when the one before has something to do already."""
        tag = self.tags[place]
        if self.clause.negated:
            return bool(self.clause.items) and (
                bool(self.link) or (tag.value in STRONG and self._target_follows(place))
            )
        if tag.value == "compare" and tag.keys[0] in _BETWEEN and self.clause.has_content:
            return False
        if self.clause.has_content and not self.clause.verbs() and not self.link and self._only_targets():
            return False
        if not self.clause.has_content:
            return bool(self.clause.verbs()) and self.link != "" and tag.value in STRONG
        if tag.value in STRONG:
            return bool(self.link) or self._target_follows(place)
        return bool(self.link) and not (tag.value == "exist" and tag.keys == ("any",))

    def _only_targets(self) -> bool:
        return all(item.kind in ("target", "prep") and not item.negated for item in self.clause.items)

    def _target_follows(self, place: int) -> bool:
        """A noun stands after this verb before the next one: the verb has an object of its own."""
        for tag in self.tags[place + 1 :]:
            if tag.kind in ("verb", "seq"):
                return False
            if tag.kind in NOMINAL:
                return True
        return False

    # ---- targets --------------------------------------------------------------------------------------

    def _targets(self, found: Sequence[Target]) -> None:
        negated = self.negation is not None
        for number, target in enumerate(found):
            target = self._shared_side(target) if number == 0 else target
            self._share_back(target)
            target = self._same_lesion(target)
            if not negated and (
                self._said_already(target) or self._picks_out(target) or self._hosts_before(target)
                or self._place_of(target)
            ):
                continue
            self._add(
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
        if self.link not in ("or", "and", ",", "/") or last is None or last.kind != "target" or target.kind != "part":
            return target
        lesion = last.value
        if not lesion.lesion or not lesion.within or not target.noun:
            return target
        host = self.reader.beside(target, Target(ids=lesion.within))
        joined = self.reader.lesion_in(replace(lesion, within=()), [host])
        return target if joined.missing or joined.refers else joined

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
                self.clause.items[place] = replace(item, value=hosted)
                return True
        return False

    def _picks_out(self, target: Target) -> bool:
        """What follows says which, or what: "liver lesion, the largest", "muscle volume of the psoas"."""
        last = self.clause.items[-1] if self.clause.items else None
        if self.link in ("and", "or"):
            return False
        after_lesion = last is not None and last.kind == "target" and last.value.lesion
        if last is not None and after_lesion and target.refers == "select" and last.value.select == "all":
            chosen = replace(last.value, select=target.select, rank=target.rank)
            self.clause.items[-1] = replace(last, value=chosen)
            return True
        sided = target.refers == "side" and last is not None and self.link in (",", "")
        lesions = [n for n, item in enumerate(self.clause.items) if item.kind == "target" and item.value.lesion]
        if sided and lesions and {item.kind for item in self.clause.items[lesions[-1] + 1 :]} <= {"size", "measure"}:
            place = lesions[-1]
            lesion = self.clause.items[place].value
            if not (lesion.sides or lesion.within or lesion.refers) and (lesion.open or lesion.ids):
                host = Target(ids=self.reader.sided_ids(self.reader.lesion_hosts(lesion.ids), target.sides))
                value = replace(lesion, sides=target.sides, within=host.ids if lesion.ids else ())
                self.clause.items[place] = replace(self.clause.items[place], value=value)
                return True
        narrows = self.link == "but" and target.refers == "side" and last is not None and last.kind == "target"
        if narrows and last is not None and not last.negated and last.value.noun and self.reader.sideable(last.value):
            value = self.reader.resolve(replace(last.value, sides=target.sides))
            self.clause.items[-1] = replace(last, value=value)  # "the lungs, but the right only"
            return True
        if not target.plain or self.link:
            return False
        leaves = self._leaves(target)
        for place, item in enumerate(self.clause.items):
            wider = item.kind == "target" and item.value.plain and not item.value.every and not item.negated
            if wider and leaves < self._leaves(item.value):
                self.clause.items[place] = replace(item, value=target, text=target.text)
                return True
        return False

    def _hosts_before(self, target: Target) -> bool:
        """The organ after lesion and measure: "tumor burden liver", "nodule count RUL"."""
        items = self.clause.items
        if len(items) < 2 or items[-1].kind not in ("measure", "size") or items[-2].kind != "target" or self.link:
            return False
        lesion = items[-2].value
        if not (target.plain and lesion.lesion and lesion.open and not lesion.refers):
            return False
        hosted = self.reader.lesion_in(lesion, [target])
        if hosted.missing or items[-1].value == "distance":
            return False
        items[-2] = replace(items[-2], value=hosted)
        return True

    def _leaves(self, target: Target) -> set[str]:
        ids = self.reader.lexicon.leaves(target.ids)
        return {*ids, *(part for id in ids for part in self.reader.lexicon.ontology.regions_of(id))}

    def _said_already(self, target: Target) -> bool:
        """The class of what was just named: "from T10 to T12 outline the vertebral bodies"."""
        if self.link or not target.plain:
            return False
        leaves = self._leaves(target)
        named = [item.value for item in self.clause.items if item.kind == "target" and item.value.plain]
        return any(self._leaves(other) < leaves for other in named)

    # ---- bookkeeping ----------------------------------------------------------------------------------

    def _add(self, item: Item) -> None:
        if self.negation and item.kind in ("measure", "prior"):
            item = replace(item, negated=True)
            self.negation = None if item.kind == "measure" else self.negation
        self.clause.items.append(replace(item, link=item.link or self.link))
        if item.kind != "target":
            self.link = ""

    def _close(self) -> None:
        clause = self.clause
        if clause.items or clause.unknown:
            clause.text = " ".join(item.text for item in clause.items)
            self.done.append(clause)
        self.clause = Clause()
        self.negation = None


# Words of comparison that stand between the two things.
_BETWEEN = ("vs", "versus", "compared", "relative", "against", "in", "as")
_EXTREMES = {
    "largest": ("largest", "biggest", "greatest", "longest", "maximum", "maximal", "max", "highest"),
    "smallest": ("smallest", "least", "shortest", "tiniest", "minimum", "minimal", "min", "lowest"),
}
_BROAD = frozenset({"arteries", "veins", "vessels", "muscles", "bones"})
_RESULTS = (
    ("mask",),
    ("segmentation",),
    ("contour",),
    ("outline",),
    ("roi",),
    ("label",),
    ("box",),
    ("measurement",),
    ("bounding", "box"),
)
