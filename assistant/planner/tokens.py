"""Words, numbers and signs of a request, each with a key under which spellings and plurals fall together."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from .files import data

_SIGNS = str.maketrans(
    {"≥": ">=", "≤": "<=", "–": "-", "—": ";", "−": "-", "‒": "-", "’": "'", "‘": "'", "“": '"', "”": '"'}
    | {"«": '"', "»": '"', "×": "x", "µ": "u", "•": ";", "…": "."}
    | {"½": " 0.5 ", "¼": " 0.25 ", "¾": " 0.75 "}
)
_DOTS = re.compile(r"(?<=\w)\.\.(?=\w)")
# A full stop after an abbreviation ends no sentence.
_ABBREVIATED = re.compile(
    rf"\b({'|'.join(data('words')['abbreviations'])})\.(?=[\s,]*(?:[a-z0-9,]|[A-Z]+\b))", re.IGNORECASE
)
_NUMBER_OF = re.compile(r"(?<=\w )nos?\.(?=\s|$)", re.IGNORECASE)  # "lesions no. and size"
_ASSIGNED = re.compile(r"(?<=[^\W\d])={1,2}(?=\w)")  # max_mm=20
_SLASHED = re.compile(r"\b(?:(w)/o|(w)/|y/o)(?=\s)", re.IGNORECASE)  # without, with, years old
_QUERY = re.compile(r"(?<=\w)\?(?=\w)")  # /volume?organ=liver
_SPAN = re.compile(r"(?<=[A-Za-z]\d):(?=[A-Za-z_]*\d)")  # T5:T7
_ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff]")
_APOSTROPHES = re.compile(
    r"(?<![^\s:,(])'([^'\s]+(?:\s[^'\s]+)+)'(?![^\s.,;:!?)])"
)  # matter in single quotes
_KEEP_S = ("ss", "us", "is", "as", "os", "ous")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or sign.

    text   as written
    key    folded: lower case, no accents, American spelling, singular
    kind   "word", "number" or "sign"
    """

    text: str
    key: str
    kind: str
    start: int
    stop: int
    plural: bool = False
    quoted: bool = False

    @property
    def number(self) -> float | None:
        return float(self.key) if self.kind == "number" else None


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """Lower case, accents off (ß is ss), British spelling to American; not always a real word, but the same one."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))
    if len(plain) < 5:
        return plain
    if plain.endswith("ae"):
        plain = plain[:-1]  # Latin plurals: vertebrae, scapulae
    for stem in ("umour", "olour", "avour", "abour", "aviour"):
        plain = plain.replace(stem, stem.replace("our", "or"))
    plain = plain.replace("oe", "e").replace("ae", "e")
    for british, american in data("words")["american"].items():
        if plain.endswith(british):
            return plain[: -len(british)] + american
    return plain


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """The key of a folded word: its singular as far as spelling alone can tell."""
    irregular: dict[str, str] = data("words")["irregular"]
    if word in irregular:
        return irregular[word]
    if len(word) <= 3 or word.endswith(_KEEP_S) or not word.endswith("s") or any(c.isdecimal() for c in word):
        return word
    if word.endswith(("taces", "stases", "oses", "yses", "noses")):
        return word[:-2] + "is"
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "uses", "cases")):
        return word[:-2] if not word.endswith("cases") else word[:-1]
    return word[:-1]


def key(word: str) -> str:
    return singular(fold(word))


def keys(phrase: str) -> tuple[str, ...]:
    """The keys of a phrase's words and numbers, signs left out."""
    return tuple(token.key for token in tokenise(phrase) if token.kind != "sign")


def tokenise(text: str) -> list[Token]:
    """Tokens of a text in order. Text in double quotes is marked: quoted matter is no wish."""
    text = unicodedata.normalize("NFC", text)
    text = _SPAN.sub("-", _ZERO_WIDTH.sub("", text))
    text = _APOSTROPHES.sub(r'"\1"', text)
    text = _SLASHED.sub(lambda found: "without" if found[1] else "with" if found[2] else "yo", text)
    text = _ASSIGNED.sub(" ", _QUERY.sub(" ", text))
    text = _NUMBER_OF.sub("number", text)
    text = _ABBREVIATED.sub(
        lambda found: found[1].replace(".", " ") + " ", _DOTS.sub("-", text.translate(_SIGNS))
    )
    tokens: list[Token] = []
    quoted = False
    closing = text.count('"')
    place = 0
    while place < len(text):
        char = text[place]
        if char == '"' and (quoted or closing > 1):
            quoted, closing = not quoted, closing - 1
            place += 1
            continue
        if char.isspace() or char == '"':
            place += 1
            continue
        stop = _end(text, place)
        tokens += _make(text[place:stop], place, quoted)
        place = stop
    return tokens


def _end(text: str, start: int) -> int:
    """Where the token that starts here ends."""
    char = text[start]
    stop = start + 1
    if char.isdecimal():
        while stop < len(text) and (
            text[stop].isdecimal()
            or (text[stop] in ".," and text[stop + 1 : stop + 2].isdecimal() and text[stop - 1].isdecimal())
        ):
            stop += 1
        return stop
    if char.isalpha() or char == "_":
        while stop < len(text) and (
            text[stop].isalnum()
            or text[stop] == "_"
            or unicodedata.combining(text[stop])
            or (text[stop] == "'" and text[stop + 1 : stop + 2].isalpha())
        ):
            stop += 1
        return stop
    if text[start : start + 2] in (">=", "<="):
        return start + 2
    return stop


def _make(piece: str, start: int, quoted: bool) -> list[Token]:
    """A piece of text as tokens: contractions opened, possessives dropped."""
    stop = start + len(piece)
    if piece[0].isdecimal():
        return _numbers(piece, start, quoted)
    if not (piece[0].isalpha() or piece[0] == "_"):
        return [Token(piece, piece, "sign", start, stop, quoted=quoted)]
    lower = piece.lower()
    words = data("words")
    stem, mark, tail = lower.partition("'")
    if mark:
        opened = words["contractions"] | ({"s": ["is"]} if stem in words["before_is"] else {"s": []})
        if tail in opened:
            base = words["negated"].get(stem, stem) if tail == "t" else piece[: len(stem)]
            return [_word(word, start, stop, quoted) for word in (base, *opened[tail])]
    return [_word(word, start, stop, quoted) for word in words["joined"].get(lower, (piece,))]


def _word(text: str, start: int, stop: int, quoted: bool) -> Token:
    folded = fold(text)
    one = singular(folded)
    return Token(
        text, one, "word", start, stop, plural=one != folded or text.lower().endswith("ae"), quoted=quoted
    )


def _numbers(piece: str, start: int, quoted: bool) -> list[Token]:
    """A run of digits: one number, or several where the commas cannot be a decimal or thousands sign."""
    parts = piece.split(",")
    if len(parts) == 2 and "." not in piece and len(parts[1]) in (1, 2):
        parts = [f"{parts[0]}.{parts[1]}"]  # 1,5 cm
    elif len(parts) > 1 and all(len(part.split(".")[0]) == 3 for part in parts[1:]):
        parts = ["".join(parts)]  # 1,200 ml
    made: list[Token] = []
    for part in parts:
        if made:
            made.append(Token(",", ",", "sign", start, start + len(piece), quoted=quoted))
        whole = part.split(".")
        value = ".".join(whole[:2]) if len(whole) > 1 else part
        made.append(Token(part, value, "number", start, start + len(piece), quoted=quoted))
    return made
