"""One clause of a request: what it says, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .meaning import Tag
from .target import Target


@dataclass(frozen=True)
class Item:
    """A piece of a clause in order: a target, a measure, a bound on size, or another meaningful word."""

    kind: str
    value: Any
    text: str = ""
    link: str = ""
    negated: bool = False
    keys: tuple[str, ...] = ()
    plural: bool = False


@dataclass
class Clause:
    """One wish. `negated`: what is not wanted. `unknown`: words that mean nothing to the planner."""

    items: list[Item] = field(default_factory=list)
    negated: bool = False
    unknown: list[str] = field(default_factory=list)
    text: str = ""
    question: bool = False
    leading: str = ""
    start: int = -1
    stop: int = -1

    def cover(self, tags: Sequence[Tag]) -> None:
        """Note which tokens were read into this clause."""
        if tags:
            self.start = tags[0].start if self.start < 0 else self.start
            self.stop = tags[-1].stop

    def of(self, *kinds: str) -> list[Item]:
        return [item for item in self.items if item.kind in kinds]

    def verbs(self) -> list[str]:
        return [item.value for item in self.items if item.kind == "verb"]

    @property
    def targets(self) -> list[Target]:
        return [item.value for item in self.items if item.kind == "target" and not item.negated]

    @property
    def excluded(self) -> list[Target]:
        return [item.value for item in self.items if item.kind == "target" and item.negated]

    @property
    def has_content(self) -> bool:
        return any(
            item.kind in ("target", "measure", "size", "compar", "view", "format") for item in self.items
        )
