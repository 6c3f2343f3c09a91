"""Typing errors: unknown words are drawn to the nearest word that the planner knows, with care.

Digits, short words, words in capitals' length of three and common English words are left as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA, Prefix

from .files import data, text
from .tokens import Token, fold, singular


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """English words that lie close to the planner's vocabulary and are no misspelling of it."""
    lines = (line for line in text("common_words.txt").splitlines() if not line.startswith("#"))
    return frozenset(singular(fold(word)) for line in lines for word in line.split())


def allowed(length: int) -> int:
    """Edits that a word of this length may be away from its correction."""
    return 0 if length < 4 else 1 if length < 7 else 2 if length < 10 else 3


def _lost_a_letter(word: str, form: str) -> bool:
    letters = iter(form)
    return len(form) == len(word) + 1 and form[0] == word[0] and all(letter in letters for letter in word)


class Speller:
    """Corrects words against a vocabulary.

    words    words that are right as they are
    meant    those of them that a misspelt word may be drawn to
    heads    names of one word, the likeliest to be meant; `anatomy` are all words of names
    """

    def __init__(
        self,
        words: Collection[str],
        meant: Collection[str],
        heads: Collection[str] = (),
        anatomy: Collection[str] = (),
    ) -> None:
        self.words = frozenset(words)
        self.meant = frozenset(meant)
        self.heads = frozenset(heads)
        self.anatomy = frozenset(anatomy) | self.heads

    @cached_property
    def _forms(self) -> dict[str, str]:
        """Written forms -> words: the words themselves, plurals of names, British spellings."""
        forms = {f"{word}s": word for word in self.anatomy if len(word) >= 3 and word.isalpha()}
        forms |= data("words")["british"]
        return {form: word for form, word in forms.items() if form not in self.words} | {
            word: word for word in self.meant if len(word) >= 4 and word.isalpha()
        }

    @cached_property
    def _by_length(self) -> dict[int, list[str]]:
        table: dict[int, list[str]] = {}
        for form in sorted(self._forms):
            table.setdefault(len(form), []).append(form)
        return table

    @lru_cache(maxsize=8192)  # noqa: B019  one speller lives as long as the process
    def nearest(self, word: str, relaxed: bool = False) -> str | None:
        """The known word that `word` was meant to be, or None. `relaxed` tries common English words too."""
        if word in self.words or not word.isalpha() or len(word) < 3:
            return None
        if not relaxed and word in common_words():
            return None
        if len(word) == 3:
            return None if relaxed else self._short(word)
        limit = 1 if relaxed else max(allowed(len(word)), 2 if len(word) > 4 else 1)
        choices = [w for length in range(len(word) - limit, len(word) + limit + 1)
                   for w in self._by_length.get(length, ())]  # fmt: skip
        if relaxed:
            choices = [choice for choice in choices if self._forms[choice] in self.anatomy]
        found = process.extract(word, choices, scorer=OSA.distance, score_cutoff=limit, limit=None)
        ranked = sorted((self._cost(word, other, int(edits)), other) for other, edits, _ in found)
        if not ranked or ranked[0][0] > limit + 0.75:
            return None
        return self._forms[ranked[0][1]]

    def _short(self, word: str) -> str | None:
        """The short word that lost a letter or had two swapped: "lef", "tial", where only one can be meant."""
        forms = data("words")["short"]
        found = [form for form in forms if sorted(form) == sorted(word) or _lost_a_letter(word, form)]
        return forms[found[0]] if found else None

    def _cost(self, word: str, other: str, edits: int) -> float:
        """Edits, more for another first letter or for short words far apart, less for anatomy.

        Swapped and dropped letters are the commonest errors of typing.
        """
        meant = self._forms[other]
        cost = edits + (0.0 if meant in self.heads else 0.1 if meant in self.anatomy else 0.2)
        cost -= 0.03 * Prefix.similarity(word, other)
        if word[0] != other[0]:
            cost += 0.3 if word[:2] == other[1::-1] else 0.6
        letters = iter(other)
        if sorted(word) == sorted(other):
            cost -= 0.5
        elif all(letter in letters for letter in word):
            cost -= 0.3
        if meant in data("words")["likely"]:
            cost -= 0.1
        if word.replace("z", "s") == other.replace("z", "s"):
            cost -= 0.2  # they sound alike
        near = (
            meant in self.heads and len(other) > 4 and word[0] == other[0] and abs(len(word) - len(other)) < 2
        )
        if edits > allowed(len(other)) and not (near and edits == 2):
            cost += 2
        return cost

    @lru_cache(maxsize=8192)  # noqa: B019
    def parts(self, word: str) -> tuple[str, str] | None:
        """Two known words written as one: leftkidney."""
        if word in self.words or word in common_words() or len(word) < 8 or not word.isalpha():
            return None
        for cut in range(4, len(word) - 3):
            if word[:cut] in self.anatomy and singular(word[cut:]) in self.anatomy:
                return word[:cut], singular(word[cut:])
        return None

    def correct(self, tokens: Sequence[Token]) -> list[Token]:
        """Tokens with misspelt words drawn to known ones; everything else as it was."""
        corrected: list[Token] = []
        place = 0
        while place < len(tokens):
            token = tokens[place]
            joined = self._joined(tokens, place)
            if joined:
                corrected.append(joined)
                place += 2
                continue
            corrected += self._one(token)
            place += 1
        return corrected

    def _one(self, token: Token) -> list[Token]:
        if token.kind != "word" or token.key in self.words:
            return [token]
        parts = self.parts(token.key)
        if parts:
            return [replace(token, key=part) for part in parts]
        better = self.nearest(token.key) or self.nearest(token.text.lower())
        return [replace(token, key=better)] if better else [token]

    def _joined(self, tokens: Sequence[Token], place: int) -> Token | None:
        """One known word written as two: "panc reas"; only when neither half is a word by itself."""
        pair = tokens[place : place + 2]
        if len(pair) < 2 or any(token.kind != "word" for token in pair):
            return None
        key = singular(fold(pair[0].text + pair[1].text))
        unknown = any(token.key not in self.words and token.key not in common_words() for token in pair)
        if unknown and len(key) >= 6 and key in self.anatomy:
            return replace(pair[0], key=key, stop=pair[1].stop, text=f"{pair[0].text} {pair[1].text}")
        return None
