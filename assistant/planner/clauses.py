"""Clauses: a request cut into what is asked for one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .beginning import Beginning
from .clause import Clause, Item
from .correcting import Correcting
from .files import data
from .joining import Joiner
from .lexicon import Lexicon
from .meaning import NOMINAL, Tag
from .negating import Negating
from .sizes import SizeReader
from .target import Target
from .trie import Unsupported
from .units import Size


def read_clauses(tags: Sequence[Tag], lexicon: Lexicon) -> list[Clause]:
    """The clauses of a tagged request, in order, the empty ones left out."""
    builder = _Builder(tags, lexicon)
    return builder.clauses()


class _Builder(Joiner, Negating, Beginning, Correcting):
    """Takes the tags of a request in, one step after the other."""

    def __init__(self, tags: Sequence[Tag], lexicon: Lexicon) -> None:
        super().__init__(tags, lexicon)
        self.sizes = SizeReader(self.tags)

    def clauses(self) -> list[Clause]:
        place = 0
        while place < len(self.tags):
            stop = self._step(place)
            if self.tags[place].kind != "seq":
                self.clause.cover(self.tags[place:stop])
            place = stop
        self.close()
        return self.done

    def _step(self, place: int) -> int:
        tag = self.tags[place]
        if self.anew(tag):
            self.close()  # "start over with the spleen"
            return place + (tag.kind == "conj")
        if tag.kind == "seq":
            self.clause.question |= tag.keys[-1] == "?"
            if not self._nothing_yet() or self.clause.negated:
                self.close()
            elif tag.keys == (".",):
                self.negation = None  # "never mind. the pancreas then"
            self.link = ""
            return place + 1
        if tag.kind == "correction" or (tag.keys == ("no",) and self.set_apart(place)):
            corrected = self.corrected(place)
            if corrected is not None:
                return corrected
        if tag.kind == "neg":
            return self.negate(place)
        if tag.kind == "conj":
            chosen = self.by_extreme(place)
            if chosen is not None:
                return chosen
            late = self.late_host(place)
            if late is not None:
                return late
            if tag.keys == (",",) and self.history_ends(place):
                self.close()
                return place + 1
            if self.told(place):
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
        if tag.kind == "verb" and not (tag.value == "exist" and self.quantifies(place)):
            self._verb(place)
            return place + 1
        if self.clause.negated and self.link and self.clause.items and tag.kind in ("only", "verb"):
            self.close()
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

    def _verb(self, place: int) -> None:
        tag = self.tags[place]
        if tag.value == "report" and place and self.tags[place - 1].kind == "prep":
            return  # "in the report"
        if tag.keys == ("report",) and "export" in self.clause.verbs() and not self._object_follows(place):
            return  # "export the masks and the report"
        if self._names_result(tag):
            self.add(Item("result", tag.value, tag.text))
            return
        if tag.keys in _TAG_QUESTIONS and "state" in self.clause.verbs():
            self.clause.items = [
                replace(item, value="exist") if item.value == "state" else item for item in self.clause.items
            ]
            return  # "there is a cyst, isn't there?"
        starts = self.starts_clause(place)
        if starts:
            link = self.link
            self.close()
            self.link = ""
            self.clause.leading = link
        if self.negation and not starts and not self.clause.has_content:
            self.clause.negated = True
        apart = self.link and all(item.negated for item in self.clause.items)
        self.negation = None if self.negation != "except" or starts or apart else self.negation
        self.add(Item("verb", tag.value, tag.text, keys=tag.keys))

    def _object_follows(self, place: int) -> bool:
        return self.reader.kind(place + 1) == "measure" or self.reader.head_follows(place + 1)

    def _names_result(self, tag: Tag) -> bool:
        """As in "The left kidney mask": the noun, not a wish, when the clause has its verb already."""
        last = self.clause.items[-1] if self.clause.items else None
        after_target = last is not None and last.kind == "target" and not self.link
        return after_target and bool(self.clause.verbs()) and tag.keys in _RESULTS


def _says_all(item: Item) -> bool:
    return item.text.lower().startswith(("every", "all "))  # "everything in the abdomen"


_TAG_QUESTIONS = (("is", "not", "there"), ("are", "not", "there"), ("is", "there", "not"))
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
