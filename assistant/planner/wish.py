"""One thing that is wanted, as far as the words alone tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .target import Target
from .units import Size


@dataclass(frozen=True)
class Wish:
    """One thing that is wanted, as far as the words alone tell.

    tool      None when the sentence names none: the dialogue or the target decides
    senses    how measures were asked for, in order
    measures  measures that are fixed by a condition ("splenomegaly")
    flags     every, again, about, too, correction, only, yes, prior, exist, question, bare
    """

    tool: str | None = None
    targets: tuple[Target, ...] = ()
    excluded: tuple[Target, ...] = ()
    senses: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    size: Size | None = None
    unit: str | None = None
    comparison: str | None = None
    flags: frozenset[str] = frozenset()
    extra: dict[str, Any] = field(default_factory=dict)
    verb: str = ""
