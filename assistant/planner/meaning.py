"""Tags: stretches of a request with their meaning, and which meaning goes before which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
RANK = {kind: rank for rank, kind in enumerate(ORDER)}
NOMINAL = frozenset(
    {"struct", "level", "lesion", "part", "adj", "numbered", "unsupported", "universe", "condition"}
)


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
