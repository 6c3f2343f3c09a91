"""Words, numbers and signs of a request, each with a key under which spellings and plurals fall together."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_SIGNS = {"≥": ">=", "≤": "<=", "–": "-", "—": ";", "−": "-", "‒": "-", "’": "'", "‘": "'", "“": '"', "”": '"',
          "«": '"', "»": '"', "×": "x", "µ": "u", "•": ";", "…": ".", "½": " 0.5 ", "¼": " 0.25 ", "¾": " 0.75 "}  # fmt: skip
_IRREGULAR = {
    "vertebre": "vertebra", "bodies": "body", "axes": "axis", "atria": "atrium", "ilia": "ilium", "lungz": "lung",
    "hila": "hilum", "testes": "testis", "ova": "ovum", "feet": "foot", "foci": "focus", "diameters": "diameter",
    "inches": "inch", "calves": "calf", "halves": "half", "lives": "life", "femora": "femur", "femurs": "femur",
    "carcinomata": "carcinoma", "ganglia": "ganglion", "thoraces": "thorax", "apices": "apex", "viscera": "viscus",
}  # fmt: skip
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
    """Lower case, accents off, British spelling to American; the same word for both, not always a real one."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c))
    if len(plain) < 5:
        return plain
    plain = plain.replace("oe", "e").replace("ae", "e")
    for british, american in (("our", "or"), ("ours", "ors"), ("tre", "ter"), ("tres", "ters"),
                              ("ibre", "iber"), ("ibres", "ibers"), ("ogue", "og"), ("ise", "ize"),
                              ("ised", "ized"), ("ising", "izing"), ("isation", "ization")):  # fmt: skip
        if plain.endswith(british):
            return plain[: -len(british)] + american
    return plain


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """The key of a folded word: its singular as far as spelling alone can tell."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or word.endswith(_KEEP_S) or not word.endswith("s") or any(c.isdigit() for c in word):
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
    """Tokens of a text in order. Text in double quotes is marked: it is quoted matter, not the user's wish."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(_SIGNS.get(c, c) for c in text)
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
    if char.isdigit():
        while stop < len(text) and (
            text[stop].isdigit()
            or (text[stop] in ".," and text[stop + 1 : stop + 2].isdigit() and text[stop - 1].isdigit())
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
    if piece[0].isdigit():
        return _numbers(piece, start, quoted)
    if not (piece[0].isalpha() or piece[0] == "_"):
        return [Token(piece, piece, "sign", start, stop, quoted=quoted)]
    lower = piece.lower()
    stem, mark, tail = lower.partition("'")
    if mark:
        opened = {"s": ("is",) if stem in _IS_BEFORE_S else (), "re": ("are",), "d": ("would",), "ll": ("will",),
                  "ve": ("have",), "m": ("am",), "t": ("not",)}  # fmt: skip
        if tail in opened:
            base = _NOT_STEMS.get(stem, stem) if tail == "t" else piece[: len(stem)]
            words = (base, *opened[tail])
            return [_word(word, start, stop, quoted) for word in words]
    return [_word(word, start, stop, quoted) for word in _JOINED.get(lower, (piece,))]


def _word(text: str, start: int, stop: int, quoted: bool) -> Token:
    folded = fold(text)
    one = singular(folded)
    return Token(text, one, "word", start, stop, plural=one != folded, quoted=quoted)


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


_IS_BEFORE_S = {"what", "where", "who", "how", "that", "it", "there", "here", "when", "why", "which", "let", "he", "she"}  # fmt: skip
_NOT_STEMS = {"don": "do", "doesn": "does", "didn": "did", "isn": "is", "aren": "are", "wasn": "was", "can": "can",
              "couldn": "could", "shouldn": "should", "wouldn": "would", "won": "will", "hasn": "has", "haven": "have"}  # fmt: skip
_JOINED = {"whats": ("what", "is"), "wheres": ("where", "is"), "hows": ("how", "is"), "dont": ("do", "not"), "doesnt": ("does", "not"),
           "isnt": ("is", "not"), "cant": ("can", "not"), "cannot": ("can", "not"), "didnt": ("did", "not"), "gimme": ("give", "me"),
           "lets": ("let", "is"), "im": ("i", "am"), "id": ("i", "would"), "wanna": ("want", "to"), "thats": ("that", "is")}  # fmt: skip
