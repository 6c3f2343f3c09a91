"""Words to meanings: the longest known phrase at each place, real ambiguities settled by context."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from .anatomy import ROMAN
from .files import data
from .lexicon import Lexicon, lexicon
from .policy import policy
from .spelling import Speller
from .tokens import Token, tokenise
from .trie import Entry

# Among meanings of the same phrase the first kind in this order that fits the context is taken.
ORDER = [
    "level",
    "bounded",
    "condition",
    "finding",
    "correction",
    "total",
    "neighbor",
    "again",
    "neg",
    "universe",
    "struct",
    "unsupported",
    "numbered",
    "lesion",
    "adj",
    "part",
    "view",
    "format",
    "measure",
    "compar",
    "superl",
    "ordinal",
    "op",
    "unit",
    "number",
    "side",
    "pronoun",
    "prior",
    "verb",
    "all",
    "only",
    "maybe",
    "status",
    "onscan",
    "yes",
    "seq",
    "conj",
    "prep",
    "filler",
]
_RANK = {kind: rank for rank, kind in enumerate(ORDER)}
NOMINAL = frozenset(
    {"struct", "level", "lesion", "part", "adj", "numbered", "unsupported", "universe", "condition"}
)
_SUFFIXES = {"st", "nd", "rd", "th"}


@dataclass(frozen=True, slots=True)
class Tag:
    """A stretch of the request and its meaning: an entry's kind, "word" or "sign" when there is none."""

    kind: str
    value: Any
    text: str
    keys: tuple[str, ...]
    plural: bool = False
    start: int = 0
    stop: int = 0

    def __repr__(self) -> str:
        return f"{self.kind}:{self.text}"


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
    return tight and before.kind == "word" and _means(lexicon(), [after.key], 0, "measure")


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
        fitting = [e for e in entries if _fits(e, tokens, keys, place, stop, before, known)]
        if fitting:
            entry = min(fitting, key=lambda e: _RANK[e.kind])
            if entry.kind == "onscan":
                return stop, "verb", "describe" if _all_of_it(before) else "exist"
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


