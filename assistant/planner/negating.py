"""What "no", "not" and "except" make of the words after them."""

from __future__ import annotations

from dataclasses import replace

from .clause import Item
from .making import Making


class Negating(Making):
    """Reads negations."""

    def negate(self, place: int) -> int:
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
            self.close()
            self.clause.negated = True
            self.negation = None
            return place + 1
        self.negation = tag.value
        if following is not None and following.kind == "verb" and following.value == "exist":
            return place + 2
        return place + 1

    def set_apart(self, place: int) -> bool:
        """As in "..., no, the left one": "no" by itself."""
        following = self.tags[place + 1] if place + 1 < len(self.tags) else None
        return following is not None and (following.keys == (",",) or following.kind == "correction")

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
