"""What is said of one answer: stages, notes, tolerances and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOLERANCES = {"mm": 2.0, "percent": 5.0, "hu": 2.0, "dice": 0.9, "iou": 0.5, "slices": 1.0}
"""What counts as right, where the suite's header says nothing else."""
UNITS = {"volume": "ml", "mean_hu": "HU", "std_hu": "HU", "min_hu": "HU", "max_hu": "HU"}
"""Units of the contract; all other measures are in mm."""


@dataclass
class Judged:
    """stages: by name. notes: (metric, value). details: what was true and what came, for the JSON."""

    stages: dict[str, bool | None]
    notes: list[tuple[str, bool | float]] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    unfounded: list[str] = field(default_factory=list)

    def note(self, metric: str, value: bool | float) -> None:
        self.notes.append((metric, value))


def within(error: float, true: float, unit: str, allowed: Mapping[str, float]) -> bool:
    """Whether an error is inside the suite's tolerance: mm for lengths, % for volumes, HU for densities."""
    if unit == "ml":
        return abs(error) <= allowed["percent"] / 100 * abs(true)
    return abs(error) <= allowed["hu" if unit == "HU" else "mm"]
