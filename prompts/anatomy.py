"""The words of a request that name anatomy, without the words around them."""

from functools import cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from prompts.ontology import normalise, ontology, request_words


def anatomical(phrase: str) -> str:
    """Return the words of a phrase that name anatomy, typing errors as they are; the whole phrase when none does.

    >>> anatomical("could you trace the left kidny on this exam")
    'left kidny'
    """
    words = [word for word in normalise(phrase).split() if word not in request_words()]
    kept = [len(word) > 1 and _names(word) for word in words]
    # a letter or digit alone is a side or a number only beside such a word: "rib 1 l", not "may I see"
    for step in (1, -1):
        for n in range(len(words))[::step]:
            if len(words[n]) == 1 and words[n] in _vocabulary() and 0 <= n - step < len(words):
                kept[n] = kept[n] or kept[n - step]
    return " ".join(
        [word for word, keep in zip(words, kept, strict=True) if keep] or words or [normalise(phrase)]
    )


@cache
def _vocabulary() -> frozenset[str]:
    """Every word of every name, and the adjectives."""
    words = ontology()
    phrases = [phrase for s in words.values() for phrase in (s.id, *words.names(s.id), *s.adjectives)]
    return frozenset(word for phrase in phrases for word in normalise(phrase).split()) - request_words()


@cache
def _long() -> tuple[str, ...]:
    return tuple(sorted(word for word in _vocabulary() if len(word) >= 5))


@cache
def _names(word: str) -> bool:
    """Whether a word is one of anatomy, or a longer one of them with a typing error."""
    if word in _vocabulary() or len(word) < 4:
        return word in _vocabulary()
    return process.extractOne(word, _long(), scorer=OSA.distance, score_cutoff=1) is not None
