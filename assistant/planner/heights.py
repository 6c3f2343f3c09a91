"""Where along a structure it is measured: "diameter of the aorta at L3", "density of the liver at the level of T12"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .clause import Clause, Item
from .lexicon import lexicon
from .target import Target
from .wish import Wish

Height = tuple[str, ...]
"""The ids of the structures that name a height: one vertebra, or those of a range."""

_AT = (("at",), ("around",))
_BESIDE = (("at", "the", "level", "of"), ("on", "the", "level", "of"))
_WIDTHS = frozenset({"diameter", "calibre", "dilation"})
_WHOLE = frozenset({"distance", "count", "unmeasurable"})
_KINDS = ("vessel", "organ", "muscle")


def at_heights(clause: Clause) -> tuple[Clause, list[Height]]:
    """The clause without the heights that it measures at, and those heights in order; all of it where it has none."""
    senses = {item.value for item in clause.of("measure") if not item.negated}
    if not senses or senses & _WHOLE or clause.of("view"):
        return clause, []
    kept: list[Item] = []
    heights: list[Height] = []
    lead: tuple[str, ...] = ()
    for item in clause.items:
        if item.kind == "target" and not item.negated and _names_height(item.value, lead):
            heights.append(item.value.ids)
            while kept and kept[-1].kind == "prep" and kept[-1].keys in _AT + _BESIDE:
                kept.pop()
        else:
            lead = item.keys if item.kind == "prep" else ()
            kept.append(item)
    rest = [item.value for item in kept if item.kind == "target" and not item.negated]
    extended = all(map(_has_heights, rest)) if rest else senses <= _WIDTHS
    return (replace(clause, items=kept), heights) if heights and extended else (clause, [])


def along(made: Sequence[Wish], heights: Sequence[Height]) -> list[Wish]:
    """The wishes with each measure taken at each of the heights."""
    measured = [wish for wish in made if wish.tool in ("measure", "compare")]
    return [wish for wish in made if wish not in measured] + [
        replace(wish, extra=wish.extra | {"level": list(ids)}) for ids in heights for wish in measured
    ]


def is_level(target: Target) -> bool:
    """Whether vertebrae are named."""
    return target.plain and set(target.ids) <= set(lexicon().levels.values())


def _names_height(target: Target, lead: tuple[str, ...]) -> bool:
    return (lead in _AT and is_level(target)) or (lead in _BESIDE and target.plain)


def _has_heights(target: Target) -> bool:
    """What runs through heights, or was named before; a bone is at one height, and so is a lesion."""
    return target.refers == "it" or (target.plain and lexicon().kind(target.ids[0]) in _KINDS)
