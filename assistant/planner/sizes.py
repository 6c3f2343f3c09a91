"""Bounds on size in a request: over 1 cm, between 5 and 10 mm, 8 mm or more."""

from __future__ import annotations

from collections.abc import Sequence

from .meaning import Tag
from .units import Size, to_mm


class SizeReader:
    """Reads sizes from tags without fillers."""

    def __init__(self, tags: Sequence[Tag]) -> None:
        self.tags = tags

    def kind(self, place: int) -> str:
        return self.tags[place].kind if 0 <= place < len(self.tags) else ""

    def read(self, place: int) -> tuple[Size | None, int]:
        """over 1 cm, between 5 and 10 mm, 8 mm or more; a bare "3 cm" says nothing of what is wanted."""
        tag = self.tags[place]
        op = tag.value if tag.kind == "op" else None
        at = place + 1 if op else place
        first, unit, at = self._quantity(at)
        if first is None:
            return None, place
        second: float | None = None
        step = at
        if op == "between" or self._is_range(step):
            step += (
                1 if step < len(self.tags) and self.tags[step].kind in ("conj", "range", "prep", "op") else 0
            )
            second, last_unit, stop = self._quantity(step)
            if second is not None:
                unit, at = unit or last_unit, stop
                low, high = to_mm(first, unit or last_unit), to_mm(second, last_unit or unit)
                if low is not None and high is not None:
                    return Size(min(low, high), max(low, high)), at
                return None, place
        if (
            at < len(self.tags)
            and self.tags[at].kind == "op"
            and self.tags[at].value in ("after_min", "after_max")
        ):
            op, at = self.tags[at].value.removeprefix("after_"), at + 1
        value = to_mm(first, unit)
        if value is None or op is None:
            return (Size(None, None), at) if unit and op is None else (None, place)
        return (Size(value, None) if op == "min" else Size(None, value)), at

    def _is_range(self, at: int) -> bool:
        if at >= len(self.tags) or self.kind(at + 1) != "number":
            return False
        return self.tags[at].kind == "range" or self.tags[at].keys[-1] == "to"

    def _quantity(self, at: int) -> tuple[float | None, str | None, int]:
        if self.kind(at) != "number":
            return None, None, at
        value = float(self.tags[at].value)
        if self.kind(at + 1) == "number" and self.tags[at + 1].keys[0] in ("half", "0.5"):
            value += 0.5
            at += 1
        if self.kind(at + 1) == "unit":
            return value, self.tags[at + 1].value, at + 2
        return value, None, at + 1

    def unit_wish(self, place: int) -> bool:
        nxt = self.tags[place + 1] if place + 1 < len(self.tags) else None
        return self.tags[place].keys[-1] == "in" and nxt is not None and nxt.kind == "unit"