def _fits(
    entry: Entry,
    tokens: Sequence[Token],
    keys: Sequence[str],
    start: int,
    stop: int,
    before: Sequence[Tag],
    known: Lexicon,
) -> bool:
    """Whether a meaning is possible here."""
    span = tokens[start:stop]
    if entry.caps and not all(token.text.isupper() for token in span):
        return False
    following = tokens[stop] if stop < len(tokens) else None
    last = next((tag for tag in reversed(before) if tag.kind != "filler"), None)
    alone = all(tag.kind in ("filler", "again", "conj", "yes") for tag in _sentence(before))
    alone = alone and (following is None or following.kind == "sign")
    unnumbered = entry.kind in ("struct", "numbered") and span[-1].key == "segment"
    if unnumbered and not span[-1].plural and following is not None and following.key in _ARTICLES:
        return False
    if entry.kind == "numbered" and stop == start + 1:
        return _numbers_a_segment(span[0], following, tokens[stop + 1 : stop + 2], last, known.levels)
    if entry.kind == "part" and span[-1].key in ("upper", "lower", "middle"):
        beside = following is not None and following.key in _BESIDE_LOBE
        return beside or alone or (last is not None and last.kind in ("side", "conj"))
    if entry.kind == "total":
        return alone
    if entry.kind == "finding" and span[-1].key in ("open", "closed", "#", "compression"):
        return following is None or following.kind == "sign"
    if entry.kind == "measure" and stop == start + 1 and span[0].key in _ADJECTIVES:
        return alone
    if entry.kind == "measure" and span[-1].key == "d" and span[0].key in ("3", "three") and len(span) == 2:
        return alone or (last is not None and last.kind in ("conj", "measure") and following is None)
    if entry.kind == "compar" and span[0].key in _ATTRIBUTES and stop == start + 1:
        return not any(_means(known, keys, stop, kind) for kind in ("lesion", "adj", "struct"))
    if entry.kind == "neighbor" and stop == start + 1:
        return following is not None and _means(known, keys, stop, "number")  # "the next two"
    if entry.kind == "op":
        if span[-1].key in _BOUNDS_OR_HU and not _is_size(keys, stop, known):
            return entry.value.startswith("after") and last is not None and last.kind == "unit"
        if entry.value in ("after_min", "after_max"):
            return last is not None and last.kind in ("unit", "number")
        return following is not None and _starts_number(keys, stop, known)
    if entry.kind == "again" and span[0].key in ("and", "on", "now", "next") and stop > start + 1:
        return last is None or last.kind in ("seq", "correction", "yes", "only", "conj")
    if entry.kind == "filler" and keys[start] == "you" and stop > start + 1:
        return not before or before[-1].keys[-1] not in ("can", "could", "will", "would")
    if entry.kind == "number":
        listed = len(before) > 1 and before[-1].kind == "conj" and before[-2].kind == "number"
        if last is not None and (
            (last.kind == "struct" and last.plural) or last.kind == "numbered" or listed
        ):
            return True
        return _number_word(keys, start, stop, known)
    if entry.kind == "prep" and keys[start:stop] == ["and", "to"]:
        return not _means(known, keys, stop, "verb")  # "to see and to measure"
    if entry.kind == "onscan":
        said = _sentence(before)
        asked = bool(said) and said[0].keys[0] in _ASKING and not any(tag.kind == "verb" for tag in said)
        ends = following is None or following.kind == "sign"
        return ends and asked and last is not None and (last.kind in NOMINAL or _all_of_it(before))
    if entry.kind == "unit":
        return (last is not None and (last.kind in ("number", "prep") or last.kind == "unit")) or span[
            0
        ].key != "in"
    if entry.kind == "side" and span[0].key in ("l", "r", "lt", "rt") and stop == start + 1:
        if following is not None and following.key in _ARTICLES:
            return False  # "how big r the kidneys"
        named = last is not None and (last.kind in NOMINAL or last.kind in ("number", "range"))
        return (following is not None and following.kind == "word") or named
    if entry.kind == "measure" and entry.value in ("min_hu", "max_hu") and stop == start + 1:
        return not _is_size(keys, stop, known)
    if entry.kind == "measure" and stop == start + 1 and span[0].key in _PREDICATES:
        ends = following is None or following.kind == "sign"
        said = _sentence(before)
        bare = all(tag.kind in NOMINAL or tag.kind in ("filler", "side", "conj") for tag in said)
        asked = any(tag.keys[0] in ("is", "be", "are") for tag in before)
        asked = asked or (bare and following is not None and following.text == "?")
        return ends and last is not None and last.kind in NOMINAL and (asked or span[0].key == "full")
    if entry.kind == "pronoun" and span[-1].key in _COUNTED and following is not None:
        counted = any(_means(known, keys, stop, kind) for kind in ("superl", "lesion", "ordinal", "struct"))
        return not counted and not _means(known, keys, stop - 1, "measure", longer_than=1)
    if entry.kind == "pronoun" and stop == start + 2 and keys[start] == "the" and following is not None:
        return not _means(known, keys, start + 1, "measure", longer_than=1)
    if entry.kind == "verb" and keys[start:stop] == ["please", "exclude"]:
        return any(_means(known, keys, place, "lesion") for place in range(stop, min(stop + 4, len(keys))))
    if entry.kind == "verb" and keys[start:stop] == ["correct"] and following is not None:
        return following.text != "?"  # "..., correct?"
    if entry.kind == "verb" and keys[start:stop] == ["where"] and following is not None:
        return not _means(known, keys, stop, "measure")  # "where diameter > 8 mm"
    if entry.kind == "verb" and entry.value == "locate" and span[0].key in ("which", "what"):
        bare = following is None or following.kind == "sign" or _means(known, keys, stop, "pronoun")
        return not _BARE_PLACE.issuperset({span[-1].key}) or bare
    if entry.kind == "lesion" and span[-1].key == "target" and stop == start + 1:
        return span[0].plural and last is not None and last.kind in ("struct", "adj")
    if entry.kind == "lesion" and span[-1].key in ("disease", "thing") and stop == start + 1:
        return following is not None and following.key in ("in", "within", "burden", "load", "inside", "on")
    if entry.kind == "superl" and stop == start + 1 and span[0].key in ("main", "index", "least"):
        return following is not None and _means(known, keys, stop, "lesion")
    return True


