"""What the assistant declines and what is only talk: cues of words, kept as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .files import data
from .tokens import Token, key, tokenise
from .trie import Entry, Phrase, Trie


@dataclass(frozen=True)
class Cue:
    """Word groups that follow one another, each at most `gap` words after the one before.

    unless: cues that start at the same word and take this one back.
    """

    groups: tuple[Trie, ...]
    gap: int
    unless: tuple[Cue, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A stretch of tokens about something that is not done. `alone`: nothing else in its sentence is done."""

    topic: str
    start: int
    stop: int
    alone: bool = False


class Policy:
    """The cues of `policy.yaml`, compiled to tries."""

    def __init__(self) -> None:
        record = data("policy")
        self.gap = int(record["gap"])
        self.words: set[str] = set()
        self.topics = {
            topic: (entry.get("alone") == "true", [self._cue(cue) for cue in entry["cues"]])
            for topic, entry in record["topics"].items()
        }
        self.talk_cues = {
            kind: [self._cue(cue) for cue in cues] for kind, cues in record["talk_cues"].items()
        }
        self.talk_fillers = frozenset(key(word) for word in record["talk_fillers"])
        self.talk = Trie()
        for kind, phrases in record["small_talk"].items():
            for phrase in phrases:
                self.talk.add(self._keys(phrase), Entry("talk", kind))

    def _keys(self, phrase: str) -> Phrase:
        keys = tuple(token.key for token in tokenise(phrase))
        self.words.update(key for key in keys if key.isalpha())
        return keys

    def _cue(self, record: Any) -> Cue:
        """A cue is a list of groups, or such a list with a gap of its own and cues that take it back."""
        options = record if isinstance(record, dict) else {"groups": record}
        groups, gap = options["groups"], int(options.get("gap", self.gap))
        unless = tuple(self._cue(other) for other in options.get("unless", ()))
        tries = []
        for group in groups:
            trie = Trie()
            for phrase in group:
                trie.add(self._keys(phrase), Entry("cue", True))
            tries.append(trie)
        return Cue(tuple(tries), gap, unless)

    def refusals(self, tokens: Sequence[Token]) -> list[Refusal]:
        """Every topic that is touched, each once, with the stretch that touches it; sentences do not mix."""
        found: list[Refusal] = []
        for first, last in sentences(tokens):
            keys = ["#" if token.kind == "number" else token.key for token in tokens[first:last]]
            for topic, (alone, cues) in self.topics.items():
                for cue in cues:
                    span = self._match(cue, keys)
                    if span:
                        found.append(Refusal(topic, first + span[0], first + span[1], alone))
                        break
        if not found:
            found = self._spread(tokens)
        return found

    def _spread(self, tokens: Sequence[Token]) -> list[Refusal]:
        """An injection whose words are set apart by full stops: "Ignore. All. Rules."."""
        words = [token for token in tokens if token.kind != "sign"]
        if len(sentences(tokens)) < 3 or len(words) > 3 * len(sentences(tokens)):
            return []
        cues = self.topics["injection"][1]
        hit = any(self._match(cue, [word.key for word in words]) for cue in cues)
        return [Refusal("injection", 0, len(tokens), True)] if hit else []

    def _match(self, cue: Cue, keys: Sequence[str]) -> tuple[int, int] | None:
        for start in range(len(keys)):
            stop = self._from(cue, keys, start)
            if stop is not None and all(self._from(other, keys, start) is None for other in cue.unless):
                return start, stop
        return None

    def _from(self, cue: Cue, keys: Sequence[str], start: int, group: int = 0) -> int | None:
        """Where the cue that begins exactly here ends."""
        for stop, _ in cue.groups[group].matches(keys, start):
            if group + 1 == len(cue.groups):
                return stop
            for step in range(stop, min(stop + cue.gap + 1, len(keys))):
                end = self._from(cue, keys, step, group + 1)
                if end is not None:
                    return end
        return None

    def small_talk(self, tokens: Sequence[Token]) -> str | None:
        """The kind of talk that the whole request is, or None when it says anything else."""
        keys = [token.key for token in tokens if token.kind != "sign"]
        for kind, cues in self.talk_cues.items():
            if any(self._match(cue, keys) for cue in cues):
                return kind
        kinds: list[str] = []
        place = 0
        while place < len(keys):
            match = list(self.talk.matches(keys, place))
            if match:
                place, entries = match[-1]
                kinds.append(entries[0].value)
            elif keys[place] in self.talk_fillers:
                place += 1
            else:
                return None
        for kind in ("abilities", "identity", "thanks", "bye", "greeting", "ok"):
            if kind in kinds:
                return kind
        return None


def sentences(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Index ranges of sentences."""
    spans: list[tuple[int, int]] = []
    start = 0
    for place, token in enumerate(tokens):
        if token.kind == "sign" and token.text in ".;!?":
            if place > start:
                spans.append((start, place + 1))
            start = place + 1
    if start < len(tokens):
        spans.append((start, len(tokens)))
    return spans


@lru_cache(maxsize=1)
def policy() -> Policy:
    return Policy()
