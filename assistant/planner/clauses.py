"""Clauses: a request cut into what is asked for one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .clause import Clause, Item
from .files import data
from .joining import Joiner
from .lexicon import Lexicon
from .meaning import NOMINAL, Tag
from .sizes import SizeReader
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
        "undo_all",
        "redo",
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


class _Builder(Joiner):
    def __init__(self, tags: Sequence[Tag], lexicon: Lexicon) -> None:
        self.all = list(tags)
        meant = [
            tag for tag in tags if tag.kind != "filler" and not (tag.kind == "sign" and tag.value != "#")
        ]
        super().__init__(meant, lexicon)
        self.sizes = SizeReader(self.tags)
        self.done: list[Clause] = []

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
        if self._anew(tag):
            self._close()  # "start over with the spleen"
            return place + (tag.kind == "conj")
        if tag.kind == "seq":
            self.clause.question |= tag.keys[-1] == "?"
            if not self._nothing_yet() or self.clause.negated:
                self._close()
            elif tag.keys == (".",):
                self.negation = None  # "never mind. the pancreas then"
            self.link = ""
            return place + 1
        if tag.kind == "neg":
            return self._negate(place)
        if tag.kind == "conj":
            chosen = self.by_extreme(place)
            if chosen is not None:
                return chosen
            late = self.late_host(place)
            if late is not None:
                return late
            if tag.keys == (",",) and self._history_ends(place):
                self._close()
                return place + 1
            if self._told(place):
                self.add(Item("verb", "state", tag.text, keys=tag.keys))
            self.link = tag.keys[-1]
            if tag.keys == (",",) and self.negation == "not" and self._names_something(self.clause):
                self.negation = None
            if tag.keys[0] == "but":
                self.negation = None if self.negation == "not" else self.negation
                if any(i.kind == "target" and (i.value.every or _says_all(i)) for i in self.clause.items):
                    self.negation = "except"
            return place + 1
        if tag.kind == "ordinal" and self.reader.kind(place + 1) == "verb":
            return place + 1  # "first segment the liver"
        if tag.kind in ("op", "number"):
            size, stop = self.sizes.read(place)
            if size is not None:
                self.add(Item("size", size, tag.text))
                return stop
        if tag.kind == "bounded":
            low, high = (None if bound == "-" else float(bound) for bound in tag.value.split(" "))
            self.add(Item("size", Size(low, high), tag.text))
            return place + 1
        if tag.kind == "unit":
            self.add(Item("unit", tag.value, tag.text))
            return place + 1
        if tag.kind == "prep" and tag.keys == ("to",) and self.reader.kind(place + 1) == "verb":
            return place + 1  # "to see and to measure"
        if tag.kind == "verb" and tag.keys == ("do",) and self.reader.kind(place + 1) == "neg":
            return place + 1  # "do not"
        if tag.kind == "verb" and not (tag.value == "exist" and self._quantifies(place)):
            self._verb(place)
            return place + 1
        if self.clause.negated and self.link and self.clause.items and tag.kind in ("only", "verb"):
            self._close()
        if tag.kind == "prep" and tag.keys == ("from",) and self.negation == "except":
            self.negation = None
            self.add(Item("from", True, tag.text))
            return place + 1
        chosen = self.by_extreme(place)
        if chosen is not None:
            return chosen
        late = self.late_host(place) if tag.kind == "prep" else None
        if late is not None:
            return late
        if tag.kind == "prep" and self.sizes.unit_wish(place):
            self.add(Item("unit", self.tags[place + 1].value, self.tags[place + 1].text))
            return place + 2
        found, stop = self.reader.read(place)
        if found:
            self.join(found, self._tight(place))
            return stop
        if tag.kind == "word":
            if self._other_thing(place):
                return place + 1
            self.clause.unknown.append(tag.text)
            return self._unknown_kind(place) or place + 1
        if tag.kind not in ("sign", "range"):
            self.add(Item(tag.kind, tag.value, tag.text, keys=tag.keys))
        self.link = self.link if tag.kind in ("again", "only") else ""
        return place + 1

    def _told(self, place: int) -> bool:
        """As in "67 yo with colorectal cancer": of whom the lesions are told that follow."""
        man = bool(self.clause.items) and all(item.kind in ("number", "unit") for item in self.clause.items)
        if self.tags[place].keys != ("with",) or not (man or (place == 0 and not self.clause.items)):
            return False
        found, _ = self.reader.read(place + 1)
        return bool(found) and all(target.lesion for target in found)

    def _history_ends(self, place: int) -> bool:
        """As in "known HCC, how big is the spleen?": a question follows what was told."""
        told = (
            self.clause.verbs() == ["state"] and bool(self.clause.targets) and not self.clause.of("measure")
        )
        told = told and all(target.lesion for target in self.clause.targets)
        return told and self.reader.kind(place + 1) == "measure"

    def _anew(self, tag: Tag) -> bool:
        """Whether a new wish begins after everything is taken back."""
        last = self.clause.items[-1] if self.clause.items else None
        goes_on = tag.keys == ("with",) or (tag.kind == "verb" and tag.value != "undo_all")
        return goes_on and last is not None and last.kind == "verb" and last.value == "undo_all"

    def _tight(self, place: int) -> bool:
        """Whether only "and" or "or" stands between this noun and the one before, and no article."""
        around = self.tags[max(place - 2, 0) : place + 1]
        joined = len(around) == 3 and around[1].kind == "conj" and around[0].kind in NOMINAL
        return joined and around[0].stop == around[1].start and around[1].stop == around[2].start

    def _unknown_kind(self, place: int) -> int | None:
        """A kind of a broad class that is not known ("neck arteries"): not the whole class."""
        following = self.tags[place + 1] if place + 1 < len(self.tags) else None
        if following is None or following.kind != "struct" or following.start != self.tags[place].stop:
            return None
        if not set(following.value.ids) & _BROAD:
            return None
        name = f"{self.tags[place].text} {following.text}"
        self.join([Target(missing=Unsupported(name, ()), text=name)])
        return place + 2

    def _other_thing(self, place: int) -> bool:
        """A noun that makes another thing of the structure before it: "thyroid cartilage"."""
        tag = self.tags[place]
        last = self.clause.items[-1] if self.clause.items else None
        heads = data("unsupported")["heads"]
        if last is None or last.kind != "target" or not last.value.plain or tag.keys[-1] not in heads:
            return False
        if self.link or self.tags[place - 1].stop != tag.start:
            return False
        name = f"{last.value.text} {tag.text}"
        missing = replace(last.value, ids=(), noun=None, missing=Unsupported(name, last.value.ids), text=name)
        self.clause.items[-1] = replace(last, value=missing, text=name)
        return True

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
            self.add(Item("correction", "no", tag.text))
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
            nxt.keys in ((",",), ("the",), (".",), ("?",), ("!",), ("i",))
            or nxt.kind in ("correction", "neg")
        )

    # ---- verbs ----------------------------------------------------------------------------------------

    def _verb(self, place: int) -> None:
        tag = self.tags[place]
        if tag.value == "report" and place and self.tags[place - 1].kind == "prep":
            return  # "in the report"
        if self._names_result(tag):
            self.add(Item("result", tag.value, tag.text))
            return
        if tag.keys in _TAG_QUESTIONS and "state" in self.clause.verbs():
            self.clause.items = [
                replace(item, value="exist") if item.value == "state" else item for item in self.clause.items
            ]
            return  # "there is a cyst, isn't there?"
        starts = self._starts_clause(place)
        if starts:
            link = self.link
            self._close()
            self.link = ""
            self.clause.leading = link
        if self.negation and not starts and not self.clause.has_content:
            self.clause.negated = True
        apart = self.link and all(item.negated for item in self.clause.items)
        self.negation = None if self.negation != "except" or starts or apart else self.negation
        self.add(Item("verb", tag.value, tag.text, keys=tag.keys))

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
        if tag.value == "detect" and tag.keys[0].endswith("ing") and "check" in self.clause.verbs():
            return False  # "go through the kidneys, looking for masses"
        named = bool(self.clause.items) and self.clause.items[-1].kind == "target"
        if named and not self.link and tag.keys in _PLACES:
            return False  # "give me the tumor's location in the pancreas"
        if self.clause.items and not self.clause.verbs() and all(item.negated for item in self.clause.items):
            return False  # "leave out the ribs and segment the bones"
        if tag.value == "measure" and {item.kind for item in self.clause.items} == {"measure"}:
            return False  # "how many centimetres does the spleen measure"
        if tag.value == "compare" and tag.keys[0] in _BETWEEN and self.clause.has_content:
            return False
        asked = bool(self.clause.of("measure")) and not self.clause.verbs()
        if tag.value == "compare" and asked and not self.link:
            return False  # "how does the density of the liver compare to that of the spleen"
        if self.clause.has_content and not self.clause.verbs() and not self.link and self._only_targets():
            return False
        if not self.clause.has_content:
            return bool(self.clause.verbs()) and self.link != "" and tag.value in STRONG
        if tag.value in STRONG:
            return bool(self.link) or self._target_follows(place)
        if tag.value == "exist" and tag.keys == ("any",):  # "pancreas: volume, any mass"
            return bool(self.link and self.clause.of("measure")) and self.reader.head_follows(place + 1)
        return bool(self.link)

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

    # ---- bookkeeping ----------------------------------------------------------------------------------

    def _asks(self, start: int) -> bool:
        """Whether the words before a clause open a question: "is it over 2 cm"."""
        at = next((n for n, tag in enumerate(self.all) if tag.start >= start), 0)
        while at > 0 and self.all[at - 1].kind == "filler":
            at -= 1
            if self.all[at].keys[0] in _ASKING:
                return True
        return False

    def _close(self) -> None:
        clause = self.clause
        if clause.items or clause.unknown:
            clause.question |= self._asks(clause.start)
            clause.text = " ".join(item.text for item in clause.items)
            self.done.append(clause)
        self.clause = Clause()
        self.negation = None


def _says_all(item: Item) -> bool:
    return item.text.lower().startswith(("every", "all "))  # "everything in the abdomen"


_ASKING = frozenset({"is", "be", "are", "was", "were", "does", "do", "did", "has", "have"})
_TAG_QUESTIONS = (("is", "not", "there"), ("are", "not", "there"), ("is", "there", "not"))
# Words of comparison that stand between the two things.
_BETWEEN = ("vs", "versus", "divided", "compared", "relative", "against", "in", "as")
_BROAD = frozenset({"arteries", "veins", "vessels", "muscles", "bones"})
_PLACES = (("location",), ("position",), ("site",))
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
