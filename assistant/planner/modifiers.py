"""What stands before a head noun: sides, sizes, ordinals, "all", "new", "possible"."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .compounds import CompoundReader
from .target import Target


@dataclass
class Mods:
    """What stands before a head."""

    sides: list[str] = field(default_factory=list)
    select: str = "all"
    first: str = ""
    nth: int | None = None
    top: int | None = None
    more: list[int] = field(default_factory=list)
    every: bool = False
    whole: bool = False
    definite: bool = False
    other: bool = False
    maybe: bool = False
    status: str | None = None

    @property
    def empty(self) -> bool:
        return not (self.sides or self.nth or self.every or self.other) and self.select == "all"


class ModifierReader(CompoundReader):
    """Reads modifiers from tags without fillers."""

    def mods(self, place: int) -> tuple[Mods, int]:
        mods = Mods()
        at = place
        while at < len(self.tags):
            tag = self.tags[at]
            if tag.kind == "side":
                if tag.value == "other":
                    mods.other = True
                else:
                    mods.sides.append(tag.value)
                at += 1
                # "left and right kidney"
                if self.kind(at) == "conj" and self.kind(at + 1) == "side" and self.head_follows(at + 2):
                    at += 1
                continue
            if tag.kind == "superl" and tag.value in ("largest", "smallest", "longest", "shortest"):
                select = "smallest" if tag.value in ("smallest", "shortest") else "largest"
                mods.first = mods.select if mods.select not in ("all", select) else ""
                mods.select = select
                if (
                    self.kind(at + 1) == "conj"
                    and self.kind(at + 2) == "superl"
                    and self.head_follows(at + 2)
                ):
                    at += 1
            elif tag.kind == "ordinal":
                mods.nth = tag.value
                mods.more.append(tag.value)
                # "7th and 8th ribs"
                if (
                    self.kind(at + 1) == "conj"
                    and self.kind(at + 2) == "ordinal"
                    and self.head_follows(at + 2)
                ):
                    at += 1
            elif tag.kind == "all":
                mods.every = True
                mods.whole = bool(_WHOLE.intersection(tag.keys))
            elif tag.kind == "verb" and tag.keys == ("any",) and self.head_follows(at + 1):
                pass
            elif tag.kind == "status" and (self.head_follows(at + 1) or self.ones(at + 1)):
                mods.status = tag.value
            elif tag.kind == "maybe" and self.head_follows(at + 1):
                mods.maybe = True
            elif tag.kind == "number" and mods.nth == 1 and self.head_follows(at + 1):
                mods.more = list(range(1, int(tag.value) + 1))  # "the first three ribs"
            elif tag.kind == "number" and self._size_before(at):
                if self.kind(at + 1) == "superl" or (mods.select != "all" and self.kind(at + 1) != "unit"):
                    mods.top = max(int(tag.value), 1)  # "the three largest", "the largest 3 nodules"
                at += 1 if self.kind(at + 1) == "unit" else 0
            elif tag.kind == "pronoun" and tag.value in ("it", "them") and self._determines(at):
                mods.definite = True
            elif tag.kind == "prep" and tag.keys[-1] == "of" and at > place and not mods.empty:
                pass
            else:
                break
            at += 1
        return mods, at

    def _size_before(self, at: int) -> bool:
        """A number that only describes: "two kidneys", "the 3 cm lesion"."""
        step = at + 2 if self.kind(at + 1) == "unit" else at + 1
        return self.head_follows(step) or self.kind(at + 1) == "superl"

    def _determines(self, at: int) -> bool:
        tag = self.tags[at]
        return tag.keys in _DETERMINERS and self.head_follows(at + 1)

    def selected(self, target: Target, mods: Mods) -> Target:
        """What stands before the compound holds for the lesion: "the second largest liver lesion"."""
        select, rank = mods.select, mods.nth if mods.nth and mods.nth > 0 else None
        if rank and select == "all":
            select = "largest"
        if select == "all":
            select, rank = target.select, target.rank
        return replace(
            target,
            select=select,
            top=mods.top or target.top,
            rank=rank if rank and rank > 1 else None,
            maybe=target.maybe or mods.maybe,
            every=target.every or mods.every,
            definite=target.definite or mods.definite,
        )

    def ones(self, at: int) -> bool:
        return self.kind(at) == "pronoun" and self.tags[at].value == "one"


_DETERMINERS = (
    ("the", "two"),
    ("this",),
    ("that",),
    ("these",),
    ("those",),
    ("its",),
    ("said",),
    ("aforementioned",),
    ("their",),
)
_WHOLE = frozenset({"whole", "entire", "complete", "full"})
