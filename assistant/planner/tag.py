"""Words to meanings: the longest known phrase at each place, real ambiguities settled by context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from .anatomy import ROMAN
from .files import data
from .fitting import fits
from .lexicon import Lexicon, lexicon
from .meaning import RANK, Tag
from .place import Place, means
from .policy import policy
from .spelling import Speller
from .tokens import Token, tokenise
from .trie import Entry

_SUFFIXES = {"st", "nd", "rd", "th"}


@lru_cache(maxsize=1)
def speller() -> Speller:
    words = lexicon()
    heads = {phrase[0] for phrase in words.nouns if len(phrase) == 1} | set(data("words")["likely"])
    anatomy = {word for phrase in words.nouns for word in phrase}
    return Speller(words.words | policy().words, words.meant, heads, anatomy)


def prepare(text: str) -> list[Token]:
    """Tokens with ordinals joined, hyphens between words dropped and typing errors mended."""
    tokens = _ordinals(tokenise(text))
    kept: list[Token] = []
    for place, token in enumerate(tokens):
        if token.text == "-" and token.kind == "sign":
            around = tokens[max(place - 1, 0) : place + 2]
            apart = len(around) == 3 and around[0].stop < token.start and token.stop < around[2].start
            if not apart and not (len(around) == 3 and _countable(around[0]) and _countable(around[2])):
                continue
        elif _is_attribute(tokens, place) or token.text in ("'", "(", ")", "[", "]", "_"):
            continue
        kept.append(token)
    return speller().correct(kept)


def _is_attribute(tokens: Sequence[Token], place: int) -> bool:
    """As in "liver.volume": the full stop ends no sentence."""
    if tokens[place].text != "." or not 0 < place < len(tokens) - 1:
        return False
    before, after = tokens[place - 1], tokens[place + 1]
    tight = before.stop == tokens[place].start and tokens[place].stop == after.start
    return tight and before.kind == "word" and means(lexicon(), [after.key], 0, "measure")


def _countable(token: Token) -> bool:
    return (
        token.kind == "number"
        or any(c.isdigit() for c in token.key)
        or token.key in ROMAN
        or token.key in _ORDINALS
    )


_ORDINALS = {"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}


def _ordinals(tokens: Sequence[Token]) -> list[Token]:
    joined: list[Token] = []
    for token in tokens:
        before = joined[-1] if joined else None
        if before and before.kind == "number" and token.key in _SUFFIXES and token.start == before.stop:
            joined[-1] = replace(before, text=before.text + token.text, kind="ordinal", stop=token.stop)
        else:
            joined.append(token)
    return joined


def tag(tokens: Sequence[Token], words: Lexicon | None = None) -> list[Tag]:
    """The meanings of the tokens in order; fillers are kept, for the coverage of a request."""
    known = words or lexicon()
    keys = [token.key if token.kind != "ordinal" else f"#{token.key}" for token in tokens]
    tags: list[Tag] = []
    place = 0
    while place < len(tokens):
        stop, kind, value = _longest(tokens, keys, place, tags, known)
        span = tokens[place:stop]
        tags.append(
            Tag(
                kind,
                value,
                " ".join(token.text for token in span),
                tuple(keys[place:stop]),
                any(token.plural for token in span),
                place,
                stop,
            )
        )
        place = stop
    return tags


def _longest(
    tokens: Sequence[Token], keys: Sequence[str], place: int, before: Sequence[Tag], known: Lexicon
) -> tuple[int, str, Any]:
    token = tokens[place]
    if token.kind == "ordinal":
        return place + 1, "ordinal", int(float(token.key))
    found = list(known.trie.matches(keys, place))
    for stop, entries in reversed(found):
        here = Place(tokens, keys, place, stop, before, known)
        fitting = [entry for entry in entries if fits(entry, here)]
        if fitting:
            entry = min(fitting, key=lambda e: RANK[e.kind])
            if entry.kind == "onscan":
                return stop, "verb", "describe" if here.all_of_it else "exist"
            if entry.kind == "total":
                return stop, "pronoun", "them"
            return stop, entry.kind, _value(entry)
    if token.kind == "number":
        return place + 1, "number", float(token.key)
    if token.text == "-":
        return place + 1, "range" if _is_range(tokens, place) else "sign", token.key
    return place + 1, "sign" if token.kind == "sign" else "word", token.key


def _is_range(tokens: Sequence[Token], place: int) -> bool:
    return 0 < place < len(tokens) - 1 and all(_countable(tokens[n]) for n in (place - 1, place + 1))


def _value(entry: Entry) -> Any:
    if entry.kind == "number":
        return float(entry.value)
    return int(entry.value) if entry.kind in ("ordinal", "neighbor") else entry.value
