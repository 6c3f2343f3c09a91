"""Differences and quotients: "liver HU minus spleen HU", "volume(liver) - volume(spleen)" compare two things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .meaning import NOMINAL, Tag

_OPERATORS = (("minus",), ("-",), ("/",), ("less",))
_THAT_OF = (("that", "of"), ("those", "of"))


def compared(tags: Sequence[Tag]) -> list[Tag]:
    """The tags with an operator between two measured things read as "versus"."""
    made = list(tags)
    for place, tag in enumerate(tags):
        after = tags[place + 1 :]
        alike = bool(after) and after[0].keys in _THAT_OF  # "liver HU minus that of the spleen"
        if tag.keys in _OPERATORS and _measured(tags[:place][::-1]) and (alike or _measured(after)):
            made[place] = replace(tag, kind="verb", value="compare", keys=("versus",))
    return made


def _measured(tags: Sequence[Tag]) -> bool:
    """Whether a structure with a measure of its own comes before the sentence ends or anything else is done."""
    named = measured = False
    for tag in tags:
        if tag.kind in ("seq", "conj", "verb") and tag.value not in ("give",):
            break
        named |= tag.kind in NOMINAL
        measured |= tag.kind == "measure"
    return named and measured