_COUNTED = frozenset({"two", "three", "four"})  # "the three biggest": no pronoun
# "Which segment?" asks for a place only where nothing follows: "which segment is larger" does not.
_BARE_PLACE = frozenset({"slice", "segment", "lobe", "side", "region", "part", "level", "quadrant"})
# "Is my liver big?": words that ask for a measure only at the end of a question.
_PREDICATES = frozenset(
    {"big", "large", "small", "tiny", "huge", "ok", "okay", "fine", "alright", "good", "full"}
)
_BOUNDS_OR_HU = ("min", "minimum", "minimal", "max", "maximum", "maximal", "threshold", "cutoff")
_BESIDE_LOBE = ("lobe", "one", ",", "and", "or", "left", "right", "lung")
_ARTICLES = ("the", "a", "an", "this", "it")


_ADJECTIVES = frozenset({"wide", "broad", "long", "tall", "thick", "dense"})  # "and wide?"
_ATTRIBUTES = frozenset({"hypodense", "hyperdense", "hypoattenuating", "hyperattenuating"})
_ASKING = frozenset({"is", "be", "are", "was", "were"})
_WHOLE = frozenset(
    {"whole", "entire", "complete", "completely", "full", "fully", "entirely", "all", "wholly", "totally"}
)


def _sentence(tags: Sequence[Tag]) -> list[Tag]:
    """The tags of the sentence that is being read, without what opens it."""
    begins = max((place + 1 for place, tag in enumerate(tags) if tag.kind == "seq"), default=0)
    said = list(tags[begins:])
    while said and said[0].kind in ("again", "conj", "yes", "correction"):
        said.pop(0)
    return said


def _all_of_it(tags: Sequence[Tag]) -> bool:
    """As in "is the whole liver ...": it is asked whether all of something is there."""
    return any(_WHOLE.intersection(tag.keys) for tag in _sentence(tags) if tag.kind in ("all", "filler"))


def _numbers_a_segment(
    token: Token, following: Token | None, after: Sequence[Token], last: Tag | None, levels: Collection[str]
) -> bool:
    """Whether "segment" is the noun: a number follows, or an organ or "which" stands before it."""
    if token.plural:
        return True
    if following is not None and following.key[:1] == "s" and following.key[1:].isdigit():
        return following.key not in levels
    if following is not None and (following.kind == "number" or following.key in ROMAN):
        if following.key == "i" and following.text == "I" and after and after[0].kind == "word":
            return False
        if last is not None and last.kind in ("struct", "adj"):
            return True
        roomy = following.kind != "number" or 1 <= float(following.key) <= 8
        return roomy and not (
            after and after[0].key in ("largest", "biggest", "mm", "cm", "lesion", "kidney")
        )
    return last is not None and last.kind in ("struct", "adj", "all") and token.key == "segment"


def _starts_number(keys: Sequence[str], place: int, known: Lexicon) -> bool:
    while place < len(keys) and keys[place] in ("a", "an", "the", "about", "approximately", "or", "roughly"):
        place += 1
    if place >= len(keys):
        return False
    return keys[place].replace(".", "", 1).isdigit() or _means(known, keys, place, "number")


def _is_size(keys: Sequence[str], place: int, known: Lexicon) -> bool:
    """A number with a unit of length stands here: "min 5 mm"."""
    digits = place + 1 < len(keys) and keys[place].replace(".", "", 1).isdigit()
    return digits and keys[place + 1] in ("mm", "cm", "millimeter", "centimeter", "inch")


def _number_word(keys: Sequence[str], start: int, stop: int, known: Lexicon) -> bool:
    """Number words count only where a unit or another number sign follows: "one cm", not "the left one"."""
    if stop >= len(keys):
        return False
    if keys[start] in ("one", "single", "half"):
        return _means(known, keys, stop, "unit")
    return True


def _means(known: Lexicon, keys: Sequence[str], place: int, kind: str, longer_than: int = 0) -> bool:
    found = known.trie.matches(keys, place)
    return any(e.kind == kind for stop, entries in found if stop - place > longer_than for e in entries)
