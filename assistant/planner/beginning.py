"""Where one wish of a sentence ends and the next begins."""

from __future__ import annotations

from .making import Making
from .meaning import NOMINAL, Tag

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


class Beginning(Making):
    """Tells the beginnings of clauses."""

    def starts_clause(self, place: int) -> bool:
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

    def quantifies(self, place: int) -> bool:
        """As in "any" before a noun of a clause that has its verb: no new clause."""
        return (
            self.tags[place].keys == ("any",)
            and bool(self.clause.verbs())
            and self.reader.head_follows(place + 1)
        )

    def anew(self, tag: Tag) -> bool:
        """Whether a new wish begins after everything is taken back."""
        last = self.clause.items[-1] if self.clause.items else None
        goes_on = tag.keys == ("with",) or (tag.kind == "verb" and tag.value != "undo_all")
        return goes_on and last is not None and last.kind == "verb" and last.value == "undo_all"

    def told(self, place: int) -> bool:
        """As in "67 yo with colorectal cancer": of whom the lesions are told that follow."""
        man = bool(self.clause.items) and all(item.kind in ("number", "unit") for item in self.clause.items)
        if self.tags[place].keys != ("with",) or not (man or (place == 0 and not self.clause.items)):
            return False
        found, _ = self.reader.read(place + 1)
        return bool(found) and all(target.lesion or target.missing for target in found)

    def history_ends(self, place: int) -> bool:
        """As in "known HCC, how big is the spleen?": a question follows what was told."""
        told = (
            self.clause.verbs() == ["state"] and bool(self.clause.targets) and not self.clause.of("measure")
        )
        told = told and all(target.lesion for target in self.clause.targets)
        return told and self.reader.kind(place + 1) == "measure"


# Words of comparison that stand between the two things.
_BETWEEN = ("vs", "versus", "divided", "compared", "relative", "against", "in", "as")
_PLACES = (("location",), ("position",), ("site",))
