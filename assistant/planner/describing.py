"""What is asked about the scan itself: "is the contrast phase arterial?"."""

from __future__ import annotations

from dataclasses import replace

from .clause import Clause
from .files import data
from .tokens import keys
from .wish import Wish


def described(clause: Clause, base: Wish) -> Wish:
    """The wish to describe, with the phase that is asked about: its name is no vessel to describe."""
    phases: dict[str, list[str]] = data("phases")
    known = {word for words in phases.values() for word in words}
    told = {key for item in clause.of("verb") if item.value == "describe" for key in item.keys}
    if not told & {"phase", "contrast", *known}:
        return replace(base, tool="describe")
    beside = [(target, set(keys(target.text))) for target in base.targets]
    said = told.union(*(words for _, words in beside if words <= known), *map(keys, clause.unknown))
    named = [phase for phase, words in phases.items() if said.intersection(words)]
    asked = {"phase": named[0]} if len(named) == 1 else {}  # "arterial or venous?" is open
    others = tuple(target for target, words in beside if not words <= known)
    return replace(base, tool="describe", targets=others, extra=base.extra | asked)
