"""A stretch of a request that may have a meaning, and what stands around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .lexicon import Lexicon
from .meaning import Tag
from .tokens import Token

_WHOLE = frozenset(
    {"whole", "entire", "complete", "completely", "full", "fully", "entirely", "all", "wholly", "totally"}
)


@dataclass(frozen=True)
class Place:
    """A stretch of tokens that may have a meaning, with what was read before it."""

    tokens: Sequence[Token]
    keys: Sequence[str]
    start: int
    stop: int
    before: Sequence[Tag]
    known: Lexicon

    @property
    def span(self) -> Sequence[Token]:
        return self.tokens[self.start : self.stop]

    @property
    def words(self) -> list[str]:
        return list(self.keys[self.start : self.stop])

    @property
    def single(self) -> bool:
        return self.stop == self.start + 1

    @cached_property
    def following(self) -> Token | None:
        return self.tokens[self.stop] if self.stop < len(self.tokens) else None

    @cached_property
    def last(self) -> Tag | None:
        """The meaning before this one, fillers left out."""
        return next((tag for tag in reversed(self.before) if tag.kind != "filler"), None)

    @property
    def ends(self) -> bool:
        return self.following is None or self.following.kind == "sign"

    @cached_property
    def sentence(self) -> list[Tag]:
        """The tags of the sentence that is being read, without what opens it."""
        begins = max((n + 1 for n, tag in enumerate(self.before) if tag.kind == "seq"), default=0)
        said = list(self.before[begins:])
        while said and said[0].kind in ("again", "conj", "yes", "correction"):
            said.pop(0)
        return said

    @property
    def alone(self) -> bool:
        """Whether nothing else is said in this sentence."""
        return self.ends and all(t.kind in ("filler", "again", "conj", "yes") for t in self.sentence)

    @property
    def all_of_it(self) -> bool:
        """As in "is the whole liver ...": it is asked whether all of something is there."""
        return any(_WHOLE.intersection(t.keys) for t in self.sentence if t.kind in ("all", "filler"))

    def after(self, *kinds: str) -> bool:
        return self.last is not None and self.last.kind in kinds

    def leads_to(self, *kinds: str) -> bool:
        """Whether a meaning of one of these kinds can follow."""
        return any(means(self.known, self.keys, self.stop, kind) for kind in kinds)


def means(known: Lexicon, keys: Sequence[str], place: int, kind: str, longer_than: int = 0) -> bool:
    """Whether a phrase of a kind starts here, of more words than `longer_than`."""
    found = known.trie.matches(keys, place)
    return any(e.kind == kind for stop, entries in found if stop - place > longer_than for e in entries)
