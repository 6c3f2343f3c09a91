"""Lengths with units, to millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class Size:
    """Bounds in mm; both None where a size is only told ("the 3 cm lesion")."""

    low: float | None
    high: float | None


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint  # half a second to import, and few requests have a unit

    return pint.UnitRegistry()


@lru_cache(maxsize=256)
def to_mm(value: float, unit: str | None) -> float | None:
    """A length in mm; without a unit it is in mm already. None when the unit is no length."""
    if unit in (None, "mm"):
        return value
    registry = _registry()
    quantity = registry.Quantity(
        value, {"cc": "milliliter", "hu": "dimensionless", "mm3": "mm**3"}.get(str(unit), unit)
    )
    if not quantity.check("[length]"):
        return None
    return round(float(quantity.to("millimeter").magnitude), 6)


UNITS = {
    "volume": ("ml", "cc", "l", "mm3"),
    "mean_hu": ("hu",), "std_hu": ("hu",), "min_hu": ("hu",), "max_hu": ("hu",),
    "count": (),
}  # fmt: skip
LENGTHS = ("mm", "cm", "m", "inch")


def suits(unit: str, measure: str) -> bool:
    """Whether a measure can be given in a unit."""
    return unit in UNITS.get(measure, LENGTHS)


def meant_by(unit: str | None) -> str | None:
    """The measure that a unit alone asks for: litres a volume. None for lengths, which many measures have."""
    return next((measure for measure, units in UNITS.items() if unit in units), None)
