"""Numbers in texts, and the numbers that tool results hold: what is said must be among what is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DIMENSIONS = {"mm": ("mm", 1.0), "cm": ("mm", 10.0), "ml": ("ml", 1.0), "cc": ("ml", 1.0), "cm3": ("ml", 1.0)}
DIMENSIONS |= {"cm³": ("ml", 1.0), "l": ("ml", 1000.0), "liters": ("ml", 1000.0), "litres": ("ml", 1000.0)}
DIMENSIONS |= {"mm3": ("ml", 0.001)}
DIMENSIONS |= {"hu": ("HU", 1.0), "%": ("%", 1.0), "percent": ("%", 1.0)}
"""A unit's dimension, and how much of the dimension's own unit it is."""

_NUMBER = re.compile(
    r"(?<![\w.,])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w]*\d)"
    r"(?:\s*(?P<unit>%|percent\b|mm3\b|mm\b|cm³|cm3\b|cm\b|ml\b|mL\b|cc\b|lit(?:er|re)s?\b|l\b|HU\b))?(?![A-Za-z])"
)
_BY_KEY = {"_mm": "mm", "_ml": "ml", "_hu": "HU", "percent": "%", "hu_range": "HU", "window": "HU"}
_TEXTS = ("lines", "markdown", "text")
"""Keys of results that are wording, not data: what is said there must be known elsewhere."""


@dataclass(frozen=True)
class Number:
    """value in the dimension's own unit (mm, ml, HU, %); unit "" for a bare number; half: what rounding may hide."""

    value: float
    unit: str
    half: float = 0.0
    said: str = ""


def numbers(text: str) -> list[Number]:
    """The numbers of a text; those that are part of a word, such as L3 or 3D, are not."""
    found = []
    for match in _NUMBER.finditer(text):
        said = match.group(0)
        word = match.group("unit") or ""
        digits = said[: len(said) - len(word)].strip().replace(",", "").replace("−", "-")
        unit, factor = DIMENSIONS.get(word.lower(), ("", 1.0))
        decimals = len(digits.partition(".")[2])
        found.append(Number(float(digits) * factor, unit, 0.5 * factor * 10.0**-decimals, said.strip()))
    return found


def known(results: Iterable[Mapping[str, Any]]) -> list[Number]:
    """Every number of the results: their data, and the numbers in their explanations."""
    return [number for result in results for number in _walk(result, "")]


def unfounded(text: str, results: Sequence[Mapping[str, Any]], request: str = "") -> list[str]:
    """The numbers of a text that neither a result nor the user's own words hold, as they were said."""
    facts = [*known(results), *numbers(request)]
    return [said.said for said in numbers(text) if not any(_same(said, fact) for fact in facts)]


def _same(said: Number, fact: Number) -> bool:
    """Equal when rounded as it was said. A number with a unit needs a fact of that dimension."""
    if said.unit and said.unit != fact.unit:
        return False
    return abs(said.value - fact.value) <= said.half + fact.half * bool(fact.said) + 1e-9 + 1e-6 * abs(
        fact.value
    )


def _walk(data: Any, key: str) -> Iterator[Number]:
    if isinstance(data, Mapping):
        unit = data.get("unit")
        for name, entry in data.items():
            if name == "value" and isinstance(unit, str):
                yield Number(float(entry), DIMENSIONS.get(unit.lower(), ("", 1.0))[0])
            elif name == "values" and isinstance(unit, str):
                yield from (Number(float(v), DIMENSIONS.get(unit.lower(), ("", 1.0))[0]) for v in entry)
            elif name == "difference" and isinstance(unit, str):
                yield Number(float(entry), DIMENSIONS.get(unit.lower(), ("", 1.0))[0])
            elif not (name in _TEXTS or str(name).endswith("_text")):
                # {"mean_hu": {id: HU}}: the inner keys say nothing about the unit, the outer one does
                yield from _walk(entry, str(name) if _unit(str(name)) else key if _unit(key) else str(name))
    elif isinstance(data, str):
        yield from numbers(data)
    elif isinstance(data, Sequence):
        for entry in data:
            yield from _walk(entry, key)
    elif isinstance(data, int | float) and not isinstance(data, bool):
        yield Number(float(data), _unit(key))
        if key == "confidence":
            yield Number(100 * float(data), "%", 0.5)


def _unit(key: str) -> str:
    return next((unit for end, unit in _BY_KEY.items() if key.endswith(end)), "")
