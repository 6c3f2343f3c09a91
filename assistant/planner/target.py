"""What one noun phrase names."""

from __future__ import annotations

from dataclasses import dataclass

from .trie import Noun, Unsupported


@dataclass(frozen=True)
class Target:
    """What a noun phrase names.

    ids        structures, groups kept whole
    within     regions or organs that a lesion must lie in; empty for the whole host
    lesion     class of lesion ("tumor", "lesion", "cyst"), None for anatomy
    open       a lesion without a named organ, or a region whose organ is still open
    refers     what it points back to: "it", "them", "one", "other", "side", "nth", "host"
    rank, top  with a select: which one by size, and how many from there on
    status     "new" or "gone" against the prior study
    missing    what was named and cannot be found, with the nearest that can
    """

    ids: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    lesion: str | None = None
    open: bool = False
    noun: Noun | None = None
    sides: tuple[str, ...] = ()
    kind: str = "struct"
    refers: str | None = None
    nth: int | None = None
    select: str = "all"
    rank: int | None = None
    top: int | None = None
    status: str | None = None
    missing: Unsupported | None = None
    excluded: bool = False
    plural: bool = False
    every: bool = False
    whole: bool = False
    definite: bool = False
    maybe: bool = False
    measures: tuple[str, ...] = ()
    text: str = ""

    @property
    def plain(self) -> bool:
        """A named structure that is no lesion."""
        return bool(self.ids) and self.lesion is None
