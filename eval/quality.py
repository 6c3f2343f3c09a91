"""What the assistant says about its model: measured scores turned into a level per structure.

The table `encoders/weights/quality.json` is written from two measurements: the demo CT, which is never trained on, and
the cases that the recipe holds out in its first phase, scored with the weights of the end of that phase.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

VALIDATED_DICE = 0.80
EXPERIMENTAL_DICE = 0.30


@dataclass(frozen=True)
class Measurement:
    """One Dice of one structure in one case. weights: which weights were measured."""

    structure: str
    case: str
    dice: float
    nsd: float
    weights: str
    source: str


def level(scores: Sequence[float]) -> str:
    """validated at a mean Dice of 0.80 or more, experimental at 0.30 or more, else unsupported."""
    mean = float(np.mean(scores))
    if mean >= VALIDATED_DICE:
        return "validated"
    return "experimental" if mean >= EXPERIMENTAL_DICE else "unsupported"


def quality_table(structures: Sequence[str], measurements: Sequence[Measurement]) -> dict[str, Any]:
    """The content of `quality.json` for the trained structures; one without a measurement is not offered."""
    table: dict[str, Any] = {}
    for structure in structures:
        own = [m for m in measurements if m.structure == structure]
        if not own:
            table[structure] = {"level": "unsupported", "cases": 0, "note": "no reference to measure it on"}
            continue
        scores = [m.dice for m in own]
        table[structure] = {
            "level": level(scores),
            "dice": round(float(np.mean(scores)), 3),
            "cases": len({m.case for m in own}),
            "note": "",
        }
    return {"structures": table, "measurements": [asdict(m) for m in measurements]}


def write_quality(table: dict[str, Any], path: Path) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(table, indent=1) + "\n")
    temporary.rename(path)
